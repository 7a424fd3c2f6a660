/**
 * One channel as its payee sees it: what was done for it, what is promised, and how much more may be done before the next
 * voucher. All sessions of the channel share it.
 */
import type { Address } from '#protocol/ids.ts'
import { debtMemoryMs } from '#protocol/limits.ts'
import { ChannelBook } from './channel-book.ts'
import { aheadWei, type ChannelStanding, coveredWei, type Exposure, least, most } from './exposure.ts'
import { type LedgerStore, voucherEntry, voucherOf, workEntry, workOf } from './ledger.ts'
import { type ChannelFunds, type ChannelKey, channelName, type FundsReader, type PaymentSigner } from './types.ts'

export interface SellerChannelDependencies {
  store: LedgerStore
  signer: PaymentSigner
  funds: FundsReader
  /** What is promised and not claimed on the other channels of this payer with us. */
  promisedElsewhereWei: (channel: SellerChannel) => bigint
  now: () => number
}

const nothingBehind: ChannelFunds = { lockedWei: 0n, claimedWei: 0n, freeWei: 0n, thawingWei: 0n }

export class SellerChannel {
  readonly key: ChannelKey
  readonly name: string
  readonly #deps: SellerChannelDependencies
  sessions = 0
  #promisedWei = 0n
  #signature: Uint8Array | undefined
  #doneWei = 0n
  /** Left unpaid by sessions that are over: it lowers the credit, and is not asked for again. */
  #oldDebtWei = 0n
  /** By the last note. */
  #notedWei = 0n
  #funds = nothingBehind
  #allowanceWei = 0n
  #taking: Promise<unknown> = Promise.resolve()

  private constructor(key: ChannelKey, deps: SellerChannelDependencies) {
    this.key = key
    this.name = channelName(key)
    this.#deps = deps
  }

  /** As the ledger has it. Work that was not paid within a day is forgiven, but stays in the ledger. */
  static async load(key: ChannelKey, deps: SellerChannelDependencies): Promise<SellerChannel> {
    const channel = new SellerChannel(key, deps)
    const subject = channel.name
    const newest = { subject, newestFirst: true, limit: 1 }
    const [voucher] = await deps.store.listLedger({ kinds: ['voucher-received'], ...newest })
    if (voucher !== undefined) {
      const { cumulativeWei, signature } = voucherOf(voucher)
      channel.#promisedWei = cumulativeWei
      channel.#signature = signature
    }
    const [work] = await deps.store.listLedger({ kinds: ['work'], ...newest })
    if (work !== undefined) channel.#notedWei = workOf(work).doneWei
    const isOwed = work !== undefined && deps.now() - work.atMs < debtMemoryMs
    channel.#doneWei = isOwed ? most(workOf(work).doneWei, channel.#promisedWei) : channel.#promisedWei
    channel.#oldDebtWei = channel.#doneWei - channel.#promisedWei
    return channel
  }

  get promisedWei(): bigint {
    return this.#promisedWei
  }

  get unclaimedWei(): bigint {
    return most(0n, this.#promisedWei - this.#funds.claimedWei)
  }

  /** Of the highest voucher; undefined at zero. */
  get signature(): Uint8Array | undefined {
    return this.#signature
  }

  get doneWei(): bigint {
    return this.#doneWei
  }

  /** The total that the open sessions ask for. */
  get askedWei(): bigint {
    return this.#doneWei - this.#oldDebtWei
  }

  /** Whether this key speaks for the payer. @throws {ERR_CHAIN_UNAVAILABLE} */
  async isBoundBy(signer: Address | undefined): Promise<boolean> {
    if (signer === undefined) return false
    return (await this.#deps.funds.allowance(signer, this.key.payer)) !== undefined
  }

  get isThawing(): boolean {
    return this.#funds.thawingWei > 0n
  }

  /** Looks at the chain. @throws {ERR_CHAIN_UNAVAILABLE} */
  async refresh(signer?: Address): Promise<void> {
    const { payer, payee, topic } = this.key
    this.#funds = await this.#deps.funds.channel(payer, payee, topic)
    this.#allowanceWei = (await this.#deps.funds.allowance(signer ?? payer, payer)) ?? 0n
  }

  aheadWei(exposure: Exposure): bigint {
    return aheadWei(exposure, this.#standing(), this.#funds)
  }

  /** What may still be done, in wei, before the next voucher. */
  creditWei(exposure: Exposure): bigint {
    return most(0n, this.#promisedWei + this.aheadWei(exposure) - this.#doneWei)
  }

  work(amountWei: bigint): void {
    this.#doneWei += amountWei
  }

  /**
   * Takes a voucher: written down before it counts. `voucher` where it is none of this channel,
   * `funds` where the escrow does not cover it (it is kept all the same: it may be paid one day).
   * @throws {ERR_CHAIN_UNAVAILABLE}, after it was taken where the payer itself signed it
   */
  take(cumulativeWei: bigint, signature: Uint8Array): Promise<'voucher' | 'funds' | undefined> {
    // One after the other: the same voucher may come on two sessions at once.
    const taking = this.#taking.then(() => this.#take(cumulativeWei, signature))
    this.#taking = taking.catch(() => undefined)
    return taking
  }

  async #take(cumulativeWei: bigint, signature: Uint8Array): Promise<'voucher' | 'funds' | undefined> {
    const { store, signer, now } = this.#deps
    const { domain, payer, payee, topic } = this.key
    // A repetition is no offence: each session that asked may be answered by the newest voucher.
    if (cumulativeWei === this.#promisedWei) return undefined
    const by = signer.recoverVoucher(domain, { payer, payee, topic, cumulativeWei }, signature)
    if (by === undefined || !(await this.isBoundBy(by))) return 'voucher'
    // A later one has overtaken it on another session of the channel.
    if (cumulativeWei < this.#promisedWei) return undefined
    await store.appendLedger([voucherEntry('voucher-received', { key: this.key, cumulativeWei, signature }, now())])
    const before = this.#promisedWei
    this.#promisedWei = cumulativeWei
    this.#signature = signature
    this.#oldDebtWei = least(this.#oldDebtWei, most(0n, this.#doneWei - cumulativeWei))
    // A session may last for hours: the payer announces its leave, and we claim, in the middle of it.
    await this.refresh(by)
    const isCovered = cumulativeWei - before <= coveredWei({ ...this.#standing(), promisedWei: before }, this.#funds)
    return isCovered ? undefined : 'funds'
  }

  /** At the end of a session: unpaid work is remembered, with the reason; also that there is none where there was some. */
  async note(reason: string): Promise<void> {
    if (this.sessions === 0) this.#oldDebtWei = most(0n, this.#doneWei - this.#promisedWei)
    if (most(this.#doneWei, this.#notedWei) <= this.#promisedWei) return
    this.#notedWei = this.#doneWei
    const { store, now } = this.#deps
    const { key } = this
    const record = { key, doneWei: this.#doneWei, promisedWei: this.#promisedWei, atMs: now(), reason }
    await store.appendLedger([workEntry(record)])
  }

  #standing(): ChannelStanding {
    return {
      promisedWei: this.#promisedWei,
      promisedElsewhereWei: this.#deps.promisedElsewhereWei(this),
      allowanceWei: this.#allowanceWei,
    }
  }
}

/** All channels on which this node is paid. */
export function sellerBook(deps: Omit<SellerChannelDependencies, 'promisedElsewhereWei'>): ChannelBook<SellerChannel> {
  const promisedElsewhereWei = (own: SellerChannel) => {
    let sum = 0n
    for (const other of book.loaded()) {
      if (other !== own && other.key.payer === own.key.payer) sum += other.unclaimedWei
    }
    return sum
  }
  const book: ChannelBook<SellerChannel> = new ChannelBook((key) =>
    SellerChannel.load(key, { ...deps, promisedElsewhereWei }),
  )
  return book
}
