/**
 * Jobs, as the coordinator's API takes and gives them. Times in ms since 1970 (`…AtMs`) or ms (`…Ms`), sizes in bytes,
 * money as decimal digits of wei.
 */
import { z } from 'zod'
import {
  batchItemsMax,
  embeddingInputsMax,
  idempotencyKeyBytesMax,
  jobTextBytesMax,
  jobTimeoutMsMax,
  workflowInputBytesMax,
} from '../limits.ts'
import { workflowGraph } from './workflow.ts'

/** What a job goes through, in this order; one that needs no bytes or no engine passes over those phases. */
export const jobPhases = ['queued', 'fetching', 'loading', 'running', 'returning'] as const
export type JobPhase = (typeof jobPhases)[number]

/** `waiting`: for a person's approval. The last three are final: a job ends in exactly one of them. */
export const jobStates = [...jobPhases, 'waiting', 'succeeded', 'failed', 'cancelled'] as const
export type JobState = (typeof jobStates)[number]
export const finalJobStates = ['succeeded', 'failed', 'cancelled'] as const
export const openJobStates = [...jobPhases, 'waiting'] as const
export type FinalJobState = (typeof finalJobStates)[number]

export function isFinalJobState(state: JobState): state is FinalJobState {
  return (finalJobStates as readonly JobState[]).includes(state)
}

const model = z.string().min(1).max(2048).describe('Name of a release, or a model id.')
const wei = z.string().regex(/^\d{1,30}$/, 'decimal digits of wei')
const timeout = z.int().min(1).max(jobTimeoutMsMax)

const sampling = {
  temperature: z.number().min(0).max(2).optional(),
  topP: z.number().min(0).max(1).optional(),
  topK: z.int().min(0).max(1_000_000).optional(),
  seed: z.int().optional(),
  maxTokens: z.int().min(1).max(32_768).optional(),
  stop: z.array(z.string().min(1).max(256)).max(16).optional(),
}

export const chatMessage = z.object({
  role: z.enum(['system', 'user', 'assistant']),
  content: z.string().max(jobTextBytesMax),
})

export const chatWork = z.object({
  kind: z.literal('chat'),
  model,
  messages: z.array(chatMessage).min(1).max(1024),
  ...sampling,
})

export const completionWork = z.object({
  kind: z.literal('completion'),
  model,
  prompt: z.string().max(jobTextBytesMax),
  ...sampling,
})

export const embeddingWork = z.object({
  kind: z.literal('embedding'),
  model,
  input: z.array(z.string().min(1).max(jobTextBytesMax)).min(1).max(embeddingInputsMax),
})

/** The model, or those components, into the shard of the coordinator's own node. */
export const pullWork = z.object({
  kind: z.literal('pull'),
  model,
  components: z.array(z.string().min(1).max(256)).min(1).max(4096).optional(),
})

/** Of a batch each item is a job of its own; `batch` and `workflow` hold no further batch. */
export const itemWork = z.discriminatedUnion('kind', [chatWork, completionWork, embeddingWork])
export type ItemWork = z.infer<typeof itemWork>

export const batchWork = z.object({
  kind: z.literal('batch'),
  /** As the lines of a JSONL file; `id` comes back with the result. */
  items: z
    .array(z.object({ id: z.string().min(1).max(256), work: itemWork }))
    .min(1)
    .max(batchItemsMax),
})

export const workflowWork = z.object({
  kind: z.literal('workflow'),
  /** A graph, or the name of one that is shipped or was saved. */
  workflow: z.union([workflowGraph, z.string().min(1).max(96)]),
  /** JSON, up to `workflowInputBytesMax` as text. */
  input: z.json().refine((value) => JSON.stringify(value).length <= workflowInputBytesMax, 'too long'),
})

export const work = z.discriminatedUnion('kind', [
  chatWork,
  completionWork,
  embeddingWork,
  pullWork,
  batchWork,
  workflowWork,
])
export type Work = z.infer<typeof work>
export type JobKind = Work['kind']
export const jobKinds = ['chat', 'completion', 'embedding', 'pull', 'batch', 'workflow'] as const satisfies JobKind[]

/** Who may do the work. `trusted`: nodes with a bond that nothing speaks against; `local`: the coordinator's own node. */
export const privacyLabels = ['public', 'trusted', 'local'] as const
export type PrivacyLabel = (typeof privacyLabels)[number]

export const jobTerms = z.object({
  privacy: z.enum(privacyLabels).optional(),
  /** ISO 3166-1 alpha-2, as nodes declare it. */
  regions: z.array(z.string().length(2)).min(1).max(32).optional(),
  /** The most that the job may cost; without it the coordinator's own bound holds. */
  maxPriceWei: wei.optional(),
  /** A second node is asked when the first is slow to begin. */
  hedge: z.boolean().optional(),
  /** Nodes tried, one after the other. */
  attemptsMax: z.int().min(1).max(10).optional(),
  timeoutsMs: z
    .object({ queued: timeout, fetching: timeout, loading: timeout, running: timeout, returning: timeout })
    .partial()
    .optional(),
})
export type JobTerms = z.infer<typeof jobTerms>

export const submitRequest = z.object({ work, terms: jobTerms.optional() })
export type SubmitRequest = z.infer<typeof submitRequest>

export const idempotencyKey = z.string().min(1).max(idempotencyKeyBytesMax)

export interface JobErrorView {
  code: string
  message: string
  /** Of the error, as the registry of errors has them. */
  fields: Record<string, unknown>
  /** Where it stood when it failed. */
  phase: JobPhase
}

/** One try on one node. */
export interface AttemptView {
  attempt: number
  /** The peer id of the node; `self` for the coordinator's own. */
  peerId: string
  startedAtMs: number
  endedAtMs?: number
  /** `won`: its output is the job's. `lost`: another was faster. `failed`, `cancelled`. */
  outcome?: 'won' | 'lost' | 'failed' | 'cancelled'
  isHedge: boolean
  /** Whose fault a failure was, where evidence shows it: `node`, `requester`, `coordinator`, or nobody's. */
  blame?: 'node' | 'requester' | 'coordinator' | 'none'
  error?: { code: string; message: string }
  firstTokenMs?: number
  promptTokens?: number
  completionTokens?: number
  paidWei?: string
}

export interface JobView {
  jobId: string
  kind: JobKind
  state: JobState
  /** Each phase that the job has entered, in order. `done` of `total` where it can be counted. */
  phases: { phase: JobPhase; sinceMs: number; endedAtMs?: number; done?: number; total?: number }[]
  /** Why it is where it is, in one sentence. */
  reason: string
  model?: string
  parentJobId?: string
  privacy: PrivacyLabel
  createdAtMs: number
  updatedAtMs: number
  finishedAtMs?: number
  attempts: AttemptView[]
  /** What the tenant was charged; final with the job. */
  chargedWei: string
  error?: JobErrorView
}

/** Same events over SSE and in the store; `seq` grows by one within a job and is the SSE id. */
export type JobEvent = { seq: number; atMs: number } & JobEventBody

export type JobEventBody =
  | { type: 'state'; state: JobState; reason: string }
  | { type: 'progress'; phase: JobPhase; done: number; total: number }
  /** Text so far is void: another node begins anew. */
  | { type: 'attempt'; attempt: number; peerId: string; isHedge: boolean }
  /** Text that became final, joined over some 200 ms. */
  | { type: 'text'; text: string; tokens: number }
  /** Of a workflow: a step began, ended, failed or waits. */
  | { type: 'step'; step: string; status: 'started' | 'succeeded' | 'failed' | 'waiting'; detail?: string }

export type JobResult =
  | {
      kind: 'chat' | 'completion'
      text: string
      finishReason: 'stop' | 'length'
      promptTokens: number
      completionTokens: number
    }
  | { kind: 'embedding'; vectors: number[][]; dimensions: number; quality: 'encoder' | 'low'; promptTokens: number }
  | { kind: 'pull'; modelId: string; name: string; bytes: number }
  | { kind: 'batch'; items: { id: string; jobId: string; result?: JobResult; error?: JobErrorView }[] }
  | { kind: 'workflow'; output: unknown }

/** What a job would take, before it is submitted. Prices between the cheapest and the dearest node that may do it. */
export interface QuoteView {
  model?: string
  modelId?: string
  plan: string[]
  nodes: { peerId: string; reason: string; weiPerKiloToken: string; queueEtaMs: number }[]
  priceWei: { min: string; max: string }
  promptTokens: number
  completionTokensMax: number
  etaMs?: number
  privacy: { label: PrivacyLabel; meaning: string }
}
