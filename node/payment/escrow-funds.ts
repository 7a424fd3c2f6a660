/** What stands behind vouchers, read from the contract; answers are kept for a moment, since sessions come in bursts. */
import type { Address } from '#protocol/ids.ts'
import { fundsKnownMax } from '#protocol/limits.ts'
import { second } from '#protocol/units.ts'
import type { ChannelFunds, FundsReader } from './types.ts'

/** A payer that announces that it leaves does so for days: ten seconds late is early enough. */
const freshMs = 10 * second
const noLimit = 2n ** 128n - 1n

/** What is asked of the contract; `EscrowClient` of `node/chain` answers. */
export interface EscrowReader {
  account(payer: Address): Promise<{ balanceWei: bigint; thawingWei: bigint }>
  channel(payer: Address, payee: Address, topic: Uint8Array): Promise<{ lockedWei: bigint; claimedWei: bigint }>
  /** Undefined where the key signs for nobody. `revokedAtSeconds` is undefined while it is not revoked. */
  signer(
    signer: Address,
  ): Promise<{ payer: Address; revokedAtSeconds: number | undefined; allowanceWei: bigint } | undefined>
}

export class EscrowFunds implements FundsReader {
  readonly #escrow: () => Promise<EscrowReader>
  readonly #now: () => number
  /** By what was asked; oldest out. */
  readonly #known = new Map<string, { atMs: number; answer: Promise<unknown> }>()

  constructor(escrow: () => Promise<EscrowReader>, now: () => number) {
    this.#escrow = escrow
    this.#now = now
  }

  async channel(payer: Address, payee: Address, topic: Uint8Array): Promise<ChannelFunds> {
    const name = `${payer} ${payee} ${Buffer.from(topic).toString('hex')}`
    const [{ lockedWei, claimedWei }, { balanceWei, thawingWei }] = await Promise.all([
      this.#ask(name, (escrow) => escrow.channel(payer, payee, topic)),
      this.#ask(payer, (escrow) => escrow.account(payer)),
    ])
    return { lockedWei, claimedWei, freeWei: balanceWei - thawingWei, thawingWei }
  }

  async allowance(signer: Address, payer: Address): Promise<bigint | undefined> {
    if (signer === payer) return noLimit
    const known = await this.#ask(`signer ${signer}`, (escrow) => escrow.signer(signer))
    if (known === undefined || known.payer !== payer) return undefined
    const { revokedAtSeconds = Number.POSITIVE_INFINITY, allowanceWei } = known
    return revokedAtSeconds * second > this.#now() ? allowanceWei : undefined
  }

  /** Something changed: the next question goes to the chain. */
  forget(): void {
    this.#known.clear()
  }

  #ask<T>(name: string, question: (escrow: EscrowReader) => Promise<T>): Promise<T> {
    const known = this.#known.get(name)
    if (known !== undefined && this.#now() - known.atMs < freshMs) return known.answer as Promise<T>
    const answer = this.#escrow().then(question)
    this.#known.delete(name)
    this.#known.set(name, { atMs: this.#now(), answer })
    if (this.#known.size > fundsKnownMax) this.#known.delete(this.#known.keys().next().value!)
    answer.catch(() => this.#known.delete(name))
    return answer
  }
}
