/**
 * Jobs, as the coordinator's API takes and gives them. Times in ms since 1970 (`…AtMs`) or ms (`…Ms`), sizes in bytes,
 * money as decimal digits of wei.
 */
import { z } from 'zod'
import {
  batchItemsMax,
  embeddingInputsMax,
  idempotencyKeyBytesMax,
  jobForbidCharactersMax,
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

/** As the lines of a JSONL file; `id` comes back with the result. */
export const batchItem = z.object({ id: z.string().min(1).max(256), work: itemWork })

export const batchWork = z.object({
  kind: z.literal('batch'),
  items: z.array(batchItem).min(1).max(batchItemsMax),
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
  forbid: z
    .string()
    .min(1)
    .max(jobForbidCharactersMax)
    .optional()
    .describe('Rules of Cedar, each a `forbid`: what the job, and all that acts for it, may not do besides.'),
  timeoutsMs: z
    .object({ queued: timeout, fetching: timeout, loading: timeout, running: timeout, returning: timeout })
    .partial()
    .optional(),
})
export type JobTerms = z.infer<typeof jobTerms>

export const submitRequest = z.object({ work, terms: jobTerms.optional() })
export type SubmitRequest = z.infer<typeof submitRequest>

export const idempotencyKey = z.string().min(1).max(idempotencyKeyBytesMax)

export const jobErrorView = z.object({
  code: z.string(),
  message: z.string(),
  fields: z.record(z.string(), z.unknown()).describe('Of the error, as the registry of errors has them.'),
  phase: z.enum(jobPhases).describe('Where it stood when it failed.'),
})
export type JobErrorView = z.infer<typeof jobErrorView>

/** One try on one node. */
export const attemptView = z.object({
  attempt: z.int(),
  peerId: z.string().describe("The peer id of the node; `self` for the coordinator's own."),
  startedAtMs: z.number(),
  endedAtMs: z.number().exactOptional(),
  outcome: z
    .enum(['won', 'lost', 'failed', 'cancelled'])
    .exactOptional()
    .describe("`won`: its output is the job's. `lost`: another was faster."),
  isHedge: z.boolean(),
  blame: z
    .enum(['node', 'requester', 'coordinator', 'none'])
    .exactOptional()
    .describe('Whose fault a failure was, where evidence shows it.'),
  error: z.object({ code: z.string(), message: z.string() }).exactOptional(),
  firstTokenMs: z.number().exactOptional(),
  promptTokens: z.int().exactOptional(),
  completionTokens: z.int().exactOptional(),
  paidWei: z.string().exactOptional(),
})
export type AttemptView = z.infer<typeof attemptView>

export const jobView = z.object({
  jobId: z.string(),
  kind: z.enum(jobKinds),
  state: z.enum(jobStates),
  phases: z
    .array(
      z.object({
        phase: z.enum(jobPhases),
        sinceMs: z.number(),
        endedAtMs: z.number().exactOptional(),
        done: z.number().exactOptional(),
        total: z.number().exactOptional(),
      }),
    )
    .describe('Each phase that the job has entered, in order. `done` of `total` where it can be counted.'),
  reason: z.string().describe('Why it is where it is, in one sentence.'),
  model: z.string().exactOptional(),
  parentJobId: z.string().exactOptional(),
  privacy: z.enum(privacyLabels),
  createdAtMs: z.number(),
  updatedAtMs: z.number(),
  finishedAtMs: z.number().exactOptional(),
  attempts: z.array(attemptView),
  chargedWei: z.string().describe('What the tenant was charged; final with the job.'),
  error: jobErrorView.exactOptional(),
})
export type JobView = z.infer<typeof jobView>

export const jobEventBody = z.discriminatedUnion('type', [
  z.object({ type: z.literal('state'), state: z.enum(jobStates), reason: z.string() }),
  z.object({ type: z.literal('progress'), phase: z.enum(jobPhases), done: z.number(), total: z.number() }),
  z
    .object({ type: z.literal('attempt'), attempt: z.int(), peerId: z.string(), isHedge: z.boolean() })
    .describe('Text so far is void: another node begins anew.'),
  z
    .object({ type: z.literal('text'), text: z.string(), tokens: z.int() })
    .describe('Text that became final, joined over some 200 ms.'),
  z
    .object({
      type: z.literal('step'),
      step: z.string(),
      status: z.enum(['started', 'succeeded', 'failed', 'waiting']),
      detail: z.string().exactOptional(),
      value: z
        .json()
        .exactOptional()
        .describe('What a step gave that succeeded, where its JSON has 16 KiB or less. None: it was passed over.'),
    })
    .describe('Of a workflow: a step began, ended, failed or waits.'),
])
export type JobEventBody = z.infer<typeof jobEventBody>

/** Same events over SSE and in the store; `seq` grows by one within a job and is the SSE id. */
export const jobEvent = z.object({ seq: z.int(), atMs: z.number() }).and(jobEventBody)
export type JobEvent = z.infer<typeof jobEvent>

const textResult = z.object({
  kind: z.enum(['chat', 'completion']),
  text: z.string(),
  finishReason: z.enum(['stop', 'length']),
  promptTokens: z.int(),
  completionTokens: z.int(),
})
const embeddingResult = z.object({
  kind: z.literal('embedding'),
  vectors: z.array(z.array(z.number())),
  dimensions: z.int(),
  quality: z.enum(['encoder', 'low']),
  promptTokens: z.int(),
})
const pullResult = z.object({ kind: z.literal('pull'), modelId: z.string(), name: z.string(), bytes: z.number() })
const workflowResult = z.object({ kind: z.literal('workflow'), output: z.unknown() })
export type BatchItemResult = { id: string; jobId: string; result?: JobResult; error?: JobErrorView }
export type JobResult =
  | z.infer<typeof textResult>
  | z.infer<typeof embeddingResult>
  | z.infer<typeof pullResult>
  | { kind: 'batch'; items: BatchItemResult[] }
  | z.infer<typeof workflowResult>

/** One line of a batch's result as JSONL. */
export const batchItemResult: z.ZodType<BatchItemResult> = z.object({
  id: z.string(),
  jobId: z.string(),
  result: z.lazy(() => jobResult).exactOptional(),
  error: jobErrorView.exactOptional(),
})
export const jobResult: z.ZodType<JobResult> = z.union([
  textResult,
  embeddingResult,
  pullResult,
  z.object({ kind: z.literal('batch'), items: z.array(batchItemResult) }),
  workflowResult,
])

/** What a job would take, before it is submitted. Prices between the cheapest and the dearest node that may do it. */
export const quoteView = z.object({
  model: z.string().exactOptional(),
  modelId: z.string().exactOptional(),
  plan: z.array(z.string()),
  nodes: z.array(
    z.object({ peerId: z.string(), reason: z.string(), weiPerKiloToken: z.string(), queueEtaMs: z.number() }),
  ),
  priceWei: z.object({ min: z.string(), max: z.string() }),
  promptTokens: z.int(),
  completionTokensMax: z.int(),
  etaMs: z.number().exactOptional(),
  privacy: z.object({ label: z.enum(privacyLabels), meaning: z.string() }),
})
export type QuoteView = z.infer<typeof quoteView>
