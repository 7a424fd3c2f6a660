/**
 * What agents can do: each tool is a call or two of the API's own routes, with the schemas of those. They know a caller of
 * routes and nothing else, so that they are the same in the coordinator and in `hart mcp`, and no right is decided here.
 */
import { z } from 'zod'
import type { CallRoute } from '#protocol/api/client.ts'
import { sqlRequest, sqlView } from '#protocol/api/control.ts'
import {
  chatMessage,
  chatWork,
  jobResult,
  jobStates,
  jobView,
  privacyLabels,
  quoteView,
  submitRequest,
} from '#protocol/api/jobs.ts'
import { networkSnapshot, nodeView, swarmModelView } from '#protocol/api/network.ts'
import { findRequest, foundView, loadPlanView, loadRequest, walkRequest, walkView } from '#protocol/api/query.ts'
import { resultWaitMsMax } from '#protocol/api/routes/jobs.ts'
import { nextCursor, pageQuery } from '#protocol/api/routes/shape.ts'
import { isHartonomousError } from '#protocol/errors.ts'
import { idempotencyKeyBytesMax } from '#protocol/limits.ts'
import { second } from '#protocol/units.ts'

export interface Tool<I extends z.ZodObject = z.ZodObject, O extends z.ZodObject = z.ZodObject> {
  title: string
  description: string
  input: I
  output: O
  /** What it changes, as hints for who asks a person first. */
  effect: 'reads' | 'works' | 'ends'
  run: (args: z.output<I>, call: CallRoute, signal: AbortSignal) => Promise<z.input<O>>
}

function tool<I extends z.ZodObject, O extends z.ZodObject>(made: Tool<I, O>): Tool<I, O> {
  return made
}

const jobId = z.string().min(1).max(128)
const waitSecondsMax = 300
const waitSeconds = z
  .int()
  .min(0)
  .max(waitSecondsMax)
  .exactOptional()
  .describe('Waits so long for the end; 60 unless given.')
const waitSecondsDefault = 60
const page = {
  cursor: pageQuery.cursor,
  limit: z.int().min(1).max(200).exactOptional().describe('At most; 20 unless given.'),
}
const limitDefault = 20

export const tools = {
  list_models: tool({
    title: 'List models',
    description:
      'Models that the swarm offers: names, licences, sizes, how many nodes answer prompts with them, prices in wei.',
    input: z.strictObject(page),
    output: z.object({ models: z.array(swarmModelView), nextCursor }),
    effect: 'reads',
    run: (query, call, signal) => call('listModels', { query: { limit: limitDefault, ...query } }, { signal }),
  }),
  network_state: tool({
    title: 'State of the network',
    description:
      'How many nodes, slots and jobs there are now, and the nodes themselves with state, reason, models and price.',
    input: z.strictObject({
      ...page,
      modelId: z.string().min(1).max(256).exactOptional(),
      state: nodeView.shape.state.exactOptional(),
    }),
    output: z.object({ totals: networkSnapshot.shape.totals, nodes: z.array(nodeView), nextCursor }),
    effect: 'reads',
    run: async (query, call, signal) => {
      const { totals } = await call('networkSnapshot', {}, { signal })
      return { totals, ...(await call('listNodes', { query: { limit: limitDefault, ...query } }, { signal })) }
    },
  }),
  find_components: tool({
    title: 'Find components',
    description:
      'Finds components (attention, ffn, experts, norms, …) of models by a query such as `kind:ffn layer:3-8 model:NAME words`.',
    input: findRequest,
    output: foundView,
    effect: 'reads',
    run: (body, call, signal) => call('find', { body: { limit: limitDefault, ...body } }, { signal }),
  }),
  map_components: tool({
    title: 'Map components',
    description: 'Walks the map of a model from component keys: what follows, contains or uses them, a few hops far.',
    input: walkRequest,
    output: walkView,
    effect: 'reads',
    run: (body, call, signal) => call('walk', { body }, { signal }),
  }),
  plan_load: tool({
    title: 'Plan a load',
    description:
      'What loading found components would take: sizes, sources, time, and whether they would answer as the whole model does.',
    input: loadRequest,
    // Ranges and hashes are thousands of lines that only a fetcher reads.
    output: z.object({ plans: z.array(loadPlanView.omit({ ranges: true }).extend({ rangeCount: z.int() })) }),
    effect: 'reads',
    run: async (body, call, signal) => {
      const { plans } = await call('planLoad', { body }, { signal })
      return { plans: plans.map(({ ranges, ...plan }) => ({ ...plan, rangeCount: ranges.length })) }
    },
  }),
  run_sql: tool({
    title: 'Run SQL',
    description:
      'Read-only SQL over the documented views of the shard database; the resource hartonomous://sql lists them.',
    input: sqlRequest,
    output: sqlView,
    effect: 'reads',
    run: (body, call, signal) => call('sql', { body: { rowsMax: 200, ...body } }, { signal }),
  }),
  quote_job: tool({
    title: 'Quote a job',
    description: 'What a job would cost and take, which nodes could do it, and who would see it. Starts nothing.',
    input: submitRequest,
    output: quoteView,
    effect: 'reads',
    run: (body, call, signal) => call('quoteJob', { body }, { signal }),
  }),
  submit_job: tool({
    title: 'Submit a job',
    description:
      'Starts a chat, completion, embedding, pull, batch or workflow on the swarm; it may cost up to terms.maxPriceWei. ' +
      'With the same idempotencyKey it is the same job. Ask job_result for what it gave.',
    input: submitRequest.extend({ idempotencyKey: z.string().min(1).max(idempotencyKeyBytesMax).exactOptional() }),
    output: jobView,
    effect: 'works',
    run: ({ idempotencyKey, ...body }, call, signal) =>
      call('submitJob', { body }, { signal, ...(idempotencyKey === undefined ? {} : { idempotencyKey }) }),
  }),
  job_status: tool({
    title: 'Status of jobs',
    description: 'Where a job is and why, with its phases and attempts; without jobId the newest jobs.',
    input: z.strictObject({ jobId: jobId.exactOptional(), state: z.enum(jobStates).exactOptional(), ...page }),
    output: z.object({ jobs: z.array(jobView), nextCursor }),
    effect: 'reads',
    run: async ({ jobId: one, state, ...query }, call, signal) => {
      if (one !== undefined) return { jobs: [await call('getJob', { params: { jobId: one } }, { signal })] }
      const states = state === undefined ? {} : { state: [state] }
      return call('listJobs', { query: { limit: limitDefault, ...query, ...states } }, { signal })
    },
  }),
  job_result: tool({
    title: 'Result of a job',
    description: 'What a job gave; waits for its end for a while. ERR_JOB_UNFINISHED means: ask again later.',
    input: z.strictObject({ jobId, waitSeconds }),
    output: z.object({ jobId: z.string(), result: jobResult }),
    effect: 'reads',
    run: async (args, call, signal) => ({ jobId: args.jobId, result: await resultOf(args, call, signal) }),
  }),
  cancel_job: tool({
    title: 'Cancel a job',
    description: 'Cancels a job; what was done until then stays charged. One that has ended is not changed.',
    input: z.strictObject({ jobId }),
    output: jobView,
    effect: 'ends',
    run: ({ jobId: one }, call, signal) => call('cancelJob', { params: { jobId: one } }, { signal }),
  }),
  chat: tool({
    title: 'Chat with a model of the swarm',
    description:
      'Asks a model on the swarm and waits for its answer: submit_job and job_result in one. Where waitSeconds run out, the ' +
      'error names the job: ask job_result for it.',
    input: z.strictObject({
      model: chatWork.shape.model,
      messages: z.array(chatMessage).min(1).max(1024),
      maxTokens: chatWork.shape.maxTokens,
      temperature: chatWork.shape.temperature,
      privacy: z.enum(privacyLabels).exactOptional(),
      maxPriceWei: z
        .string()
        .regex(/^\d{1,30}$/)
        .exactOptional(),
      waitSeconds,
    }),
    output: z.object({
      jobId: z.string(),
      text: z.string(),
      finishReason: z.enum(['stop', 'length']),
      promptTokens: z.int(),
      completionTokens: z.int(),
      chargedWei: z.string(),
    }),
    effect: 'works',
    run: async ({ privacy, maxPriceWei, waitSeconds: wait, ...asked }, call, signal) => {
      const terms = {
        ...(privacy === undefined ? {} : { privacy }),
        ...(maxPriceWei === undefined ? {} : { maxPriceWei }),
      }
      const { jobId: made } = await call('submitJob', { body: { work: { kind: 'chat', ...asked }, terms } }, { signal })
      const waited = wait === undefined ? {} : { waitSeconds: wait }
      const result = await resultOf({ jobId: made, ...waited }, call, signal)
      if (result.kind !== 'chat' && result.kind !== 'completion') throw new Error(`a chat gave a ${result.kind}`)
      const { text, finishReason, promptTokens, completionTokens } = result
      const { chargedWei } = await call('getJob', { params: { jobId: made } }, { signal })
      return { jobId: made, text, finishReason, promptTokens, completionTokens, chargedWei }
    },
  }),
}

export type ToolName = keyof typeof tools

/** In turns of one request each. @throws {ERR_JOB_UNFINISHED} when the time is over {ERR_JOB_FAILED} */
async function resultOf(
  { jobId: one, waitSeconds: wait = waitSecondsDefault }: { jobId: string; waitSeconds?: number },
  call: CallRoute,
  signal: AbortSignal,
) {
  const untilMs = performance.now() + wait * second
  for (;;) {
    const leftMs = Math.max(0, Math.round(untilMs - performance.now()))
    try {
      const query = { waitMs: Math.min(leftMs, resultWaitMsMax) }
      return await call('jobResult', { params: { jobId: one }, query }, { signal })
    } catch (error) {
      if (!isHartonomousError(error, 'ERR_JOB_UNFINISHED') || leftMs === 0) throw error
    }
  }
}
