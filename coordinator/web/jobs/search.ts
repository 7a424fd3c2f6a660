/** What the address of jobs and a job keeps: whoever opens it sees the same. */
import * as z from 'zod/mini'
import type { JobKind } from '#protocol/api/jobs.ts'
import { jobStates } from './job-state.tsx'

export const jobKinds = [
  'chat',
  'completion',
  'embedding',
  'pull',
  'batch',
  'workflow',
] as const satisfies readonly JobKind[]

export const jobsSearch = z.object({
  /** `open`: those that have not ended. */
  state: z.catch(z.optional(z.enum(['open', ...jobStates])), undefined),
  kind: z.catch(z.optional(z.enum(jobKinds)), undefined),
})
