/** A buyer and a seller who talk to one another, with keys, ledgers and channels of their own; what is behind them is set by the test. */
import { randomBytes } from 'node:crypto'
import { parseAddress, parseModelId, parsePeerId } from '#protocol/ids.ts'
import { decodePayment, type PaymentMessage, type PaymentTerms } from '#protocol/payment/index.ts'
import { GiB } from '#protocol/units.ts'
import { openEmbeddedStore } from '#sql/store/index.ts'
import {
  addressOf,
  recoverReceipt,
  recoverSession,
  recoverVoucher,
  signReceipt,
  signSession,
  signVoucher,
} from '../chain/index.ts'
import { BuyerChannel } from './buyer-channel.ts'
import { ChannelBook } from './channel-book.ts'
import { type BuyerDependencies, Purchase, type PurchaseEvent } from './purchase.ts'
import { Sale, type SaleEvent, type SellerDependencies } from './sale.ts'
import { sellerBook } from './seller-channel.ts'
import type { ChannelFunds, PaymentDomain, PaymentSigner } from './types.ts'
import { chunkUnit, type Unit } from './unit.ts'

export const domain: PaymentDomain = {
  chainId: 31415,
  escrow: parseAddress(`0x${'e5'.repeat(20)}`),
  disputes: parseAddress(`0x${'d1'.repeat(20)}`),
}
export const modelId = parseModelId('bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua')
export const peerId = parsePeerId('12D3KooWGzBfVfKJtXyfZ5AoLJ8gFW9jY9WZ5wEJzSVJ3NJ9Ks1u')
/** A wei for each byte: sums are easy to read. */
export const weiPerByte = { weiPerGiB: BigInt(GiB), weiPerKiloToken: 1000n }

export function signerOf(privateKey: Uint8Array): PaymentSigner {
  return {
    address: addressOf(privateKey),
    signVoucher: (where, voucher) => signVoucher(privateKey, where, voucher),
    signReceipt: (where, receipt) => signReceipt(privateKey, where, receipt),
    signSession: (where, proof) => signSession(privateKey, where, proof),
    recoverVoucher,
    recoverReceipt,
    recoverSession,
  }
}

export const rich: ChannelFunds = {
  lockedWei: 0n,
  claimedWei: 0n,
  freeWei: 10n ** 24n,
  thawingWei: 0n,
}

export interface PartyOptions {
  now?: () => number
  path?: string
  privateKey?: Uint8Array
  /** Its vouchers are signed by nobody. */
  isFreeRider?: boolean
}

/** One machine: a key, a ledger, the books that are read from it. */
export async function openParty(options: PartyOptions = {}) {
  const { now = Date.now, path = ':memory:', privateKey = new Uint8Array(randomBytes(32)) } = options
  const opened = await openEmbeddedStore({ path })
  await opened.migrate()
  const store = opened.forTenant('local:owner')
  const honest = signerOf(privateKey)
  const signer = options.isFreeRider ? { ...honest, signVoucher: () => new Uint8Array(64) } : honest
  const party = {
    store,
    signer,
    now,
    privateKey,
    funds: rich,
    /** Session keys that the chain knows, by payer. */
    sessionKeys: new Map<string, string>(),
    sold: [] as SaleEvent[],
    bought: [] as PurchaseEvent[],
    close: () => opened.close(),
  }
  const reader = {
    channel: async () => party.funds,
    allowance: async (by: string, payer: string) =>
      by === payer || party.sessionKeys.get(payer) === by ? 2n ** 128n - 1n : undefined,
  }
  const seller: SellerDependencies = {
    book: sellerBook({ store, signer, funds: reader, now }),
    store,
    signer,
    terms: () => ({ ...domain, payee: signer.address, signer: signer.address, prices: weiPerByte }),
    now,
    onEvent: (event) => party.sold.push(event),
  }
  const buyer: BuyerDependencies = {
    book: new ChannelBook((key) => BuyerChannel.load(key, { store, signer, now })),
    store,
    signer,
    payer: () => signer.address,
    domain: () => domain,
    limitWei: (unit, units) => unit.price(units, weiPerByte),
    now,
    onEvent: (event) => party.bought.push(event),
  }
  return { ...party, party, reader, seller, buyer }
}

export type Party = Awaited<ReturnType<typeof openParty>>

export interface TalkOptions {
  terms?: Partial<PaymentTerms>
  unit?: Unit
  job?: Uint8Array
  attempt?: number
  buyer?: Partial<BuyerDependencies>
  /** What the buyer counts, where it is not what was done. */
  received?: () => number
  /** What came for certain, where `received` is a bound. */
  receivedAtLeast?: () => number
}

/** Both ends of one session. Messages cross at once, in order, as over a real stream. */
export function talk(from: Party, to: Party, options: TalkOptions = {}) {
  const { unit = chunkUnit, job = new Uint8Array(randomBytes(32)), attempt = 0 } = options
  const state = { credit: -1, done: 0, saidBySeller: [] as PaymentMessage[], saidByBuyer: [] as PaymentMessage[] }
  const terms = () => ({ ...to.seller.terms(), ...options.terms })
  const sale: Sale = new Sale(
    {
      peerId,
      unit,
      send: (bytes) => {
        state.saidBySeller.push(decodePayment(bytes))
        queueMicrotask(() => purchase.receive(bytes))
      },
      onCredit: (units) => {
        state.credit = units
      },
      onStop: () => undefined,
    },
    { ...to.seller, terms },
  )
  const purchase: Purchase = new Purchase(
    {
      peerId,
      modelId,
      unit,
      job,
      attempt,
      send: (bytes) => {
        state.saidByBuyer.push(decodePayment(bytes))
        queueMicrotask(() => sale.receive(bytes))
      },
      received: options.received ?? (() => state.done),
      ...(options.receivedAtLeast === undefined ? {} : { receivedAtLeast: options.receivedAtLeast }),
      onStop: () => undefined,
    },
    { ...from.buyer, ...options.buyer },
  )
  return {
    state,
    job,
    sale,
    purchase,
    open: () => sale.receive(purchase.first),
    /** Does so much in all, as an honest seller does. */
    work: (units: number) => {
      state.done = units
      sale.done(units)
    },
    finish: async (output = new Uint8Array(32).fill(7)) => {
      const input = new Uint8Array(32).fill(5)
      const work = { modelId, units: state.done, input, output, promptTokens: 0, completionTokens: 0, durationMs: 1 }
      const [receipt] = await Promise.all([
        purchase.finish({ input, output }),
        sale.finish({ ...work, build: 'test 1' }),
      ])
      return receipt
    },
    end: async () => {
      await Promise.all([sale.end('closed'), purchase.end('closed')])
    },
  }
}
