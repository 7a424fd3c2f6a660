/**
 * One session as its seller sees it: a quote, work ahead of payment up to the channel's exposure, vouchers, a receipt. It
 * knows nothing of sockets and engines: they tell how much was done, and hear how much may be.
 */
import { randomBytes } from 'node:crypto'
import { isHartonomousError } from '#protocol/errors.ts'
import type { ModelId, PeerId } from '#protocol/ids.ts'
import { settleWaitMs } from '#protocol/limits.ts'
import {
  decodePayment,
  encodePayment,
  encodeReceiptDetails,
  type PaymentMessage,
  type PaymentTerms,
  type Receipt,
  type ReceiptDetails,
  type StopReason,
} from '#protocol/payment/index.ts'
import type { ChannelBook } from './channel-book.ts'
import { most } from './exposure.ts'
import { detailsHash, type LedgerStore, type ReceiptMessage, receiptEntry, receiptOf } from './ledger.ts'
import { Mailbox } from './mailbox.ts'
import type { SellerChannel } from './seller-channel.ts'
import type { PaymentDomain, PaymentSigner } from './types.ts'
import type { Unit } from './unit.ts'

type Open = Extract<PaymentMessage, { type: 'open' }>

export interface SellerDependencies {
  book: ChannelBook<SellerChannel>
  store: LedgerStore
  signer: PaymentSigner
  terms: () => PaymentTerms
  now: () => number
  /** A voucher came, a receipt was given, a session stopped. */
  onEvent: (event: SaleEvent) => void
}

export type SaleEvent =
  | { type: 'voucher'; peerId: PeerId; channel: string; cumulativeWei: bigint; addedWei: bigint }
  | { type: 'receipt'; peerId: PeerId; details: ReceiptDetails }
  | { type: 'stop'; peerId: PeerId; reason: StopReason }
  /** The payer takes its money out, and what it promised is not claimed yet. */
  | { type: 'leave'; peerId: PeerId; channel: string }

export interface SaleSession {
  peerId: PeerId
  unit: Unit
  send: (message: Uint8Array) => void
  /** So many units in all may be done on this session. */
  onCredit: (units: number) => void
  /** The peer broke the rules, or does not pay: no more is done. */
  onStop: (reason: StopReason) => void
}

/** What was done in all. */
export interface SoldWork {
  modelId: ModelId
  units: number
  /** 32 bytes each. */
  input: Uint8Array
  output: Uint8Array
  promptTokens: number
  completionTokens: number
  durationMs: number
  build: string
}

export class Sale {
  readonly #session: SaleSession
  readonly #deps: SellerDependencies
  readonly #terms: PaymentTerms
  readonly #mailbox: Mailbox
  readonly #isFree: boolean
  /** The proof is for this session and no other. */
  readonly #nonce = new Uint8Array(randomBytes(32))
  #open: Open | undefined
  #channel: SellerChannel | undefined
  #units = 0
  #dueWei = 0n
  #askedWei = 0n
  #stopped: StopReason | undefined
  #hasEnded = false
  #hasReceipt = false
  #isLeaveTold = false
  #paid = Promise.withResolvers<void>()

  constructor(session: SaleSession, deps: SellerDependencies) {
    this.#session = session
    this.#deps = deps
    this.#terms = deps.terms()
    this.#isFree = session.unit.price(2 ** 40, this.#terms.prices) === 0n
    this.#mailbox = new Mailbox((error) => this.#fail(error))
    if (this.#isFree) session.onCredit(Number.POSITIVE_INFINITY)
  }

  /** What the buyer said first, once all that it has sent is handled; without it there is no receipt. */
  get opened(): Promise<Open | undefined> {
    return this.#mailbox.settled.then(() => this.#open)
  }

  get stopped(): StopReason | undefined {
    return this.#stopped
  }

  /** Of the buyer. `finish` is not for us: what was done is known to whoever did it. @throws {ERR_DECODE} {ERR_LIMIT} */
  receive(bytes: Uint8Array): 'finish' | undefined {
    const message = decodePayment(bytes)
    if (message.type === 'finish') return 'finish'
    const isTaken = this.#mailbox.put(() => this.#handle(message))
    if (!isTaken) this.#stop('voucher')
    return undefined
  }

  /** So many units in all are done. Asks for payment before the credit ends. */
  done(units: number): void {
    if (units <= this.#units) return
    const channel = this.#channel
    const dueWei = this.#session.unit.price(units, this.#terms.prices)
    channel?.work(dueWei - this.#dueWei)
    this.#units = units
    this.#dueWei = dueWei
    if (channel !== undefined && !this.#isFree) this.#askInTime(channel)
  }

  /**
   * More is wanted than the credit allows: `units` in all, where that is known. A long prompt is work before there is
   * anything to pay for, so what goes beyond the exposure is asked for in advance.
   */
  wait(units = this.#units): void {
    const channel = this.#channel
    if (channel === undefined || this.#isAsked(channel)) return
    const wantedWei = channel.askedWei + this.#session.unit.price(units, this.#terms.prices) - this.#dueWei
    this.#ask(channel, most(channel.askedWei, wantedWei - channel.aheadWei(this.#exposure())))
  }

  /**
   * All is done. The receipt is in the ledger when it is sent; a job that has one gets the same again. Then waits a moment
   * for the voucher that pays the rest.
   */
  async finish(work: SoldWork): Promise<void> {
    await this.#mailbox.settled
    this.done(work.units)
    if (this.#open === undefined || this.#hasEnded) return
    const channel = this.#channel
    if (channel !== undefined) this.#ask(channel)
    this.#send(await this.#writeReceipt(this.#open, work))
    if (channel !== undefined && channel.promisedWei < channel.askedWei && this.#stopped === undefined) {
      const timer = setTimeout(this.#paid.resolve, settleWaitMs)
      await this.#paid.promise
      clearTimeout(timer)
    }
  }

  /**
   * However the session ends; `work`, where it can be told, is receipted in our own ledger also when the buyer did not wait
   * for it. Never rejects.
   */
  async end(reason: string, work?: Omit<SoldWork, 'units'>): Promise<void> {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#paid.resolve()
    await this.#mailbox.settled
    this.#mailbox.close()
    const channel = this.#channel
    if (channel === undefined) return
    this.#deps.book.release(channel)
    if (this.#dueWei === 0n) return
    const open = this.#open
    const isMissing = open !== undefined && work !== undefined && !this.#hasReceipt
    if (isMissing) await this.#writeReceipt(open, { ...work, units: this.#units }).catch(() => undefined)
    await channel.note(this.#stopped ?? reason).catch(() => undefined)
  }

  async #handle(message: PaymentMessage): Promise<void> {
    if (message.type === 'open') return this.#begin(message)
    if (message.type === 'prove') return this.#account(message.signature)
    if (message.type === 'voucher') return this.#take(message.cumulativeWei, message.signature)
    if (message.type === 'stop') {
      this.#stopped = message.reason
      this.#paid.resolve()
      return
    }
    // What only a seller says.
    this.#stop('voucher')
  }

  async #begin(open: Open): Promise<void> {
    if (this.#open !== undefined || this.#hasEnded) return this.#stop('voucher')
    this.#open = open
    this.#send({ type: 'quote', terms: this.#terms, nonce: this.#nonce })
  }

  /** Whoever names a payer must speak for it: nobody runs up debts, or reads the books, in the name of others. */
  async #account(proof: Uint8Array): Promise<void> {
    const open = this.#open
    if (open === undefined || this.#channel !== undefined || this.#isFree || this.#hasEnded)
      return this.#stop('voucher')
    const terms = this.#terms
    const { payer, topic, job } = open
    const channel = await this.#deps.book.open({ domain: domainOf(terms), payer, payee: terms.payee, topic })
    const signer = this.#deps.signer.recoverSession(
      domainOf(terms),
      { payer, payee: terms.payee, job, nonce: this.#nonce },
      proof,
    )
    if (!(await channel.isBoundBy(signer))) {
      this.#deps.book.release(channel)
      return this.#stop('voucher')
    }
    this.#channel = channel
    await channel.refresh(signer)
    this.#watchLeave(channel)
    // What was done before the buyer said who it is.
    channel.work(this.#dueWei)
    const { promisedWei, signature } = channel
    const aheadWei = channel.aheadWei(this.#exposure())
    const account = { type: 'account' as const, promisedWei, aheadWei }
    this.#send(signature === undefined ? account : { ...account, signature })
    if (aheadWei === 0n) return this.#stop('funds')
    this.#credit(channel)
  }

  async #take(cumulativeWei: bigint, signature: Uint8Array): Promise<void> {
    const channel = this.#channel
    if (channel === undefined) return this.#stop('voucher')
    const before = channel.promisedWei
    const refusal = await channel.take(cumulativeWei, signature).finally(() => {
      if (channel.promisedWei === before) return
      const addedWei = channel.promisedWei - before
      const { peerId } = this.#session
      this.#deps.onEvent({ type: 'voucher', peerId, channel: channel.name, cumulativeWei, addedWei })
    })
    this.#watchLeave(channel)
    if (refusal !== undefined) return this.#stop(refusal)
    if (channel.promisedWei >= channel.askedWei) this.#paid.resolve()
    this.#credit(channel)
    this.#askInTime(channel)
  }

  #credit(channel: SellerChannel): void {
    const { unit, onCredit } = this.#session
    // Sessions of one channel share what is ahead.
    const shareWei = channel.creditWei(this.#exposure()) / BigInt(Math.max(1, channel.sessions))
    onCredit(unit.countFor(this.#dueWei + shareWei, this.#terms.prices))
  }

  /** Half of what may be done ahead is done. */
  #askInTime(channel: SellerChannel): void {
    if (this.#isAsked(channel)) return
    const aheadWei = channel.aheadWei(this.#exposure())
    if (2n * (channel.askedWei - channel.promisedWei) >= aheadWei) this.#ask(channel)
  }

  /**
   * One question at a time: work that goes on until its voucher is here would ask again and again, in more messages than a
   * session may have, and each costs a signature.
   */
  #isAsked(channel: SellerChannel): boolean {
    return this.#askedWei > channel.promisedWei
  }

  #ask(channel: SellerChannel, cumulativeWei = channel.askedWei): void {
    if (cumulativeWei <= channel.promisedWei || cumulativeWei === this.#askedWei) return
    this.#askedWei = cumulativeWei
    this.#send({ type: 'due', cumulativeWei })
  }

  /** The one that the job has, where it has one. */
  async #writeReceipt(open: Open, work: SoldWork): Promise<ReceiptMessage> {
    this.#hasReceipt = true
    const { store, signer, now, onEvent } = this.#deps
    const terms = this.#terms
    const { requester, job, attempt } = open
    const details: ReceiptDetails = {
      kind: this.#session.unit.kind,
      modelId: work.modelId,
      bytes: this.#session.unit.kind === 'chunk' ? work.units : 0,
      promptTokens: work.promptTokens,
      completionTokens: work.completionTokens,
      durationMs: work.durationMs,
      dueWei: this.#dueWei,
      build: work.build,
    }
    const encoded = encodeReceiptDetails(details)
    const receipt: Receipt = {
      node: terms.payee,
      requester,
      job,
      attempt,
      input: work.input,
      output: work.output,
      details: detailsHash(encoded),
      finishedAt: Math.floor(now() / 1000),
    }
    const domain = domainOf(terms)
    const message = {
      type: 'receipt' as const,
      receipt,
      details: encoded,
      signature: signer.signReceipt(domain, receipt),
    }
    const record = { domain, role: 'signed' as const, message, details }
    const [entry] = await store.appendLedger([receiptEntry(record, now())], { isUnique: true })
    const written = receiptOf(entry!)
    onEvent({ type: 'receipt', peerId: this.#session.peerId, details: written.details })
    return written.message
  }

  #exposure() {
    const { unit } = this.#session
    const { prices } = this.#terms
    return { firstWei: unit.price(unit.firstAhead, prices), mostWei: unit.price(unit.mostAhead, prices) }
  }

  /** Nothing stands behind a promise that cannot be looked at. */
  #fail(error: unknown): void {
    this.#stop(isHartonomousError(error, 'ERR_CHAIN_WRONG') ? 'chain' : 'offline')
  }

  /** Who takes its money out is claimed from before it is gone. */
  #watchLeave(channel: SellerChannel): void {
    // Once a session: a claim costs gas.
    if (this.#isLeaveTold || !channel.isThawing || channel.unclaimedWei === 0n) return
    this.#isLeaveTold = true
    this.#deps.onEvent({ type: 'leave', peerId: this.#session.peerId, channel: channel.name })
  }

  #stop(reason: StopReason): void {
    if (this.#stopped !== undefined || this.#hasEnded) return
    this.#stopped = reason
    this.#send({ type: 'stop', reason })
    this.#paid.resolve()
    const { peerId, onStop } = this.#session
    this.#deps.onEvent({ type: 'stop', peerId, reason })
    onStop(reason)
  }

  #send(message: PaymentMessage): void {
    if (!this.#hasEnded) this.#session.send(encodePayment(message))
  }
}

export function domainOf({ chainId, escrow, disputes }: PaymentTerms): PaymentDomain {
  return { chainId, escrow, disputes }
}
