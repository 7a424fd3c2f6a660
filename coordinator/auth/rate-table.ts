/**
 * Token buckets by key, of which only so many are remembered. A bucket holds `count` at most, is full at first, and fills
 * in `periodMs` from empty to full, evenly: no key gets more than `count x (1 + t / periodMs)` in any time t.
 *
 * The key that was not seen for longest is forgotten first. Whoever can bring many keys gains nothing by that: each new
 * key would have had a full bucket of its own anyway.
 */
export interface Rate {
  count: number
  periodMs: number
}

interface Bucket {
  /** What may be taken; below zero where more was used than had been thought. */
  level: number
  atMs: number
}

export class RateTable {
  readonly #keysMax: number
  readonly #buckets = new Map<string, Bucket>()

  constructor(keysMax: number) {
    this.#keysMax = keysMax
  }

  get size(): number {
    return this.#buckets.size
  }

  /** 0 where it was taken, else the ms after which it could be; `Infinity` where the bucket never holds as much. */
  take(key: string, rate: Rate, count: number, nowMs: number): number {
    const waitMs = this.wait(key, rate, count, nowMs)
    if (waitMs === 0) this.charge(key, rate, count, nowMs)
    return waitMs
  }

  /** As `take`, and takes nothing. */
  wait(key: string, rate: Rate, count: number, nowMs: number): number {
    if (count > rate.count) return Number.POSITIVE_INFINITY
    const lacking = count - this.level(key, rate, nowMs)
    return lacking <= 0 ? 0 : Math.max(1, Math.ceil((lacking / rate.count) * rate.periodMs))
  }

  /** Takes it even where it is not there: what was used is used. A negative count gives back. */
  charge(key: string, rate: Rate, count: number, nowMs: number): void {
    const level = Math.min(rate.count, this.level(key, rate, nowMs) - count)
    const atMs = Math.max(nowMs, this.#buckets.get(key)?.atMs ?? nowMs)
    this.#buckets.delete(key)
    this.#buckets.set(key, { level, atMs })
    const oldest = this.#buckets.keys().next().value
    if (this.#buckets.size > this.#keysMax && oldest !== undefined) this.#buckets.delete(oldest)
  }

  level(key: string, rate: Rate, nowMs: number): number {
    const bucket = this.#buckets.get(key)
    if (bucket === undefined) return rate.count
    // A clock that was set back fills nothing.
    const filled = (Math.max(0, nowMs - bucket.atMs) / rate.periodMs) * rate.count
    return Math.min(rate.count, bucket.level + filled)
  }
}
