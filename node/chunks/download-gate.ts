/** The download cap of all fetches: while it is spent, nobody reads from the network. */
import { TokenBucket } from './rate-limit.ts'

export class DownloadGate {
  readonly #bucket: TokenBucket
  readonly #members = new Set<() => void>()
  #timer: NodeJS.Timeout | undefined

  constructor(now: () => number, bytesPerSecond: number | undefined) {
    this.#bucket = new TokenBucket(now, bytesPerSecond)
  }

  get isOpen(): boolean {
    return this.#timer === undefined
  }

  /** `onChange` is called when the gate opens or closes. Returns the function that leaves. */
  join(onChange: () => void): () => void {
    this.#members.add(onChange)
    return () => this.#members.delete(onChange)
  }

  spend(bytes: number): void {
    this.#bucket.spend(bytes)
    if (this.#timer !== undefined) return
    const waitMs = this.#bucket.waitMs()
    if (waitMs > 0) this.#close(waitMs)
  }

  setRate(bytesPerSecond: number | undefined): void {
    this.#bucket.setRate(bytesPerSecond)
    this.#open()
  }

  #close(waitMs: number): void {
    this.#timer = setTimeout(() => this.#open(), waitMs)
    this.#tell()
  }

  #open(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const waitMs = this.#bucket.waitMs()
    if (waitMs > 0) this.#close(waitMs)
    else this.#tell()
  }

  #tell(): void {
    for (const onChange of this.#members) onChange()
  }
}
