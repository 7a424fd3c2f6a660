/** Caps in bytes per second: a token bucket, and a fair queue of senders behind one. */
import { KiB } from '#protocol/units.ts'

/** What may go out at once after a pause. Small, so that a rate measured over a fraction of a second is the cap. */
const burstBytes = 64 * KiB
/** A timer wakes late by up to some milliseconds; at high rates the bucket must hold what was missed. */
const burstMs = 10

/** Goes into debt by at most one spend: the average is exact for any size of spend. */
export class TokenBucket {
  readonly #now: () => number
  #bytesPerMs = Number.POSITIVE_INFINITY
  #capacity = 0
  #tokens = 0
  #refilledAtMs = 0

  constructor(now: () => number, bytesPerSecond: number | undefined) {
    this.#now = now
    this.setRate(bytesPerSecond)
  }

  get isLimited(): boolean {
    return this.#bytesPerMs !== Number.POSITIVE_INFINITY
  }

  setRate(bytesPerSecond: number | undefined): void {
    this.#bytesPerMs = bytesPerSecond === undefined ? Number.POSITIVE_INFINITY : Math.max(1, bytesPerSecond) / 1000
    this.#capacity = this.isLimited ? Math.max(burstBytes, this.#bytesPerMs * burstMs) : 0
    this.#tokens = Math.min(this.#tokens, this.#capacity)
    this.#refilledAtMs = this.#now()
  }

  spend(bytes: number): void {
    if (!this.isLimited) return
    this.#refill()
    this.#tokens -= bytes
  }

  /** 0: something may be spent now. */
  waitMs(): number {
    if (!this.isLimited) return 0
    this.#refill()
    return this.#tokens > 0 ? 0 : Math.max(1, Math.ceil((1 - this.#tokens) / this.#bytesPerMs))
  }

  #refill(): void {
    const now = this.#now()
    this.#tokens = Math.min(this.#capacity, this.#tokens + (now - this.#refilledAtMs) * this.#bytesPerMs)
    this.#refilledAtMs = now
  }
}

interface Waiter {
  bytes: number
  resolve: () => void
}

/** Grants sends under one cap, in turn between keys (peers): one with many requests does not push out another. */
export class FairLimiter {
  readonly #bucket: TokenBucket
  /** In order of turn: the first key is next, and goes to the end when it was served. */
  readonly #waiting = new Map<string, Waiter[]>()
  #timer: NodeJS.Timeout | undefined

  constructor(now: () => number, bytesPerSecond: number | undefined) {
    this.#bucket = new TokenBucket(now, bytesPerSecond)
  }

  get isLimited(): boolean {
    return this.#bucket.isLimited
  }

  setRate(bytesPerSecond: number | undefined): void {
    this.#bucket.setRate(bytesPerSecond)
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#grant()
  }

  /** `undefined`: go ahead. Each caller has at most a few of these pending, so the queue is bounded by the connections. */
  acquire(key: string, bytes: number): Promise<void> | undefined {
    if (!this.#bucket.isLimited) return undefined
    if (this.#waiting.size === 0 && this.#bucket.waitMs() === 0) {
      this.#bucket.spend(bytes)
      return undefined
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    const queue = this.#waiting.get(key)
    if (queue) queue.push({ bytes, resolve })
    else this.#waiting.set(key, [{ bytes, resolve }])
    this.#grant()
    return promise
  }

  /** Lets everyone go: nothing will wait again. */
  close(): void {
    this.setRate(undefined)
  }

  #grant(): void {
    if (this.#timer !== undefined) return
    for (const [key, queue] of this.#waiting) {
      const waitMs = this.#bucket.waitMs()
      if (waitMs > 0) {
        this.#timer = setTimeout(() => {
          this.#timer = undefined
          this.#grant()
        }, waitMs)
        return
      }
      const waiter = queue.shift()!
      this.#waiting.delete(key)
      // A map goes on over keys that are added meanwhile: this is the turn order.
      if (queue.length > 0) this.#waiting.set(key, queue)
      this.#bucket.spend(waiter.bytes)
      waiter.resolve()
    }
  }
}
