/** Payment of one node, both ways: what it asks and gets for its work, what it pays for that of others. */
import type { Address, ModelId, PeerId } from '#protocol/ids.ts'
import type { EmbedInput, InferInput } from '#protocol/infer/index.ts'
import { unusableSellersMax } from '#protocol/limits.ts'
import type { PaymentTerms, Prices, StopReason } from '#protocol/payment/index.ts'
import { minute, second } from '#protocol/units.ts'
import type { DataPlane } from '../chunks/types.ts'
import type { Sale as AnswerSale } from '../inference/types.ts'
import { type BoughtAnswer, buyAnswer, type WorkOrder } from './answer-purchase.ts'
import { sellAnswer } from './answer-sale.ts'
import { BuyerChannel } from './buyer-channel.ts'
import { ChannelBook } from './channel-book.ts'
import { buyChunks } from './chunk-purchases.ts'
import { sellChunks } from './chunk-sales.ts'
import type { LedgerStore } from './ledger.ts'
import type { BuyerDependencies, PurchaseEvent } from './purchase.ts'
import type { SaleEvent, SellerDependencies } from './sale.ts'
import { sellerBook } from './seller-channel.ts'
import type { FundsReader, PaymentDomain, PaymentSigner } from './types.ts'

/** Prices change, and so do budgets: a seller that was too dear is looked at again. */
const unusableMs = 10 * minute
/** A chain comes back, and a deposit is made, while somebody waits for it. */
const hinderedMs = 10 * second

const free: Prices = { weiPerGiB: 0n, weiPerKiloToken: 0n }

export interface PaymentOptions {
  dataPlane: DataPlane
  store: LedgerStore
  signer: PaymentSigner
  /** Whose escrow pays, and to whom we are paid. */
  owner: Address
  /** Chain 0 with zero addresses where this node is on none: then it neither asks nor pays. */
  domain: PaymentDomain
  prices: Prices
  /** The most that we pay. */
  limits: Prices
  funds: FundsReader
  /** Name and version of this node, for receipts of chunks. */
  build: string
  now: () => number
  onEvent: (event: PaymentEvent) => void
}

export type PaymentEvent = ({ side: 'sale' } & SaleEvent) | ({ side: 'purchase' } & PurchaseEvent)

export class PaymentService {
  readonly #options: PaymentOptions
  #terms: PaymentTerms
  #limits: Prices
  readonly #seller: SellerDependencies
  readonly #buyer: BuyerDependencies & { onUnusable: (peerId: PeerId, reason: StopReason) => void }
  /** Sellers that do not fit us, until then. */
  readonly #unusable = new Map<PeerId, number>()
  #stops: (() => void)[] = []

  constructor(options: PaymentOptions) {
    this.#options = options
    const { domain, owner, signer, prices, limits, store, funds, now, onEvent } = options
    const isOnChain = domain.chainId !== 0
    this.#terms = { ...domain, payee: owner, signer: signer.address, prices: isOnChain ? prices : free }
    this.#limits = limits
    this.#seller = {
      book: sellerBook({ store, signer, funds, now }),
      store,
      signer,
      terms: () => this.terms,
      now,
      onEvent: (event) => onEvent({ side: 'sale', ...event }),
    }
    this.#buyer = {
      book: new ChannelBook((key) => BuyerChannel.load(key, { store, signer, now })),
      store,
      signer,
      payer: () => owner,
      domain: () => (isOnChain ? domain : undefined),
      limitWei: (unit, units) => unit.price(units, this.#limits),
      now,
      onEvent: (event) => onEvent({ side: 'purchase', ...event }),
      onUnusable: (peerId, reason) => this.#avoid(peerId, reason),
    }
  }

  get terms(): PaymentTerms {
    return this.#terms
  }

  /** For sessions that begin from now on; sellers that were too dear are looked at again. */
  async setPrices(prices: Prices, limits: Prices): Promise<void> {
    const isOnChain = this.#options.domain.chainId !== 0
    this.#terms = { ...this.#terms, prices: isOnChain ? prices : free }
    this.#limits = limits
    this.#unusable.clear()
    await this.#options.dataPlane.setSelling(this.#terms.prices.weiPerGiB > 0n)
  }

  /** Chunks are sold and bought from now on. */
  async start(): Promise<void> {
    const { dataPlane, build } = this.#options
    this.#stops = [await sellChunks({ ...this.#seller, dataPlane, build }), buyChunks({ ...this.#buyer, dataPlane })]
  }

  stop(): void {
    for (const stop of this.#stops) stop()
  }

  sellAnswer(
    peerId: PeerId,
    modelId: ModelId,
    first: Uint8Array | undefined,
    send: (message: Uint8Array) => Promise<void>,
  ): Promise<AnswerSale | undefined> {
    return sellAnswer(this.#seller, peerId, modelId, first, send)
  }

  buyAnswer(peerId: PeerId, asked: InferInput | EmbedInput, order?: WorkOrder): BoughtAnswer {
    return buyAnswer(this.#buyer, peerId, asked, order)
  }

  /** By its lease, where one is known, and by what came of it so far. */
  isAffordable(peerId: PeerId, terms: PaymentTerms | undefined, kind: 'chunk' | 'infer'): boolean {
    if ((this.#unusable.get(peerId) ?? 0) > this.#options.now()) return false
    const key = kind === 'chunk' ? 'weiPerGiB' : 'weiPerKiloToken'
    const asked = terms?.prices[key] ?? 0n
    if (asked === 0n || terms === undefined) return true
    const { domain } = this.#options
    return terms.chainId === domain.chainId && terms.escrow === domain.escrow && asked <= this.#limits[key]
  }

  #avoid(peerId: PeerId, reason: StopReason): void {
    const pauseMs = reason === 'offline' || reason === 'funds' ? hinderedMs : unusableMs
    this.#unusable.delete(peerId)
    this.#unusable.set(peerId, this.#options.now() + pauseMs)
    if (this.#unusable.size > unusableSellersMax) this.#unusable.delete(this.#unusable.keys().next().value!)
  }
}
