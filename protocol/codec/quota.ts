/** Token buckets per peer: enforces the quota in a protocol's descriptor. Pure; the clock is passed in. */
import type { ProtocolQuota } from '../descriptor.ts'
import { quotaPeersMax } from '../limits.ts'

interface Bucket {
  tokens: number
  atMs: number
}

export type QuotaAnswer = { isAllowed: true } | { isAllowed: false; retryAfterMs: number }

export interface PeerQuotaOptions {
  /** Monotonic milliseconds. */
  now: () => number
  peersMax?: number
}

/**
 * A bucket holds `requests` tokens and is filled again within `windowMs`. A peer that is forgotten (least recently seen
 * first, where there are more than `peersMax`) starts with a full one: this bounds single peers, not crowds of made-up ones.
 */
export class PeerQuota {
  readonly #requests: number
  readonly #tokensPerMs: number
  readonly #now: () => number
  readonly #peersMax: number
  /** Least recently seen first. */
  readonly #buckets = new Map<string, Bucket>()

  constructor(quota: ProtocolQuota, { now, peersMax = quotaPeersMax }: PeerQuotaOptions) {
    this.#requests = quota.requests
    this.#tokensPerMs = quota.requests / quota.windowMs
    this.#now = now
    this.#peersMax = peersMax
  }

  /** Takes one request of `peer` off its bucket. A refused one costs nothing. */
  take(peer: string): QuotaAnswer {
    const nowMs = this.#now()
    const bucket = this.#refilled(peer, nowMs)
    this.#buckets.delete(peer)
    this.#buckets.set(peer, bucket)
    if (this.#buckets.size > this.#peersMax) this.#forgetOldest()
    if (bucket.tokens < 1) return { isAllowed: false, retryAfterMs: Math.ceil((1 - bucket.tokens) / this.#tokensPerMs) }
    bucket.tokens -= 1
    return { isAllowed: true }
  }

  get peerCount(): number {
    return this.#buckets.size
  }

  #refilled(peer: string, nowMs: number): Bucket {
    const bucket = this.#buckets.get(peer)
    if (bucket === undefined) return { tokens: this.#requests, atMs: nowMs }
    const elapsedMs = Math.max(0, nowMs - bucket.atMs)
    return { tokens: Math.min(this.#requests, bucket.tokens + elapsedMs * this.#tokensPerMs), atMs: nowMs }
  }

  #forgetOldest(): void {
    for (const oldest of this.#buckets.keys()) {
      this.#buckets.delete(oldest)
      return
    }
  }
}
