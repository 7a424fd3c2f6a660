/** What the address of models and a model keeps: whoever opens it sees the same. */
import * as z from 'zod/mini'

/** What cannot be read is left out: an old link still opens its page. */
const kept = <T extends z.ZodMiniType>(schema: T) => z.catch(z.optional(schema), undefined)
const text = kept(z.string().check(z.minLength(1), z.maxLength(512)))

export const modelSorts = ['name', 'size', 'holders', 'answerers', 'price', 'age'] as const
export type ModelSort = (typeof modelSorts)[number]
/** `scarce`: one whole copy at most. */
export const modelShows = ['all', 'answered', 'scarce'] as const
export type ModelShow = (typeof modelShows)[number]

export const modelsSearch = z.object({
  sort: kept(z.enum(modelSorts)),
  order: kept(z.enum(['asc', 'desc'])),
  show: kept(z.enum(modelShows)),
  /** In names, publishers, licences and ids. */
  find: text,
})
export type ModelsSearch = z.output<typeof modelsSearch>

export const modelSearch = z.object({
  /** Rows of the tree that are open, with spaces between: `layer-3 blk.3.ffn`; `layers` for all layers. */
  open: kept(z.string().check(z.maxLength(4096))),
  /** The selected layer or component. */
  part: text,
  /** The selected tensor. */
  tensor: text,
  /** First row of the tensor that is drawn. */
  row: kept(z.int().check(z.gte(0))),
  /** In keys and names of tensors. */
  find: text,
})
export type ModelSearch = z.output<typeof modelSearch>
