import {
  copyFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { clusters } from '../compliance/clusters.ts'
import { bruteForce, expectSameHits, modelOfComponents } from '../compliance/embeddings.ts'
import { modelIdOf } from '../compliance/sample.ts'
import { findNearest, putEmbeddings } from '../embeddings.ts'
import { TenantSession } from '../executor.ts'
import { type EmbeddedStoreOptions, openEmbeddedStore, openShardStore } from '../index.ts'
import { createShardStore } from '../shard-store.ts'
import type { EmbeddingRow, ShardStore, SpaceIndexRow, TenantStore } from '../types.ts'
import { loadVectorEngine } from '../vectors/usearch.ts'
import { VectorIndexes } from '../vectors/vector-indexes.ts'
import { openDatabase } from './database.ts'
import { EmbeddedExecutor } from './executor.ts'

const engine = await loadVectorEngine()
if (engine === undefined) process.stderr.write('skipped: usearch has no binary for this platform\n')

/** Small, so that graphs come and go quickly. */
const bounds = { unindexedRows: 300, pendingRows: 100, stepRows: 1000 }
const dimension = 24
const source = clusters(5, { dimension, count: 30 })
const components = 3000

let folder: string
let file: string
let store: ShardStore
let tenant: TenantStore
/** What must be there. */
let rows: Map<number, EmbeddingRow>

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'hart-vectors-'))
  file = path.join(folder, 'shard.db')
  rows = new Map()
  await open()
  await tenant.putModel(modelOfComponents('a', components))
  await tenant.putSpace('words', dimension)
})
afterEach(async () => {
  await store.close()
  rmSync(folder, { recursive: true })
})

async function open(options: Partial<EmbeddedStoreOptions> = {}): Promise<void> {
  store = await openEmbeddedStore({ path: file, ...options }, { vectors: { bounds } })
  tenant = store.forTenant('local:owner')
}

async function reopen(options: Partial<EmbeddedStoreOptions> = {}): Promise<void> {
  await store.close()
  await open(options)
}

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

async function remove(from: number, count: number): Promise<void> {
  const refs = Array.from({ length: count }, (_, n) => ({ modelId: modelIdOf('a'), key: `c${from + n}` }))
  for (let n = 0; n < count; n++) rows.delete(from + n)
  await tenant.removeEmbeddings('words', refs)
}

async function indexRow(): Promise<SpaceIndexRow | undefined> {
  return (await tenant.getSpace('words'))?.index
}

/** Until all rows but a few are in the index. */
async function settled(): Promise<SpaceIndexRow> {
  await expect.poll(async () => (await indexRow())?.pendingCount ?? components).toBeLessThan(bounds.pendingRows)
  return (await indexRow())!
}

/** What is said of the index, its answers, and what is in the rows agree. */
async function expectRight(): Promise<void> {
  const space = (await tenant.getSpace('words'))!
  expect(space.rowCount).toBe(rows.size)
  if (space.index !== undefined) {
    const { entryCount, deadCount, pendingCount } = space.index
    expect(entryCount - deadCount + pendingCount).toBe(rows.size)
  }
  let [found, asked] = [0, 0]
  for (let n = 0; n < 20; n++) {
    const vector = source.next()
    const expected = bruteForce(rows.values(), vector, 10)
    expectSameHits(await tenant.findNearest({ space: 'words', vector, k: 10, isExact: true }), expected)
    const keys = new Set(expected.map(({ key }) => key))
    const hits = await tenant.findNearest({ space: 'words', vector, k: 10 })
    expect(hits).toHaveLength(expected.length)
    for (const { key } of hits) expect(rows.has(Number(key.slice(1))), `${key} is gone`).toBe(true)
    found += hits.filter(({ key }) => keys.has(key)).length
    asked += expected.length
  }
  expect(found).toBeGreaterThanOrEqual(0.95 * asked)
}

const vectorFiles = () => readdirSync(`${file}-vectors`).sort()
const manifestPath = () => path.join(`${file}-vectors`, vectorFiles().find((name) => name.endsWith('.json'))!)
const graphPath = () => path.join(`${file}-vectors`, vectorFiles().find((name) => name.endsWith('.usearch'))!)

describe.skipIf(engine === undefined)('vector index', () => {
  test('vector index: takes rows in, finds newer ones at once, and is still there after a restart', async () => {
    await put(0, 250)
    expect(await indexRow()).toBeUndefined()
    await expectRight()
    await put(250, 1000)
    await settled()
    await put(1250, 60)
    await expectRight()
    expect((await indexRow())!.pendingCount).toBeGreaterThanOrEqual(60)
    const before = vectorFiles()
    const { entryCount } = (await indexRow())!
    await reopen()
    await expectRight()
    expect(vectorFiles()).toEqual(before)
    expect((await indexRow())!.entryCount).toBe(entryCount)
  })

  test('vector index: a replaced vector is found where it is now, a removed one nowhere', async () => {
    await put(0, 1000)
    await settled()
    await put(0, 50)
    await remove(50, 50)
    await expectRight()
    for (const n of [0, 49]) {
      const { vector } = rows.get(n)!
      expect((await tenant.findNearest({ space: 'words', vector, k: 1 }))[0]).toMatchObject({ key: `c${n}` })
    }
    expect(await indexRow()).toMatchObject({ entryCount: 1000, deadCount: 100, pendingCount: 50 })
  })

  test('vector index: with too many rows gone it is made anew, and with all gone it is empty', async () => {
    await put(0, 1000)
    await settled()
    await remove(0, 300)
    await expectRight()
    await expect.poll(async () => (await indexRow())?.deadCount).toBe(0)
    expect(await indexRow()).toMatchObject({ entryCount: 700, segmentCount: 1 })
    await expectRight()
    await tenant.removeModel(modelIdOf('a'))
    rows.clear()
    await expect
      .poll(async () => {
        await tenant.findNearest({ space: 'words', vector: source.next(), k: 5 })
        return indexRow()
      })
      .toBeUndefined()
    expect(vectorFiles().filter((name) => name.endsWith('.usearch'))).toEqual([])
  })

  test('vector index: when all that is near has gone, what lies farther is found', async () => {
    const centre = source.next()
    const near = Array.from({ length: 150 }, (_, n) => ({
      modelId: modelIdOf('a'),
      key: `c${n}`,
      vector: centre.map((value) => value + n * 1e-4),
    }))
    await tenant.putEmbeddings('words', near)
    near.forEach((row, n) => {
      rows.set(n, row)
    })
    await put(150, 850)
    await settled()
    await remove(0, 150)
    const hits = await tenant.findNearest({ space: 'words', vector: centre, k: 20 })
    // From within a cluster that is gone a graph may miss some of the rest: most of them is what it owes.
    const meant = bruteForce(rows.values(), centre, 20)
    expect(hits).toHaveLength(20)
    expect(hits.filter(({ key }) => meant.some((one) => one.key === key)).length).toBeGreaterThan(10)
  })

  test('vector index: large additions are taken in by steps, small ones merge with those before', async () => {
    await put(0, 2500)
    await settled()
    expect(await indexRow()).toMatchObject({ segmentCount: 1, entryCount: 2500 })
    for (let n = 0; n < 4; n++) {
      await put(2500 + n * 100, 100)
      await settled()
    }
    const { segmentCount } = (await indexRow())!
    expect(segmentCount).toBeLessThanOrEqual(2)
    expect(vectorFiles().filter((name) => name.endsWith('.usearch'))).toHaveLength(segmentCount)
    await expectRight()
  })

  test('vector index: a filter finds k of the components that it leaves', async () => {
    await put(0, 1500)
    await settled()
    for (const layerMin of [0, 100, 149]) {
      const vector = source.next()
      const meant = [...rows].filter(([n]) => n >= 10 * layerMin).map(([, row]) => row)
      const hits = await tenant.findNearest({ space: 'words', vector, k: 10, where: { layers: { min: layerMin } } })
      const expected = bruteForce(meant, vector, 10)
      if (layerMin > 0) expectSameHits(hits, expected)
      else expect(hits[0]!.score).toBeCloseTo(expected[0]!.score, 5)
    }
  })

  test('vector index: of two tenants each has its own, and the store in a worker has the same', async () => {
    await store.close()
    store = await openShardStore({ path: file })
    const [mine, other] = [store.forTenant('local:owner'), store.forTenant('issuer:other')]
    await other.putModel(modelOfComponents('a', 10))
    await other.putSpace('words', dimension)
    const vector = source.next()
    await other.putEmbeddings('words', [{ modelId: modelIdOf('a'), key: 'c3', vector }])
    await mine.putEmbeddings('words', [{ modelId: modelIdOf('a'), key: 'c4', vector }])
    const query = { space: 'words', vector, k: 3 }
    expect((await mine.findNearest(query)).map(({ key }) => key)).toEqual(['c4'])
    expect((await other.findNearest(query)).map(({ key }) => key)).toEqual(['c3'])
    await other.removeModel(modelIdOf('a'))
    expect(await other.findNearest(query)).toEqual([])
    expect(await mine.findNearest(query)).toHaveLength(1)
  })

  test('vector index: sees what its own transaction has written, and forgets it when that is rolled back', async () => {
    await store.close()
    const executor = new EmbeddedExecutor(await openDatabase({ path: file }))
    store = createShardStore(executor)
    tenant = store.forTenant('local:owner')
    await put(0, 100)
    const vector = source.next()
    const indexes = new VectorIndexes({ bounds })
    const transactions = {
      run: <T>(mode: 'read' | 'write' | 'durable', work: (x: TenantSession) => Promise<T>) =>
        executor.transaction(mode, (session) => work(new TenantSession(session, 1))),
    }
    const index = await indexes.of('local:owner', 'words', transactions)
    const nearest = (x: TenantSession, isCommitted: boolean) =>
      findNearest(x, { space: 'words', vector, k: 1 }, index, isCommitted)
    const row = { modelId: modelIdOf('a'), key: 'c500', vector }
    const undone = transactions.run('write', async (x) => {
      await putEmbeddings(x, 'words', [row])
      expect((await nearest(x, false))[0]).toMatchObject({ key: 'c500', score: expect.closeTo(1, 5) })
      throw new Error('undone')
    })
    await expect(undone).rejects.toThrow('undone')
    // The same number is given to another row.
    await put(600, 1)
    const hit = (await transactions.run('read', (x) => nearest(x, true)))[0]!
    expectSameHits([hit], bruteForce(rows.values(), vector, 1))
    await indexes.close()
  })
})

describe.skipIf(engine === undefined)('vector index, damaged', () => {
  const damages: [what: string, isKept: boolean, damage: () => void][] = [
    ['its folder has gone', false, () => rmSync(`${file}-vectors`, { recursive: true })],
    ['its graph has gone', false, () => rmSync(graphPath())],
    ['its graph is cut off', false, () => truncateSync(graphPath(), statSync(graphPath()).size - 4096)],
    ['its graph is longer', false, () => truncateSync(graphPath(), statSync(graphPath()).size + 1)],
    [
      'a byte of its graph has changed',
      false,
      () => {
        const bytes = readFileSync(graphPath())
        bytes[bytes.length >> 1]! ^= 0x10
        writeFileSync(graphPath(), bytes)
      },
    ],
    ['its manifest is empty', false, () => writeFileSync(manifestPath(), '')],
    ['its manifest says another dimension', false, () => change({ dimension: dimension + 1 })],
    ['its manifest is of another version of the engine', false, () => change({ engineVersion: '1.0.0' })],
    ['its manifest is of another database', false, () => change({ shardUid: 'f'.repeat(32) })],
    ['its manifest is newer than the database', false, () => change({ indexNumber: 99 })],
    ['its manifest names a file elsewhere', false, () => change({ segments: [{ file: '../shard.db' }] })],
    ['files of a killed process lie about', true, () => copyFileSync(graphPath(), `${graphPath()}.tmp`)],
  ]

  function change(fields: object): void {
    const manifest = JSON.parse(readFileSync(manifestPath(), 'utf8')) as object
    writeFileSync(manifestPath(), JSON.stringify({ ...manifest, ...fields }))
  }

  test.for(damages)('vector index: where %s, it is made anew from the rows', async ([_, isKept, damage]) => {
    await put(0, 600)
    await settled()
    const old = graphPath()
    await store.close()
    damage()
    await open()
    await expectRight()
    expect((await settled()).entryCount).toBe(600)
    await expectRight()
    expect(vectorFiles()).toHaveLength(2)
    expect(graphPath() === old).toBe(isKept)
  })

  test('vector index: an older copy of its files is brought up to date', async () => {
    await put(0, 600)
    await settled()
    await store.close()
    cpSync(`${file}-vectors`, `${file}-old`, { recursive: true })
    await open()
    await put(600, 600)
    await remove(0, 100)
    await settled()
    await store.close()
    rmSync(`${file}-vectors`, { recursive: true })
    cpSync(`${file}-old`, `${file}-vectors`, { recursive: true })
    await open()
    await expectRight()
    await settled()
    await expectRight()
  })

  test('vector index: an older copy of the database does not believe it', async () => {
    await put(0, 600)
    await settled()
    await store.close()
    copyFileSync(file, `${file}.copy`)
    const before = new Map(rows)
    await open()
    await remove(0, 300)
    await put(700, 500)
    await settled()
    await store.close()
    copyFileSync(`${file}.copy`, file)
    rows = before
    await open()
    await put(1300, 400)
    await settled()
    await expectRight()
  })
})

test('vector search: without a binary of usearch the rows are searched one by one', async () => {
  await reopen({ isVectorEngineUsed: false })
  await put(0, 1000)
  await remove(100, 50)
  await put(0, 20)
  await expectRight()
  expect(await indexRow()).toBeUndefined()
  await reopen({ isVectorEngineUsed: false })
  await expectRight()
})

test('vector search: a database that is read only is searched, and nothing is written beside it', async () => {
  await put(0, 500)
  await store.close()
  rmSync(`${file}-vectors`, { recursive: true, force: true })
  await open({ isReadOnly: true })
  await expectRight()
  expect(readdirSync(folder).some((name) => name.endsWith('-vectors'))).toBe(false)
})

test.skipIf(engine === undefined)(
  'vector index: agrees with the rows, whatever is put, removed, asked and reopened',
  async () => {
    const place = fc.nat(components - 200)
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ put: place, count: fc.integer({ min: 1, max: 200 }) }) },
      { weight: 3, arbitrary: fc.record({ remove: place, count: fc.integer({ min: 1, max: 200 }) }) },
      { weight: 1, arbitrary: fc.constant({ reopen: true }) },
      { weight: 2, arbitrary: fc.constant({ find: true }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 12 }), async (steps) => {
        for (const each of steps) {
          if ('put' in each) await put(each.put, each.count)
          else if ('remove' in each) await remove(each.remove, each.count)
          else if ('reopen' in each) await reopen()
          else await expectRight()
        }
        await expectRight()
      }),
      { numRuns: 6 },
    )
    const db = new DatabaseSync(file, { readOnly: true })
    expect(db.prepare('select count(*) as count from embedding').get()).toEqual({ count: rows.size })
    db.close()
  },
)
