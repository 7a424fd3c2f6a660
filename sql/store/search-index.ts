/** The search terms of models as rows: written with the model, asked for by `sql/query`. */
import { HartonomousError } from '#protocol/errors.ts'
import type { ModelId } from '#protocol/ids.ts'
import { searchTermCountMax } from '#protocol/limits.ts'
import { parseJson } from './canonical-json.ts'
import type { TenantSession } from './executor.ts'
import { indexedTerm, modelTerms } from './search-terms.ts'
import type { ModelTermFilter } from './types.ts'

export async function indexModel(x: TenantSession, modelId: ModelId, terms: readonly string[]): Promise<void> {
  await x.run('deleteModelTerms', { modelId })
  await x.runMany(
    'insertSearchTerm',
    terms.map((term) => ({ term, modelId, source: 0 })),
  )
}

export async function findModels(x: TenantSession, { term, all, after, limit }: ModelTermFilter): Promise<ModelId[]> {
  if (!Number.isSafeInteger(limit) || limit < 1)
    throw new HartonomousError('ERR_USAGE', { message: `a page of ${limit} models` })
  const rows = await x.all('findModelsByTerms', {
    term,
    all: JSON.stringify(all),
    afterModelId: after ?? null,
    limit,
  })
  return rows.map(({ modelId }) => modelId as ModelId)
}

export async function countTerm(x: TenantSession, term: string): Promise<number> {
  return (await x.get('countSearchTerm', { term, limit: searchTermCountMax }))!.count
}

export async function termsOf(x: TenantSession, modelId: ModelId, terms: readonly string[]): Promise<string[]> {
  const rows = await x.all('listSearchTerms', { modelId, terms: JSON.stringify(terms) })
  return rows.map(({ term }) => term)
}

/** Models that were stored before the index was, or under an older version of it. */
export async function indexModels(x: TenantSession, limit: number): Promise<number> {
  const rows = await x.all('findModelsWithoutTerm', { term: indexedTerm, limit })
  for (const { modelId } of rows) await reindex(x, modelId as ModelId)
  return rows.length
}

async function reindex(x: TenantSession, modelId: ModelId): Promise<void> {
  const model = (await x.get('findModel', { modelId }))!
  const { modelPk, architecture, format } = model
  const extents = (await x.all('listExtents', { modelPk })).map(({ kind, name, dtype, shape }) => ({
    kind,
    ...(name === null ? {} : { name }),
    ...(dtype === null ? {} : { dtype }),
    ...(shape === null ? {} : { shape: parseJson<number[]>(shape) }),
  }))
  const components = await x.all('listComponentKeys', { modelPk })
  const meta = parseJson<Record<string, unknown>>(model.meta)
  await indexModel(x, modelId, modelTerms({ modelId, extents, architecture, format, meta, components }))
}
