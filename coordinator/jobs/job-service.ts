/** Jobs as their requesters see and steer them. Whoever asks for what belongs to another tenant is told that there is none. */
import {
  idempotencyKey as idempotencyKeySchema,
  isFinalJobState,
  type JobErrorView,
  type JobEvent,
  type JobResult,
  type JobView,
  type QuoteView,
  type SubmitRequest,
  submitRequest,
  type Work,
} from '#protocol/api/jobs.ts'
import type { ReceiptView } from '#protocol/api/network.ts'
import { errorFromWire, HartonomousError } from '#protocol/errors.ts'
import { second } from '#protocol/units.ts'
import type { JobRow, JobStore } from '#sql/store/job.ts'
import type { TenantId } from '#sql/store/types.ts'
import { principalOf } from '../constitution/index.ts'
import type { Identity } from '../identity.ts'
import type { JobQuery, JobService } from '../service.ts'
import { requestCancel } from './batch-job.ts'
import { type JobPrincipal, requestOf } from './job-detail.ts'
import type { JobHub } from './job-hub.ts'
import { viewJob } from './job-view.ts'
import { newJob } from './new-job.ts'
import { parseRequest } from './parse-request.ts'
import { pause } from './pause.ts'
import type { RunningJob } from './running-job.ts'

const pageDefault = 100
const pageMax = 1000
/** Programs ask for the same job again and again; ~1 KiB each. */
const endedJobsKeptMax = 1000
/** Another coordinator on the same store tells nobody here of what it wrote. */
const lookEveryMs = 5 * second

export interface JobServiceDependencies {
  storeOf: (tenant: TenantId) => JobStore
  hub: JobHub
  now: () => number
  /** Before anything is kept. @throws {ERR_QUOTA} {ERR_FORBIDDEN} {ERR_USAGE} for terms that forbid nothing */
  admit: (identity: Identity, request: SubmitRequest) => Promise<Admission>
  /** What is named by a name that may come to mean something else. @throws {ERR_NOT_FOUND} */
  pin: (tenant: TenantId, work: Work) => Promise<Work>
  /** @throws {ERR_FORBIDDEN} */
  mayQuote: (identity: Identity, request: SubmitRequest) => Promise<void>
  quote: (request: SubmitRequest) => Promise<QuoteView>
  submitted: (tenant: TenantId) => void
  running: (tenant: TenantId, jobId: string) => RunningJob | undefined
  /** Cancel, approve, read: of a job that is there. @throws {ERR_FORBIDDEN} */
  authorize: (identity: Identity, action: 'cancel' | 'approve' | 'readResult', row: JobRow) => Promise<void>
  /** @throws {ERR_USAGE} where that step does not wait */
  approve: (tenant: TenantId, row: JobRow, step: string, isApproved: boolean) => Promise<void>
  receiptsOf: (tenant: TenantId, row: JobRow) => Promise<ReceiptView[]>
}

export interface Admission {
  /** Of the rules under which the job acts, where they are more than the constitution. */
  policyHash?: string
  /** Called once the job is in the store, or is not to be. */
  entered: () => void
}

interface InsertOptions {
  policyHash: string | undefined
  idempotencyKey: string | undefined
  traceparent: string | undefined
  onOpen: (jobId: string) => void
}

export class Jobs implements JobService {
  readonly #deps: JobServiceDependencies
  readonly #ended = new Map<string, JobView>()

  constructor(deps: JobServiceDependencies) {
    this.#deps = deps
  }

  async submit(
    identity: Identity,
    request: SubmitRequest,
    options: { idempotencyKey?: string; traceparent?: string },
  ): Promise<JobView> {
    return this.open(identity, request, options, () => undefined)
  }

  /** Submits; `onOpen` knows the id before anything of the job can happen, unless it was there before. */
  async open(
    identity: Identity,
    request: SubmitRequest,
    { idempotencyKey, traceparent }: { idempotencyKey?: string; traceparent?: string },
    onOpen: (jobId: string) => void,
  ): Promise<JobView> {
    const { admit } = this.#deps
    const checked = parseRequest(submitRequest, request)
    if (idempotencyKey !== undefined) parseRequest(idempotencyKeySchema, idempotencyKey)
    const { policyHash, entered } = await admit(identity, checked)
    try {
      return await this.#insert(identity, checked, { policyHash, idempotencyKey, traceparent, onOpen })
    } finally {
      entered()
    }
  }

  async #insert(
    identity: Identity,
    checked: SubmitRequest,
    { policyHash, idempotencyKey, traceparent, onOpen }: InsertOptions,
  ): Promise<JobView> {
    const { pin, storeOf, submitted, now } = this.#deps
    const work = await pin(identity.tenant, checked.work)
    const row = newJob({
      request: checked,
      work,
      idempotencyKey,
      traceparent,
      principal: principalOfJob(identity),
      policyHash,
      nowMs: now(),
    })
    const [inserted] = await storeOf(identity.tenant).insertJobs([row])
    const { job, isNew } = inserted!
    onOpen(job.jobId)
    if (isNew) submitted(identity.tenant)
    return this.#view(identity.tenant, job)
  }

  async quote(identity: Identity, request: SubmitRequest): Promise<QuoteView> {
    const checked = parseRequest(submitRequest, request)
    await this.#deps.mayQuote(identity, checked)
    return this.#deps.quote(checked)
  }

  /** For a request that is about to submit it. @throws {ERR_NO_SOURCE} where nobody can do it now */
  async estimate(request: SubmitRequest): Promise<QuoteView> {
    return this.#deps.quote(request)
  }

  async get({ tenant }: Identity, jobId: string): Promise<JobView> {
    const key = `${tenant}\n${jobId}`
    const known = this.#ended.get(key)
    if (known !== undefined) return known
    const store = this.#deps.storeOf(tenant)
    // Side by side: the store answers both in one turn.
    const [row, attempts] = await Promise.all([this.#row(tenant, jobId), store.listAttempts(jobId)])
    const view = viewJob(row, attempts)
    if (isFinalJobState(row.state)) this.#keep(key, view)
    return view
  }

  /** What has ended does not change any more; it is forgotten when others are asked for, long before it is removed. */
  #keep(key: string, view: JobView): void {
    if (this.#ended.size >= endedJobsKeptMax) this.#ended.delete(this.#ended.keys().next().value!)
    this.#ended.set(key, view)
  }

  async list({ tenant }: Identity, query: JobQuery): Promise<{ jobs: JobView[]; nextCursor?: string }> {
    const { cursor, limit = pageDefault, states, kind, parentJobId } = query
    const size = Math.min(limit, pageMax)
    const filter = {
      newestFirst: true,
      ...(states === undefined ? {} : { states }),
      ...(kind === undefined ? {} : { kind }),
      ...(parentJobId === undefined ? {} : { parentJobId }),
    }
    const page = (of: { after?: string; limit: number }) => this.#deps.storeOf(tenant).listJobs({ ...filter, ...of })
    const rows = await page(cursor === undefined ? { limit: size } : { after: cursor, limit: size })
    const jobs = await Promise.all(rows.map((row) => this.#view(tenant, row)))
    const last = rows.at(-1)?.jobId
    // A page may be short because its jobs are long.
    const isLast = last === undefined || (rows.length < size && (await page({ after: last, limit: 1 })).length === 0)
    return isLast ? { jobs } : { jobs, nextCursor: last }
  }

  async cancel(identity: Identity, jobId: string): Promise<JobView> {
    const { tenant } = identity
    await this.#deps.authorize(identity, 'cancel', await this.#row(tenant, jobId))
    return this.stop(tenant, jobId)
  }

  /** For the request that submitted it, whose caller went away: no right beyond that of submitting is needed. */
  async stop(tenant: TenantId, jobId: string): Promise<JobView> {
    const { storeOf, hub, running, now } = this.#deps
    for (;;) {
      const row = await this.#row(tenant, jobId)
      if (isFinalJobState(row.state) || row.isCancelRequested) return this.#view(tenant, row)
      try {
        const changed = await requestCancel(storeOf(tenant), row, now())
        running(tenant, jobId)?.cancel()
        hub.tell(jobId)
        return await this.#view(tenant, changed)
      } catch (error) {
        if (!isConflict(error)) throw error
      }
    }
  }

  async approve(identity: Identity, jobId: string, step: string, isApproved: boolean): Promise<JobView> {
    const { tenant } = identity
    const row = await this.#row(tenant, jobId)
    await this.#deps.authorize(identity, 'approve', row)
    if (row.state !== 'waiting') {
      const message = `job ${jobId} is ${row.state}: nothing waits for approval`
      throw new HartonomousError('ERR_USAGE', { message, param: 'step' })
    }
    await this.#deps.approve(tenant, row, step, isApproved)
    return this.get(identity, jobId)
  }

  async result(identity: Identity, jobId: string): Promise<JobResult> {
    await this.#deps.authorize(identity, 'readResult', await this.#row(identity.tenant, jobId))
    return this.outcome(identity.tenant, jobId)
  }

  /** For the request that submitted it: its answer. @throws {ERR_JOB_UNFINISHED} {ERR_JOB_FAILED} */
  async outcome(tenant: TenantId, jobId: string): Promise<JobResult> {
    const row = await this.#row(tenant, jobId)
    if (row.result !== undefined) return JSON.parse(row.result) as JobResult
    if (!isFinalJobState(row.state)) throw new HartonomousError('ERR_JOB_UNFINISHED', { jobId, state: row.state })
    const error = row.error === undefined ? undefined : (JSON.parse(row.error) as JobErrorView)
    const fields = { jobId, cause: error?.code ?? row.state, reason: row.reason }
    throw new HartonomousError('ERR_JOB_FAILED', fields, {
      cause: error === undefined ? undefined : errorFromWire(error),
    })
  }

  async request(identity: Identity, jobId: string): Promise<SubmitRequest> {
    const row = await this.#row(identity.tenant, jobId)
    await this.#deps.authorize(identity, 'readResult', row)
    const { work, terms } = requestOf(row)
    return terms === undefined ? { work } : { work, terms }
  }

  async receipts({ tenant }: Identity, jobId: string): Promise<ReceiptView[]> {
    return this.#deps.receiptsOf(tenant, await this.#row(tenant, jobId))
  }

  async *events({ tenant }: Identity, jobId: string, afterSeq: number, signal: AbortSignal): AsyncGenerator<JobEvent> {
    await this.#row(tenant, jobId)
    const store = this.#deps.storeOf(tenant)
    let news = Promise.withResolvers<void>()
    const unsubscribe = this.#deps.hub.listen(jobId, () => news.resolve())
    let last = afterSeq
    try {
      while (!signal.aborted) {
        news = Promise.withResolvers()
        const events = await store.listJobEvents(jobId, { afterSeq: last })
        for (const event of events) {
          yield event
          last = event.seq
          if (event.type === 'state' && isFinalJobState(event.state)) return
        }
        if (events.length > 0) continue
        // A job whose end was before `afterSeq` has no more events.
        const row = await store.getJob(jobId)
        if (row === undefined || isFinalJobState(row.state)) {
          if ((await store.listJobEvents(jobId, { afterSeq: last, limit: 1 })).length === 0) return
        } else await Promise.race([news.promise, pause(lookEveryMs, signal)])
      }
    } finally {
      unsubscribe()
    }
  }

  async #row(tenant: TenantId, jobId: string): Promise<JobRow> {
    const row = await this.#deps.storeOf(tenant).getJob(jobId)
    if (row === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'job', id: jobId.slice(0, 200) })
    return row
  }

  async #view(tenant: TenantId, row: JobRow): Promise<JobView> {
    const isUntouched = row.revision === 0 || row.state === 'queued'
    return viewJob(
      row,
      isUntouched && row.owner === undefined ? [] : await this.#deps.storeOf(tenant).listAttempts(row.jobId),
    )
  }
}

function principalOfJob(identity: Identity): JobPrincipal {
  const { tenant: _, ...principal } = principalOf(identity)
  return principal
}

function isConflict(error: unknown): boolean {
  return error instanceof HartonomousError && error.code === 'ERR_STORE_CONFLICT'
}
