import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { JobEventBody } from '#protocol/api/jobs.ts'
import { sampleCheckpoint } from '../compliance/checkpoints.ts'
import { documentHash } from '../compliance/documents.ts'
import { blockOf, ledgerEntryOf, sampleEvents } from '../compliance/money.ts'
import { peerIdOf, sampleModel, sampleRelease } from '../compliance/sample.ts'
import { sampleAttempt, sampleJob } from '../compliance/work.ts'
import type { Session } from '../executor.ts'
import { faultInjectingExecutor } from '../faults.ts'
import { createShardStore } from '../shard-store.ts'
import type { ShardStore, TenantStore } from '../types.ts'
import { openDatabase } from './database.ts'
import { EmbeddedExecutor } from './executor.ts'
import { openEmbeddedStore } from './index.ts'
import { openStoreInWorker } from './remote.ts'
import { embeddedStatements, tableNames } from './statements.ts'

let folder: string
let file: string
const open: ShardStore[] = []
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'hart-executor-'))
  file = path.join(folder, 'shard.db')
})
afterEach(async () => {
  for (const store of open.splice(0)) await store.close()
  rmSync(folder, { recursive: true })
})

function kept(store: ShardStore): ShardStore {
  open.push(store)
  return store
}

describe('embedded statements', () => {
  /** They list, count or look for the oldest of what a tenant has of a small table, in the order of an index. */
  const ofWholeTenant = [
    ...['listModels', 'listAllFiles', 'findComponents', 'listOutbox', 'countLeased', 'deleteOldCheckpoints'],
    ...['countReleases', 'deleteOldestRelease', 'trimComponentHistory', 'trimOutbox', 'largestReleaseSource'],
    ...['countSpaces', 'countChains', 'findModelsWithoutTerm'],
  ]
  const shared = ['findTenant', 'insertTenant', 'listTenants', 'takeRevs', 'countRows']

  test('embedded statements: all but the shared ones are bound to a tenant', () => {
    for (const [name, text] of Object.entries(embeddedStatements)) {
      expect(text.includes(':tenantId'), name).toBe(!shared.includes(name))
    }
  })

  test('embedded statements: none reads through a whole table of a size that grows with the models', async () => {
    await kept(await openEmbeddedStore({ path: file })).check()
    const db = new DatabaseSync(file)
    for (const [name, text] of Object.entries(embeddedStatements)) {
      if (shared.includes(name)) continue
      const plan = db.prepare(`explain query plan ${text}`).all() as { detail: string }[]
      for (const { detail } of plan) {
        const readsTable = /^SCAN (?!.*VIRTUAL TABLE|CONSTANT|\(subquery)/.test(detail)
        const readsTenant = detail.endsWith('(tenant_id=?)') && !ofWholeTenant.includes(name)
        expect(readsTable || readsTenant, `${name}: ${detail}`).toBe(false)
      }
    }
    db.close()
  })

  test('embedded schema: every table is strict, and every key of a tenant’s table begins with the tenant', async () => {
    await kept(await openEmbeddedStore({ path: file })).check()
    const db = new DatabaseSync(file)
    for (const table of tableNames) {
      const info = db.prepare('select strict from pragma_table_list where name = ?').get(table)
      expect(info, table).toMatchObject({ strict: 1 })
      if (table === 'tenant') continue
      const indexes = db.prepare('select name from pragma_index_list(?)').all(table) as { name: string }[]
      for (const { name } of indexes) {
        expect(db.prepare('select name from pragma_index_info(?) where seqno = 0').get(name), name).toEqual({
          name: 'tenant_id',
        })
      }
      const columns = db.prepare('select name, pk from pragma_table_info(?) where pk > 0 order by pk').all(table)
      const isRowId = columns.length === 1
      expect(isRowId ? { name: 'tenant_id' } : columns[0], table).toMatchObject({ name: 'tenant_id' })
    }
    db.close()
  })
})

describe('embedded errors', () => {
  test('embedded store: a file that is no database is refused and left alone', async () => {
    writeFileSync(file, 'not a database, but longer than a header of one hundred bytes. '.repeat(20))
    await expect(openEmbeddedStore({ path: file })).rejects.toMatchObject({ code: 'ERR_STORE_CORRUPT' })
    await expect(openStoreInWorker({ path: file })).rejects.toMatchObject({ code: 'ERR_STORE_CORRUPT' })
  })

  test('embedded store: a truncated file is reported as damaged', async () => {
    const store = await openEmbeddedStore({ path: file })
    await store.forTenant('a:b').putModel(sampleModel('a'))
    await store.close()
    truncateSync(file, 8 * 8192)
    const damaged = async () => {
      const again = kept(await openEmbeddedStore({ path: file }))
      await again.forTenant('a:b').getContent(sampleModel('a').modelId)
    }
    await expect(damaged()).rejects.toMatchObject({ code: 'ERR_STORE_CORRUPT' })
  })

  test('embedded store: a folder that does not exist, and writing to a read-only database, have their errors', async () => {
    const nowhere = path.join(folder, 'none/shard.db')
    await expect(openEmbeddedStore({ path: nowhere })).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
    await (await openEmbeddedStore({ path: file })).close()
    const store = kept(await openEmbeddedStore({ path: file, isReadOnly: true }))
    expect(await store.forTenant('a:b').listModels()).toEqual([])
    await expect(store.forTenant('a:b').putSetting('a', 1)).rejects.toMatchObject({ code: 'ERR_STORE_READONLY' })
  })

  test('embedded store: a full disk loses nothing, and work goes on when there is room', async () => {
    const db = await openDatabase({ path: file })
    const store = kept(createShardStore(new EmbeddedExecutor(db)))
    await store.migrate()
    const tenant = store.forTenant('a:b')
    await tenant.putModel(sampleModel('a'))
    const before = (await store.statistics()).rows
    const pages = (db.prepare('pragma page_count').get() as { page_count: number }).page_count
    db.exec(`pragma max_page_count = ${pages + 2}`)
    const large = sampleModel('large', { fileExtentBytes: [Array<number>(2000).fill(100)] })
    await expect(tenant.putModel(large)).rejects.toMatchObject({ code: 'ERR_STORE_FULL' })
    expect((await store.statistics()).rows).toEqual(before)
    db.exec('pragma max_page_count = 1000000')
    await tenant.putModel(large)
    expect(await tenant.getContent(large.modelId)).toEqual(large.content)
    expect(await store.check()).toEqual([])
  })

  test('embedded store: another writer that does not let go is a conflict, and nothing is lost', async () => {
    const db = await openDatabase({ path: file })
    db.exec('pragma busy_timeout = 50')
    const store = kept(createShardStore(new EmbeddedExecutor(db)))
    await store.migrate()
    const other = new DatabaseSync(file)
    other.exec('begin immediate')
    await expect(store.forTenant('a:b').putSetting('a', 1)).rejects.toMatchObject({ code: 'ERR_STORE_CONFLICT' })
    other.exec('rollback')
    other.close()
    await store.forTenant('a:b').putSetting('a', 2)
    expect(await store.forTenant('a:b').getSetting('a')).toBe(2)
  })

  test('embedded store: after closing, calls have a clear error and closing again is fine', async () => {
    for (const store of [await openEmbeddedStore({ path: file }), await openStoreInWorker({ path: file })]) {
      const tenant = store.forTenant('a:b')
      await tenant.putSetting('a', 1)
      await store.close()
      await expect(tenant.getSetting('a')).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
      await expect(store.statistics()).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
      await store.close()
    }
  })

  test('embedded store: what was asked for before closing is still done', async () => {
    const store = await openStoreInWorker({ path: file })
    const tenant = store.forTenant('a:b')
    const puts = Array.from({ length: 20 }, (_, n) => tenant.putSetting(`${n}`, n))
    await Promise.all([...puts, store.close()])
    const again = kept(await openEmbeddedStore({ path: file }))
    expect(await again.forTenant('a:b').getSetting('19')).toBe(19)
  })
})

describe('durable transactions asked for at once', () => {
  const put = (key: string) => (x: Session) => x.run('putSetting', { tenantId: 1, key, value: '1' })

  async function opened() {
    const db = await openDatabase({ path: file })
    const executor = new EmbeddedExecutor(db)
    kept(createShardStore(executor))
    await executor.migrate()
    await executor.transaction('write', (x) => x.all('insertTenant', { name: 'a' }))
    const other = new DatabaseSync(file, { readOnly: true })
    onTestFinished(() => other.close())
    const stored = () =>
      other
        .prepare('select key from setting order by key')
        .all()
        .map(({ key }) => String(key))
    return { db, executor, stored }
  }

  test('embedded executor: they share one commit, and none resolves before it', async () => {
    const { executor, stored } = await opened()
    const seen: string[][] = []
    const work = (key: string) => async (x: Session) => {
      seen.push(stored())
      await put(key)(x)
    }
    const resolved = await Promise.all(
      ['a', 'b', 'c'].map(async (key) => {
        await executor.transaction('durable', work(key))
        return stored()
      }),
    )
    expect(seen).toEqual([[], [], []])
    expect(resolved).toEqual(Array(3).fill(['a', 'b', 'c']))
  })

  test('embedded executor: one that fails takes nothing of the others along', async () => {
    const { executor, stored } = await opened()
    const failing = (key: string, error: Error) => async (x: Session) => {
      await put(key)(x)
      throw error
    }
    const outcomes = await Promise.allSettled([
      executor.transaction('durable', put('a')),
      executor.transaction('durable', failing('b', new Error('mine'))),
      executor.transaction('durable', (x) => x.run('putSetting', { tenantId: 9, key: 'c', value: '1' })),
      executor.transaction('durable', put('d')),
    ])
    expect(outcomes).toMatchObject([
      { value: 1 },
      { reason: { message: 'mine' } },
      { reason: { code: 'ERR_USAGE' } },
      { value: 1 },
    ])
    expect(stored()).toEqual(['a', 'd'])
  })

  test('embedded executor: those that fit on a full disk are kept, and the others say that it is full', async () => {
    const { db, executor, stored } = await opened()
    const { page_count: pages } = db.prepare('pragma page_count').get() as { page_count: number }
    db.exec(`pragma max_page_count = ${pages + 4}`)
    const large = JSON.stringify('x'.repeat(100_000))
    const outcomes = await Promise.allSettled([
      executor.transaction('durable', put('a')),
      executor.transaction('durable', (x) => x.run('putSetting', { tenantId: 1, key: 'b', value: large })),
      executor.transaction('durable', put('c')),
    ])
    expect(outcomes).toMatchObject([{ value: 1 }, { reason: { code: 'ERR_STORE_FULL' } }, { value: 1 }])
    expect(stored()).toEqual(['a', 'c'])
  })

  test('embedded executor: what is asked for between them sees those before it, and nothing of those behind', async () => {
    const { executor } = await opened()
    const keys = () => executor.transaction('read', (x) => x.all('findSetting', { tenantId: 1, key: 'b' }))
    const [, before, , after] = await Promise.all([
      executor.transaction('durable', put('a')),
      keys(),
      executor.transaction('durable', put('b')),
      keys(),
    ])
    expect([before.length, after.length]).toEqual([0, 1])
  })

  test('embedded executor: while another process has the lock, each says so, and the next ones work', async () => {
    const { db, executor, stored } = await opened()
    db.exec('pragma busy_timeout = 20')
    const other = new DatabaseSync(file)
    other.exec('begin immediate')
    const outcomes = await Promise.allSettled(['a', 'b'].map((key) => executor.transaction('durable', put(key))))
    expect(outcomes).toMatchObject(Array(2).fill({ reason: { code: 'ERR_STORE_CONFLICT' } }))
    other.exec('rollback')
    other.close()
    await Promise.all(['c', 'd'].map((key) => executor.transaction('durable', put(key))))
    expect(stored()).toEqual(['c', 'd'])
  })
})

describe('faults', () => {
  const peer = peerIdOf('peer')
  const put = sampleModel('a', { held: [0] })
  const embedding = (n: number) => ({
    modelId: put.modelId,
    key: put.components[n]!.key,
    vector: Float32Array.of(1, n),
  })
  const { jobId } = sampleJob(0)
  const event: JobEventBody = { type: 'text', text: 'a', tokens: 1 }
  const operations: [string, (tenant: TenantStore) => Promise<unknown>][] = [
    ['putModel', (tenant) => tenant.putModel(sampleModel('new'))],
    ['putModel again', (tenant) => tenant.putModel({ ...sampleModel('a', { path: '/moved' }), edges: [] })],
    ['addHeld', (tenant) => tenant.addHeld(put.modelId, [...Array(put.content.leaves.length / 32).keys()])],
    ['removeHeld', (tenant) => tenant.removeHeld(put.modelId, 'all')],
    ['putRelease', (tenant) => tenant.putRelease(sampleRelease('a', { createdAtMs: 2000 }), peer)],
    [
      'saveIngestCheckpoint',
      (tenant) => tenant.saveIngestCheckpoint({ path: '/x', identity: '2', leaves: new Uint8Array(64) }),
    ],
    ['claimOutbox', (tenant) => tenant.claimOutbox(1, 60_000)],
    ['putEmbeddings', (tenant) => tenant.putEmbeddings('words', [embedding(0), embedding(1)])],
    ['removeEmbeddings', (tenant) => tenant.removeEmbeddings('words', [embedding(0), embedding(2)])],
    ['appendLedger', (tenant) => tenant.appendLedger([ledgerEntryOf('a'), ledgerEntryOf('b'), ledgerEntryOf('c')])],
    [
      'addChainEvents',
      (tenant) =>
        tenant.addChainEvents('chain', {
          from: blockOf(1),
          to: blockOf(2),
          events: sampleEvents(blockOf(2), ['b', 'c']),
        }),
    ],
    ['removeChainEvents', (tenant) => tenant.removeChainEvents('chain', undefined)],
    ['insertJobs', (tenant) => tenant.insertJobs([sampleJob(2), sampleJob(3)])],
    [
      'changeJobs',
      (tenant) =>
        tenant.changeJobs([
          { jobId, revision: 1, atMs: 1, attempts: [sampleAttempt(jobId, 1)], events: [event, event] },
          { jobId: sampleJob(1).jobId, revision: 1, atMs: 1, state: 'failed' },
        ]),
    ],
    ['claimJobs', (tenant) => tenant.claimJobs({ owner: 'a', nowMs: 1, untilMs: 2, limit: 9 })],
    [
      'nameDocument',
      (tenant) => tenant.nameDocument('name', documentHash('b'), { previous: documentHash('a'), atMs: 1 }),
    ],
    ['removeThread', (tenant) => tenant.removeThread('thread')],
    ['removeModel', (tenant) => tenant.removeModel(put.modelId)],
  ]

  test.for(operations)(
    'shard store: %s that fails at any statement leaves everything as it was',
    async ([_, operate]) => {
      let failAt = 0
      const db = await openDatabase({ path: ':memory:' })
      const inner = new EmbeddedExecutor(db)
      const executor = faultInjectingExecutor(inner, (step, mode) => mode !== 'read' && step === failAt)
      const store = kept(createShardStore(executor))
      await store.migrate()
      const tenant = store.forTenant('a:b')
      await tenant.putModel(put)
      await tenant.putRelease(sampleRelease('a'), peer)
      await tenant.saveIngestCheckpoint({ path: '/x', identity: '1', leaves: new Uint8Array(32) })
      await tenant.putSpace('words', 2)
      await tenant.putEmbeddings('words', [embedding(0), embedding(2)])
      await tenant.appendLedger([ledgerEntryOf('a')])
      await tenant.addChainEvents('chain', { to: blockOf(1), events: sampleEvents(blockOf(1), ['a']) })
      await tenant.insertJobs([sampleJob(0), sampleJob(1)])
      for (const text of ['a', 'b']) await tenant.putDocument({ hash: documentHash(text), text, atMs: 1 })
      await tenant.nameDocument('name', documentHash('a'), { atMs: 1 })
      await tenant.putCheckpoint(sampleCheckpoint('1'))
      await tenant.putCheckpointWrites('thread', '', '1', [
        { taskId: 'a', index: 0, channel: 'b', value: new Uint8Array(1) },
      ])
      const dump = () => tableNames.map((name) => db.prepare(`select * from "${name}"`).all())
      const before = dump()
      let faults = 0
      for (failAt = 1; ; failAt++) {
        const outcome = await operate(tenant).then(
          () => 'done',
          (error: { code: string }) => error.code,
        )
        if (outcome === 'done') break
        expect(outcome).toBe('ERR_STORE_FULL')
        expect(dump(), `fault at statement ${failAt}`).toEqual(before)
        faults++
      }
      expect(faults).toBeGreaterThan(1)
      expect(dump()).not.toEqual(before)
    },
  )
})
