/** A job between what the coordinator knows of it and its row: what is checked before it is written. */
import { finalJobStates, isFinalJobState, type JobState, jobKinds, jobStates } from '#protocol/api/jobs.ts'
import {
  idempotencyKeyBytesMax,
  jobAttemptsPerChangeMax,
  jobDetailBytesMax,
  jobEventBytesMax,
  jobEventsPerChangeMax,
  jobInsertBytesMax,
  jobOwnerBytesMax,
  jobReasonBytesMax,
  jobRequestBytesMax,
  jobResultBytesMax,
  jobsPerChangeMax,
  jobsPerInsertMax,
  weiMax,
} from '#protocol/limits.ts'
import { atMost, checkCount, checkHash, checkName, checkObjectText, checkText, wrong } from './bounds.ts'
import { canonicalJson } from './canonical-json.ts'
import type { AttemptRow, JobChange, JobRow, NewJob } from './job.ts'
import type { StoredAttempt, StoredJob, StoredJobBody } from './statements.ts'

/** UUID version 7: https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-7 */
const jobIdPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const outcomes: readonly unknown[] = ['won', 'lost', 'failed', 'cancelled', undefined]

export const openJobStates = jobStates.filter((state) => !isFinalJobState(state))
export const submittedReason = 'submitted'
const emptyDetail = '{}'

/** Beside each other: a request, and its size. */
export interface CheckedJob extends NewJob {
  sizeBytes: number
}

/** @throws {ERR_USAGE} {ERR_LIMIT} */
export function checkNewJobs(jobs: readonly NewJob[]): CheckedJob[] {
  atMost('jobs of one submission', jobs.length, jobsPerInsertMax)
  const checked = jobs.map((job) => {
    const { jobId, kind, idempotencyKey, requestHash, request, parentJobId, createdAtMs } = job
    checkJobId(jobId)
    if (!(jobKinds as readonly string[]).includes(kind)) throw wrong(`no kind of job: ${JSON.stringify(kind)}`)
    if (idempotencyKey !== undefined) checkName('the idempotency key', idempotencyKey, idempotencyKeyBytesMax)
    checkHash('the hash of a request', requestHash)
    if (parentJobId !== undefined) checkJobId(parentJobId)
    checkCount('the time of a job', createdAtMs)
    return { ...job, sizeBytes: checkObjectText('the request of a job', request, jobRequestBytesMax) }
  })
  const sizeBytes = checked.reduce((sum, job) => sum + job.sizeBytes, 0)
  atMost('bytes of the requests of one submission', sizeBytes, jobInsertBytesMax)
  return checked
}

function checkJobId(jobId: string): void {
  if (!jobIdPattern.test(jobId)) throw wrong(`no id of a job: ${JSON.stringify(String(jobId).slice(0, 80))}`)
}

/** @throws {ERR_USAGE} {ERR_LIMIT} */
export function checkJobChanges(changes: readonly JobChange[]): void {
  atMost('jobs of one change', changes.length, jobsPerChangeMax)
  if (new Set(changes.map(({ jobId }) => jobId)).size !== changes.length) throw wrong('a job is changed twice at once')
  for (const change of changes) checkJobChange(change)
}

function checkJobChange(change: JobChange): void {
  const { jobId, revision, atMs, state, reason, detail, owner, result, error, chargedWei } = change
  checkJobId(jobId)
  checkCount('the revision of a job', revision)
  checkCount('the time of a change', atMs)
  if (state !== undefined) checkJobState(state)
  if (reason !== undefined) checkText('the reason of a job', reason, jobReasonBytesMax)
  if (detail !== undefined) checkObjectText('the detail of a job', detail, jobDetailBytesMax)
  if (owner !== undefined && owner !== null) checkOwner(owner.id, owner.untilMs)
  if (result !== undefined) {
    if (state !== 'succeeded') throw wrong('a job has a result when it succeeds')
    checkObjectText('the result of a job', result, jobResultBytesMax)
  }
  if (error !== undefined) {
    if (state !== 'failed' && state !== 'cancelled') throw wrong('a job has an error when it fails')
    checkObjectText('the error of a job', error, jobDetailBytesMax)
  }
  if (chargedWei !== undefined) {
    if (state === undefined || !isFinalJobState(state)) throw wrong('a job is charged when it ends')
    checkWei(chargedWei)
  }
  checkAttempts(change.attempts ?? [])
  const events = change.events ?? []
  atMost('events of one change', events.length, jobEventsPerChangeMax)
  for (const event of events) checkText('an event of a job', canonicalJson(event), jobEventBytesMax)
}

export function checkJobState(state: JobState): void {
  if (!jobStates.includes(state)) throw wrong(`no state of a job: ${JSON.stringify(state)}`)
}

export function checkOwner(id: string, untilMs: number): void {
  checkName('the owner of a job', id, jobOwnerBytesMax)
  checkCount('the time of an owner', untilMs)
  if (untilMs === 0) throw wrong('an owner until 0')
}

function checkAttempts(attempts: readonly AttemptRow[]): void {
  atMost('attempts of one change', attempts.length, jobAttemptsPerChangeMax)
  if (new Set(attempts.map(({ attempt }) => attempt)).size !== attempts.length) throw wrong('an attempt is given twice')
  for (const { attempt, peerId, startedAtMs, endedAtMs, outcome, detail, paidWei, receiptHash } of attempts) {
    checkCount('the number of an attempt', attempt)
    checkName('the node of an attempt', peerId, jobOwnerBytesMax)
    checkCount('the start of an attempt', startedAtMs)
    if (endedAtMs !== undefined) checkCount('the end of an attempt', endedAtMs)
    if (!outcomes.includes(outcome)) throw wrong(`no outcome of an attempt: ${JSON.stringify(outcome)}`)
    checkObjectText('the detail of an attempt', detail, jobDetailBytesMax)
    checkWei(paidWei)
    if (receiptHash !== undefined) checkHash('the hash of a receipt', receiptHash)
  }
}

function checkWei(amount: bigint): void {
  if (typeof amount !== 'bigint' || amount < 0n || amount > weiMax) throw wrong(`no amount of wei: ${amount}`)
}

/** Why a job as it is cannot be changed so; `undefined` where it can. */
export function conflictOf(job: StoredJob, change: JobChange, wonAttempt: number | undefined): string | undefined {
  if (isFinalJobState(job.state as JobState)) return `job ${job.jobId} is ${job.state}, which is final`
  if (job.revision !== change.revision)
    return `job ${job.jobId} is at revision ${job.revision}, and ${change.revision} was read`
  const winners = new Set(
    (change.attempts ?? []).filter(({ outcome }) => outcome === 'won').map((each) => each.attempt),
  )
  const isGivenUp = change.attempts?.some(({ attempt, outcome }) => attempt === wonAttempt && outcome !== 'won')
  if (isGivenUp === true) return `attempt ${wonAttempt} of job ${job.jobId} has won already`
  if (wonAttempt !== undefined) winners.add(wonAttempt)
  return winners.size > 1 ? `two attempts of job ${job.jobId} would have won` : undefined
}

/** The row behind a change that has been checked. A final job is nobody's. */
export function changedJob(job: StoredJob, change: JobChange): StoredJob {
  const state = change.state ?? job.state
  const isFinal = (finalJobStates as readonly string[]).includes(state)
  const owner = isFinal ? null : change.owner
  const body: Omit<StoredJobBody, 'sizeBytes'> = {
    jobId: job.jobId,
    state,
    reason: change.reason ?? job.reason,
    revision: job.revision + 1,
    owner: owner === undefined ? job.owner : (owner?.id ?? null),
    ownerUntilMs: owner === undefined ? job.ownerUntilMs : (owner?.untilMs ?? 0),
    isCancelRequested: change.isCancelRequested === true ? 1 : job.isCancelRequested,
    updatedAtMs: change.atMs,
    finishedAtMs: isFinal ? change.atMs : null,
    detail: change.detail ?? job.detail,
    result: change.result ?? null,
    error: change.error ?? null,
    chargedWei: String(change.chargedWei ?? job.chargedWei),
    eventCount: job.eventCount + (change.events?.length ?? 0),
  }
  // As in a job that was just submitted: an empty detail is no bytes.
  const detail = body.detail === emptyDetail ? '' : body.detail
  const texts = [job.request, detail, body.result ?? '', body.error ?? '']
  const sizeBytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  return { ...job, ...body, sizeBytes }
}

/** What `updateJob` takes of it. */
export function jobBodyOf({
  kind: _,
  idempotencyKey: __,
  requestHash: ___,
  parentJobId: ____,
  createdAtMs: _____,
  request: ______,
  ...body
}: StoredJob): StoredJobBody {
  return body
}

export function newJobRow({ sizeBytes: _, ...job }: CheckedJob): JobRow {
  return {
    ...job,
    state: 'queued',
    reason: submittedReason,
    revision: 1,
    isCancelRequested: false,
    updatedAtMs: job.createdAtMs,
    detail: emptyDetail,
    chargedWei: 0n,
  }
}

export function jobRowOf(job: StoredJob): JobRow {
  const { jobId, requestHash, request, createdAtMs, reason, revision, updatedAtMs, detail } = job
  return {
    ...{ jobId, requestHash, request, createdAtMs, reason, revision, updatedAtMs, detail },
    kind: job.kind as JobRow['kind'],
    state: job.state as JobState,
    isCancelRequested: job.isCancelRequested !== 0,
    chargedWei: BigInt(job.chargedWei),
    ...(job.idempotencyKey === null ? {} : { idempotencyKey: job.idempotencyKey }),
    ...(job.parentJobId === null ? {} : { parentJobId: job.parentJobId }),
    ...(job.owner === null ? {} : { owner: job.owner, ownerUntilMs: job.ownerUntilMs }),
    ...(job.finishedAtMs === null ? {} : { finishedAtMs: job.finishedAtMs }),
    ...(job.result === null ? {} : { result: job.result }),
    ...(job.error === null ? {} : { error: job.error }),
  }
}

export function storedAttemptOf(jobId: string, row: AttemptRow): StoredAttempt {
  const { attempt, peerId, startedAtMs, detail } = row
  return {
    ...{ jobId, attempt, peerId, startedAtMs, detail },
    isHedge: row.isHedge ? 1 : 0,
    endedAtMs: row.endedAtMs ?? null,
    outcome: row.outcome ?? null,
    paidWei: String(row.paidWei),
    receiptHash: row.receiptHash ?? null,
  }
}

export function attemptRowOf({ endedAtMs, outcome, receiptHash, isHedge, paidWei, ...row }: StoredAttempt): AttemptRow {
  return {
    ...row,
    isHedge: isHedge !== 0,
    paidWei: BigInt(paidWei),
    ...(endedAtMs === null ? {} : { endedAtMs }),
    ...(outcome === null ? {} : { outcome: outcome as NonNullable<AttemptRow['outcome']> }),
    ...(receiptHash === null ? {} : { receiptHash }),
  }
}
