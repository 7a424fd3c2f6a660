import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { clusters, seededRandom } from '../compliance/clusters.ts'
import { bruteForce, expectSameHits, modelOfComponents } from '../compliance/embeddings.ts'
import { modelIdOf } from '../compliance/sample.ts'
import { createShardStore } from '../shard-store.ts'
import type { EmbeddingRow, ShardStore, TenantStore } from '../types.ts'
import { numbersOf, serverVectorSizeOf } from '../vectors/server-vectors.ts'
import { loadVectorEngine } from '../vectors/usearch.ts'
import type { Batch, Connection } from './connection.ts'
import { MssqlExecutor } from './executor.ts'
import { addVectorTables, openTranscribed, plainProfile } from './fixtures/transcribed.ts'

const engine = await loadVectorEngine()
if (engine === undefined) process.stderr.write('skipped: usearch has no binary for this platform\n')

const bounds = { unindexedRows: 300, pendingRows: 100, stepRows: 1000 }
const dimension = 16
const components = 1200

let folder: string
let store: ShardStore
let tenant: TenantStore
let rows: Map<number, EmbeddingRow>
let source: ReturnType<typeof clusters>

async function open(arrive?: () => unknown): Promise<void> {
  const { connection } = await openTranscribed(path.join(folder, 'server.db'), arrive)
  const executor = new MssqlExecutor(connection, plainProfile, { migrations: [] })
  store = createShardStore(executor, { vectors: { folder: path.join(folder, 'vectors'), bounds } })
  tenant = store.forTenant('local:owner')
}

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'hart-mssql-vectors-'))
  rows = new Map()
  source = clusters(9, { dimension, count: 30 })
  await open()
  await tenant.putModel(modelOfComponents('a', components))
  await tenant.putSpace('words', dimension)
})
afterEach(async () => {
  await store.close()
  rmSync(folder, { recursive: true })
})

async function put(from: number, count: number): Promise<void> {
  const batch = Array.from({ length: count }, (_, n) => ({
    modelId: modelIdOf('a'),
    key: `c${from + n}`,
    vector: source.next(),
  }))
  batch.forEach((row, n) => {
    rows.set(from + n, row)
  })
  await tenant.putEmbeddings('words', batch)
}

const indexRow = async () => (await tenant.getSpace('words'))?.index

async function settled(): Promise<void> {
  await expect.poll(async () => (await indexRow())?.pendingCount ?? components).toBeLessThan(bounds.pendingRows)
}

async function expectRight(): Promise<void> {
  let found = 0
  for (let n = 0; n < 20; n++) {
    const vector = source.next()
    const expected = bruteForce(rows.values(), vector, 10)
    expectSameHits(await tenant.findNearest({ space: 'words', vector, k: 10, isExact: true }), expected)
    const keys = new Set(expected.map(({ key }) => key))
    found += (await tenant.findNearest({ space: 'words', vector, k: 10 })).filter(({ key }) => keys.has(key)).length
  }
  expect(found).toBeGreaterThanOrEqual(190)
}

/** As after `hart shard setup vectors`, on a server that has the type: without graphs beside the node. */
describe('vectors that SQL Server measures', () => {
  /** Texts of batches since they were last looked at. */
  let texts: string[] = []
  /** Rows in each page that was fetched to be searched. */
  let fetchedCounts: number[] = []
  let db: Awaited<ReturnType<typeof openTranscribed>>['db']

  async function reopenWithVectors(): Promise<void> {
    await store.close()
    const opened = await openTranscribed(path.join(folder, 'server.db'))
    db = opened.db
    addVectorTables(db)
    const begin: Connection['begin'] = async (isolation) => {
      const transaction = await opened.connection.begin(isolation)
      const query = async (batch: Batch) => {
        const result = await transaction.query(batch)
        texts.push(batch.text)
        if (batch.text.startsWith('SELECT TOP (@limit) e.rev, e.vector')) fetchedCounts.push(result.rows.length)
        return result
      }
      return { ...transaction, query }
    }
    const profile = { ...plainProfile, hasVectorType: true, hasVectorTables: true }
    const executor = new MssqlExecutor({ ...opened.connection, begin }, profile, { migrations: [] })
    store = createShardStore(executor, { vectors: { bounds, isEngineUsed: false } })
    tenant = store.forTenant('local:owner')
  }

  const countIn = (table: string) => db.prepare(`select count(*) as count from ${table}`).get()!['count']
  /** Until the server has all rows but a few. */
  const measured = async (atLeast: number, table = 'vector_128') => {
    await tenant.findNearest({ space: 'words', vector: source.next(), k: 1 })
    await expect.poll(() => countIn(table)).toBeGreaterThanOrEqual(atLeast)
  }

  test('server vectors: rows that were there before are taken in, and exact searches fetch no others', async () => {
    await put(0, 1000)
    await reopenWithVectors()
    await measured(1000)
    texts = []
    fetchedCounts = []
    const vector = source.next()
    const hits = await tenant.findNearest({ space: 'words', vector, k: 10, isExact: true })
    expectSameHits(hits, bruteForce(rows.values(), vector, 10))
    expect(texts.filter((text) => text.includes('VECTOR_DISTANCE'))).toHaveLength(1)
    // Behind the last row that the server has, there is none.
    expect(fetchedCounts).toEqual([0])
    await expectRight()
  })

  test('server vectors: newer rows, replaced and removed ones, and filters are as with the rows themselves', async () => {
    await reopenWithVectors()
    await put(0, 700)
    await measured(600)
    await put(700, 90)
    await put(0, 30)
    await tenant.removeEmbeddings(
      'words',
      Array.from({ length: 50 }, (_, n) => ({ modelId: modelIdOf('a'), key: `c${100 + n}` })),
    )
    for (let n = 100; n < 150; n++) rows.delete(n)
    await expectRight()
    for (const layerMin of [0, 40, 75]) {
      const vector = source.next()
      const meant = [...rows].filter(([n]) => n >= 10 * layerMin).map(([, row]) => row)
      const where = { layers: { min: layerMin }, kinds: ['ffn', 'head'] as const, modelId: modelIdOf('a') }
      const hits = await tenant.findNearest({ space: 'words', vector, k: 12, where, isExact: true })
      const kinds = new Map(modelOfComponents('a', components).components.map(({ key, kind }) => [key, kind]))
      const ofKind = meant.filter(({ key }) => ['ffn', 'head'].includes(kinds.get(key)!))
      expectSameHits(hits, bruteForce(ofKind, vector, 12))
    }
    await tenant.removeModel(modelIdOf('a'))
    expect(countIn('vector_128')).toBe(0)
  })

  test('server vectors: a space of another size lies in the table of the next larger one, and nothing of another tenant is found', async () => {
    await reopenWithVectors()
    const wide = clusters(4, { dimension: 300, count: 10 })
    const vectors = Array.from({ length: 200 }, () => wide.next())
    for (const [name, first] of [
      ['local:owner', 0],
      ['issuer:other', 100],
    ] as const) {
      const each = store.forTenant(name)
      await each.putModel(modelOfComponents('b', 200))
      await each.putSpace('wide', 300)
      const put = vectors.map((vector, n) => ({ modelId: modelIdOf('b'), key: `c${n}`, vector }))
      await each.putEmbeddings('wide', put.slice(first))
    }
    await expect.poll(() => countIn('vector_384')).toBe(300)
    const other = store.forTenant('issuer:other')
    const hits = await other.findNearest({ space: 'wide', vector: vectors[0]!, k: 150, isExact: true })
    expect(hits).toHaveLength(100)
    expect(hits.every(({ key }) => Number(key.slice(1)) >= 100)).toBe(true)
    const own = await tenant.findNearest({ space: 'wide', vector: vectors[0]!, k: 1, isExact: true })
    expect(own).toEqual([{ modelId: modelIdOf('b'), key: 'c0', score: expect.closeTo(1, 6) }])
  })

  test('server vectors: where they cannot be written, rows are written and searched all the same', async () => {
    await reopenWithVectors()
    db.exec(`create trigger full before insert on vector_128 begin select raise(abort, 'no room'); end`)
    await put(0, 700)
    await expectRight()
    expect(countIn('vector_128')).toBe(0)
    expect(countIn('embedding')).toBe(700)
    db.exec('drop trigger full')
    await put(700, 200)
    await measured(800)
    await expectRight()
  })
})

test('server vectors: numbers come back as the f32 that they were, with zeros behind them', () => {
  fc.assert(
    fc.property(fc.float32Array({ noNaN: true, noDefaultInfinity: true, minLength: 1, maxLength: 20 }), (vector) => {
      const numbers = JSON.parse(numbersOf(vector, 128)) as number[]
      expect(numbers).toHaveLength(128)
      // -0 and 0 are one direction.
      expect([...Float32Array.from(numbers.slice(0, vector.length))]).toEqual([...vector].map((value) => value + 0))
      expect(numbers.slice(vector.length).every((value) => value === 0)).toBe(true)
    }),
  )
  expect([1, 128, 129, 384, 385, 1998].map(serverVectorSizeOf)).toEqual([128, 128, 256, 384, 512, 1998])
})

describe.skipIf(engine === undefined)('vector index of SQL Server', () => {
  test('vector index, T-SQL: graphs lie in the folder of the node, and are still there after a restart', async () => {
    await put(0, 1000)
    await settled()
    await put(0, 60)
    await expectRight()
    const files = readdirSync(path.join(folder, 'vectors'))
    expect(files.filter((name) => name.endsWith('.usearch'))).toHaveLength((await indexRow())!.segmentCount)
    await store.close()
    await open()
    await expectRight()
    expect(readdirSync(path.join(folder, 'vectors'))).toEqual(files)
    await store.close()
    rmSync(path.join(folder, 'vectors'), { recursive: true })
    await open()
    await expectRight()
    await settled()
    await expectRight()
  })

  test('vector index, T-SQL: a component that has a vector is found, however its vectors are replaced meanwhile', async () => {
    const count = 400
    await put(0, count)
    await settled()
    await store.close()
    const random = seededRandom(3)
    // Most answers arrive at once, a few while others write and search.
    await open(() => (random() < 0.3 ? delay(30 * random()) : undefined))
    let isOver = false
    const replace = async () => {
      for (let n = 0; n < 100; n++) {
        await put(0, 20)
        await delay(2)
      }
      isOver = true
    }
    let searches = 0
    const search = async () => {
      while (!isOver) {
        const hits = await tenant.findNearest({ space: 'words', vector: source.next(), k: count })
        const keys = new Set(hits.map(({ key }) => key))
        expect([hits.length, keys.size], `search ${searches}`).toEqual([count, count])
        searches++
      }
    }
    await Promise.all([replace(), ...Array.from({ length: 6 }, search)])
    expect(searches).toBeGreaterThan(10)
    await expectRight()
  })
})
