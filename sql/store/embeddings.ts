/** Embeddings of components: rows of unit vectors, put, removed and searched. */
import { HartonomousError } from '#protocol/errors.ts'
import type { ModelId } from '#protocol/ids.ts'
import {
  embeddingsPerPutMax,
  nearestHitsMax,
  spaceNameBytesMax,
  spacesPerTenantMax,
  vectorDimensionMax,
} from '#protocol/limits.ts'
import type { TenantSession } from './executor.ts'
import type { StoredSpace, StoredVector } from './statements.ts'
import type { ComponentRef, EmbeddingFilter, EmbeddingRow, NearestHit, NearestQuery, SpaceRow } from './types.ts'
import { Ranking, type Scored } from './vectors/ranking.ts'
import { dotProduct, unitVector, vectorBytes, vectorOfBytes } from './vectors/vector.ts'

/** Rows read at a time when all are looked at: 1.5 MiB of the usual vectors. */
const rowsPerPage = 1000

export async function putSpace(x: TenantSession, name: string, dimension: number): Promise<void> {
  const nameBytes = Buffer.byteLength(name)
  if (nameBytes === 0 || !name.isWellFormed())
    throw new HartonomousError('ERR_USAGE', { message: 'a space needs a name' })
  if (nameBytes > spaceNameBytesMax) throw tooMany('bytes of the name of a space', spaceNameBytesMax, nameBytes)
  if (!Number.isInteger(dimension) || dimension < 1) {
    throw new HartonomousError('ERR_USAGE', { message: `a space of ${dimension} dimensions` })
  }
  if (dimension > vectorDimensionMax) throw tooMany('dimensions of a space', vectorDimensionMax, dimension)
  const known = await x.get('findSpace', { name })
  if (known?.dimension === dimension) return
  if (known !== undefined) {
    throw new HartonomousError('ERR_USAGE', { message: `space ${name} has ${known.dimension} dimensions` })
  }
  const { count } = (await x.get('countSpaces', {}))!
  if (count >= spacesPerTenantMax) throw tooMany('embedding spaces of a tenant', spacesPerTenantMax, count + 1)
  await x.run('insertSpace', { name, dimension })
}

export async function getSpace(x: TenantSession, name: string): Promise<SpaceRow | undefined> {
  const space = await x.get('findSpace', { name })
  return space && { name, dimension: space.dimension, rowCount: space.rowCount }
}

export async function requireSpace(x: TenantSession, name: string): Promise<StoredSpace> {
  const space = await x.get('findSpace', { name })
  if (space === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'space', id: name })
  return space
}

export async function putEmbeddings(x: TenantSession, name: string, rows: readonly EmbeddingRow[]): Promise<void> {
  checkCount(rows.length)
  const { spacePk, dimension } = await requireSpace(x, name)
  const components = await componentsOf(x, rows)
  // The last vector of a component counts.
  const vectors = new Map<number, Uint8Array>()
  for (const { modelId, key, vector } of rows) {
    const componentPk = components.get(modelId)?.get(key)
    if (componentPk === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'component', id: key })
    vectors.set(componentPk, vectorBytes(unitVector(vector, dimension)))
  }
  if (vectors.size === 0) return
  let rev = await x.takeRevs(vectors.size)
  await x.runMany(
    'deleteEmbedding',
    [...vectors.keys()].map((componentPk) => ({ spacePk, componentPk })),
  )
  await x.runMany(
    'insertEmbedding',
    [...vectors].map(([componentPk, vector]) => ({ rev: rev++, spacePk, componentPk, vector })),
  )
}

export async function removeEmbeddings(x: TenantSession, name: string, refs: readonly ComponentRef[]): Promise<number> {
  checkCount(refs.length)
  const { spacePk } = await requireSpace(x, name)
  const components = await componentsOf(x, refs)
  let removed = 0
  for (const { modelId, key } of refs) {
    const componentPk = components.get(modelId)?.get(key)
    if (componentPk !== undefined) removed += await x.run('deleteEmbedding', { spacePk, componentPk })
  }
  return removed
}

export async function findNearest(x: TenantSession, query: NearestQuery): Promise<NearestHit[]> {
  const space = await requireSpace(x, query.space)
  const vector = unitVector(query.vector, space.dimension)
  const best = await scanRows(x, space, vector, query.k, query.where)
  return hitsOf(x, space, best, undefined)
}

/** @throws {ERR_USAGE} {ERR_LIMIT} */
export function checkQuery({ k }: NearestQuery): void {
  if (!Number.isInteger(k) || k < 1)
    throw new HartonomousError('ERR_USAGE', { message: `a search for ${k} components` })
  if (k > nearestHitsMax) throw tooMany('hits of a search', nearestHitsMax, k)
}

/** Every row is looked at, or every one of the components asked for. */
async function scanRows(
  x: TenantSession,
  space: StoredSpace,
  vector: Float32Array,
  k: number,
  where: EmbeddingFilter | undefined,
): Promise<Scored[]> {
  const ranking = new Ranking(k)
  for await (const row of rowsOf(x, space, 0, where)) ranking.add(row.rev, scoreOf(row, vector))
  return ranking.best()
}

/** In order of rev, a page in memory at a time. */
export async function* rowsOf(
  x: TenantSession,
  { spacePk, rev: untilRev }: StoredSpace,
  afterRev: number,
  where?: EmbeddingFilter,
): AsyncGenerator<StoredVector> {
  for (;;) {
    const page = { spacePk, afterRev, untilRev, limit: rowsPerPage }
    const rows = where
      ? await x.all('listEmbeddingsOf', { ...page, ...filterOf(where) })
      : await x.all('listEmbeddings', page)
    yield* rows
    if (rows.length < rowsPerPage) return
    afterRev = rows.at(-1)!.rev
  }
}

function scoreOf({ vector: bytes }: StoredVector, vector: Float32Array): number {
  return dotProduct(vector, vectorOfBytes(bytes, vector.length))
}

/** Names of rows, in the same order; without those whose component `where` leaves out. */
async function hitsOf(
  x: TenantSession,
  { spacePk }: StoredSpace,
  scored: readonly Scored[],
  where: EmbeddingFilter | undefined,
): Promise<NearestHit[]> {
  const revs = JSON.stringify(scored.map(({ rev }) => rev))
  const rows = await x.all('listNeighbours', { spacePk, revs, ...filterOf(where ?? {}) })
  const names = new Map(rows.map((row) => [row.rev, row]))
  return scored.flatMap(({ rev, score }) => {
    const name = names.get(rev)
    return name === undefined ? [] : [{ modelId: name.modelId as ModelId, key: name.key, score }]
  })
}

function filterOf({ modelId, kinds, layerMin, layerMax }: EmbeddingFilter) {
  return {
    modelId: modelId ?? null,
    kinds: kinds === undefined ? null : JSON.stringify(kinds),
    layerMin: layerMin ?? null,
    layerMax: layerMax ?? null,
  }
}

/** Keys of the rows of components, by model and key. */
async function componentsOf(
  x: TenantSession,
  refs: readonly ComponentRef[],
): Promise<Map<ModelId, Map<string, number>>> {
  const found = new Map<ModelId, Map<string, number>>()
  for (const [modelId, group] of Map.groupBy(refs, (ref) => ref.modelId)) {
    const model = await x.get('findModel', { modelId })
    if (model === undefined) continue
    const keys = JSON.stringify([...new Set(group.map(({ key }) => key))])
    const rows = await x.all('listComponentsByKey', { modelPk: model.modelPk, keys })
    found.set(modelId, new Map(rows.map(({ key, componentPk }) => [key, componentPk])))
  }
  return found
}

function checkCount(count: number): void {
  if (count > embeddingsPerPutMax) throw tooMany('embeddings at a time', embeddingsPerPutMax, count)
}

function tooMany(what: string, limit: number, actual: number): HartonomousError {
  return new HartonomousError('ERR_LIMIT', { what, limit, actual })
}
