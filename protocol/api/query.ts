/** Queries over models, as the control API takes and gives them. Sizes in bytes, times in ms. */
import { z } from 'zod'
import type { ModelId } from '../ids.ts'
import { componentKeyBytesMax, mapHopsMax, queryTextBytesMax, queryTotalRowsMax } from '../limits.ts'
import { componentKinds } from '../query/message.ts'

const model = z.string().min(1).max(2048)
const keys = z.array(z.string().min(1).max(componentKeyBytesMax)).min(1).max(4096)
const scope = z.enum(['part', 'whole'])

export const findRequest = z.object({
  /** `kind:ffn layer:3-8 model:NAME words …` */
  text: z.string().max(queryTextBytesMax),
  limit: z.int().min(1).max(queryTotalRowsMax).optional(),
  /** `local`: this node's store alone. */
  scope: z.enum(['local', 'swarm']).optional(),
})
export type FindRequest = z.infer<typeof findRequest>

export const walkRequest = z.object({
  model,
  keys,
  direction: z.enum(['out', 'in']).optional(),
  hops: z.int().min(1).max(mapHopsMax).optional(),
  kinds: z.array(z.enum(['next', 'contains', 'uses'])).optional(),
})
export type WalkRequest = z.infer<typeof walkRequest>

/** `part`: the layers that the keys span; `whole`: all that answers a prompt. */
export const closureRequest = z.object({ model, keys, scope })
export type ClosureRequest = z.infer<typeof closureRequest>

export const loadRequest = z.object({
  text: z.string().min(1).max(queryTextBytesMax),
  limit: z.int().min(1).max(queryTotalRowsMax).optional(),
  /** Of what is found, only these. */
  keys: keys.optional(),
  /** Adds what the found components need to run. */
  closure: scope.optional(),
})
export type LoadRequest = z.infer<typeof loadRequest>

const size = z.number()

const foundRowView = z.object({
  modelId: z.string() as unknown as z.ZodType<ModelId, string>,
  key: z.string(),
  kind: z.enum(componentKinds),
  layer: z.int().exactOptional(),
  expert: z.int().exactOptional(),
  sizeBytes: size,
  parameterCount: z.number(),
  heldBytes: size.describe('Of it on the node that answers.'),
  tensors: z.array(
    z.object({
      name: z.string(),
      dtype: z.string(),
      shape: z.array(z.int()).describe('Slowest dimension first.'),
      sizeBytes: size,
    }),
  ),
  words: z.array(z.string()).describe('Words of the query that it has.'),
  score: z.number().exactOptional().describe('Cosine of the angle to the vector that was asked for.'),
  model: z.string().describe('Name of its release.'),
  holders: z.int().describe('Other nodes that say that they hold some of the model.'),
  peers: z.array(z.string()).describe('Peers that answered with it.'),
  isChecked: z.boolean().describe("False: a peer says so, and the model's content block has not been read here yet."),
})
export type FoundRowView = z.infer<typeof foundRowView>

export const foundView = z.object({
  rows: z.array(foundRowView),
  isTruncated: z.boolean(),
  explain: z.array(z.string()).describe('How it was looked for, in sentences.'),
  asked: z.array(z.object({ peerId: z.string(), rows: z.int(), error: z.string().exactOptional() })),
})
export type FoundView = z.infer<typeof foundView>

export const walkView = z.object({
  steps: z.array(
    z.object({
      key: z.string(),
      hops: z.int(),
      via: z.object({ from: z.string(), to: z.string(), kind: z.string() }).exactOptional(),
    }),
  ),
  isTruncated: z.boolean(),
})
export type WalkView = z.infer<typeof walkView>

export const closureView = z.object({
  modelId: z.string(),
  scope,
  members: z.array(
    z.object({ key: z.string(), kind: z.string(), reason: z.string(), sizeBytes: size, heldBytes: size }),
  ),
  sizeBytes: size,
  heldBytes: size,
})
export type ClosureView = z.infer<typeof closureView>

export const loadPlanView = z.object({
  modelId: z.string(),
  model: z.string(),
  componentCount: z.int().describe('Components of the whole model.'),
  components: z.array(
    z.object({ key: z.string(), sizeBytes: size, source: z.enum(['local', 'peers', 'both', 'nobody']) }),
  ),
  ranges: z
    .array(
      z.object({
        fileIndex: z.int(),
        offsetBytes: size,
        sizeBytes: size,
        firstChunk: z.int(),
        chunkCount: z.int(),
        roots: z.array(z.string()),
        source: z.enum(['local', 'peers']),
      }),
    )
    .describe('In the order in which they are read. `roots` are the hashes that the bytes are checked against.'),
  sizeBytes: size,
  modelBytes: size,
  localBytes: size,
  missingBytes: size.describe('No peer that was asked has them.'),
  sources: z.array(z.object({ peerId: z.string(), sizeBytes: size })),
  expectedMs: z.number(),
  isRateMeasured: z.boolean().describe('False where the rate of peers had to be assumed.'),
  execution: z
    .object({ class: z.enum(['E0', 'E1']), reason: z.string() })
    .describe('E0: to look at. E1: gives what the whole model gives.'),
})
export type LoadPlanView = z.infer<typeof loadPlanView>
