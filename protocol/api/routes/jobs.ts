import { z } from 'zod'
import {
  batchItem,
  batchItemResult,
  jobEvent,
  jobKinds,
  jobResult,
  jobStates,
  jobView,
  privacyLabels,
  quoteView,
  submitRequest,
} from '../jobs.ts'
import { receiptView } from '../network.ts'
import { nextCursor, pageQuery, route } from './shape.ts'

const jobParams = z.strictObject({ jobId: z.string().min(1).max(128) })

/** The longest that a request for a result waits: under the half minute after which proxies give up. */
export const resultWaitMsMax = 25_000

export const jobRoutes = {
  quoteJob: route({
    method: 'POST',
    path: '/api/v1/quotes',
    tag: 'jobs',
    scope: 'jobs:read',
    summary: 'What a job would take: plan, nodes, range of prices, time and privacy. Promises and reserves nothing.',
    body: submitRequest,
    answer: { type: 'json', schema: quoteView },
    errors: ['ERR_NOT_FOUND', 'ERR_NO_SOURCE'],
    mcp: 'quote_job',
    cli: 'jobs quote',
  }),
  submitJob: route({
    method: 'POST',
    path: '/api/v1/jobs',
    tag: 'jobs',
    scope: 'jobs:write',
    summary: 'Submits a job; when the answer comes it is durable. The same Idempotency-Key is the same job.',
    headers: ['Idempotency-Key'],
    query: z.strictObject({
      kind: z.literal('batch').exactOptional().describe('With a JSONL body: one item per line.'),
      privacy: z.enum(privacyLabels).exactOptional().describe('With a JSONL body, which has no terms.'),
      maxPriceWei: z
        .string()
        .regex(/^\d{1,30}$/)
        .exactOptional()
        .describe('With a JSONL body.'),
    }),
    body: submitRequest,
    bodyLines: batchItem,
    answer: { type: 'json', schema: jobView },
    status: 201,
    errors: ['ERR_IDEMPOTENCY', 'ERR_REFUSED_BY_POLICY', 'ERR_LIMIT', 'ERR_NOT_FOUND'],
    mcp: 'submit_job',
    cli: 'jobs submit',
  }),
  listJobs: route({
    method: 'GET',
    path: '/api/v1/jobs',
    tag: 'jobs',
    scope: 'jobs:read',
    summary: "The caller's jobs, newest first.",
    query: z.strictObject({
      ...pageQuery,
      state: z
        .string()
        .transform((text) => text.split(','))
        .pipe(z.array(z.enum(jobStates)))
        .exactOptional()
        .describe('One or several, with commas.'),
      kind: z.enum(jobKinds).exactOptional(),
      parentJobId: z.string().min(1).max(128).exactOptional(),
    }),
    answer: { type: 'json', schema: z.object({ jobs: z.array(jobView), nextCursor }) },
    errors: [],
    mcp: 'job_status',
    cli: 'jobs list',
  }),
  getJob: route({
    method: 'GET',
    path: '/api/v1/jobs/{jobId}',
    tag: 'jobs',
    scope: 'jobs:read',
    summary: 'Where a job is: its phases with their times, its attempts, and why.',
    params: jobParams,
    answer: { type: 'json', schema: jobView },
    errors: ['ERR_NOT_FOUND'],
    mcp: 'job_status',
    cli: 'jobs show',
  }),
  cancelJob: route({
    method: 'DELETE',
    path: '/api/v1/jobs/{jobId}',
    tag: 'jobs',
    scope: 'jobs:write',
    summary: 'Cancels a job; of one that has ended it changes nothing.',
    params: jobParams,
    answer: { type: 'json', schema: jobView },
    errors: ['ERR_NOT_FOUND'],
    mcp: 'cancel_job',
    cli: 'jobs cancel',
  }),
  jobEvents: route({
    method: 'GET',
    path: '/api/v1/jobs/{jobId}/events',
    tag: 'jobs',
    scope: 'jobs:read',
    summary: 'What happens to a job, from its beginning or behind an event; ends with the job.',
    headers: ['Last-Event-ID'],
    params: jobParams,
    query: z.strictObject({
      after: z.coerce.number().int().min(0).exactOptional().describe('`seq` of the last event that is known.'),
    }),
    answer: { type: 'events', schema: jobEvent },
    errors: ['ERR_NOT_FOUND', 'ERR_LIMIT'],
    mcp: { no: 'a tool answers once; job_result waits' },
    cli: 'jobs watch',
  }),
  jobResult: route({
    method: 'GET',
    path: '/api/v1/jobs/{jobId}/result',
    tag: 'jobs',
    scope: 'jobs:read',
    summary: 'What a job gave. A batch gives JSONL to who accepts application/jsonl.',
    params: jobParams,
    query: z.strictObject({
      waitMs: z.coerce
        .number()
        .int()
        .min(0)
        .max(resultWaitMsMax)
        .exactOptional()
        .describe('Waits so long for the end before it says ERR_JOB_UNFINISHED.'),
    }),
    answer: { type: 'json', schema: jobResult, jsonl: batchItemResult },
    errors: ['ERR_NOT_FOUND', 'ERR_JOB_UNFINISHED', 'ERR_JOB_FAILED'],
    mcp: 'job_result',
    cli: 'jobs result',
  }),
  jobRequest: route({
    method: 'GET',
    path: '/api/v1/jobs/{jobId}/request',
    tag: 'jobs',
    scope: 'jobs:read',
    summary: 'What was asked for: the work and its terms, as the job has them.',
    params: jobParams,
    answer: { type: 'json', schema: submitRequest },
    errors: ['ERR_NOT_FOUND'],
    mcp: { no: 'whoever submitted a job knows what it asked for' },
    cli: 'jobs show',
  }),
  jobReceipts: route({
    method: 'GET',
    path: '/api/v1/jobs/{jobId}/receipts',
    tag: 'jobs',
    scope: 'jobs:read',
    summary: 'Signed statements of the nodes that worked on a job.',
    params: jobParams,
    answer: { type: 'json', schema: z.object({ receipts: z.array(receiptView) }) },
    errors: ['ERR_NOT_FOUND'],
    mcp: { no: 'job_status says what was charged; receipts are for who checks signatures' },
    cli: 'jobs show',
  }),
  approveJob: route({
    method: 'POST',
    path: '/api/v1/jobs/{jobId}/approvals',
    tag: 'jobs',
    scope: 'jobs:write',
    summary: 'Answers a step of a workflow that waits for a person.',
    params: jobParams,
    body: z.strictObject({ step: z.string().min(1).max(96), isApproved: z.boolean() }),
    answer: { type: 'json', schema: jobView },
    errors: ['ERR_NOT_FOUND'],
    mcp: { no: 'an approval is a decision of a person, which no agent may take' },
    cli: 'jobs approve',
  }),
}
