/** A batch: each item is a job of its own, submitted once however often the batch is taken up again. */
import {
  isFinalJobState,
  type JobErrorView,
  type JobEventBody,
  type JobResult,
  openJobStates,
} from '#protocol/api/jobs.ts'
import { batchInsertMax } from '#protocol/limits.ts'
import { second } from '#protocol/units.ts'
import type { JobRow, JobStore, NewJob } from '#sql/store/job.ts'
import type { JobPrincipal } from './job-detail.ts'
import type { JobHub } from './job-hub.ts'
import { newJob } from './new-job.ts'
import { pause } from './pause.ts'
import type { RunningJob } from './running-job.ts'

export interface BatchDependencies {
  store: JobStore
  hub: JobHub
  now: () => number
  /** New jobs wait in the store. */
  onSubmit: () => void
}

/** Looked at this often even where nobody tells of a change: another coordinator may work on the items. */
const lookEveryMs = 5 * second

export async function batchJob(job: RunningJob, deps: BatchDependencies): Promise<JobResult> {
  const { work } = job
  if (work.kind !== 'batch') throw new TypeError(`a ${work.kind} is no batch`)
  const { store, hub, now, onSubmit } = deps
  job.enter('queued', `submits ${work.items.length} items`)
  // Under the rules of the batch: what it forbids is written down once.
  const { forbid: _, ...own } = job.terms
  const terms = { ...own, ...shareOf(job.terms.maxPriceWei, work.items.length) }
  const rows: NewJob[] = work.items.map(({ id, work: item }) =>
    newJob({
      request: { work: item, terms },
      idempotencyKey: `${job.jobId}/${id}`,
      principal: childOf(job),
      policyHash: job.policyHash,
      parentJobId: job.jobId,
      nowMs: now(),
    }),
  )
  const jobs: JobRow[] = []
  for (let at = 0; at < rows.length; at += batchInsertMax) {
    job.signal.throwIfAborted()
    const inserted = await store.insertJobs(rows.slice(at, at + batchInsertMax))
    jobs.push(...inserted.map((each) => each.job))
    onSubmit()
  }
  try {
    await allFinal(job, jobs, store, hub)
  } catch (error) {
    // Whoever takes the batch up again finds its items where they are.
    if (job.signal.aborted && !job.isAbandoned) await cancelItems(jobs, deps)
    throw error
  }
  job.enter('returning', 'all items have ended')
  const items = []
  for (const [at, { jobId }] of jobs.entries()) {
    const row = await store.getJob(jobId)
    const { id } = work.items[at]!
    const result = row?.result === undefined ? {} : { result: JSON.parse(row.result) as JobResult }
    const error = row?.error === undefined ? {} : { error: JSON.parse(row.error) as JobErrorView }
    items.push({ id, jobId, ...result, ...error })
  }
  return { kind: 'batch', items }
}

/** Of what the batch may cost, each item may cost its part. */
function shareOf(maxPriceWei: string | undefined, items: number): { maxPriceWei?: string } {
  return maxPriceWei === undefined ? {} : { maxPriceWei: String(BigInt(maxPriceWei) / BigInt(items)) }
}

/** What a job begins acts through it. */
export function childOf({ jobId, principal }: RunningJob): JobPrincipal {
  const { tenant: _, delegates, ...rest } = principal
  return { ...rest, delegates: [...delegates, { type: 'Job', id: jobId }] }
}

async function allFinal(job: RunningJob, jobs: readonly JobRow[], store: JobStore, hub: JobHub): Promise<void> {
  const ended = new Set<string>()
  let open = new Set<string>()
  let wake = Promise.withResolvers<void>()
  const onNews = (jobId: string) => (events: readonly JobEventBody[]) => {
    if (!events.some((event) => event.type === 'state' && isFinalJobState(event.state))) return
    ended.add(jobId)
    open.delete(jobId)
    wake.resolve()
  }
  const unsubscribe = jobs.map(({ jobId }) => hub.listen(jobId, onNews(jobId)))
  try {
    for (;;) {
      job.signal.throwIfAborted()
      // Some ended before anybody listened, and elsewhere they end without a word.
      const found = await openItems(job, store)
      open = found.difference(ended)
      job.enter('running', `${jobs.length - open.size} of ${jobs.length} items have ended`)
      job.progress('running', jobs.length - open.size, jobs.length)
      if (open.size === 0) return
      const lookAgainAtMs = Date.now() + lookEveryMs
      while (open.size > 0 && Date.now() < lookAgainAtMs && !job.signal.aborted) {
        wake = Promise.withResolvers()
        await Promise.race([wake.promise, pause(lookAgainAtMs - Date.now(), job.signal)])
        job.progress('running', jobs.length - open.size, jobs.length)
      }
    }
  } finally {
    for (const stop of unsubscribe) stop()
  }
}

async function openItems({ jobId: parentJobId }: RunningJob, store: JobStore): Promise<Set<string>> {
  const open = new Set<string>()
  let after: string | undefined
  for (;;) {
    const more = after === undefined ? {} : { after }
    const page = await store.listJobs({ parentJobId, states: openJobStates, limit: 1000, ...more })
    for (const { jobId } of page) open.add(jobId)
    // A page may be short because its jobs are long: only an empty one is the last.
    if (page.length === 0) return open
    after = page.at(-1)!.jobId
  }
}

async function cancelItems(jobs: readonly JobRow[], { store, hub, now }: BatchDependencies): Promise<void> {
  for (const { jobId } of jobs) {
    const row = await store.getJob(jobId)
    if (row === undefined || row.finishedAtMs !== undefined) continue
    await requestCancel(store, row, now()).catch(() => undefined)
    hub.tell(jobId)
  }
}

/** Asks its owner to stop; a job that nobody has begun ends at once. */
export async function requestCancel(store: JobStore, row: JobRow, atMs: number): Promise<JobRow> {
  const base = { jobId: row.jobId, revision: row.revision, atMs, isCancelRequested: true as const }
  const reason = 'cancelled before it began'
  const isUntouched = row.state === 'queued' && row.owner === undefined
  const end = {
    state: 'cancelled' as const,
    reason,
    events: [{ type: 'state' as const, state: 'cancelled' as const, reason }],
  }
  const [changed] = await store.changeJobs([isUntouched ? { ...base, ...end } : base])
  return changed!
}
