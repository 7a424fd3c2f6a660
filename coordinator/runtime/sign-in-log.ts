/** Who signed in, who failed, which keys were made and revoked: entries of a ledger of their own, bound by their hashes. */
import type { Log } from '#node/log/index.ts'
import { ledgerEntriesPerAppendMax } from '#protocol/limits.ts'
import type { LedgerAppend, TenantStore } from '#sql/store/index.ts'
import type { AuthAudit } from '../auth/index.ts'

export interface SignInLogOptions {
  /** Of the tenant `SignInLog.tenant`. */
  ledger: Pick<TenantStore, 'appendLedger'>
  log: Log
}

/** In memory while the store is slow; failed attempts beyond it are counted in the log alone. */
const waitingMax = 4096

export class SignInLog {
  static readonly tenant = 'local:sign-ins'
  readonly #options: SignInLogOptions
  readonly #waiting: LedgerAppend[] = []
  #writing: Promise<void> | undefined

  constructor(options: SignInLogOptions) {
    this.#options = options
  }

  append(entry: AuthAudit): void {
    const { event, atMs, tenant, credential } = entry
    if (this.#waiting.length >= waitingMax && event === 'sign-in-failed') {
      this.#options.log.warn('sign-in-not-written-down', { ...entry })
      return
    }
    const subject = Buffer.from(credential ?? tenant ?? event).toString('utf8', 0, 200)
    this.#waiting.push({ kind: 'decision', subject, atMs, body: Buffer.from(JSON.stringify(entry)), fields: { event } })
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined
    })
  }

  async close(): Promise<void> {
    await this.#writing
  }

  async #write(): Promise<void> {
    const { ledger, log } = this.#options
    while (this.#waiting.length > 0) {
      const entries = this.#waiting.splice(0, ledgerEntriesPerAppendMax)
      await ledger
        .appendLedger(entries)
        .catch((error: unknown) =>
          log.error('sign-ins-not-written-down', { count: entries.length, error: String(error) }),
        )
    }
  }
}
