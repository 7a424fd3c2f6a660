/** Answers a query from one store, page by page. What one page may cost is bounded, whatever was asked. */
import { HartonomousError } from '#protocol/errors.ts'
import { type ModelId, tryParseModelId } from '#protocol/ids.ts'
import { queryCursorBytesMax, queryExaminedMax, queryModelsExaminedMax, queryRowsMax } from '#protocol/limits.ts'
import type { Query, QueryHit } from '#protocol/query/message.ts'
import { componentWords, modelWordTerm } from '#sql/store/search-terms.ts'
import type { ComponentHit, TenantStore } from '#sql/store/types.ts'
import { fitsTensors, hitOf } from './match.ts'
import { type Pass, type Plan, planQuery, termsOfPass } from './plan.ts'

type QueryStore = Pick<TenantStore, 'countTerm' | 'findModels' | 'findComponents' | 'termsOf'>

export interface FindOptions {
  /** `queryRowsMax` at most. */
  limit?: number
  /** Of the page before; it holds for the same query only. */
  cursor?: string
  /** Leaves models out that the search index cannot judge, such as those with too many holders. */
  accepts?: (modelId: ModelId) => boolean
}

export interface FindPage {
  hits: QueryHit[]
  /** Absent on the last page. */
  nextCursor?: string
  plan: Plan
  /** Looked at for this page. */
  examined: { models: number; components: number }
}

/** Where a page ended. */
interface Place {
  pass: number
  /** The last model that was looked at. */
  modelId?: ModelId
  /** Its last component; absent where all of them were looked at. */
  key?: string
}

/** Models and components are read in parts of so many. */
const modelsPerRead = 32
const componentsPerRead = 200

/** @throws {ERR_QUERY_INVALID} {ERR_USAGE} for a cursor that is none */
export async function find(store: QueryStore, query: Query, options: FindOptions = {}): Promise<FindPage> {
  const plan = await planQuery(store, query)
  const search = new Search(store, plan, options)
  const place = await search.run(parseCursor(options.cursor))
  const { hits, examined } = search
  return { hits, plan, examined, ...(place === undefined ? {} : { nextCursor: JSON.stringify(place) }) }
}

class Search {
  readonly hits: QueryHit[] = []
  readonly examined = { models: 0, components: 0 }
  readonly #store: QueryStore
  readonly #plan: Plan
  readonly #limit: number
  readonly #accepts: (modelId: ModelId) => boolean

  constructor(store: QueryStore, plan: Plan, { limit = queryRowsMax, accepts = () => true }: FindOptions) {
    this.#store = store
    this.#plan = plan
    this.#limit = Math.min(limit, queryRowsMax)
    this.#accepts = accepts
  }

  /** Returns where the next page goes on; `undefined` at the end. */
  async run(from: Place): Promise<Place | undefined> {
    for (let pass = from.pass; pass < this.#plan.passes.length; pass++) {
      const place = await this.#runPass(pass, pass === from.pass ? from : { pass })
      if (place !== undefined) return place
    }
    return undefined
  }

  async #runPass(pass: number, from: Place): Promise<Place | undefined> {
    if (from.modelId !== undefined && from.key !== undefined) {
      const place = await this.#runModel(pass, from.modelId, from.key)
      if (place !== undefined) return place
    }
    for await (const modelId of this.#models(this.#plan.passes[pass]!, from.modelId)) {
      this.examined.models++
      const place = this.#accepts(modelId) ? await this.#runModel(pass, modelId) : undefined
      if (place !== undefined) return place
      if (this.#isPageFull()) return { pass, modelId }
    }
    return undefined
  }

  async *#models(pass: Pass, after?: ModelId): AsyncGenerator<ModelId> {
    const { modelIds } = this.#plan
    for (const modelId of modelIds) {
      if (after !== undefined && modelId <= after) continue
      const [term, ...all] = termsOfPass(this.#plan, pass, modelId)
      yield* await this.#store.findModels({ term, all, limit: 1 })
    }
    if (modelIds.length > 0) return
    const [term, ...all] = termsOfPass(this.#plan, pass)
    for (let last = after; ; ) {
      const page = await this.#store.findModels({
        term,
        all,
        limit: modelsPerRead,
        ...(last === undefined ? {} : { after: last }),
      })
      yield* page
      last = page.at(-1)
      if (page.length < modelsPerRead) return
    }
  }

  async #runModel(pass: number, modelId: ModelId, afterKey?: string): Promise<Place | undefined> {
    const { words } = this.#plan.query
    const found = words.length === 0 ? [] : await this.#store.termsOf(modelId, words.map(modelWordTerm))
    const modelWords = words.filter((word) => found.includes(modelWordTerm(word)))
    for (let last = afterKey; ; ) {
      const rows = await this.#components(modelId, last)
      for (const row of rows) {
        last = row.key
        this.examined.components++
        const hit = this.#match(row, this.#plan.passes[pass]!, modelWords)
        if (hit !== undefined) this.hits.push(hit)
        if (this.#isPageFull()) return { pass, modelId, key: last }
      }
      if (rows.length < componentsPerRead) return undefined
    }
  }

  #components(modelId: ModelId, afterKey: string | undefined): Promise<ComponentHit[]> {
    const { kinds, layers, experts, sizeBytes, keyPattern } = this.#plan.query
    return this.#store.findComponents({
      modelId,
      kinds,
      ...(layers === undefined ? {} : { layers }),
      ...(experts === undefined ? {} : { experts }),
      ...(sizeBytes === undefined ? {} : { sizeBytes }),
      ...(keyPattern === undefined ? {} : { keyPattern }),
      ...(afterKey === undefined ? {} : { after: { modelId, key: afterKey } }),
      limit: componentsPerRead,
    })
  }

  #match(row: ComponentHit, pass: Pass, modelWords: readonly string[]): QueryHit | undefined {
    const { query } = this.#plan
    if (!fitsTensors(row, query)) return undefined
    const { words } = query
    if (words.length === 0) return hitOf(row, [])
    const own = new Set(
      componentWords(
        row,
        row.tensors.map(({ name }) => name),
      ),
    )
    const matched = words.filter((word) => own.has(word) || modelWords.includes(word))
    // Those with more words, or with others, belong to another pass.
    return String(matched) === String(pass.words) ? hitOf(row, matched) : undefined
  }

  #isPageFull(): boolean {
    return (
      this.hits.length >= this.#limit ||
      this.examined.components >= queryExaminedMax ||
      this.examined.models >= queryModelsExaminedMax
    )
  }
}

function parseCursor(text: string | undefined): Place {
  if (text === undefined) return { pass: 0 }
  const place = text.length > queryCursorBytesMax ? undefined : tryParse(text)
  if (place === undefined)
    throw new HartonomousError('ERR_USAGE', { message: `not a cursor: ${JSON.stringify(text.slice(0, 40))}` })
  return place
}

function tryParse(text: string): Place | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { pass, modelId, key } = value as Record<string, unknown>
  if (!Number.isSafeInteger(pass) || (pass as number) < 0) return undefined
  if (modelId !== undefined && (typeof modelId !== 'string' || tryParseModelId(modelId) === undefined)) return undefined
  if (key !== undefined && (typeof key !== 'string' || modelId === undefined)) return undefined
  return value as Place
}
