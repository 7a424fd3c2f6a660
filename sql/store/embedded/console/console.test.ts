import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isHartonomousError } from '#protocol/errors.ts'
import { openShardConsole, type ShardConsole, shardViews } from '../../../console/index.ts'
import { ledgerEntryOf } from '../../compliance/money.ts'
import { bytesOf, modelIdOf, sampleModel, sampleRelease } from '../../compliance/sample.ts'
import { sampleAttempt, sampleJob } from '../../compliance/work.ts'
import { openShardStore } from '../../index.ts'
import type { ShardStore } from '../../types.ts'

const held = { modelId: 'm', heldChunks: 3, chunkCount: 4, canInfer: false }
const receiptHash = bytesOf('receipt', 32)
const never = new AbortController().signal

describe('console', () => {
  let folder: string
  let path: string
  let store: ShardStore
  let mine: ShardConsole
  let other: ShardConsole
  const rows = async (sql: string, console = mine) => (await console.run({ sql }, never)).rows
  const failure = (sql: string, options: { timeoutMs?: number } = {}) =>
    mine.run({ sql, ...options }, never).then(
      (answer) => ({ answered: answer.rows }),
      (error: unknown) => error,
    )

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hart-console-'))
    path = join(folder, 'shard.db')
    store = await openShardStore({ path })
    await store.forTenant('mine').putModel(sampleModel('one'))
    await store.forTenant('mine').putModel(sampleModel('two', { held: [0, 1] }))
    const release = sampleRelease('one', { licence: 'Apache-2.0' })
    await store.forTenant('mine').putRelease(release, release.release.publisher)
    const receipts = ['one', 'two'].map((subject) => ledgerEntryOf(subject))
    const parts = ['a', 'b'].map((node) => ({ ...receipts[0]!.fields, node, bytes: 5, finished_at: 7 }))
    await store
      .forTenant('mine')
      .appendLedger([
        ...receipts,
        ...parts.map((fields) => ledgerEntryOf('one', { kind: 'receipt-received', fields, body: Buffer.from('LEAK') })),
        { kind: 'receipt-received', subject: 'bare', body: new Uint8Array(), atMs: 5 },
        ledgerEntryOf('LEAK', { kind: 'voucher-signed' }),
      ])
    await store.forTenant('other').appendLedger([ledgerEntryOf('LEAK')])
    await store.forTenant('mine').insertJobs([sampleJob(1), sampleJob(2, { parentJobId: sampleJob(1).jobId })])
    const { jobId } = sampleJob(1)
    const attempts = [sampleAttempt(jobId, 1, { outcome: 'lost' }), sampleAttempt(jobId, 2, { receiptHash })]
    await store.forTenant('mine').changeJobs([{ jobId, revision: 1, atMs: 9, state: 'failed', error: '{}', attempts }])
    await store.forTenant('other').insertJobs([sampleJob(3, { idempotencyKey: 'LEAK' })])
    await store.forTenant('other').putModel(sampleModel('three'))
    await store.forTenant('other').putSetting('secret', 'hunter2')
    mine = openShardConsole({
      path,
      tenant: 'mine',
      peers: async () => [{ peerId: 'p1', direction: 'inbound', connectedForMs: 5.4, rttMs: 1.5, models: [held] }],
    })
    other = openShardConsole({ path, tenant: 'other' })
  })
  afterAll(async () => {
    await store.close()
    rmSync(folder, { recursive: true })
  })

  test('shows each documented column of each view, and no other', async () => {
    for (const { name, columns } of shardViews) {
      const answer = await mine.run({ sql: `select * from ${name}` }, never)
      expect(answer.columns, name).toEqual(columns.map((column) => column.name))
      expect(answer.rows.length, name).toBeGreaterThan(0)
    }
  })

  test('answers joins, JSON, windows and recursion over what was put', async () => {
    const sample = sampleModel('one')
    expect(await rows(`select count(*) from component where model_id = '${sample.modelId}'`)).toEqual([
      [sample.components.length],
    ])
    const tensorBytes = await rows(
      `select m.model_id, sum(e.size_bytes) from model m join extent e using(model_id) group by 1 having sum(e.size_bytes) = m.size_bytes`,
    )
    expect(tensorBytes).toHaveLength(2)
    expect(await rows(`select count(*) from extent, json_each(extent.shape) where dtype = 'Q4_K'`)).not.toEqual([[0]])
    expect(await rows(`select licence, is_own from release`)).toEqual([['Apache-2.0', 0]])
    const peers = await rows(
      `select peer_id, connected_for_ms, rtt_ms, region, value ->> '$.heldChunks' from peer, json_each(models)`,
    )
    expect(peers).toEqual([['p1', 5, 2, null, 3]])
    const closure = `with recursive reach(key) as (select min(source) from edge where model_id = '${sample.modelId}'
      union select e.target from edge e join reach r on e.source = r.key where e.model_id = '${sample.modelId}')
      select count(*) from reach`
    expect(Number((await rows(closure))[0]?.[0])).toBeGreaterThan(1)
    expect(await rows('select row_number() over (order by key desc), key from component limit 1')).toHaveLength(1)
  })

  test('shows receipts of the ledger, and the jobs that they are of', async () => {
    const columns = 'seq, role, kind, bytes, due_wei, finished_at, at_ms'
    const due = '12500000000000000001'
    expect(await rows(`select ${columns} from receipt order by seq`)).toEqual([
      [1, 'signed', 'chunk', 2 ** 40, due, 1_800_000_000, 1000],
      [2, 'signed', 'chunk', 2 ** 40, due, 1_800_000_000, 1000],
      [3, 'received', 'chunk', 5, due, 7, 1000],
      [4, 'received', 'chunk', 5, due, 7, 1000],
      [5, 'received', null, null, null, null, 5],
    ])
    expect(await rows('select receipts, nodes, bytes, due_hart, finished_at from job order by receipts')).toEqual([
      [1, 1, 2 ** 40, 12.5, 1_800_000_000],
      [3, 3, 2 ** 40 + 10, 37.5, 1_800_000_000],
    ])
    expect(await rows('select distinct model_id from job order by 1')).toEqual(
      ['one', 'two'].map((seed) => [modelIdOf(seed)]).sort(),
    )
  })

  test('shows jobs of the coordinator and their attempts, without their requests', async () => {
    const [first, second] = [1, 2].map((n) => sampleJob(n).jobId)
    const columns = 'job_id, kind, state, parent_job_id, finished_at_ms, charged_wei, error'
    expect(await rows(`select ${columns} from coordinator_job order by job_id`)).toEqual([
      [first, 'chat', 'failed', null, 9, '0', '{}'],
      [second, 'chat', 'queued', first, null, '0', null],
    ])
    const digits = Buffer.from(receiptHash).toString('hex')
    expect(
      await rows('select job_id, attempt, peer_id, outcome, receipt_hash from job_attempt order by attempt'),
    ).toEqual([
      [first, 1, 'peer 1', 'lost', null],
      [first, 2, 'peer 2', null, digits],
    ])
  })

  test('sees a write that was acknowledged before the query', async () => {
    await store.forTenant('mine').setPinned(sampleModel('two').modelId, true)
    expect(await rows('select count(*) from model where is_pinned')).toEqual([[1]])
  })

  test('shows each tenant its own rows', async () => {
    expect(await rows('select model_id from model', other)).toEqual([[sampleModel('three').modelId]])
    expect(await rows('select count(*) from model')).toEqual([[2]])
    expect(await rows('select count(*) from component', openShardConsole({ path, tenant: 'nobody' }))).toEqual([[0]])
  })

  test('turns bytes into 0x text, big integers into decimal text, and keeps small ones numbers', async () => {
    expect(await rows(`select x'00ff', 9007199254740993, 42, 1.5, null, 'é'`)).toEqual([
      ['0x00ff', '9007199254740993', 42, 1.5, null, 'é'],
    ])
  })

  test('cuts at the rows that were asked for, and says so', async () => {
    const counting = 'with recursive n(i) as (select 1 union all select i + 1 from n limit 5000) select i from n'
    const cut = await mine.run({ sql: counting, rowsMax: 3 }, never)
    expect(cut).toMatchObject({ columns: ['i'], rows: [[1], [2], [3]], isTruncated: true })
    expect((await mine.run({ sql: 'select 1' }, never)).isTruncated).toBe(false)
    const wide =
      "with recursive n(i) as (select 1 union all select i + 1 from n limit 99) select i, printf('%1000000s', i) from n"
    expect((await mine.run({ sql: wide }, never)).isTruncated).toBe(true)
  })

  test('names what is wrong with a query', async () => {
    for (const [sql, reason] of [
      ['selec 1', 'syntax error'],
      ['select nosuch from model', 'no such column: nosuch'],
      ['select 1; select 2', 'more than one statement'],
      ['', 'empty'],
    ] as const) {
      const error = await failure(sql)
      expect(isHartonomousError(error, 'ERR_QUERY_INVALID') && error.fields.reason).toContain(reason)
    }
    expect(await rows('select 1; -- the end')).toEqual([[1]])
    expect(await rows('/* one */ select 1 ; /* two */ ')).toEqual([[1]])
  })

  test('kills a query that would run for ever, and answers the next one', async () => {
    const endless = 'with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n'
    expect(await failure(endless, { timeoutMs: 300 })).toMatchObject({ code: 'ERR_TIMEOUT' })
    const controller = new AbortController()
    const aborted = mine.run({ sql: endless }, controller.signal).catch((error: unknown) => error)
    setTimeout(() => controller.abort(new Error('the caller went away')), 100)
    expect(await aborted).toMatchObject({ message: 'the caller went away' })
    expect(await rows('select 1')).toEqual([[1]])
  })

  test('fails a query that takes more memory than it may', async () => {
    const hungry = `with recursive n(i) as (select 1 union all select i + 1 from n limit 1000)
      select group_concat(b) from (select hex(zeroblob(1000000)) || i as b from n) `
    expect(await failure(hungry)).toMatchObject({ code: 'ERR_LIMIT' })
    const sorted = `with recursive n(i) as (select 1 union all select i + 1 from n limit 1000)
      select * from (select hex(zeroblob(1000000)) || (i * 7919 % 1000) as b from n) order by b desc`
    expect(await failure(sorted)).toMatchObject({ code: 'ERR_LIMIT' })
  })

  test('refuses more queries at a time than it may run', async () => {
    const endless = 'with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n'
    const three = await Promise.all([1, 2, 3].map(() => failure(endless, { timeoutMs: 500 })))
    expect(three.map((error) => (error as { code: string }).code).sort()).toEqual([
      'ERR_QUEUE_FULL',
      'ERR_TIMEOUT',
      'ERR_TIMEOUT',
    ])
  })
})
