import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sqlAnswerBytesMax, sqlQueriesMax, sqlTextBytesMax } from '#protocol/limits.ts'
import { type ConsoleAnswer, type ConsolePeer, shardViews } from '../../console/index.ts'
import { ledgerEntryOf } from '../compliance/money.ts'
import { bytesOf, peerIdOf, sampleModel, sampleRelease } from '../compliance/sample.ts'
import { sampleAttempt, sampleJob } from '../compliance/work.ts'
import { runQuery } from '../embedded/console/query.ts'
import { openEmbeddedStore } from '../index.ts'
import { batchesIn } from './batches.ts'
import type { Batch } from './connection.ts'
import { assertReads, openMssqlConsole, partsOf } from './console.ts'
import type { Reader } from './driver.ts'
import { serverError } from './fixtures/recording.ts'
import { openTranscribed, transcribe } from './fixtures/transcribed.ts'

const url = 'mssql://hart_reader@127.0.0.1:1/shard'
const password = 'x'
const signal = new AbortController().signal
const script = batchesIn(readFileSync(new URL('./setup/console.sql', import.meta.url), 'utf8'))
const views = script.filter(({ text }) => text.startsWith('CREATE VIEW'))

let folder: string
let path: string
let db: Awaited<ReturnType<typeof openTranscribed>>['db']
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hart-mssql-console-'))
  path = join(folder, 'shard.db')
  const store = await openEmbeddedStore({ path })
  for (const tenant of ['mine', 'other']) {
    const mine = store.forTenant(tenant)
    await mine.putModel(sampleModel('one'))
    await mine.putModel(sampleModel('two', { rootSeed: 'one', held: [0] }))
    const receipts = ['one', 'two'].map((subject) => ledgerEntryOf(subject))
    const again = ledgerEntryOf('one', { kind: 'receipt-received', atMs: 5 })
    await mine.appendLedger([...receipts, again, ledgerEntryOf('one', { kind: 'voucher-signed' })])
    await mine.putRelease(sampleRelease('one', { licence: `Apache-${tenant}` }), peerIdOf('peer'))
    const { jobId } = sampleJob(1)
    await mine.insertJobs([sampleJob(1), sampleJob(2)])
    const attempts = [sampleAttempt(jobId, 1), sampleAttempt(jobId, 2, { receiptHash: bytesOf('r', 32) })]
    await mine.changeJobs([{ jobId, revision: 1, atMs: 9, attempts }])
  }
  await store.close()
  ;({ db } = await openTranscribed(path))
  db.exec(`create table console_reader(principal text, tenant_id integer);
    insert into console_reader select 'hart_reader', tenant_id from tenant where name = 'mine'`)
  db.function('user_name', () => 'hart_reader')
  for (const { text } of views) {
    // The peers come from the session, which SQLite has not.
    if (text.includes('OPENJSON')) continue
    for (const { sql } of transcribe(text)) db.exec(sql)
  }
})
afterAll(() => {
  db.close()
  rmSync(folder, { recursive: true })
})

/** A reader over the transcribed views. */
function reader(asked: Batch[] = []): Reader {
  return {
    query: async (batch) => {
      asked.push(batch)
      return { rows: [], rowsAffected: [] }
    },
    read: async (text, { rowsMax }) => {
      const statement = db.prepare(transcribe(text)[0]!.sql)
      statement.setReadBigInts(true)
      statement.setReturnArrays(true)
      const rows = statement.all() as unknown as unknown[][]
      const columns = statement.columns().map(({ name }) => name)
      return { columns, rows: rows.slice(0, rowsMax), isTruncated: rows.length > rowsMax }
    },
    close: async () => {},
  }
}

function embedded(sql: string): Omit<ConsoleAnswer, 'durationMs'> {
  const reply = runQuery({ path, tenant: 'mine', sql, rowsMax: 1000, peers: [] })
  if ('error' in reply) throw new Error(JSON.stringify(reply.error))
  return reply.answer
}

const sorted = (rows: unknown[][]) => rows.map((row) => JSON.stringify(row)).sort()

describe('console views of SQL Server', () => {
  test('T-SQL views: each documented view is there, with its columns in their order and no other', () => {
    const made = views.map(({ text }) => /^CREATE VIEW shard_view\.(\w+) AS/.exec(text)![1]!)
    expect(made.toSorted()).toEqual(shardViews.map(({ name }) => name).toSorted())
    for (const { name, columns } of shardViews.filter((view) => view.name !== 'peer')) {
      const found = db.prepare(`select * from temp.${name}`).columns()
      expect(
        found.map((column) => column.name),
        name,
      ).toEqual(columns.map((column) => column.name))
    }
    const peer = views.find(({ text }) => text.includes('shard_view.peer'))!.text
    const selected = /AS\nSELECT ([\w\s,[\]]+?)\nFROM/
      .exec(peer)![1]!
      .replaceAll(/[[\]\s]/g, '')
      .split(',')
    expect(selected).toEqual(shardViews.find(({ name }) => name === 'peer')!.columns.map(({ name }) => name))
  })

  test('T-SQL views: they show of one tenant what the views of SQLite show', async () => {
    const console = openMssqlConsole({ url, password }, async () => reader())
    for (const { name } of shardViews.filter((view) => view.name !== 'peer')) {
      const sql = `select * from ${name}`
      const answer = await console.run({ sql }, signal)
      expect(answer.columns, name).toEqual(embedded(sql).columns)
      expect(sorted(answer.rows), name).toEqual(sorted(embedded(sql).rows))
    }
    for (const [name, count] of [
      ['model', 2],
      ['receipt', 3],
      ['job', 2],
      ['coordinator_job', 2],
      ['job_attempt', 2],
    ] as const)
      expect((await console.run({ sql: `select * from ${name}` }, signal)).rows, name).toHaveLength(count)
  })

  test('T-SQL cookbook: each recipe that asks no peers gives what its twin for SQLite gives', async () => {
    const page = readFileSync(new URL('../../../docs/guides/sql-cookbook.md', import.meta.url), 'utf8')
    const recipes = [...page.matchAll(/^## \d+\. (.+)\n\n```sql\n([\s\S]+?)```\n\n```tsql\n([\s\S]+?)```/gm)]
    expect(recipes).toHaveLength(16)
    const console = openMssqlConsole({ url, password }, async () => reader())
    for (const [, title, sql, tsql] of recipes) {
      expect(() => assertReads(tsql!), title).not.toThrow()
      if (tsql!.includes('peer')) continue
      const { rows } = await console.run({ sql: tsql! }, signal)
      expect(sorted(rows), title).toEqual(sorted(embedded(sql!).rows))
    }
  })
})

describe('console of SQL Server', () => {
  test('mssql console: peers go to the session in parts that fit, whole or not at all', async () => {
    const peers = (count: number, models = 3): ConsolePeer[] =>
      Array.from({ length: count }, (_, n) => ({
        peerId: peerIdOf(`peer ${n}`),
        direction: 'inbound',
        connectedForMs: 1.6,
        rttMs: 2.4,
        models: Array.from({ length: models }, () => ({
          modelId: 'm'.repeat(59),
          heldChunks: 1,
          chunkCount: 2,
          canInfer: true,
        })),
      }))
    for (const given of [peers(0), peers(1), peers(40), peers(1000), peers(3, 200)]) {
      const parts = partsOf(given)
      expect(parts.length).toBeLessThanOrEqual(8)
      for (const part of parts) expect(part.length).toBeLessThanOrEqual(3900)
      const told = parts.flatMap((part) => JSON.parse(part) as ConsolePeer[])
      expect(told.map(({ peerId }) => peerId)).toEqual(given.slice(0, told.length).map(({ peerId }) => peerId))
      if (given.length < 50) expect(told).toHaveLength(given.length)
      for (const peer of told) expect([0, 3]).toContain(peer.models.length)
    }
    const asked: Batch[] = []
    const console = openMssqlConsole({ url, password, peers: async () => peers(20) }, async () => reader(asked))
    await console.run({ sql: 'select 1 as one' }, signal)
    expect(asked[0]!.text).toBe('SET LOCK_TIMEOUT 5000')
    expect(asked[1]!.text).toContain(`EXEC sys.sp_set_session_context N'peers_0', @peers_0`)
    expect(JSON.parse(String(asked[1]!.parameters['part_0']!.value))[0]).toMatchObject({ rttMs: 2, connectedForMs: 2 })
  })

  const refused = [
    ...[
      '',
      ' -- nothing',
      'delete from model',
      'update model set format = 1',
      'select 1; select 2',
      'select 1 exec sp_who',
    ],
    ...['select * into x from model', "select 1 waitfor delay '0:1'", 'declare @a int', "exec ('x')", 'use master'],
    ...['with a as (select 1 as b) delete from a', "select * from openrowset('a', 'b', 'c')", 'set rowcount 0'],
  ]
  test.for(refused)('mssql console: refuses %j before it connects', async (sql) => {
    const console = openMssqlConsole({ url, password }, () => Promise.reject(new Error('it connected')))
    await expect(console.run({ sql }, signal)).rejects.toMatchObject({ code: 'ERR_QUERY_INVALID' })
  })

  test('mssql console: words in texts, names and remarks are no commands', () => {
    for (const sql of [
      `select 'delete; drop' as [update] from model -- exec`,
      'select 1;',
      '(select 1) union (select 2)',
    ])
      expect(() => assertReads(sql), sql).not.toThrow()
    expect(() => assertReads(`select '${'x'.repeat(sqlTextBytesMax)}'`)).toThrowError(
      expect.objectContaining({ code: 'ERR_LIMIT' }),
    )
  })

  test('mssql console: values come as text and numbers, and rows beyond the limit are left out', async () => {
    const given = [[1n, 2n ** 60n, '10', Buffer.from([0, 255]), true, new Date(0), null, 0.5]]
    let limits: unknown
    const fixed: Reader = {
      ...reader(),
      read: async (_, asked) => {
        limits = asked
        return { columns: ['a'], rows: given, isTruncated: true }
      },
    }
    const console = openMssqlConsole({ url, password }, async () => fixed)
    const answer = await console.run({ sql: 'select 1', rowsMax: 7 }, signal)
    expect(answer).toMatchObject({ isTruncated: true, columns: ['a'] })
    expect(answer.rows).toEqual([[1, '1152921504606846976', '10', '0x00ff', 1, '1970-01-01T00:00:00.000Z', null, 0.5]])
    expect(limits).toEqual({ rowsMax: 7, bytesMax: sqlAnswerBytesMax })
  })

  test('mssql console: what fails has its error, the connection is closed, and the place is free again', async () => {
    let closed = 0
    let failure: Error = serverError(208)
    const failing = async (): Promise<Reader> => ({
      ...reader(),
      read: () => Promise.reject(failure),
      close: async () => void closed++,
    })
    const console = openMssqlConsole({ url, password }, failing)
    for (const [error, code] of [
      [serverError(208, "Invalid object name 'x'."), 'ERR_QUERY_INVALID'],
      [serverError(229, 'The SELECT permission was denied'), 'ERR_QUERY_INVALID'],
      [serverError(1222), 'ERR_TIMEOUT'],
      [Object.assign(new Error('Timeout'), { code: 'ETIMEOUT' }), 'ERR_TIMEOUT'],
      [Object.assign(new Error('gone'), { code: 'ESOCKET' }), 'ERR_STORE_UNAVAILABLE'],
    ] as const) {
      failure = error
      await expect(console.run({ sql: 'select 1' }, signal), code).rejects.toMatchObject({ code })
    }
    expect(closed).toBe(5)
  })

  test('mssql console: as many queries as may run do, the next one is told to wait', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const slow: Reader = {
      ...reader(),
      read: () => promise.then(() => ({ columns: [], rows: [], isTruncated: false })),
    }
    const console = openMssqlConsole({ url, password }, async () => slow)
    const running = Array.from({ length: sqlQueriesMax }, () => console.run({ sql: 'select 1' }, signal))
    await expect(console.run({ sql: 'select 1' }, signal)).rejects.toMatchObject({ code: 'ERR_QUEUE_FULL' })
    resolve()
    await Promise.all(running)
    await console.run({ sql: 'select 1' }, signal)
  })

  test('mssql console: a server that is not there is unavailable', async () => {
    const console = openMssqlConsole({ url: `${url}?encrypt=false`, password })
    await expect(console.run({ sql: 'select 1' }, signal)).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
  })
})
