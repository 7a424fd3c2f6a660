/** Query: finds components of models on a peer. A bounded plan in, a page of rows out. */
import type { ModelId } from '../ids.ts'

export const componentKinds = ['embedding', 'attention', 'ffn', 'expert', 'router', 'norm', 'head', 'other'] as const
export type ComponentKind = (typeof componentKinds)[number]

/** Both ends belong to it; an absent one is open. */
export interface NumberRange {
  min?: number
  max?: number
}

/** A value of a model's metadata: `general.architecture` = `llama`; without a value the path must only be there. */
export interface MetaFilter {
  path: string
  value?: string
}

/** What a component must be. Everything given must hold; of a list, one entry. Empty lists ask for nothing. */
export interface Query {
  /** At most `queryModelsMax`; empty: of any model. */
  modelIds: ModelId[]
  kinds: ComponentKind[]
  /** Block numbers. A component without one is in no range. */
  layers?: NumberRange
  experts?: NumberRange
  sizeBytes?: NumberRange
  /** Number formats of at least one of its tensors. */
  dtypes: string[]
  /** Of at least one of its tensors, slowest dimension first; null is any size. Empty: any shape. */
  shape: (number | null)[]
  /** SPDX expression of a release of the model. */
  licence?: string
  meta: MetaFilter[]
  /** Of component keys; `*` any run of characters, `?` any one. */
  keyPattern?: string
  /**
   * Words in names of components, tensors and releases and in metadata: they rank. It reads names, not meaning. Lower case,
   * at most `queryWordsMax`.
   */
  words: string[]
}

/** Ranks by nearness in an embedding space instead of by words. */
export interface LikeQuery {
  /** Its name: only vectors of the same space can be compared. */
  space: string
  /** f32, little endian, of length 1. */
  vector: Uint8Array
}

export interface QueryRequest {
  query: Query
  /** With it the answer is one page, nearest first. */
  like?: LikeQuery
  /** Rows wanted, at most `queryRowsMax`. */
  limit: number
  /** Opaque; empty for the first page. */
  cursor: Uint8Array
}

export interface QueryTensor {
  name: string
  dtype: string
  /** Slowest dimension first. */
  shape: number[]
  sizeBytes: number
}

/** A component that was found. What it says follows from the model's content alone, so anyone can check it. */
export interface QueryHit {
  modelId: ModelId
  key: string
  kind: ComponentKind
  layer?: number
  expert?: number
  sizeBytes: number
  parameterCount: number
  /** Of it on the node that answers. */
  heldBytes: number
  tensors: QueryTensor[]
  /** Words of the query that it has. */
  words: string[]
  /** Cosine of the angle to the vector that was asked for. */
  score?: number
}

export interface QueryResponse {
  /** In the order of the answering node: words by weight, then model id, then key. */
  hits: QueryHit[]
  /** Empty on the last page. A page may hold fewer rows than wanted, even none, and still not be the last. */
  nextCursor: Uint8Array
}
