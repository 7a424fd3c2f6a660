/**
 * One job in work: what changes of it is written by one writer, in order, each time against the revision that it knows. Text
 * is joined for a moment before it is written, everything else at once.
 */

import type { Log } from '#node/log/index.ts'
import type {
  FinalJobState,
  JobErrorView,
  JobEventBody,
  JobPhase,
  JobResult,
  JobState,
  JobTerms,
  Work,
} from '#protocol/api/jobs.ts'
import { isHartonomousError } from '#protocol/errors.ts'
import { second } from '#protocol/units.ts'
import type { AttemptRow, JobChange, JobRow, JobStore } from '#sql/store/job.ts'
import type { TenantId } from '#sql/store/types.ts'
import type { Principal } from '../constitution/index.ts'
import { detailOf, type JobDetail, requestOf } from './job-detail.ts'
import type { JobHub } from './job-hub.ts'
import { PhaseClock } from './phase-clock.ts'

/** An owner that says nothing for this long is gone, and another may take the job. */
export const ownerMs = 30 * second
const renewMs = 10 * second
const textEveryMs = 200

export interface RunningJobDependencies {
  store: JobStore
  hub: JobHub
  owner: string
  now: () => number
  log: Log
}

export class RunningJob {
  readonly tenant: TenantId
  readonly jobId: string
  readonly work: Work
  readonly terms: JobTerms
  /** Under which what it asks of nodes is traced. */
  traceparent: string | undefined
  /** For whom it acts, and within which jobs and agents. */
  readonly principal: Principal
  /** Of the rules under which it acts, where they are more than the constitution. */
  readonly policyHash: string | undefined
  readonly parentJobId: string | undefined
  readonly detail: JobDetail
  readonly clock: PhaseClock
  /** Cancelled by its requester, out of time, taken by another coordinator, or the coordinator stops. */
  readonly signal: AbortSignal
  readonly #deps: RunningJobDependencies
  readonly #stop = new AbortController()
  #row: JobRow
  #pending: Omit<JobChange, 'jobId' | 'revision' | 'atMs'> = {}
  #writing: Promise<void> = Promise.resolve()
  #textTimer: NodeJS.Timeout | undefined
  readonly #renewal: NodeJS.Timeout
  #isFinal = false
  #isAbandoned = false

  constructor(tenant: TenantId, row: JobRow, deps: RunningJobDependencies) {
    this.tenant = tenant
    this.jobId = row.jobId
    const { work, terms = {}, traceparent, principal, policyHash } = requestOf(row)
    this.work = work
    this.terms = terms
    this.traceparent = traceparent
    this.principal = { tenant, ...principal }
    this.policyHash = policyHash
    this.parentJobId = row.parentJobId
    this.detail = detailOf(row)
    this.#row = row
    this.#deps = deps
    this.clock = new PhaseClock(this.detail.phases, this.terms.timeoutsMs, deps.now)
    this.signal = AbortSignal.any([this.#stop.signal, this.clock.signal])
    this.#renewal = setInterval(() => this.#change({}), renewMs)
    this.#renewal.unref()
    if (row.isCancelRequested) this.cancel()
  }

  /** Nothing more of it is written here. */
  get isAbandoned(): boolean {
    return this.#isAbandoned
  }

  get state(): JobState {
    return this.#row.state
  }

  /** By its requester. */
  cancel(): void {
    this.#stop.abort(new CancelledJob())
  }

  /** It is not ours any more, or we stop: nothing more is written. */
  abandon(reason: string): void {
    this.#isAbandoned = true
    clearInterval(this.#renewal)
    clearTimeout(this.#textTimer)
    this.clock.stop()
    this.#stop.abort(new Error(reason))
  }

  enter(phase: JobPhase, reason: string): void {
    const isNew = this.clock.enter(phase)
    if (isNew || this.#row.reason !== reason)
      this.#change({ state: phase, reason }, { type: 'state', state: phase, reason })
  }

  /** For a person to say yes or no; takes what time it takes. */
  wait(reason: string, steps: string[]): void {
    this.clock.stop()
    this.detail.waitingFor = steps
    this.#change({ state: 'waiting', reason }, { type: 'state', state: 'waiting', reason })
  }

  progress(phase: JobPhase, done: number, total: number): void {
    this.clock.count(done, total)
    this.#note({ type: 'progress', phase, done, total })
  }

  step(event: Extract<JobEventBody, { type: 'step' }>): void {
    this.#change({}, event)
  }

  text(text: string, tokens: number): void {
    this.#deps.hub.tell(this.jobId, [{ type: 'text', text, tokens }])
    const last = this.#pending.events?.at(-1)
    if (last?.type === 'text') Object.assign(last, { text: last.text + text, tokens: last.tokens + tokens })
    else this.#note({ type: 'text', text, tokens })
  }

  /** Numbered from 1 over all owners. */
  nextAttempt(): number {
    return ++this.detail.attempts
  }

  attempt(row: AttemptRow): void {
    const { attempt, peerId, isHedge } = row
    const isNew = row.endedAtMs === undefined
    this.#change({ attempts: [row] }, ...(isNew ? [{ type: 'attempt' as const, attempt, peerId, isHedge }] : []))
  }

  /** With the last attempt, the result and the charge in one transaction; durable when it resolves. */
  async finish(
    state: FinalJobState,
    reason: string,
    end: { result?: JobResult; error?: JobErrorView; chargedWei?: bigint; attempts?: AttemptRow[] } = {},
  ): Promise<void> {
    this.clock.end()
    clearInterval(this.#renewal)
    this.#change(
      {
        state,
        reason,
        owner: null,
        chargedWei: end.chargedWei ?? 0n,
        ...(end.attempts === undefined ? {} : { attempts: end.attempts }),
        ...(end.result === undefined ? {} : { result: JSON.stringify(end.result) }),
        ...(end.error === undefined ? {} : { error: JSON.stringify(end.error) }),
      },
      { type: 'state', state, reason },
    )
    await this.#writing
    this.#isFinal = true
  }

  /** Everything so far is in the store. */
  async settled(): Promise<void> {
    this.#flush()
    await this.#writing
  }

  /** Written with whatever comes next, or soon. */
  #note(event: JobEventBody): void {
    this.#pending.events = [...(this.#pending.events ?? []), event]
    this.#textTimer ??= setTimeout(() => this.#flush(), textEveryMs)
  }

  #change(change: JobRun, ...events: JobEventBody[]): void {
    const { attempts = [], events: noted = [], ...rest } = this.#pending
    this.#pending = {
      ...rest,
      ...change,
      attempts: newestOf([...attempts, ...(change.attempts ?? [])]),
      events: [...noted, ...events],
    }
    this.#flush()
  }

  #flush(): void {
    clearTimeout(this.#textTimer)
    this.#textTimer = undefined
    this.#writing = this.#writing.then(() => this.#write())
  }

  /** One change for all that has gathered while the last one was written. */
  async #write(): Promise<void> {
    if (this.#isFinal || this.#isAbandoned) return
    const { store, hub, owner, now } = this.#deps
    const atMs = now()
    const pending = this.#pending
    this.#pending = {}
    const change: JobChange = {
      jobId: this.jobId,
      revision: this.#row.revision,
      atMs,
      detail: JSON.stringify(this.detail),
      owner: { id: owner, untilMs: atMs + ownerMs },
      ...pending,
    }
    try {
      const [row] = await store.changeJobs([change])
      this.#row = row!
    } catch (error) {
      if (!isHartonomousError(error, 'ERR_STORE_CONFLICT')) {
        this.#lose(error)
        return
      }
      await this.#resolve(change)
    }
    hub.changed(
      this.tenant,
      this.jobId,
      (pending.events ?? []).filter(({ type }) => type !== 'text'),
    )
    if (this.#row.isCancelRequested) this.cancel()
  }

  /** Its ownership runs out, and it is begun anew, here or elsewhere. */
  #lose(error: unknown): void {
    this.#deps.log.error('job-not-written', { jobId: this.jobId, error: String(error) })
    this.abandon('its state cannot be written')
  }

  /** Somebody else wrote: a request to cancel is taken in, another owner or a final state ends our work. */
  async #resolve(change: JobChange): Promise<void> {
    const { store, owner } = this.#deps
    for (;;) {
      const row = await store.getJob(this.jobId)
      if (row === undefined || row.finishedAtMs !== undefined || (row.owner !== undefined && row.owner !== owner))
        return this.abandon('another coordinator has it')
      this.#row = row
      try {
        const [written] = await store.changeJobs([{ ...change, revision: row.revision }])
        this.#row = written!
        return
      } catch (error) {
        if (!isHartonomousError(error, 'ERR_STORE_CONFLICT')) return this.#lose(error)
      }
    }
  }
}

type JobRun = Omit<JobChange, 'jobId' | 'revision' | 'atMs' | 'events'>

/** An attempt that began and ended before it was written is written once. */
function newestOf(attempts: readonly AttemptRow[]): AttemptRow[] {
  return [...new Map(attempts.map((row) => [row.attempt, row])).values()]
}

/** Why a signal of a job aborted: its requester wants it no more. */
export class CancelledJob extends Error {
  constructor() {
    super('the job was cancelled')
    this.name = 'CancelledJob'
  }
}
