/** Decisions on their way into the ledger: in their order, many to a transaction, and none is dropped. */
import { randomUUID } from 'node:crypto'
import { HartonomousError } from '#protocol/errors.ts'
import { decisionsQueuedMax, ledgerEntriesPerAppendMax } from '#protocol/limits.ts'
import type { LedgerAppend, TenantStore } from '#sql/store/index.ts'
import { type AuditEntry, ledgerEntryOf } from './audit-entry.ts'

export interface AuditLogOptions {
  ledger: Pick<TenantStore, 'appendLedger'>
  now: () => number
  /** How long what nobody waits for may stay in memory. */
  batchMs?: number
  /** Pause after a failed append. */
  retryMs?: number
}

interface Waiting {
  entry: LedgerAppend
  /** Of the next append that it is part of. */
  written: PromiseWithResolvers<void>
}

export class AuditLog {
  readonly #options: Required<AuditLogOptions>
  /** Entries of one process and their place: two coordinators may write to one ledger. */
  readonly #session = randomUUID()
  #count = 0
  readonly #queue: Waiting[] = []
  #draining: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(options: AuditLogOptions) {
    this.#options = { batchMs: 100, retryMs: 1000, ...options }
  }

  /**
   * Resolves when the entry is durable. Where the store fails it rejects; the entry stays in its place and is written as
   * soon as the store can.
   */
  async append(entry: AuditEntry): Promise<void> {
    const { written } = this.#push(entry)
    this.#drain()
    return written.promise
  }

  /** Resolves at once, unless too many wait already: then when this one is durable. */
  async appendLater(entry: AuditEntry): Promise<void> {
    if (this.#queue.length >= decisionsQueuedMax / 2) return this.append(entry)
    this.#push(entry)
    this.#timer ??= setTimeout(() => this.#drain(), this.#options.batchMs)
  }

  /** Writes what waits. @throws what the store says */
  async flush(): Promise<void> {
    const last = this.#queue.at(-1)
    if (last === undefined) return
    this.#drain()
    return last.written.promise
  }

  /** @throws {ERR_STORE_UNAVAILABLE} where the store has not taken entries for long */
  #push(entry: AuditEntry): Waiting {
    if (this.#queue.length >= decisionsQueuedMax) {
      const reason = `${this.#queue.length} decisions wait to be written`
      throw new HartonomousError('ERR_STORE_UNAVAILABLE', { reason })
    }
    const row = ledgerEntryOf(`${this.#session}/${++this.#count}`, entry, this.#options.now())
    const waiting = { entry: row, written: promiseOfAppend() }
    this.#queue.push(waiting)
    return waiting
  }

  #drain(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#draining ??= this.#write().then((isWritten) => {
      this.#draining = undefined
      if (this.#queue.length === 0) return
      if (isWritten) this.#drain()
      // A process that wants to end is not kept by a store that has gone.
      else this.#timer ??= setTimeout(() => this.#drain(), this.#options.retryMs).unref()
    })
  }

  /** All that waits; false where the store failed. */
  async #write(): Promise<boolean> {
    while (this.#queue.length > 0) {
      const batch = this.#queue.slice(0, ledgerEntriesPerAppendMax)
      try {
        const rows = batch.map(({ entry }) => entry)
        await this.#options.ledger.appendLedger(rows, { isUnique: true })
      } catch (error) {
        for (const waiting of this.#queue) {
          waiting.written.reject(error)
          waiting.written = promiseOfAppend()
        }
        return false
      }
      this.#queue.splice(0, batch.length)
      for (const { written } of batch) written.resolve()
    }
    return true
  }
}

/** Nobody may be waiting for it: that it fails is no fault of the process. */
function promiseOfAppend(): PromiseWithResolvers<void> {
  const written = Promise.withResolvers<void>()
  written.promise.catch(() => {})
  return written
}
