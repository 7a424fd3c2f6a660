/** Jobs of a tenant as the store keeps them: one row each, their attempts, and their events in order. */
import type { JobEvent, JobEventBody, JobKind, JobState } from '#protocol/api/jobs.ts'

export interface NewJob {
  /** Chosen by the caller: UUID version 7, so that ids sort by time. */
  jobId: string
  kind: JobKind
  /** Unique in its tenant: who submits the same again gets the job that is there. */
  idempotencyKey?: string
  /** 32 bytes over the request: the same key with another request is a conflict. */
  requestHash: Uint8Array
  /** JSON, up to `jobRequestBytesMax` as text. */
  request: string
  parentJobId?: string
  createdAtMs: number
}

export interface JobRow extends NewJob {
  state: JobState
  /** Why it is where it is. */
  reason: string
  /** Grows with each change; a writer names the one that it read. */
  revision: number
  /** Of the coordinator that works on it, and until when, unless it says so again. */
  owner?: string
  ownerUntilMs?: number
  isCancelRequested: boolean
  updatedAtMs: number
  finishedAtMs?: number
  /** JSON: phases and whatever else the coordinator keeps of it. */
  detail: string
  /** JSON of a `JobResult`; of a job that succeeded. */
  result?: string
  /** JSON of a `JobErrorView`; of a job that failed. */
  error?: string
  /** Written once, with the final state. */
  chargedWei: bigint
}

export interface AttemptRow {
  jobId: string
  attempt: number
  peerId: string
  isHedge: boolean
  startedAtMs: number
  endedAtMs?: number
  outcome?: 'won' | 'lost' | 'failed' | 'cancelled'
  /** JSON: blame, error, tokens, timings. */
  detail: string
  paidWei: bigint
  /** 32 bytes, SHA-256 of the node's signed receipt, where it gave one. */
  receiptHash?: Uint8Array
}

/** All of it in one transaction, or nothing. */
export interface JobChange {
  jobId: string
  /** @see JobRow.revision */
  revision: number
  atMs: number
  state?: JobState
  reason?: string
  detail?: string
  /** `null` lets it go. */
  owner?: { id: string; untilMs: number } | null
  isCancelRequested?: true
  result?: string
  error?: string
  chargedWei?: bigint
  /** Put by (job, attempt). At most one attempt of a job has `won`. */
  attempts?: AttemptRow[]
  /** Appended; the store numbers them. */
  events?: JobEventBody[]
}

export interface JobFilter {
  states?: readonly JobState[]
  kind?: JobKind
  parentJobId?: string
  /** The job with which the previous page ended. */
  after?: string
  /** 100 unless given, 1000 at most. */
  limit?: number
  newestFirst?: boolean
}

/** What a tenant keeps here. */
export interface TenantTotal {
  /** That have not ended. */
  openJobs: number
  /** Of jobs (requests, details, results, errors) and of documents. */
  storedBytes: number
}

export interface JobStore {
  /** In one transaction, durable when it resolves. @throws {ERR_IDEMPOTENCY} for another request with a known key {ERR_LIMIT} {ERR_STORE_DUPLICATE} */
  insertJobs(jobs: NewJob[]): Promise<{ job: JobRow; isNew: boolean }[]>
  getJob(jobId: string): Promise<JobRow | undefined>
  /** In order of the id. A page of long jobs is short (`jobPageBytesMax`): only an empty one is the last. @throws {ERR_USAGE} */
  listJobs(filter?: JobFilter): Promise<JobRow[]>
  /** Durable when it resolves. @throws {ERR_STORE_CONFLICT} where a revision is not the present one, a job is final, or a second attempt would win {ERR_NOT_FOUND} */
  changeJobs(changes: JobChange[]): Promise<JobRow[]>
  /** Takes unfinished jobs that nobody owns, or whose owner's time has run out; oldest first. */
  claimJobs(claim: {
    owner: string
    nowMs: number
    untilMs: number
    limit: number
    states?: readonly JobState[]
  }): Promise<JobRow[]>
  listAttempts(jobId: string): Promise<AttemptRow[]>
  /** Behind `afterSeq`, 1000 at most. */
  listJobEvents(jobId: string, page: { afterSeq?: number; limit?: number }): Promise<JobEvent[]>
  /** Of jobs that finished before: they, their attempts and their events; returns how many jobs. */
  removeJobs(finishedBeforeMs: number, limit: number): Promise<number>
  /** Counted with each change; one row, however many jobs there are. */
  getTotal(): Promise<TenantTotal>
}
