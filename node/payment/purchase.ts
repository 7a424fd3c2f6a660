/**
 * One session as its buyer sees it: it says who asks, looks at the quote, promises for what has come and no more, and wants
 * a receipt at the end. It pays after; the seller trusts before.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Address, ModelId, PeerId } from '#protocol/ids.ts'
import { overchargeWaitMs, settleWaitMs } from '#protocol/limits.ts'
import {
  decodePayment,
  decodeReceiptDetails,
  encodePayment,
  type PaymentMessage,
  type PaymentTerms,
  type ReceiptDetails,
  type StopReason,
  topicOf,
} from '#protocol/payment/index.ts'
import type { BuyerChannel, Promised } from './buyer-channel.ts'
import type { ChannelBook } from './channel-book.ts'
import { detailsHash, type LedgerStore, type ReceiptMessage, receiptEntry } from './ledger.ts'
import { Mailbox } from './mailbox.ts'
import { domainOf } from './sale.ts'
import type { PaymentDomain, PaymentSigner } from './types.ts'
import type { Unit } from './unit.ts'

/** How often what has come is compared with what is due, while it is less. */
const catchUpMs = 50

export interface BuyerDependencies {
  book: ChannelBook<BuyerChannel>
  store: LedgerStore
  signer: PaymentSigner
  /** Whose escrow pays, and who is named in receipts. */
  payer: () => Address
  /** Where we pay; undefined where this node is on no chain, and takes only what is free. */
  domain: () => PaymentDomain | undefined
  /** The most that the owner pays for so many units. */
  limitWei: (unit: Unit, units: number) => bigint
  now: () => number
  onEvent: (event: PurchaseEvent) => void
}

export type PurchaseEvent =
  | { type: 'voucher'; peerId: PeerId; channel: string; cumulativeWei: bigint; addedWei: bigint }
  | { type: 'receipt'; peerId: PeerId; details: ReceiptDetails }
  /** On evidence: it asked for more than it did, or signed what is not true. */
  | { type: 'broken-promise'; peerId: PeerId; reason: string }
  | { type: 'stop'; peerId: PeerId; reason: StopReason }

export interface PurchaseSession {
  peerId: PeerId
  modelId: ModelId
  unit: Unit
  /** 32 bytes, new for each job. */
  job: Uint8Array
  attempt: number
  send: (message: Uint8Array) => void
  /** How many units have come so far; where they are known only at the end, the most that they can be. */
  received: () => number
  /** Of them those that came for certain, where `received` is a bound. */
  receivedAtLeast?: () => number
  /** It will not be paid: nothing more should be asked of it. */
  onStop: (reason: StopReason) => void
}

export class Purchase {
  readonly #session: PurchaseSession
  readonly #deps: BuyerDependencies
  readonly #mailbox: Mailbox
  readonly #ended = new AbortController()
  readonly #receipt = Promise.withResolvers<ReceiptMessage | undefined>()
  #terms: PaymentTerms | undefined
  #channel: BuyerChannel | undefined
  #countedWei = 0n
  #dueWei = 0n
  /** Promised in this session because it was asked for. */
  #paidWei = 0n
  #isFinished = false
  #isCatchingUp = false
  #hasAccount = false
  #stopped: StopReason | undefined

  constructor(session: PurchaseSession, deps: BuyerDependencies) {
    this.#session = session
    this.#deps = deps
    // Our own ledger took no voucher: nobody's fault, but nothing more is promised.
    this.#mailbox = new Mailbox(() => this.#stop('offline'))
  }

  /** The first message of the session. */
  get first(): Uint8Array {
    const { job, attempt, modelId } = this.#session
    const payer = this.#deps.payer()
    return encodePayment({ type: 'open', requester: payer, payer, job, attempt, topic: topicOf(modelId) })
  }

  /** What has come, at the seller's price. */
  get costWei(): bigint {
    return this.#countedWei
  }

  get stopped(): StopReason | undefined {
    return this.#stopped
  }

  /** Of the seller. @throws {ERR_DECODE} {ERR_LIMIT} */
  receive(bytes: Uint8Array): void {
    const message = decodePayment(bytes)
    if (!this.#mailbox.put(() => this.#handle(message))) this.#breach('it sends more than is handled')
  }

  /** Everything has come: pays the rest, and waits a moment for the receipt. Undefined where none came, or a wrong one. */
  async finish(work: { input: Uint8Array; output: Uint8Array }): Promise<ReceiptMessage | undefined> {
    this.#isFinished = true
    this.#count()
    this.#send({ type: 'finish' })
    const timer = setTimeout(() => this.#receipt.resolve(undefined), settleWaitMs)
    const message = await this.#receipt.promise
    clearTimeout(timer)
    await this.#mailbox.settled
    if (message === undefined || this.#terms === undefined) return undefined
    const problem = this.#problemOf(message, work)
    if (problem !== undefined) {
      this.#breach(problem)
      return undefined
    }
    const details = decodeReceiptDetails(message.details)
    const { store, now, onEvent } = this.#deps
    const record = { domain: domainOf(this.#terms), role: 'received' as const, message, details }
    await store.appendLedger([receiptEntry(record, now())])
    onEvent({ type: 'receipt', peerId: this.#session.peerId, details })
    return message
  }

  /** However the session ends. Never rejects. */
  async end(reason: string): Promise<void> {
    if (this.#ended.signal.aborted) return
    this.#count()
    if (!this.#isFinished) this.#countAtLeast()
    this.#ended.abort()
    this.#receipt.resolve(undefined)
    await this.#mailbox.settled
    this.#mailbox.close()
    const channel = this.#channel
    if (channel === undefined) return
    channel.settle(this.#countedWei)
    this.#deps.book.release(channel)
    if (this.#countedWei > 0n) await channel.note(this.#stopped ?? reason).catch(() => undefined)
  }

  async #handle(message: PaymentMessage): Promise<void> {
    if (message.type === 'quote') return this.#accept(message)
    if (message.type === 'account') return this.#compare(message)
    if (message.type === 'due') {
      this.#dueWei = message.cumulativeWei
      return this.#pay()
    }
    if (message.type === 'receipt') {
      this.#receipt.resolve(message)
      return
    }
    if (message.type === 'stop') return this.#hearStop(message.reason)
    this.#breach(`it sent a ${message.type}`)
  }

  async #accept(quote: Extract<PaymentMessage, { type: 'quote' }>): Promise<void> {
    if (this.#terms !== undefined) return this.#breach('a second quote')
    const { terms } = quote
    this.#terms = terms
    const { unit, modelId } = this.#session
    // What a large job would cost: a price per unit, without the rounding of small amounts.
    const askedWei = unit.price(2 ** 40, terms.prices)
    if (askedWei === 0n) return
    const own = this.#deps.domain()
    if (own === undefined || own.chainId !== terms.chainId || own.escrow !== terms.escrow) return this.#stop('chain')
    if (askedWei > this.#deps.limitWei(unit, 2 ** 40)) return this.#stop('price')
    const payer = this.#deps.payer()
    const key = { domain: domainOf(terms), payer, payee: terms.payee, topic: topicOf(modelId) }
    const channel = await this.#deps.book.open(key)
    if (this.#ended.signal.aborted) return this.#deps.book.release(channel)
    this.#channel = channel
    this.#count()
    const { job } = this.#session
    const proof = { payer, payee: terms.payee, job, nonce: quote.nonce }
    this.#send({ type: 'prove', signature: this.#deps.signer.signSession(domainOf(terms), proof) })
  }

  /** Its books against ours: what we know that we owe is paid now, for it will not be asked for again. */
  async #compare({ promisedWei, signature }: Extract<PaymentMessage, { type: 'account' }>): Promise<void> {
    const channel = this.#channel
    if (channel === undefined || this.#hasAccount) return this.#breach('an account that nobody asked for')
    this.#hasAccount = true
    if (!(await channel.adopt(promisedWei, signature))) return this.#breach('it claims a voucher that we never signed')
    // Other purchases that run pay for themselves.
    const owedWei = channel.settledWei
    if (owedWei > promisedWei) this.#sendVoucher(channel, await channel.promise(owedWei, 0n))
  }

  /** Adds what has come since the last time to the channel. */
  #count(): void {
    if (this.#channel === undefined || this.#terms === undefined) return
    const { unit, received } = this.#session
    const totalWei = unit.price(received(), this.#terms.prices)
    this.#channel.receive(totalWei - this.#countedWei)
    this.#countedWei = totalWei
  }

  /**
   * It ended before it was counted: a bound is no debt. Owed is what was asked for and promised, and what came for certain.
   * What the seller did beyond it was at its own risk, as ever before a voucher.
   */
  #countAtLeast(): void {
    const { unit, receivedAtLeast } = this.#session
    if (this.#channel === undefined || this.#terms === undefined || receivedAtLeast === undefined) return
    const certainWei = unit.price(receivedAtLeast(), this.#terms.prices)
    const owedWei = certainWei > this.#paidWei ? certainWei : this.#paidWei
    if (owedWei >= this.#countedWei) return
    this.#channel.receive(owedWei - this.#countedWei)
    this.#countedWei = owedWei
  }

  async #pay(): Promise<void> {
    const channel = this.#channel
    if (channel === undefined || this.#terms === undefined || this.#stopped !== undefined) return
    this.#count()
    const { unit } = this.#session
    const toleranceWei = unit.price(unit.tolerated, this.#terms.prices)
    const promised = await channel.promise(this.#dueWei, toleranceWei)
    this.#paidWei += promised?.addedWei ?? 0n
    this.#sendVoucher(channel, promised)
    if (channel.promisedWei < this.#dueWei && !this.#isCatchingUp)
      void this.#catchUp(channel).catch(() => this.#stop('offline'))
  }

  #sendVoucher(channel: BuyerChannel, promised: Promised | undefined): void {
    if (promised === undefined) return
    const { cumulativeWei, signature, addedWei } = promised
    this.#send({ type: 'voucher', cumulativeWei, signature })
    if (addedWei === 0n) return
    const { peerId } = this.#session
    this.#deps.onEvent({ type: 'voucher', peerId, channel: channel.name, cumulativeWei, addedWei })
  }

  /** What the seller has sent is still on its way, or never was sent: which of both, a few seconds tell. */
  async #catchUp(channel: BuyerChannel): Promise<void> {
    this.#isCatchingUp = true
    const { signal } = this.#ended
    const untilMs = this.#deps.now() + overchargeWaitMs
    try {
      while (channel.promisedWei < this.#dueWei) {
        if (this.#deps.now() > untilMs) {
          this.#breach('it asks for more than it did')
          return this.#stop('overcharged')
        }
        await sleep(catchUpMs, undefined, { signal })
        const before = channel.receivedWei
        this.#count()
        if (channel.receivedWei > before) await this.#pay()
      }
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      this.#isCatchingUp = false
    }
  }

  #problemOf(
    { receipt, details, signature }: ReceiptMessage,
    work: { input: Uint8Array; output: Uint8Array },
  ): string | undefined {
    const terms = this.#terms!
    const { job, attempt } = this.#session
    const domain = domainOf(terms)
    if (this.#deps.signer.recoverReceipt(domain, receipt, signature) !== terms.signer)
      return 'a receipt of another signer'
    if (receipt.node !== terms.payee || receipt.requester !== this.#deps.payer()) return 'a receipt for somebody else'
    if (!isEqual(receipt.job, job) || receipt.attempt !== attempt) return 'a receipt for another job'
    if (!isEqual(receipt.input, work.input)) return 'a receipt for another input'
    if (!isEqual(receipt.output, work.output)) return 'a receipt for another output'
    if (!isEqual(receipt.details, detailsHash(details))) return 'a receipt with other details'
    return undefined
  }

  #hearStop(reason: StopReason): void {
    this.#stopped ??= reason
    this.#receipt.resolve(undefined)
    this.#deps.onEvent({ type: 'stop', peerId: this.#session.peerId, reason })
    this.#session.onStop(reason)
  }

  #stop(reason: StopReason): void {
    if (this.#stopped !== undefined) return
    this.#send({ type: 'stop', reason })
    this.#hearStop(reason)
  }

  #breach(reason: string): void {
    this.#deps.onEvent({ type: 'broken-promise', peerId: this.#session.peerId, reason })
  }

  #send(message: PaymentMessage): void {
    if (!this.#ended.signal.aborted) this.#session.send(encodePayment(message))
  }
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
