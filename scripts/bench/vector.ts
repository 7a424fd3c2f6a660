/**
 * Nearest neighbours: the store's index against its own exact scan and against sqlite-vec, in one process, in turns.
 *   npm run bench -- vector [--rows 100000] [--dimension 384] [--queries 1000]
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { parseArgs } from 'node:util'
import { type Clusters, clusters } from '#sql/store/compliance/clusters.ts'
import { modelIdOf, sampleModel } from '#sql/store/compliance/sample.ts'
import { openEmbeddedStore, openShardStore, type ShardStore, type TenantStore } from '#sql/store/index.ts'
import { Ranking } from '#sql/store/vectors/ranking.ts'
import { dotProduct, unitVector, vectorBytes } from '#sql/store/vectors/vector.ts'
import type { Bench } from './main.ts'

const k = 10
const space = 'bench'
const rowsPerModel = 50_000
const rowsPerPut = 10_000
/** Queries whose true neighbours are counted out. */
const judgedQueries = 200
/** Vectors and queries come from one mixture of 2,000 Gaussians; the queries are drawn last. */
const seed = 2026

export const bench: Bench = {
  name: 'vector',
  describe: 'nearest neighbours of clustered vectors: the index against the exact scan and sqlite-vec',
  async run({ args, log }) {
    const { values } = parseArgs({
      args,
      options: {
        rows: { type: 'string', default: '100000' },
        dimension: { type: 'string', default: '384' },
        queries: { type: 'string', default: '1000' },
      },
    })
    const folder = await mkdtemp(join(tmpdir(), 'hartonomous-bench-'))
    const sizes = { rows: Number(values.rows), dimension: Number(values.dimension), queries: Number(values.queries) }
    try {
      return await compare({ ...sizes, folder, log })
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
}

interface Comparison {
  rows: number
  dimension: number
  queries: number
  folder: string
  log: (line: string) => void
}

async function compare(options: Comparison): Promise<Record<string, number>> {
  const { rows, folder, log } = options
  const path = join(folder, 'shard.db')
  const queries = queriesOf(options)
  const { truth, putSeconds } = await fill(path, options, queries.slice(0, judgedQueries))
  const beganMs = performance.now()
  let store = await openEmbeddedStore({ path })
  try {
    await indexed(store, log)
    const buildSeconds = (performance.now() - beganMs) / 1000
    const tenant = store.forTenant('local:owner')
    const recallAt10 = await recallOf(tenant, queries, truth)
    log(`recall ${recallAt10.toFixed(4)}`)
    const alone = await times(queries, (vector) => tenant.findNearest({ space, vector, k }))
    log(`find p50 ${at(alone, 0.5).toFixed(3)} ms, p99 ${at(alone, 0.99).toFixed(3)} ms`)
    const rssMiB = Math.round(process.memoryUsage().rss / 2 ** 20)
    const baselines = await baselinesOf(tenant, queries, options)
    const { segmentCount = 0, pendingCount = 0 } = (await tenant.getSpace(space))?.index ?? {}
    await store.close()
    store = await openShardStore({ path })
    const remote = store.forTenant('local:owner')
    await recallOf(remote, queries, truth)
    const inWorker = await times(queries, (vector) => remote.findNearest({ space, vector, k }))
    return {
      findMsP50: round3(at(alone, 0.5)),
      findMsP99: round3(at(alone, 0.99)),
      recallAt10: Number(recallAt10.toFixed(4)),
      ...baselines,
      rssMiB,
      buildSeconds: Math.round(buildSeconds),
      rowsPerSecond: Math.round(rows / putSeconds),
      inWorkerMsP50: round3(at(inWorker, 0.5)),
      inWorkerMsP99: round3(at(inWorker, 0.99)),
      segmentCount,
      pendingCount,
    }
  } finally {
    await store.close()
  }
}

/** Held out: drawn from the same mixture after the rows. */
function queriesOf({ rows, dimension, queries }: Comparison): Float32Array[] {
  const source = clusters(seed, { dimension })
  for (let row = 0; row < rows; row++) source.next()
  return Array.from({ length: queries }, () => unitVector(source.next(), dimension))
}

function* unitRows(source: Clusters, count: number): Generator<Float32Array> {
  for (let row = 0; row < count; row++) yield unitVector(source.next(), source.dimension)
}

/** Without an index, so that making it can be timed apart. Each row is compared with the judged queries on its way. */
async function fill(path: string, { rows, dimension, log }: Comparison, judged: readonly Float32Array[]) {
  const store = await openEmbeddedStore({ path, isVectorEngineUsed: false })
  const tenant = store.forTenant('local:owner')
  const rankings = judged.map(() => new Ranking(k))
  let putMs = 0
  try {
    await tenant.putSpace(space, dimension)
    const source = clusters(seed, { dimension })
    for (let first = 0; first < rows; first += rowsPerPut) {
      if (first % rowsPerModel === 0) await putComponents(tenant, first, Math.min(rowsPerModel, rows - first))
      const modelId = modelIdOf(`model ${Math.floor(first / rowsPerModel)}`)
      const vectors = [...unitRows(source, Math.min(rowsPerPut, rows - first))]
      const batch = vectors.map((vector, n) => ({ modelId, key: String(first + n), vector }))
      const beganMs = performance.now()
      await tenant.putEmbeddings(space, batch)
      putMs += performance.now() - beganMs
      vectors.forEach((vector, n) => {
        for (let query = 0; query < judged.length; query++) {
          rankings[query]!.add(first + n, dotProduct(judged[query]!, vector))
        }
      })
      if ((first + rowsPerPut) % 100_000 === 0) log(`${first + rowsPerPut} rows`)
    }
  } finally {
    await store.close()
  }
  const truth = rankings.map((ranking) => new Set(ranking.best().map(({ rev }) => String(rev))))
  return { truth, putSeconds: putMs / 1000 }
}

async function putComponents(tenant: TenantStore, first: number, count: number): Promise<void> {
  const put = sampleModel(`model ${Math.floor(first / rowsPerModel)}`, { fileExtentBytes: [[10, 10]], held: 'none' })
  const keys = Array.from({ length: count }, (_, n) => String(first + n))
  const components = keys.map((key) => ({
    ...{ key, kind: 'ffn' as const, extents: [], sizeBytes: 0, parameterCount: 0, meta: {} },
  }))
  await tenant.putModel({ ...put, components, edges: [] })
}

async function indexed(store: ShardStore, log: (line: string) => void): Promise<void> {
  const tenant = store.forTenant('local:owner')
  let before = -1
  for (;;) {
    const { index, rowCount } = (await tenant.getSpace(space))!
    if (index === undefined || index.pendingCount === 0) return
    if (index.problem !== undefined) throw new Error(index.problem)
    if (index.entryCount !== before) log(`${index.entryCount} of ${rowCount} rows are in the index`)
    before = index.entryCount
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

async function recallOf(
  tenant: TenantStore,
  queries: readonly Float32Array[],
  truth: readonly ReadonlySet<string>[],
): Promise<number> {
  let found = 0
  for (const [n, keys] of truth.entries()) {
    const hits = await tenant.findNearest({ space, vector: queries[n]!, k })
    found += hits.filter(({ key }) => keys.has(key)).length
  }
  return found / (k * truth.length)
}

/** In turns: a busy machine hits all alike. */
async function baselinesOf(tenant: TenantStore, queries: readonly Float32Array[], options: Comparison) {
  const { rows, folder, log } = options
  const sqliteVec = await openSqliteVec(join(folder, 'baseline.db'), options)
  const rounds = rows > 300_000 ? 5 : 20
  const measured = { find: [] as number[], exact: [] as number[], sqliteVec: [] as number[] }
  try {
    for (let round = 0; round < rounds; round++) {
      const vectors = queries.slice(round * 20, (round + 1) * 20)
      measured.sqliteVec.push(...(await times(vectors.slice(0, 1), async (vector) => sqliteVec.find(vector))))
      measured.find.push(...(await times(vectors, (vector) => tenant.findNearest({ space, vector, k }))))
      const exact = (vector: Float32Array) => tenant.findNearest({ space, vector, k, isExact: true })
      if (round < 5) measured.exact.push(...(await times(vectors.slice(0, 1), exact)))
    }
  } finally {
    sqliteVec.close()
  }
  const [find, exact, other] = [measured.find, measured.exact, measured.sqliteVec].map((values) => at(values, 0.5)) as [
    number,
    number,
    number,
  ]
  log(`in turns: find ${find.toFixed(3)} ms, exact ${exact.toFixed(1)} ms, sqlite-vec ${other.toFixed(1)} ms`)
  return {
    ratioToExactScan: Math.round(exact / find),
    ratioToSqliteVec: Math.round(other / find),
    exactMsP50: round3(exact),
    sqliteVecMsP50: round3(other),
  }
}

async function openSqliteVec(file: string, { rows, dimension }: Comparison) {
  const { load } = await import('sqlite-vec')
  const db = new DatabaseSync(file, { allowExtension: true })
  load(db)
  db.exec(`pragma journal_mode = wal; pragma synchronous = off;
    create virtual table v using vec0(embedding float[${dimension}] distance_metric=cosine)`)
  const insert = db.prepare('insert into v(rowid, embedding) values(?, ?)')
  db.exec('begin')
  let rowId = 0n
  for (const vector of unitRows(clusters(seed, { dimension }), rows)) insert.run(++rowId, vectorBytes(vector))
  db.exec('commit')
  const find = db.prepare(`select rowid, distance from v where embedding match ? and k = ${k}`)
  return { find: (vector: Float32Array) => find.all(vectorBytes(vector)), close: () => db.close() }
}

/** Milliseconds of each. */
async function times(
  vectors: readonly Float32Array[],
  find: (vector: Float32Array) => Promise<unknown>,
): Promise<number[]> {
  const result: number[] = []
  for (const vector of vectors) {
    const beganMs = performance.now()
    await find(vector)
    result.push(performance.now() - beganMs)
  }
  return result
}

function at(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!
}

const round3 = (value: number) => Math.round(value * 1000) / 1000
