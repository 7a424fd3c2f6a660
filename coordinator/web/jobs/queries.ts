/** What pages read of jobs. The event stream (`live.ts`) says when any of it changed: nothing asks by the clock. */
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import type { JobKind, JobState, JobView } from '#protocol/api/jobs.ts'
import { isHartonomousError } from '#protocol/errors.ts'
import { client } from '../app/client.ts'
import { checkReceipts, type ReceiptContext } from './receipt-check.ts'

const always = Number.POSITIVE_INFINITY
const pageSize = 100

export function jobQuery(jobId: string) {
  return queryOptions({
    queryKey: ['job', jobId],
    staleTime: always,
    queryFn: ({ signal }) => client.call('getJob', { params: { jobId } }, { signal }),
  })
}

export interface JobsFilter {
  state?: readonly JobState[]
  kind?: JobKind
  parentJobId?: string
}

/** Newest first, page by page. */
export function jobsQuery({ state, kind, parentJobId }: JobsFilter) {
  // In an address states stand with commas; the server makes the list of them.
  const states = state === undefined ? undefined : (state.join(',') as never)
  return infiniteQueryOptions({
    queryKey: ['jobs', { states, kind, parentJobId }],
    staleTime: always,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ signal, pageParam }) => {
      const query = {
        limit: pageSize,
        ...(states === undefined ? {} : { state: states }),
        ...(kind === undefined ? {} : { kind }),
        ...(parentJobId === undefined ? {} : { parentJobId }),
        ...(pageParam === undefined ? {} : { cursor: pageParam }),
      }
      return client.call('listJobs', { query }, { signal })
    },
    getNextPageParam: ({ nextCursor }) => nextCursor,
  })
}

/** What was asked for does not change. */
export function jobRequestQuery(jobId: string) {
  return queryOptions({
    queryKey: ['job-request', jobId],
    staleTime: always,
    queryFn: ({ signal }) => client.call('jobRequest', { params: { jobId } }, { signal }),
  })
}

/** Only of a job that has succeeded: then it does not change either. */
export function jobResultQuery(jobId: string) {
  return queryOptions({
    queryKey: ['job-result', jobId],
    staleTime: always,
    queryFn: ({ signal }) => client.call('jobResult', { params: { jobId } }, { signal }),
  })
}

/** The receipts of a job that has ended, each checked here. */
export function receiptsQuery(jobId: string, context: ReceiptContext) {
  return queryOptions({
    queryKey: ['job-receipts', jobId, context],
    staleTime: always,
    queryFn: async ({ signal }) => {
      const { receipts } = await client.call('jobReceipts', { params: { jobId } }, { signal })
      if (receipts.length === 0) return []
      const chain = await client.call('chainState', {}, { signal })
      return checkReceipts(receipts, chain, context, async (address) => {
        try {
          return await client.call('getDelegate', { params: { address } }, { signal })
        } catch (error) {
          if (isHartonomousError(error, 'ERR_NOT_FOUND')) return undefined
          throw error
        }
      })
    },
  })
}

/** Of jobs on a page, those whose parent is not among them. */
export function parentsMissing(jobs: readonly JobView[]): string[] {
  const known = new Set(jobs.map(({ jobId }) => jobId))
  const parents = jobs.flatMap(({ parentJobId }) => (parentJobId === undefined ? [] : [parentJobId]))
  return [...new Set(parents)].filter((jobId) => !known.has(jobId))
}
