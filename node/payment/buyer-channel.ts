/** One channel as its payer sees it: what was received, and what is promised for it. All purchases of the channel share it. */
import { least, most } from './exposure.ts'
import { type LedgerStore, voucherEntry, voucherOf, workEntry, workOf } from './ledger.ts'
import { type ChannelKey, channelName, type PaymentSigner } from './types.ts'

export interface BuyerChannelDependencies {
  store: LedgerStore
  signer: PaymentSigner
  now: () => number
}

/** A voucher, and how much of it is new. */
export interface Promised {
  cumulativeWei: bigint
  signature: Uint8Array
  addedWei: bigint
}

export class BuyerChannel {
  readonly key: ChannelKey
  readonly name: string
  readonly #deps: BuyerChannelDependencies
  sessions = 0
  #promisedWei = 0n
  #signature: Uint8Array | undefined
  #receivedWei = 0n
  #openWei = 0n
  #signing: Promise<unknown> = Promise.resolve()

  private constructor(key: ChannelKey, deps: BuyerChannelDependencies) {
    this.key = key
    this.name = channelName(key)
    this.#deps = deps
  }

  static async load(key: ChannelKey, deps: BuyerChannelDependencies): Promise<BuyerChannel> {
    const channel = new BuyerChannel(key, deps)
    const newest = { subject: channel.name, newestFirst: true, limit: 1 }
    const [voucher] = await deps.store.listLedger({ kinds: ['voucher-signed'], ...newest })
    if (voucher !== undefined) {
      const { cumulativeWei, signature } = voucherOf(voucher)
      channel.#promisedWei = cumulativeWei
      channel.#signature = signature
    }
    const [work] = await deps.store.listLedger({ kinds: ['work'], ...newest })
    channel.#receivedWei = work === undefined ? channel.#promisedWei : most(workOf(work).doneWei, channel.#promisedWei)
    return channel
  }

  get promisedWei(): bigint {
    return this.#promisedWei
  }

  get receivedWei(): bigint {
    return this.#receivedWei
  }

  /** What came in purchases that are over. Of one that runs the count is a bound: a prompt's tokens are known at its end. */
  get settledWei(): bigint {
    return this.#receivedWei - this.#openWei
  }

  get signature(): Uint8Array | undefined {
    return this.#signature
  }

  /** The seller proves that we promised more than our books say: they were lost. False where the proof is none. */
  async adopt(cumulativeWei: bigint, signature: Uint8Array | undefined): Promise<boolean> {
    if (cumulativeWei <= this.#promisedWei) return true
    const { domain, payer, payee, topic } = this.key
    const voucher = { payer, payee, topic, cumulativeWei }
    const { signer, store, now } = this.#deps
    if (signature === undefined || signer.recoverVoucher(domain, voucher, signature) !== signer.address) return false
    await store.appendLedger([voucherEntry('voucher-signed', { key: this.key, cumulativeWei, signature }, now())])
    this.#promisedWei = cumulativeWei
    this.#signature = signature
    this.#receivedWei = most(this.#receivedWei, cumulativeWei)
    return true
  }

  /** In a purchase that runs; less than before where its count was too high. */
  receive(amountWei: bigint): void {
    this.#receivedWei += amountWei
    this.#openWei += amountWei
  }

  /** A purchase is over, in which this came. */
  settle(amountWei: bigint): void {
    this.#openWei -= amountWei
  }

  /** Promises up to `cumulativeWei`, but no more than what came and `toleranceWei`. Written down before it is sent. */
  async promise(cumulativeWei: bigint, toleranceWei: bigint): Promise<Promised | undefined> {
    // One after the other: two sessions must not sign two totals at once.
    const signing = this.#signing.then(() => this.#sign(least(cumulativeWei, this.#receivedWei + toleranceWei)))
    this.#signing = signing.catch(() => undefined)
    return signing
  }

  async #sign(cumulativeWei: bigint): Promise<Promised | undefined> {
    const addedWei = most(0n, cumulativeWei - this.#promisedWei)
    if (cumulativeWei > this.#promisedWei) {
      const { store, signer, now } = this.#deps
      const { domain, payer, payee, topic } = this.key
      const signature = signer.signVoucher(domain, { payer, payee, topic, cumulativeWei })
      await store.appendLedger([voucherEntry('voucher-signed', { key: this.key, cumulativeWei, signature }, now())])
      this.#promisedWei = cumulativeWei
      this.#signature = signature
    }
    if (this.#signature === undefined) return undefined
    return { cumulativeWei: this.#promisedWei, signature: this.#signature, addedWei }
  }

  /** At the end of a purchase: what came and is not paid is not forgotten. */
  async note(reason: string): Promise<void> {
    // Where all is promised the voucher says it.
    if (this.settledWei <= this.#promisedWei) return
    const { store, now } = this.#deps
    const { key } = this
    const record = { key, doneWei: this.settledWei, promisedWei: this.#promisedWei, atMs: now(), reason }
    await store.appendLedger([workEntry(record)])
  }
}
