/** What the address of jobs and a job keeps: whoever opens it sees the same. */
import * as z from 'zod/mini'

export const jobsSearch = z.object({})
