import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { clusters, seededRandom } from '../compliance/clusters.ts'
import { bruteForce, expectSameHits, modelOfComponents } from '../compliance/embeddings.ts'
import { modelIdOf } from '../compliance/sample.ts'
import { createShardStore } from '../shard-store.ts'
import type { EmbeddingRow, ShardStore, TenantStore } from '../types.ts'
import { loadVectorEngine } from '../vectors/usearch.ts'
import { MssqlExecutor } from './executor.ts'
import { openTranscribed, plainProfile } from './fixtures/transcribed.ts'

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
