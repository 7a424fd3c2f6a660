/** Caps in bytes per second: a token bucket, and a fair queue of senders behind one. */
import { KiB } from '#protocol/units.ts'

/** What may go out at once after a pause. Small, so that a rate measured over a fraction of a second is the cap. */
const burstBytes = 64 * KiB
/** At high rates a sender takes more than the burst in the time that one send takes. */
const burstMs = 10
/** While somebody waits, a timer that wakes late on a busy machine costs nothing, up to this. */
const lateMs = 250

/** Goes into debt by at most one spend: the average is exact for any size of spend. */
export class TokenBucket {
  readonly #now: () => number
  #bytesPerMs = Number.POSITIVE_INFINITY
  #capacity = 0
  #tokens = 0
  /** How long somebody was told to wait: what comes in meanwhile, and a little later, is owed, and not a burst. */
  #awaitedMs = 0
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
    this.#awaitedMs = this.#tokens > 0 ? 0 : Math.max(1, Math.ceil((1 - this.#tokens) / this.#bytesPerMs))
    return this.#awaitedMs
  }

  #refill(): void {
    const now = this.#now()
    const elapsedMs = now - this.#refilledAtMs
    const isOwed = this.#awaitedMs > 0 && elapsedMs <= this.#awaitedMs + lateMs
    const capacity = isOwed ? Number.POSITIVE_INFINITY : this.#capacity
    const filled = Math.min(capacity, this.#tokens + elapsedMs * this.#bytesPerMs)
    this.#tokens = Math.max(this.#tokens, filled)
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
