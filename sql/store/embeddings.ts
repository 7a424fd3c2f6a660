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
import type { StoredSpace } from './statements.ts'
import type { ComponentRef, EmbeddingFilter, EmbeddingRow, NearestHit, NearestQuery, SpaceRow } from './types.ts'
import { indexState } from './vectors/grow-index.ts'
import type { Scored } from './vectors/ranking.ts'
import { filterOf } from './vectors/row-filter.ts'
import { scanRows } from './vectors/rows.ts'
import type { SpaceIndex } from './vectors/space-index.ts'
import { unitVector, vectorBytes } from './vectors/vector.ts'

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

export async function getSpace(x: TenantSession, name: string, index?: SpaceIndex): Promise<SpaceRow | undefined> {
  const space = await x.get('findSpace', { name })
  if (space === undefined) return undefined
  const { dimension, rowCount } = space
  const isIndexed = index?.isWritten && (index.segments.length > 0 || rowCount > index.bounds.unindexedRows)
  if (!isIndexed) return { name, dimension, rowCount }
  const { liveCounts, pendingCount } = (await indexState(x, name, index))!
  const { entryCount, problem } = index
  const deadCount = entryCount - liveCounts.reduce((sum, count) => sum + count, 0)
  const segmentCount = index.segments.length
  return {
    name,
    dimension,
    rowCount,
    index: { segmentCount, entryCount, deadCount, pendingCount, ...(problem !== undefined && { problem }) },
  }
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

/** `isCommitted`: nothing that this transaction sees can be rolled back. */
export async function findNearest(
  x: TenantSession,
  { space: name, vector, k, where, isExact = false }: NearestQuery,
  index?: SpaceIndex,
  isCommitted = true,
): Promise<NearestHit[]> {
  const space = await requireSpace(x, name)
  const query = unitVector(vector, space.dimension)
  if (index !== undefined && !isExact) {
    // An index cannot leave anything out by itself: more are taken, and looked at without it where that is not enough.
    const count = where === undefined ? k : Math.min(16 * k, nearestHitsMax)
    const hits = await hitsOf(x, space, await index.nearest(x, space, query, count, isCommitted), where)
    if (where === undefined || hits.length >= k) return hits.slice(0, k)
  }
  const { best } = await scanRows(x, space, query, k, { where })
  return hitsOf(x, space, best, undefined)
}

/** @throws {ERR_USAGE} {ERR_LIMIT} */
export function checkQuery({ k }: NearestQuery): void {
  if (!Number.isInteger(k) || k < 1)
    throw new HartonomousError('ERR_USAGE', { message: `a search for ${k} components` })
  if (k > nearestHitsMax) throw tooMany('hits of a search', nearestHitsMax, k)
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
