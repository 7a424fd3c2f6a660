/** Messages of one session, handled one after the other; a peer that sends faster than they are handled is cut off. */
import { paymentMessagesWaitingMax } from '#protocol/limits.ts'

export class Mailbox {
  #last: Promise<void> = Promise.resolve()
  #waiting = 0
  #isClosed = false
  readonly #onError: (error: unknown) => void

  /** After an error nothing more is handled. */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError
  }

  /** False when too many wait already, or after the end. */
  put(handle: () => Promise<void> | void): boolean {
    if (this.#isClosed || this.#waiting >= paymentMessagesWaitingMax) return false
    this.#waiting++
    this.#last = this.#last.then(async () => {
      this.#waiting--
      if (this.#isClosed) return
      try {
        await handle()
      } catch (error) {
        this.#isClosed = true
        this.#onError(error)
      }
    })
    return true
  }

  close(): void {
    this.#isClosed = true
  }

  /** When all that was put so far is done. */
  get settled(): Promise<void> {
    return this.#last
  }
}
