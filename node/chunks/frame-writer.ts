/** Sends frames over one channel: small ones are joined and bounded, data frames go whole and in turn. */
import { KiB } from '#protocol/units.ts'
import type { FrameChannel } from './frame-channel.ts'

/** Answers (pongs, refusals), and messages of payment, that wait because the peer does not read; more means that it only writes. */
const smallBytesMax = 256 * KiB

export class FrameWriter {
  readonly #channel: FrameChannel
  readonly #small: Uint8Array[] = []
  #smallBytes = 0
  #isFlushing = false
  /** Set while a data frame is sent in parts: nothing may come between them. */
  #lock: Promise<void> | undefined

  constructor(channel: FrameChannel) {
    this.#channel = channel
  }

  /** A whole control frame. Frames of one turn of the event loop leave together. */
  small(frame: Uint8Array): void {
    this.#smallBytes += frame.length
    if (this.#smallBytes > smallBytesMax) {
      this.#channel.close('the peer does not read our answers')
      return
    }
    this.#small.push(frame)
    if (!this.#isFlushing) void this.#flush()
  }

  /** Runs `send` when no other frame is being sent; it must send exactly one frame. */
  async exclusive<T>(send: () => Promise<T>): Promise<T> {
    while (this.#lock !== undefined) await this.#lock
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#lock = promise
    try {
      return await send()
    } finally {
      this.#lock = undefined
      resolve()
    }
  }

  async #flush(): Promise<void> {
    this.#isFlushing = true
    // After everything that this turn of the event loop reads: a full pipe asks for many blocks in one write.
    await new Promise((resolve) => setImmediate(resolve))
    try {
      while (this.#small.length > 0) {
        while (this.#lock !== undefined) await this.#lock
        const joined = this.#small.length === 1 ? this.#small[0]! : Buffer.concat(this.#small)
        this.#small.length = 0
        await this.#channel.send(joined)
        this.#smallBytes -= joined.length
      }
    } catch {
      // The channel ended; its owner hears of it from the channel.
      this.#small.length = 0
    }
    this.#isFlushing = false
  }
}
