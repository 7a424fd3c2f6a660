/** Queries over models, as the control API takes and gives them. Sizes in bytes, times in ms. */
import { z } from 'zod'
import { componentKeyBytesMax, mapHopsMax, queryTextBytesMax, queryTotalRowsMax } from '../limits.ts'
import type { QueryHit } from '../query/message.ts'

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
  /** Adds what the found components need to run. */
  closure: scope.optional(),
})
export type LoadRequest = z.infer<typeof loadRequest>

export interface FoundRowView extends QueryHit {
  /** Name of its release. */
  model: string
  /** Other nodes that say that they hold some of the model. */
  holders: number
  /** Peers that answered with it. */
  peers: string[]
  /** False: a peer says so, and this node has not read the model's content block yet. */
  isChecked: boolean
}

export interface FoundView {
  rows: FoundRowView[]
  isTruncated: boolean
  /** How it was looked for, in sentences. */
  explain: string[]
  asked: { peerId: string; rows: number; error?: string }[]
}

export interface WalkView {
  steps: { key: string; hops: number; via?: { from: string; to: string; kind: string } }[]
  isTruncated: boolean
}

export interface ClosureView {
  modelId: string
  scope: 'part' | 'whole'
  members: { key: string; kind: string; reason: string; sizeBytes: number; heldBytes: number }[]
  sizeBytes: number
  heldBytes: number
}

export interface LoadPlanView {
  modelId: string
  model: string
  /** Components of the whole model. */
  componentCount: number
  components: { key: string; sizeBytes: number; source: 'local' | 'peers' | 'both' | 'nobody' }[]
  /** In the order in which they are read. `roots` are the hashes that the bytes are checked against. */
  ranges: {
    fileIndex: number
    offsetBytes: number
    sizeBytes: number
    firstChunk: number
    chunkCount: number
    roots: string[]
    source: 'local' | 'peers'
  }[]
  sizeBytes: number
  modelBytes: number
  localBytes: number
  /** No peer that was asked has them. */
  missingBytes: number
  sources: { peerId: string; sizeBytes: number }[]
  expectedMs: number
  /** False where the rate of peers had to be assumed. */
  isRateMeasured: boolean
  /** E0: to look at. E1: gives what the whole model gives. */
  execution: { class: 'E0' | 'E1'; reason: string }
}
