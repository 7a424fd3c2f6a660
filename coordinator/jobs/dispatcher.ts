/**
 * Takes jobs out of the store and sees each one to its end. The store is the queue: what waits costs no memory here, and
 * what a coordinator that died had in work is taken up by the next one.
 */

import type { Log } from '#node/log/index.ts'
import { type JobErrorView, type JobResult, type JobState, openJobStates } from '#protocol/api/jobs.ts'
import { errorToWire, isHartonomousError } from '#protocol/errors.ts'
import { jobsInWorkMax, jobsPerTenantInWorkMax } from '#protocol/limits.ts'
import { second } from '#protocol/units.ts'
import type { AttemptRow, JobRow, JobStore } from '#sql/store/job.ts'
import type { TenantId } from '#sql/store/types.ts'
import type { JobHub } from './job-hub.ts'
import { CancelledJob, ownerMs, RunningJob } from './running-job.ts'

/** New jobs of another coordinator on the same store, and those whose owner died, are looked for this often. */
const lookEveryMs = 2 * second

export interface Done {
  result: JobResult
  chargedWei: bigint
  attempts?: AttemptRow[]
}

export interface DispatcherDependencies {
  tenants: () => Promise<TenantId[]>
  storeOf: (tenant: TenantId) => JobStore
  hub: JobHub
  /** The same after a restart: what this coordinator left undone is its own again at once. */
  owner: string
  now: () => number
  log: Log
  /** Does the work. Throws the signal's reason where the job was cancelled. */
  run: (job: RunningJob, store: JobStore) => Promise<Done>
  onEnd: (
    job: RunningJob,
    end: { state: 'succeeded' | 'failed' | 'cancelled'; done?: Done; durationMs: number },
  ) => void
}

interface Tenant {
  /** In work here. */
  jobs: Map<string, RunningJob>
  /** There may be more in the store. */
  mayHaveMore: boolean
}

export class Dispatcher {
  readonly #deps: DispatcherDependencies
  readonly #tenants = new Map<TenantId, Tenant>()
  readonly #ending = new Set<Promise<void>>()
  #inWork = 0
  #isStopped = false
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #mustLookAgain = false

  constructor(deps: DispatcherDependencies) {
    this.#deps = deps
  }

  get inWork(): number {
    return this.#inWork
  }

  statesInWork(): JobState[] {
    return [...this.#tenants.values()].flatMap(({ jobs }) => [...jobs.values()].map(({ state }) => state))
  }

  job(tenant: TenantId, jobId: string): RunningJob | undefined {
    return this.#tenants.get(tenant)?.jobs.get(jobId)
  }

  /** What an earlier run of this coordinator had in work goes on first. */
  async start(): Promise<void> {
    const { tenants, storeOf, owner } = this.#deps
    for (const tenant of await tenants()) {
      const store = storeOf(tenant)
      let after: string | undefined
      for (;;) {
        const more = after === undefined ? {} : { after }
        const page = await store.listJobs({ states: openJobStates, limit: 1000, ...more })
        for (const row of page) if (row.owner === owner) this.#begin(tenant, row)
        if (page.length === 0) break
        after = page.at(-1)!.jobId
      }
    }
    await this.#lookAtAll()
    this.#timer = setInterval(() => void this.#lookAtAll(), lookEveryMs)
  }

  /** Jobs of that tenant wait in the store. */
  submitted(tenant: TenantId): void {
    this.#tenant(tenant).mayHaveMore = true
    void this.#look()
  }

  /** What is in work stays as it is in the store, for whoever comes next. */
  async close(): Promise<void> {
    this.#isStopped = true
    clearInterval(this.#timer)
    await this.#looking
    for (const { jobs } of this.#tenants.values()) {
      for (const job of jobs.values()) {
        await job.settled()
        job.abandon('the coordinator stops')
      }
    }
    await Promise.allSettled(this.#ending)
  }

  async #lookAtAll(): Promise<void> {
    const tenants = await this.#deps.tenants().catch((error: unknown) => {
      this.#deps.log.warn('tenants-not-read', { error: String(error) })
      return []
    })
    for (const tenant of tenants) this.#tenant(tenant).mayHaveMore = true
    await this.#look()
    // Who still waits for a place keeps its turn.
    for (const [tenant, { jobs, mayHaveMore }] of this.#tenants)
      if (jobs.size === 0 && !mayHaveMore) this.#tenants.delete(tenant)
  }

  #tenant(tenant: TenantId): Tenant {
    const known = this.#tenants.get(tenant)
    if (known !== undefined) return known
    const made: Tenant = { jobs: new Map(), mayHaveMore: true }
    this.#tenants.set(tenant, made)
    return made
  }

  /** One look at a time; what is asked for meanwhile is done after it. */
  async #look(): Promise<void> {
    this.#mustLookAgain = true
    this.#looking ??= this.#lookAround().finally(() => {
      this.#looking = undefined
    })
    await this.#looking
  }

  async #lookAround(): Promise<void> {
    while (this.#mustLookAgain && !this.#isStopped) {
      this.#mustLookAgain = false
      // What batches and workflows wait for must find a place, however many of them there are.
      let leaves = 0
      for (const tenant of this.#tenants.values()) leaves += leavesOf(tenant)
      for (const [id, tenant] of [...this.#tenants]) {
        const before = leavesOf(tenant)
        const room = Math.min(jobsPerTenantInWorkMax - before, jobsInWorkMax - leaves)
        if (room <= 0 || !tenant.mayHaveMore || this.#isStopped) continue
        await this.#claim(id, tenant, room).catch((error: unknown) =>
          this.#deps.log.warn('jobs-not-claimed', { tenant: id, error: String(error) }),
        )
        leaves += leavesOf(tenant) - before
        // Its next turn comes after all others'.
        if (this.#tenants.get(id) === tenant && this.#tenants.delete(id)) this.#tenants.set(id, tenant)
      }
    }
  }

  async #claim(id: TenantId, tenant: Tenant, room: number): Promise<void> {
    const { storeOf, owner, now } = this.#deps
    const nowMs = now()
    const rows = await storeOf(id).claimJobs({
      owner,
      nowMs,
      untilMs: nowMs + ownerMs,
      limit: room,
      states: openJobStates,
    })
    tenant.mayHaveMore = rows.length === room
    for (const row of rows) this.#begin(id, row)
    if (tenant.mayHaveMore) this.#mustLookAgain = true
  }

  #begin(tenant: TenantId, row: JobRow): void {
    const { storeOf, hub, owner, now, log } = this.#deps
    const { jobs } = this.#tenant(tenant)
    if (jobs.has(row.jobId) || this.#isStopped) return
    const store = storeOf(tenant)
    const job = new RunningJob(tenant, row, { store, hub, owner, now, log })
    jobs.set(row.jobId, job)
    this.#inWork++
    const ending = this.#see(job, store).finally(() => {
      jobs.delete(row.jobId)
      this.#inWork--
      this.#ending.delete(ending)
      this.submitted(tenant)
    })
    this.#ending.add(ending)
  }

  /** Never rejects. */
  async #see(job: RunningJob, store: JobStore): Promise<void> {
    const { run, log, onEnd, now } = this.#deps
    const startedMs = now()
    try {
      await closeOldAttempts(job, store, now())
      const done = await run(job, store)
      job.enter('returning', 'the result is kept')
      await job.finish('succeeded', 'it is done', done)
      onEnd(job, { state: 'succeeded', done, durationMs: now() - startedMs })
    } catch (error) {
      if (job.isAbandoned) return
      const cause = job.signal.aborted ? job.signal.reason : error
      const isCancelled = cause instanceof CancelledJob
      const end = isCancelled ? {} : { error: errorViewOf(cause, job) }
      const reason = isCancelled ? 'its requester cancelled it' : (end.error?.message ?? 'it failed')
      const state = isCancelled ? 'cancelled' : 'failed'
      await job.finish(state, reason, end)
      onEnd(job, { state, durationMs: now() - startedMs })
      if (!isHartonomousError(cause) && !isCancelled) log.warn('job-failed', { jobId: job.jobId, error: String(cause) })
    }
  }
}

/** Batches and workflows wait for jobs of their own tenant: they must not take the places of those. */
function leavesOf({ jobs }: Tenant): number {
  let count = 0
  for (const { work } of jobs.values()) if (work.kind !== 'batch' && work.kind !== 'workflow') count++
  return count
}

/** Attempts of an owner that is gone: what they did is lost, and nobody on the other side is to blame. */
async function closeOldAttempts(job: RunningJob, store: JobStore, nowMs: number): Promise<void> {
  const old = (await store.listAttempts(job.jobId)).filter(({ endedAtMs }) => endedAtMs === undefined)
  const error = { code: 'ERR_IO', message: 'the coordinator stopped in the middle of it' }
  for (const row of old) {
    const detail = { ...(JSON.parse(row.detail) as object), blame: 'coordinator', error }
    job.attempt({ ...row, endedAtMs: nowMs, outcome: 'failed', detail: JSON.stringify(detail) })
  }
  for (const { attempt } of old) job.detail.attempts = Math.max(job.detail.attempts, attempt)
}

function errorViewOf(error: unknown, job: RunningJob): JobErrorView {
  const message = error instanceof Error ? error.message : String(error)
  return { ...errorToWire(error), message: message.slice(0, 1000), phase: job.clock.phase }
}
