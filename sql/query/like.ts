/** Components near to a vector of an embedding space, of those that fit a query. */
import { isHartonomousError } from '#protocol/errors.ts'
import type { ModelId } from '#protocol/ids.ts'
import { nearestHitsMax } from '#protocol/limits.ts'
import type { Query, QueryHit } from '#protocol/query/message.ts'
import type { NearestHit, TenantStore } from '#sql/store/types.ts'
import { fitsTensors, hitOf } from './match.ts'
import { type Plan, planQuery, termsOfPass } from './plan.ts'

type LikeStore = Pick<TenantStore, 'countTerm' | 'findModels' | 'findComponents' | 'findNearest'>

export interface Like {
  space: string
  vector: Float32Array
}

/** What a filter leaves out is made up for by looking at more neighbours, so far. */
const neighboursPerHit = 8

/**
 * Nearest first. Only components with a vector in the space are found; none where the space is unknown.
 * @throws {ERR_QUERY_INVALID} {ERR_USAGE} for a vector of another dimension
 */
export async function findLike(
  store: LikeStore,
  query: Query,
  { space, vector }: Like,
  limit: number,
  accepts: (modelId: ModelId) => boolean = () => true,
): Promise<QueryHit[]> {
  const plan = await planQuery(store, query)
  const near = await neighbours(store, space, vector, plan, Math.min(neighboursPerHit * limit, nearestHitsMax))
  const models = new Map<ModelId, boolean>()
  const hits: QueryHit[] = []
  for (const { modelId, key, score } of near) {
    if (!models.has(modelId)) models.set(modelId, accepts(modelId) && (await isOfModel(store, plan, modelId)))
    if (!models.get(modelId)) continue
    const row = await componentOf(store, plan, modelId, key)
    if (row !== undefined && fitsTensors(row, query)) hits.push({ ...hitOf(row, []), score })
    if (hits.length >= limit) break
  }
  return hits
}

async function neighbours(
  store: LikeStore,
  space: string,
  vector: Float32Array,
  { query: { kinds, layers }, modelIds }: Plan,
  k: number,
): Promise<NearestHit[]> {
  const where = { kinds, ...(layers === undefined ? {} : { layers }) }
  const search = (modelId?: ModelId) =>
    store.findNearest({ space, vector, k, where: modelId === undefined ? where : { ...where, modelId } })
  try {
    if (modelIds.length === 0) return await search()
    const found = await Promise.all(modelIds.map(search))
    return found.flat().sort((a, b) => b.score - a.score)
  } catch (error) {
    if (isHartonomousError(error, 'ERR_NOT_FOUND')) return []
    throw error
  }
}

async function isOfModel(store: LikeStore, plan: Plan, modelId: ModelId): Promise<boolean> {
  const [term, ...all] = termsOfPass(plan, { words: [], weight: 0 }, modelId)
  return (await store.findModels({ term, all, limit: 1 })).length > 0
}

async function componentOf(store: LikeStore, { query }: Plan, modelId: ModelId, key: string) {
  const { kinds, layers, experts, sizeBytes, keyPattern } = query
  const rows = await store.findComponents({
    modelId,
    kinds,
    ...(layers === undefined ? {} : { layers }),
    ...(experts === undefined ? {} : { experts }),
    ...(sizeBytes === undefined ? {} : { sizeBytes }),
    ...(keyPattern === undefined ? {} : { keyPattern }),
    key,
  })
  return rows[0]
}
