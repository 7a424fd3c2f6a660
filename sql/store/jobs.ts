/** Jobs of a tenant: submitted once, changed by whoever read them last, taken over when their owner is gone. */
import { isFinalJobState, type JobEvent, type JobEventBody, type JobState, jobStates } from '#protocol/api/jobs.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { jobPageBytesMax, jobPageRowsMax, jobsPerRemovalMax } from '#protocol/limits.ts'
import { checkCount, pageLimit, withinBytes, wrong } from './bounds.ts'
import { canonicalJson, parseJson } from './canonical-json.ts'
import type { TenantSession } from './executor.ts'
import type { AttemptRow, JobChange, JobFilter, JobRow, JobStore } from './job.ts'
import {
  attemptRowOf,
  type CheckedJob,
  changedJob,
  checkJobState,
  checkOwner,
  conflictOf,
  jobBodyOf,
  jobRowOf,
  newJobRow,
  openJobStates,
  storedAttemptOf,
  submittedReason,
} from './job-row.ts'
import type { FoundJob, StoredJob } from './statements.ts'
import { addToTotal } from './tenant-total.ts'

const pageRowsDefault = 100
/** Ids are hexadecimal digits and hyphens: one is before, the other behind all of them. */
const [firstJobId, lastJobId] = ['', '~']

type Submitted = { job: JobRow; isNew: boolean }

/** Of several jobs with one key the first stands for all. */
export async function insertJobs(x: TenantSession, jobs: readonly CheckedJob[]): Promise<Submitted[]> {
  const given = jobs.flatMap(({ idempotencyKey }) => idempotencyKey ?? [])
  const stored = given.length === 0 ? [] : await x.all('listJobsByKey', { idempotencyKeys: JSON.stringify(given) })
  const byKey = new Map<string, { jobId: string; requestHash: Uint8Array }>(
    stored.map((job) => [job.idempotencyKey, job]),
  )
  const fresh: CheckedJob[] = []
  for (const job of jobs) {
    const known = job.idempotencyKey === undefined ? undefined : byKey.get(job.idempotencyKey)
    if (known === undefined) {
      fresh.push(job)
      if (job.idempotencyKey !== undefined) byKey.set(job.idempotencyKey, job)
    } else if (Buffer.compare(known.requestHash, job.requestHash) !== 0)
      throw new HartonomousError('ERR_IDEMPOTENCY', { key: job.idempotencyKey! })
  }
  await x.runMany(
    'insertJob',
    fresh.map(({ request: _, idempotencyKey = null, parentJobId = null, ...job }) => ({
      ...job,
      idempotencyKey,
      parentJobId,
      reason: submittedReason,
    })),
  )
  await x.runMany(
    'insertJobRequest',
    fresh.map(({ jobId, request }) => ({ jobId, request })),
  )
  await addToTotal(x, { openJobs: fresh.length, storedBytes: sizeOf(fresh) })
  const isFresh = new Set(fresh)
  const known = await jobsById(
    x,
    stored.map(({ jobId }) => jobId),
  )
  const rows = new Map<string, JobRow>(fresh.map((job) => [job.jobId, newJobRow(job)]))
  for (const job of known.values()) rows.set(job.jobId, jobRowOf(job))
  return jobs.map((job) => {
    const jobId = isFresh.has(job) ? job.jobId : byKey.get(job.idempotencyKey!)!.jobId
    return { job: rows.get(jobId)!, isNew: isFresh.has(job) }
  })
}

async function jobsById(x: TenantSession, jobIds: readonly string[]): Promise<Map<string, StoredJob>> {
  if (jobIds.length === 0) return new Map()
  const rows = await x.all('listJobsById', { jobIds: JSON.stringify(jobIds) })
  return new Map(rows.map((row) => [row.jobId, row]))
}

export async function getJob(x: TenantSession, jobId: string): Promise<JobRow | undefined> {
  const job = (await jobsById(x, [jobId])).get(jobId)
  return job === undefined ? undefined : jobRowOf(job)
}

/** Ids first, then as many jobs as a page may have of bytes. */
export async function listJobs(x: TenantSession, filter: JobFilter): Promise<JobRow[]> {
  const { newestFirst = false } = filter
  const limit = pageLimit('jobs', filter.limit ?? pageRowsDefault, jobPageRowsMax)
  const states = new Set(filter.states === undefined || filter.states.length === 0 ? jobStates : filter.states)
  for (const state of states) checkJobState(state)
  const found = await findJobs(x, { ...filter, limit, newestFirst }, states)
  const sign = newestFirst ? -1 : 1
  found.sort((a, b) => (a.jobId < b.jobId ? -sign : sign))
  return rowsOf(x, found.slice(0, limit))
}

async function rowsOf(x: TenantSession, found: readonly FoundJob[]): Promise<JobRow[]> {
  const jobIds = withinBytes(found, jobPageBytesMax).map(({ jobId }) => jobId)
  const jobs = await jobsById(x, jobIds)
  return jobIds.map((jobId) => jobRowOf(jobs.get(jobId)!))
}

/** Each state has its jobs in an index: of several states the pages are merged. */
async function findJobs(
  x: TenantSession,
  { kind, parentJobId, after, limit, newestFirst }: JobFilter & { limit: number },
  states: ReadonlySet<JobState>,
): Promise<FoundJob[]> {
  const isAny = states.size === jobStates.length
  const page = { afterJobId: after ?? firstJobId, limit }
  const back = { beforeJobId: after ?? lastJobId, limit }
  if (parentJobId !== undefined) {
    const key = { parentJobId, kind: kind ?? null, states: isAny ? null : JSON.stringify([...states]) }
    return newestFirst
      ? x.all('listJobsOfParentBack', { ...key, ...back })
      : x.all('listJobsOfParent', { ...key, ...page })
  }
  if (isAny && kind === undefined) return newestFirst ? x.all('listJobsBack', back) : x.all('listJobs', page)
  const found: FoundJob[] = []
  for (const state of states) {
    if (kind === undefined) {
      if (newestFirst) found.push(...(await x.all('listJobsOfStateBack', { state, ...back })))
      else found.push(...(await x.all('listJobsOfState', { state, ...page })))
    } else if (newestFirst) found.push(...(await x.all('listJobsOfKindBack', { kind, state, ...back })))
    else found.push(...(await x.all('listJobsOfKind', { kind, state, ...page })))
  }
  return found
}

/**
 * The jobs as they are then, or why nothing was written: told and not thrown, because an engine repeats a transaction that
 * met a conflict, and this one would meet it again. `changes` have been checked.
 */
export async function changeJobs(
  x: TenantSession,
  changes: readonly JobChange[],
): Promise<{ rows: JobRow[] } | { conflict: string }> {
  const jobs = await jobsById(
    x,
    changes.map(({ jobId }) => jobId),
  )
  const withAttempts = changes.flatMap(({ jobId, attempts = [] }) => (attempts.length > 0 ? jobId : []))
  const won = withAttempts.length === 0 ? [] : await x.all('listWonAttempts', { jobIds: JSON.stringify(withAttempts) })
  const wonOf = new Map(won.map(({ jobId, attempt }) => [jobId, attempt]))
  const steps = changes.map((change) => {
    const job = jobs.get(change.jobId)
    if (job === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'job', id: change.jobId })
    return { change, job, conflict: conflictOf(job, change, wonOf.get(change.jobId)) }
  })
  const conflict = steps.find((step) => step.conflict !== undefined)?.conflict
  if (conflict !== undefined) return { conflict }
  const written = steps.map(({ job, change }) => changedJob(job, change))
  await x.runMany('updateJob', written.map(jobBodyOf))
  const ended = written.filter(({ finishedAtMs }) => finishedAtMs !== null).length
  await addToTotal(x, { openJobs: -ended, storedBytes: sizeOf(written) - sizeOf([...jobs.values()]) })
  await x.runMany(
    'putAttempt',
    changes.flatMap(({ jobId, attempts = [] }) => attempts.map((row) => storedAttemptOf(jobId, row))),
  )
  await x.runMany(
    'insertJobEvent',
    steps.flatMap(({ job: { jobId, eventCount }, change: { atMs, events = [] } }) =>
      events.map((event, at) => ({ jobId, seq: eventCount + 1 + at, atMs, body: canonicalJson(event) })),
    ),
  )
  return { rows: written.map(jobRowOf) }
}

type Claim = Parameters<JobStore['claimJobs']>[0]

/** @throws {ERR_USAGE} */
export function checkClaim({ owner, nowMs, untilMs, limit, states = [] }: Claim): void {
  checkOwner(owner, untilMs)
  checkCount('the time of a claim', nowMs)
  if (untilMs <= nowMs) throw wrong(`a claim at ${nowMs} until ${untilMs}`)
  pageLimit('claimed jobs', limit, jobPageRowsMax)
  for (const state of states) {
    checkJobState(state)
    if (isFinalJobState(state)) throw wrong(`nobody works on a job that is ${state}`)
  }
}

/** The claim has been checked. */
export async function claimJobs(
  x: TenantSession,
  { owner, nowMs, untilMs, limit: wanted, states = openJobStates }: Claim,
): Promise<JobRow[]> {
  const limit = Math.min(wanted, jobPageRowsMax)
  const found: FoundJob[] = []
  for (const state of new Set(states.length === 0 ? openJobStates : states)) {
    found.push(...(await x.all('listFreeJobs', { state, limit })))
    found.push(...(await x.all('listAbandonedJobs', { state, atMs: nowMs, limit })))
  }
  found.sort((a, b) => (a.jobId < b.jobId ? -1 : 1))
  const taken = withinBytes(found.slice(0, limit), jobPageBytesMax)
  if (taken.length === 0) return []
  const jobIds = JSON.stringify(taken.map(({ jobId }) => jobId))
  await x.run('claimJobs', { jobIds, owner, ownerUntilMs: untilMs, atMs: nowMs })
  return rowsOf(x, taken)
}

export async function listAttempts(x: TenantSession, jobId: string): Promise<AttemptRow[]> {
  return (await x.all('listAttempts', { jobId })).map(({ ...row }) => attemptRowOf(row))
}

export async function listJobEvents(
  x: TenantSession,
  jobId: string,
  { afterSeq = 0, limit = jobPageRowsMax }: { afterSeq?: number; limit?: number },
): Promise<JobEvent[]> {
  checkCount('the event before a page', afterSeq)
  const rows = await x.all('listJobEvents', { jobId, afterSeq, limit: pageLimit('events', limit, jobPageRowsMax) })
  return rows.map(({ seq, atMs, body }) => ({ seq, atMs, ...parseJson<JobEventBody>(body) }))
}

export async function removeJobs(x: TenantSession, finishedBeforeMs: number, limit: number): Promise<number> {
  checkCount('the time of a removal', finishedBeforeMs)
  const page = { atMs: finishedBeforeMs, limit: pageLimit('removed jobs', limit, jobsPerRemovalMax) }
  const found = await x.all('listFinishedJobs', page)
  if (found.length === 0) return 0
  await x.run('deleteJobs', { jobIds: JSON.stringify(found.map(({ jobId }) => jobId)) })
  await addToTotal(x, { openJobs: 0, storedBytes: -sizeOf(found) })
  return found.length
}

function sizeOf(jobs: readonly { sizeBytes: number }[]): number {
  return jobs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
}
