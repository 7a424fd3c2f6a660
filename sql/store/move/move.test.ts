import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { JobEventBody } from '#protocol/api/jobs.ts'
import { weiMax } from '#protocol/limits.ts'
import { sampleKey } from '../compliance/api-keys.ts'
import { sampleCheckpoint } from '../compliance/checkpoints.ts'
import { documentHash } from '../compliance/documents.ts'
import { blockOf, ledgerEntryOf, sampleEvents } from '../compliance/money.ts'
import { bytesOf, peerIdOf, sampleModel, sampleRelease } from '../compliance/sample.ts'
import { sampleAttempt, sampleJob } from '../compliance/work.ts'
import { openEmbeddedMoveEnd } from '../embedded/move-end.ts'
import { tableNames } from '../embedded/statements.ts'
import { openEmbeddedStore } from '../index.ts'
import { MssqlExecutor } from '../mssql/executor.ts'
import { openTranscribed, plainProfile } from '../mssql/fixtures/transcribed.ts'
import { mssqlMoveEnd } from '../mssql/move-end.ts'
import { createShardStore } from '../shard-store.ts'
import type { ShardStore, TenantStore } from '../types.ts'
import { type MoveEnd, moveShard } from './move.ts'
import { movedTables } from './tables.ts'

let folder: string
let source: string
const ends: { close(): Promise<void> }[] = []
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hart-move-'))
  source = join(folder, 'source.db')
  const store = await openEmbeddedStore({ path: source })
  await fill(store)
  await store.close()
})
afterEach(async () => {
  for (const end of ends.splice(0)) await end.close()
  rmSync(folder, { recursive: true })
})

function kept<T extends { close(): Promise<void> }>(end: T): T {
  ends.push(end)
  return end
}

/** Something in every table, of two tenants; texts that engines like to change; history from a removed model. */
async function fill(store: ShardStore): Promise<void> {
  const mine = store.forTenant('local:owner')
  const other = store.forTenant('issuer:other ')
  await other.putModel(sampleModel('a', { held: [0] }))
  for (const seed of ['a', 'b', 'c']) await mine.putModel(sampleModel(seed, { rootSeed: 'same' }))
  await mine.removeModel(sampleModel('b').modelId)
  const many = sampleModel('many', { fileExtentBytes: [Array<number>(1200).fill(100)] })
  await mine.putModel(many)
  await mine.putSpace('words', 2)
  const { modelId, components } = sampleModel('c')
  const vector = Float32Array.of(3, 4)
  await mine.putEmbeddings('words', [{ modelId, key: components[0]!.key, vector }])
  for (const name of ['x', 'x ', 'größe 😀']) await mine.putRelease(sampleRelease(name, { name }), peerIdOf('peer'))
  await mine.saveIngestCheckpoint({ path: '/ü 😀 ', identity: '{}', leaves: new Uint8Array(96).fill(7) })
  for (const tenant of [mine, other]) {
    const entries = ['a', 'b ', 'a'].map((subject) => ledgerEntryOf(subject))
    await tenant.appendLedger([
      ...entries,
      { ...ledgerEntryOf('none'), body: new Uint8Array(), fields: { 'ü ': 1e-7 } },
    ])
    await tenant.addChainEvents('chain ', { to: blockOf(1), events: sampleEvents(blockOf(1), ['a', 'b']) })
    await tenant.addChainEvents('unread', { to: blockOf(1), events: [] })
    await tenant.removeChainEvents('unread', undefined)
  }
  for (const tenant of [mine, other]) await fillCoordinator(tenant)
  for (const value of [null, '', 'text ', { a: ['\u0000'] }])
    await mine.putSetting(`key ${JSON.stringify(value)} `, value)
}

async function fillCoordinator(tenant: TenantStore): Promise<void> {
  const jobs = [0, 1, 2].map((n) => sampleJob(n, { idempotencyKey: `größe ${n} `, parentJobId: sampleJob(9).jobId }))
  await tenant.insertJobs(jobs)
  const { jobId } = jobs[0]!
  const won = sampleAttempt(jobId, 1, { outcome: 'won', paidWei: weiMax, receiptHash: bytesOf('r', 32), endedAtMs: 7 })
  const events: JobEventBody[] = [1, 2].map((n) => ({ type: 'text', text: `${n} \u0000`, tokens: n }))
  const end = { state: 'succeeded', result: '{"ü ":1}', chargedWei: weiMax } as const
  await tenant.changeJobs([{ jobId, revision: 1, atMs: 5, ...end, attempts: [won, sampleAttempt(jobId, 2)], events }])
  await tenant.claimJobs({ owner: 'me ', nowMs: 1, untilMs: 9, limit: 1 })
  for (const keyId of ['a', 'b ']) await tenant.insertApiKey(sampleKey(keyId, { expiresAtMs: 3 }))
  for (const text of ['', 'größe 😀 ', 'c']) {
    await tenant.putDocument({ hash: documentHash(text), text, atMs: 1 })
    await tenant.nameDocument(`name ${text}`, documentHash(text), { atMs: 2 })
  }
  for (const checkpointId of ['1', '2 ']) {
    await tenant.putCheckpoint(sampleCheckpoint(checkpointId, { parentId: '0', namespace: 'ü ' }))
    const write = { taskId: 'a ', index: -1, channel: '', value: bytesOf('w', 9) }
    await tenant.putCheckpointWrites('thread', 'ü ', checkpointId, [write, { ...write, index: 0 }])
  }
}

async function openTarget(name = 'target.db'): Promise<MoveEnd> {
  return kept(await openEmbeddedMoveEnd({ path: join(folder, name) }))
}

async function dump(path: string): Promise<unknown[]> {
  const end = await openEmbeddedMoveEnd({ path })
  const rows = []
  for (const table of movedTables) rows.push([table.name, await end.read(table, undefined, 1_000_000)])
  await end.close()
  return rows
}

describe('move of a shard', () => {
  test('move: the tables of a move are all tables, with all their columns', async () => {
    // A target has a `shard` row of its own, and counts the rows of a space.
    expect(movedTables.map(({ name }) => name).toSorted()).toEqual(
      tableNames.filter((name) => name !== 'shard').toSorted(),
    )
    const { db, connection } = await openTranscribed()
    kept(connection)
    for (const { name, columns } of movedTables) {
      // Computed columns are left out: the engine makes them.
      const found = db.prepare('select name from pragma_table_xinfo(?) where hidden = 0').all(name)
      expect(Object.keys(columns).toSorted(), name).toEqual(
        found.flatMap((row) => (row['name'] === 'row_count' ? [] : [row['name']])).toSorted(),
      )
    }
  })

  test('move: every row arrives as it was, and the shard works on', async () => {
    const from = kept(await openEmbeddedMoveEnd({ path: source }))
    const report = await moveShard(from, await openTarget(), { source })
    expect(report.map(({ table }) => table)).toEqual(movedTables.map(({ name }) => name))
    expect(report.filter(({ rows }) => rows === 0)).toEqual([])
    expect(await dump(join(folder, 'target.db'))).toEqual(await dump(source))
    const store = kept(await openEmbeddedStore({ path: join(folder, 'target.db') }))
    const mine = store.forTenant('local:owner')
    expect(await mine.getContent(sampleModel('c').modelId)).toEqual(sampleModel('c', { rootSeed: 'same' }).content)
    expect(await mine.checkLedger()).toMatchObject({ entryCount: 4, head: expect.any(Uint8Array) })
    expect(await mine.checkLedger()).not.toHaveProperty('damaged')
    expect((await mine.appendLedger([ledgerEntryOf('next')]))[0]!.seq).toBe(5)
    // Numbers that were given before are not given again.
    await mine.putModel(sampleModel('new'))
    expect(await store.check()).toEqual([])
    expect((await mine.listModels()).length).toBe(4)
    const { modelId, components } = sampleModel('a')
    await mine.putEmbeddings('words', [{ modelId, key: components[0]!.key, vector: Float32Array.of(1, 0) }])
    expect((await mine.getSpace('words'))?.rowCount).toBe(2)
  })

  test('move: killed again and again, it goes on where it was, and nothing is lost or doubled', async () => {
    const target = join(folder, 'killed.db')
    const mover = fileURLToPath(new URL('./fixtures/mover.ts', import.meta.url))
    let kills = 0
    for (let isDone = false; !isDone; ) {
      const child = spawn(process.execPath, ['--no-warnings', mover, source, target], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const exit = once(child, 'exit')
      let batches = 0
      for await (const line of createInterface({ input: child.stdout! })) {
        if (line === 'done') isDone = true
        else if (++batches === 6 && kills < 2) {
          child.kill('SIGKILL')
          kills++
        }
      }
      await exit
    }
    expect(kills).toBe(2)
    expect(await dump(target)).toEqual(await dump(source))
  })

  test('move: to T-SQL and back again, nothing has changed', async () => {
    const { connection } = await openTranscribed()
    const middle = kept(mssqlMoveEnd(connection, { ...plainProfile, hasPolicy: true }))
    const from = kept(await openEmbeddedMoveEnd({ path: source }))
    const there = await moveShard(from, middle, { source })
    const store = createShardStore(new MssqlExecutor(connection, plainProfile, { migrations: [] }))
    expect((await store.forTenant('issuer:other ').listModels()).length).toBe(1)
    expect(await store.forTenant('local:owner').getSetting('key "" ')).toBe('')
    const back = await moveShard(middle, await openTarget('back.db'), { source: 'mssql' })
    expect(back).toEqual(there)
    expect(await dump(join(folder, 'back.db'))).toEqual(await dump(source))
  })

  test('move: the history that a server keeps by itself is left to it', async () => {
    const { connection } = await openTranscribed()
    const temporal = kept(mssqlMoveEnd(connection, { ...plainProfile, hasHistory: 'temporal' }))
    const from = kept(await openEmbeddedMoveEnd({ path: source }))
    const report = await moveShard(from, temporal, { source })
    expect(report.map(({ table }) => table)).not.toContain('component_history')
    expect(report).toHaveLength(movedTables.length - 1)
  })

  test('move: a target with a shard, or with a part of another one, is refused and left alone', async () => {
    const from = kept(await openEmbeddedMoveEnd({ path: source }))
    const to = await openTarget()
    await moveShard(from, to, { source })
    const before = await dump(join(folder, 'target.db'))
    await expect(moveShard(from, to, { source })).rejects.toMatchObject({ code: 'ERR_USAGE' })
    const half = await openTarget('half.db')
    const signal = AbortSignal.abort(new Error('stop'))
    await half.write(movedTables[0]!, [{ tenant_id: 1, name: 'x' }], {
      source: '/another',
      table: 'tenant',
      after: '[1]',
    })
    await expect(moveShard(from, half, { source })).rejects.toThrow('/another')
    await expect(moveShard(from, await openTarget('aborted.db'), { source, signal })).rejects.toThrow('stop')
    expect(await dump(join(folder, 'target.db'))).toEqual(before)
  })

  test('move: a source that was changed meanwhile is found out', async () => {
    const from = kept(await openEmbeddedMoveEnd({ path: source }))
    const to = await openTarget()
    let isChanged = false
    const onBatch = (table: string) => {
      if (table !== 'outbox' || isChanged) return
      isChanged = true
    }
    const read = from.read
    from.read = async (table, after, limit) => {
      const rows = await read(table, after, limit)
      return isChanged && table.name === 'setting' ? rows.map((row) => ({ ...row, value: '1' })) : rows
    }
    await expect(moveShard(from, to, { source, onBatch })).rejects.toMatchObject({
      code: 'ERR_RUN_INCOMPLETE',
      fields: { reason: expect.stringContaining('setting') },
    })
  })
})
