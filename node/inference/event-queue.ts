/**
 * Events from a callback to one `for await` loop. Unbounded by itself: whoever pushes is bounded (a request yields at
 * most `inferenceTokensMax` tokens).
 */
export class EventQueue<T> implements AsyncIterable<T> {
  readonly #events: T[] = []
  #ended = false
  #error: { reason: unknown } | undefined
  #wake: (() => void) | undefined
  #onTaken: (() => void) | undefined

  /** Ignored after `end` or `fail`. */
  push(event: T): void {
    if (this.#ended) return
    this.#events.push(event)
    this.#wake?.()
  }

  end(last?: T): void {
    if (this.#ended) return
    if (last !== undefined) this.#events.push(last)
    this.#ended = true
    this.#wake?.()
  }

  /** The loop gets what was pushed before, then throws. */
  fail(reason: unknown): void {
    if (this.#ended) return
    this.#error = { reason }
    this.end()
  }

  /** Resolves when the reader is done with all events so far, and asks for the next one; or with the signal. */
  async taken(signal: AbortSignal): Promise<void> {
    if (signal.aborted || (this.#events.length === 0 && this.#wake !== undefined)) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#onTaken = resolve
    signal.addEventListener('abort', resolve as () => void, { once: true })
    await promise
    signal.removeEventListener('abort', resolve as () => void)
  }

  get isEnded(): boolean {
    return this.#ended
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      while (this.#events.length > 0) yield this.#events.shift() as T
      if (this.#ended) break
      this.#onTaken?.()
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = undefined
    }
    if (this.#error) throw this.#error.reason
  }
}
