/**
 * What a query asks of the store: which models can have an answer, by terms of the search index, and which of their
 * components are one. A plan depends on the query and on how common its terms are, never on the engine.
 */
import { HartonomousError } from '#protocol/errors.ts'
import type { ModelId } from '#protocol/ids.ts'
import { keyPatternStarsMax } from '#protocol/limits.ts'
import type { Query } from '#protocol/query/message.ts'
import {
  dtypeTerm,
  idTerm,
  indexedTerm,
  kindTerm,
  licenceTerm,
  metaTerm,
  shapeTerm,
  wordTerm,
} from '#sql/store/search-terms.ts'
import type { TenantStore } from '#sql/store/types.ts'

/** Components that have exactly these words, in the models that have all of them. */
export interface Pass {
  words: readonly string[]
  weight: number
}

export interface Plan {
  query: Query
  /** Terms that a model must have, rarest first, with how many models have each. */
  terms: readonly TermCount[]
  /** In the order of their weight. One without words where the query has none. */
  passes: readonly Pass[]
  /** In order; empty: any model. */
  modelIds: readonly ModelId[]
}

export interface TermCount {
  term: string
  count: number
}

/** @throws {ERR_QUERY_INVALID} */
export async function planQuery(store: Pick<TenantStore, 'countTerm'>, query: Query): Promise<Plan> {
  checkRanges(query)
  const counted = async (term: string): Promise<TermCount> => ({ term, count: await store.countTerm(term) })
  const terms = await Promise.all(modelTermsOf(query).map(counted))
  return {
    query,
    terms: terms.sort((a, b) => a.count - b.count || (a.term < b.term ? -1 : 1)),
    passes: await passesOf(store, query.words),
    modelIds: [...new Set(query.modelIds)].sort(),
  }
}

/** What a model needs to have any component that fits. A list of alternatives says nothing of a single term. */
function modelTermsOf({ kinds, dtypes, shape, licence, meta }: Query): string[] {
  const terms = [indexedTerm, ...meta.map(({ path, value }) => metaTerm(path, value))]
  if (kinds.length === 1) terms.push(kindTerm(kinds[0]!))
  if (dtypes.length === 1) terms.push(dtypeTerm(dtypes[0]!))
  if (licence !== undefined) terms.push(licenceTerm(licence))
  const sizes = shape.filter((size) => size !== null)
  if (shape.length > 0 && sizes.length === shape.length) terms.push(shapeTerm(sizes))
  return terms
}

/**
 * Every set of words is a pass of its own, the heaviest first: so the best rows come first, and pages need no memory. The
 * weight of a word is its inverse document frequency (Robertson and Sparck Jones 1976, as in BM25) over models.
 */
async function passesOf(store: Pick<TenantStore, 'countTerm'>, words: readonly string[]): Promise<Pass[]> {
  const models = await store.countTerm(indexedTerm)
  const weights = await Promise.all(
    words.map(async (word) => wordWeight(models, await store.countTerm(wordTerm(word)))),
  )
  const sets = Array.from({ length: 2 ** words.length }, (_, bits) => words.filter((_word, at) => (bits >> at) & 1))
  const passes = sets.map((set) => ({
    words: set,
    weight: set.reduce((sum, word) => sum + weights[words.indexOf(word)]!, 0),
  }))
  if (words.length === 0) return passes
  return passes
    .filter((pass) => pass.words.length > 0)
    .sort(
      (a, b) => b.weight - a.weight || b.words.length - a.words.length || (String(a.words) < String(b.words) ? -1 : 1),
    )
}

export function wordWeight(models: number, modelsWithWord: number): number {
  const count = Math.min(models, modelsWithWord)
  return Math.log(1 + (models - count + 0.5) / (count + 0.5))
}

/** Terms of one pass: the first one leads, the others are looked up in each model that it finds. */
export function termsOfPass(plan: Plan, pass: Pass, modelId?: ModelId): [lead: string, ...others: string[]] {
  const terms = plan.terms.map(({ term }) => term)
  if (modelId !== undefined) return [idTerm(modelId), ...terms]
  const words = pass.words.map(wordTerm)
  // The rarest leads. Without a word that is known already; a word is at least as rare as `indexedTerm`.
  const [rarest, ...rest] = terms
  return rarest === indexedTerm && words.length > 0
    ? [words[0]!, ...words.slice(1), ...rest]
    : [rarest!, ...rest, ...words]
}

function checkRanges({ layers, experts, sizeBytes, keyPattern, words }: Query): void {
  for (const [name, range] of Object.entries({ layer: layers, expert: experts, size: sizeBytes })) {
    if (range !== undefined && (range.min ?? 0) > (range.max ?? Number.MAX_SAFE_INTEGER))
      throw new HartonomousError('ERR_QUERY_INVALID', {
        reason: `${name}: nothing is from ${range.min} to ${range.max}`,
      })
  }
  if ((keyPattern?.split('*').length ?? 1) - 1 > keyPatternStarsMax)
    throw new HartonomousError('ERR_QUERY_INVALID', {
      reason: `name: a pattern has at most ${keyPatternStarsMax} stars`,
    })
  if (new Set(words).size !== words.length)
    throw new HartonomousError('ERR_QUERY_INVALID', { reason: 'a word is given twice' })
}

/** The plan in sentences, for people who want to know why an answer took its time. */
export function explainPlan(plan: Plan): string[] {
  const { query, terms, passes, modelIds } = plan
  const asked = terms.filter(({ term }) => term !== indexedTerm)
  const conditions = asked.map(({ term, count }) => `${term} (${count})`).join(', then ')
  const lines = [
    modelIds.length > 0
      ? `models: ${modelIds.length} named${conditions === '' ? '' : `, of which those with ${conditions}`}`
      : conditions === ''
        ? `models: all of this node (${terms[0]!.count})`
        : `models: those with ${conditions}`,
  ]
  const components = [
    ['kind', query.kinds.join(' or ')],
    ['layer', rangeText(query.layers)],
    ['expert', rangeText(query.experts)],
    ['size', rangeText(query.sizeBytes)],
    ['name', query.keyPattern ?? ''],
    ['dtype', query.dtypes.join(' or ')],
    ['shape', query.shape.map((size) => size ?? '*').join('x')],
  ].filter(([, value]) => value !== '')
  lines.push(
    components.length === 0
      ? 'components: all of each model, in the order of their keys'
      : `components: in the order of their keys, those with ${components.map(([name, value]) => `${name} ${value}`).join(', ')}`,
  )
  if (query.words.length > 0) {
    lines.push('words: read in names and short metadata, not in weights; the rarer a word, the more it counts')
    for (const { words, weight } of passes) lines.push(`  ${weight.toFixed(3)}  ${words.join(' ')}`)
  }
  return lines
}

function rangeText(range: Query['layers']): string {
  if (range === undefined) return ''
  if (range.min === range.max) return String(range.min)
  return `${range.min ?? ''}..${range.max ?? ''}`
}
