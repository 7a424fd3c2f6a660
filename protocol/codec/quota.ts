/**
 * Requests per peer: enforces the quota in a protocol's descriptor. Pure; the clock is passed in.
 *
 * The generic cell rate algorithm (ITU-T I.371): a token bucket kept as one number per peer, the time at which its bucket
 * will be full again, so that nothing is added up and no rounding collects.
 */
import type { ProtocolQuota } from '../descriptor.ts'
import { quotaPeersMax } from '../limits.ts'

export type QuotaAnswer = { isAllowed: true } | { isAllowed: false; retryAfterMs: number }

export interface PeerQuotaOptions {
  /** Monotonic milliseconds. */
  now: () => number
  peersMax?: number
}

/** Far below a clock's step: what rounding may take from an interval that is no whole number of milliseconds. */
const toleranceMs = 1e-3

/**
 * A peer may send `requests` at once, and as many again spread over `windowMs`. One that is forgotten (least recently seen
 * first, where there are more than `peersMax`) starts anew: this bounds single peers, not crowds of made-up ones.
 */
export class PeerQuota {
  readonly #intervalMs: number
  readonly #windowMs: number
  readonly #now: () => number
  readonly #peersMax: number
  /** When each peer's bucket is full again; least recently seen first. */
  readonly #fullAtMs = new Map<string, number>()

  constructor(quota: ProtocolQuota, { now, peersMax = quotaPeersMax }: PeerQuotaOptions) {
    this.#intervalMs = quota.windowMs / quota.requests
    this.#windowMs = quota.windowMs
    this.#now = now
    this.#peersMax = peersMax
  }

  /** Counts one request of `peer`. A refused one costs nothing. */
  take(peer: string): QuotaAnswer {
    const nowMs = this.#now()
    const fullAtMs = Math.max(this.#fullAtMs.get(peer) ?? nowMs, nowMs)
    const waitMs = fullAtMs + this.#intervalMs - this.#windowMs - nowMs
    const isAllowed = waitMs <= toleranceMs
    this.#remember(peer, isAllowed ? fullAtMs + this.#intervalMs : fullAtMs)
    return isAllowed ? { isAllowed } : { isAllowed, retryAfterMs: Math.ceil(waitMs - toleranceMs) }
  }

  get peerCount(): number {
    return this.#fullAtMs.size
  }

  #remember(peer: string, fullAtMs: number): void {
    this.#fullAtMs.delete(peer)
    this.#fullAtMs.set(peer, fullAtMs)
    if (this.#fullAtMs.size <= this.#peersMax) return
    for (const oldest of this.#fullAtMs.keys()) {
      this.#fullAtMs.delete(oldest)
      return
    }
  }
}
