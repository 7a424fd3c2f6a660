/** Jobs in memory; a test says what the work did. */
import {
  type finalJobStates,
  isFinalJobState,
  type JobEvent,
  type JobEventBody,
  type JobResult,
  type JobState,
  type JobView,
  type SubmitRequest,
} from '#protocol/api/jobs.ts'
import { HartonomousError } from '#protocol/errors.ts'
import type { Identity } from '../identity.ts'
import type { JobService } from '../service.ts'
import { pageOf } from './page.ts'

interface TestJob {
  tenant: string
  request: SubmitRequest
  view: JobView
  events: JobEvent[]
  result?: JobResult
}

export class TestJobs implements JobService {
  readonly #jobs = new Map<string, TestJob>()
  readonly #keys = new Map<string, { request: string; jobId: string }>()
  readonly #told: (tenant: string, jobId: string) => void
  #news = Promise.withResolvers<void>()
  /** Open iterations of events. */
  readers = 0

  constructor(told: (tenant: string, jobId: string) => void) {
    this.#told = told
  }

  async submit({ tenant }: Identity, request: SubmitRequest, { idempotencyKey }: { idempotencyKey?: string }) {
    const known = idempotencyKey === undefined ? undefined : this.#keys.get(`${tenant} ${idempotencyKey}`)
    if (known !== undefined) {
      if (known.request !== JSON.stringify(request))
        throw new HartonomousError('ERR_IDEMPOTENCY', { key: idempotencyKey! })
      return this.#of(tenant, known.jobId).view
    }
    const jobId = `job-${String(this.#jobs.size).padStart(6, '0')}`
    const { work } = request
    const view: JobView = {
      jobId,
      kind: work.kind,
      state: 'queued',
      phases: [],
      reason: 'waits for its turn',
      ...('model' in work ? { model: work.model } : {}),
      privacy: 'public',
      createdAtMs: 1,
      updatedAtMs: 1,
      attempts: [],
      chargedWei: '0',
    }
    this.#jobs.set(jobId, { tenant, request, view, events: [] })
    if (idempotencyKey !== undefined)
      this.#keys.set(`${tenant} ${idempotencyKey}`, { request: JSON.stringify(request), jobId })
    this.emit(jobId, { type: 'state', state: 'queued', reason: view.reason })
    return view
  }

  async quote(_identity: Identity, { work }: SubmitRequest) {
    if ('model' in work && work.model === 'nobody')
      throw new HartonomousError('ERR_NO_SOURCE', { subject: 'answers of nobody', reason: 'no node answers' })
    return {
      plan: ['one node answers'],
      nodes: [],
      priceWei: { min: '0', max: '5' },
      promptTokens: 3,
      completionTokensMax: 10,
      privacy: { label: 'public' as const, meaning: 'any node may see it' },
    }
  }

  async get({ tenant }: Identity, jobId: string) {
    return this.#of(tenant, jobId).view
  }

  async list({ tenant }: Identity, { states, kind, ...page }: Parameters<JobService['list']>[1]) {
    const all = [...this.#jobs.values()]
      .filter((job) => job.tenant === tenant)
      .map(({ view }) => view)
      .filter((view) => (states?.includes(view.state) ?? true) && (kind === undefined || view.kind === kind))
      .reverse()
    const { rows, ...rest } = pageOf(all, page)
    return { jobs: rows, ...rest }
  }

  async cancel({ tenant }: Identity, jobId: string) {
    const job = this.#of(tenant, jobId)
    if (!isFinalJobState(job.view.state)) this.emit(jobId, { type: 'state', state: 'cancelled', reason: 'as asked' })
    return job.view
  }

  async approve({ tenant }: Identity, jobId: string, step: string, isApproved: boolean) {
    const job = this.#of(tenant, jobId)
    if (job.view.state !== 'waiting') throw new HartonomousError('ERR_USAGE', { message: 'nothing waits' })
    this.emit(jobId, { type: 'step', step, status: isApproved ? 'succeeded' : 'failed' })
    return job.view
  }

  async result({ tenant }: Identity, jobId: string) {
    const { view, result } = this.#of(tenant, jobId)
    if (result !== undefined) return result
    if (!isFinalJobState(view.state)) throw new HartonomousError('ERR_JOB_UNFINISHED', { jobId, state: view.state })
    throw new HartonomousError('ERR_JOB_FAILED', { jobId, cause: view.state, reason: view.reason })
  }

  async receipts({ tenant }: Identity, jobId: string) {
    this.#of(tenant, jobId)
    const receipt = { jobKey: '0x00', due: '7' }
    const shared = { jobId, attempt: 1, peerId: 'node-1', atMs: 1, kind: 'infer' as const, receipt, signature: '0x00' }
    return [{ ...shared, dueWei: '7', promptTokens: 1, completionTokens: 2 }]
  }

  async *events({ tenant }: Identity, jobId: string, afterSeq: number, signal: AbortSignal) {
    const job = this.#of(tenant, jobId)
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    this.readers++
    try {
      for (let last = afterSeq; !signal.aborted; ) {
        const news = this.#news.promise
        for (const event of job.events.filter(({ seq }) => seq > last)) {
          yield event
          last = event.seq
        }
        if (isFinalJobState(job.view.state) && job.events.at(-1)!.seq <= last) return
        if (job.events.at(-1)!.seq <= last) await Promise.race([news, aborted])
      }
    } finally {
      this.readers--
    }
  }

  /** What the work did. */
  emit(jobId: string, body: JobEventBody): void {
    const job = this.#jobs.get(jobId)!
    job.events.push({ seq: job.events.length + 1, atMs: job.events.length, ...body })
    if (body.type === 'state') {
      job.view.state = body.state
      job.view.reason = body.reason
    }
    this.#told(job.tenant, jobId)
    this.#news.resolve()
    this.#news = Promise.withResolvers()
  }

  finish(jobId: string, result: JobResult): void {
    this.#jobs.get(jobId)!.result = result
    this.emit(jobId, { type: 'state', state: 'succeeded', reason: 'done' })
  }

  move(jobId: string, state: Exclude<JobState, (typeof finalJobStates)[number]>): void {
    this.emit(jobId, { type: 'state', state, reason: `now ${state}` })
  }

  requestOf(jobId: string): SubmitRequest {
    return this.#jobs.get(jobId)!.request
  }

  #of(tenant: string, jobId: string): TestJob {
    const job = this.#jobs.get(jobId)
    if (job?.tenant === tenant) return job
    throw new HartonomousError('ERR_NOT_FOUND', { kind: 'job', id: jobId.slice(0, 200) })
  }
}
