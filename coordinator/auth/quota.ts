/** How much of a coordinator a tenant may use. What flows (requests, tokens) fills up again; what is held (jobs, bytes) is counted. */
import assert from 'node:assert/strict'
import { HartonomousError } from '#protocol/errors.ts'
import { day, hour, minute, second } from '#protocol/units.ts'
import type { TenantId } from '#sql/store/index.ts'
import { type Rate, RateTable } from './rate-table.ts'

export interface QuotaLimits {
  requestsPerMinute: number
  /** Input and output together. */
  tokensPerDay: number
  concurrentJobs: number
  storedBytes: number
}

export interface QuotaUsage {
  /** That may be used now. */
  requestsLeft: number
  tokensLeft: number
  jobs: number
  storedBytes: number
}

export interface Held {
  jobs: number
  storedBytes: number
}

/** Tenants whose rates are remembered: 3 x ~150 bytes each, 15 MB. */
const ratedTenantsMax = 32_768
/** Tenants with unfinished jobs or stored bytes. */
const holdingTenantsMax = 100_000
/** A job ends in seconds or hours, which nobody knows: ask again soon. Stored bytes go when somebody removes them. */
const jobRetryMs = 5 * second
const storageRetryMs = hour

export class TenantQuotas {
  readonly #limitsOf: (tenant: TenantId) => QuotaLimits | undefined
  readonly #now: () => number
  readonly #requests = new RateTable(ratedTenantsMax)
  readonly #tokens = new RateTable(ratedTenantsMax)
  readonly #held = new Map<TenantId, Held>()

  /** @param limitsOf `undefined` for a tenant without any: the owner. */
  constructor(limitsOf: (tenant: TenantId) => QuotaLimits | undefined, now: () => number) {
    this.#limitsOf = limitsOf
    this.#now = now
  }

  /** @throws {ERR_QUOTA} */
  takeRequest(tenant: TenantId): void {
    const limits = this.#limitsOf(tenant)
    if (limits === undefined) return
    const waitMs = this.#requests.take(tenant, requestRate(limits), 1, this.#now())
    if (waitMs > 0) refuse('requests in a minute', limits.requestsPerMinute, Math.min(waitMs, minute))
  }

  /** Before the work, of what it may need at most; `settleTokens` says what it was. @throws {ERR_QUOTA} */
  takeTokens(tenant: TenantId, count: number): void {
    const limits = this.#limitsOf(tenant)
    if (limits === undefined) return
    const waitMs = this.#tokens.take(tenant, tokenRate(limits), count, this.#now())
    if (waitMs > 0) refuse('tokens in a day', limits.tokensPerDay, Math.min(waitMs, day))
  }

  /** After it: what was not used comes back, what was used beyond it is owed. */
  settleTokens(tenant: TenantId, taken: number, used: number): void {
    const limits = this.#limitsOf(tenant)
    if (limits !== undefined) this.#tokens.charge(tenant, tokenRate(limits), used - taken, this.#now())
  }

  /** @throws {ERR_QUOTA} */
  openJob(tenant: TenantId): void {
    const limits = this.#limitsOf(tenant)
    const { jobs } = this.#heldOf(tenant)
    if (limits !== undefined && jobs >= limits.concurrentJobs)
      refuse('jobs at a time', limits.concurrentJobs, jobRetryMs)
    this.#hold(tenant, 1, 0)
  }

  closeJob(tenant: TenantId): void {
    this.#hold(tenant, -1, 0)
  }

  /** @throws {ERR_QUOTA} */
  takeStorage(tenant: TenantId, sizeBytes: number): void {
    const limits = this.#limitsOf(tenant)
    const { storedBytes } = this.#heldOf(tenant)
    if (limits !== undefined && storedBytes + sizeBytes > limits.storedBytes)
      refuse('stored bytes', limits.storedBytes, storageRetryMs)
    this.#hold(tenant, 0, sizeBytes)
  }

  freeStorage(tenant: TenantId, sizeBytes: number): void {
    this.#hold(tenant, 0, -sizeBytes)
  }

  /** After a start: what the store says that a tenant has, be it more than it may. */
  restore(tenant: TenantId, held: Held): void {
    assert(held.jobs >= 0 && held.storedBytes >= 0)
    this.#held.delete(tenant)
    this.#hold(tenant, held.jobs, held.storedBytes)
  }

  /** `undefined` for a tenant without limits. */
  usage(tenant: TenantId): QuotaUsage | undefined {
    const limits = this.#limitsOf(tenant)
    if (limits === undefined) return undefined
    const [requests, tokens] = [requestRate(limits), tokenRate(limits)]
    return {
      requestsLeft: Math.max(0, Math.floor(this.#requests.level(tenant, requests, this.#now()))),
      tokensLeft: Math.max(0, Math.floor(this.#tokens.level(tenant, tokens, this.#now()))),
      ...this.#heldOf(tenant),
    }
  }

  #heldOf(tenant: TenantId): Held {
    return this.#held.get(tenant) ?? { jobs: 0, storedBytes: 0 }
  }

  #hold(tenant: TenantId, jobs: number, bytes: number): void {
    const before = this.#heldOf(tenant)
    const after = { jobs: before.jobs + jobs, storedBytes: before.storedBytes + bytes }
    assert(after.jobs >= 0 && after.storedBytes >= 0, `more was given back for ${tenant} than taken`)
    if (after.jobs === 0 && after.storedBytes === 0) return void this.#held.delete(tenant)
    // Who holds something cannot be forgotten: a newcomer has to wait.
    if (!this.#held.has(tenant) && this.#held.size >= holdingTenantsMax)
      refuse('tenants at a time', holdingTenantsMax, jobRetryMs)
    this.#held.set(tenant, after)
  }
}

function requestRate({ requestsPerMinute }: QuotaLimits): Rate {
  return { count: requestsPerMinute, periodMs: minute }
}

function tokenRate({ tokensPerDay }: QuotaLimits): Rate {
  return { count: tokensPerDay, periodMs: day }
}

function refuse(what: string, limit: number, retryAfterMs: number): never {
  throw new HartonomousError('ERR_QUOTA', { what, limit, retryAfterMs })
}
