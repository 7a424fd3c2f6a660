/**
 * What came in over time: sums per hour and day of the ledger's vouchers and receipts, and the newest of them. The ledger is
 * append-only, so that each look reads only what was added since the last one.
 */
import type { Address } from '#protocol/ids.ts'
import { modelOfTopic } from '#protocol/payment/index.ts'
import { day, hour } from '#protocol/units.ts'
import { entriesOf, tryRead } from './earnings.ts'
import { most } from './exposure.ts'
import { type LedgerStore, receiptOf, voucherOf } from './ledger.ts'

/** Hours that are kept: a month of them. */
const historyHoursMax = 31 * 24
/** Days that are kept. */
const historyDaysMax = 366
/** Vouchers and receipts that are told one by one. */
const historyEntriesMax = 100

export interface EarningsSums {
  /** Newly promised by vouchers. */
  promisedWei: bigint
  /** Due by receipts; what is free is due nothing. */
  dueWei: bigint
  receipts: number
  /** Of chunks. */
  bytes: number
  /** Of answers, read and written. */
  tokens: number
}

export interface EarningsEvent {
  type: 'voucher' | 'receipt'
  atMs: number
  payer: Address
  modelId: string
  wei: bigint
  bytes: number
  tokens: number
}

const none: EarningsSums = { promisedWei: 0n, dueWei: 0n, receipts: 0, bytes: 0, tokens: 0 }

export class EarningsHistory {
  readonly #store: LedgerStore
  readonly #hours = new Map<number, EarningsSums>()
  readonly #days = new Map<number, EarningsSums>()
  readonly #newest: EarningsEvent[] = []
  /** Highest total of each channel: a voucher names its total, not what it adds. */
  readonly #totals = new Map<string, bigint>()
  #afterSeq = 0
  #reading: Promise<unknown> = Promise.resolve()

  constructor(store: LedgerStore) {
    this.#store = store
  }

  /** Oldest first, with the empty ones; each begins at a whole hour or day of UTC. */
  async buckets(unit: 'hour' | 'day', count: number, nowMs: number): Promise<({ startMs: number } & EarningsSums)[]> {
    await this.#read()
    const [sizeMs, sums] = unit === 'hour' ? [hour, this.#hours] : [day, this.#days]
    const last = Math.floor(nowMs / sizeMs)
    return Array.from({ length: count }, (_, index) => {
      const at = last - (count - 1 - index)
      return { startMs: at * sizeMs, ...(sums.get(at) ?? none) }
    })
  }

  /** Newest first. */
  async newest(count: number): Promise<EarningsEvent[]> {
    await this.#read()
    return this.#newest.slice(-count).reverse()
  }

  /** One at a time: an entry that two looks read would count twice. */
  #read(): Promise<unknown> {
    this.#reading = this.#reading.catch(() => undefined).then(() => this.#readNew())
    return this.#reading
  }

  async #readNew(): Promise<void> {
    for await (const entry of entriesOf(this.#store, ['voucher-received', 'receipt-signed'], this.#afterSeq)) {
      this.#afterSeq = entry.seq
      if (entry.kind === 'voucher-received') {
        const voucher = tryRead(() => voucherOf(entry))
        if (voucher === undefined) continue
        const { cumulativeWei, key } = voucher
        const before = this.#totals.get(entry.subject) ?? 0n
        this.#totals.set(entry.subject, most(before, cumulativeWei))
        const wei = most(0n, cumulativeWei - before)
        const modelId = modelOfTopic(key.topic)
        this.#add({ type: 'voucher', atMs: entry.atMs, payer: key.payer, modelId, wei, bytes: 0, tokens: 0 })
      } else {
        const receipt = tryRead(() => receiptOf(entry))
        if (receipt === undefined) continue
        const { modelId, bytes, promptTokens, completionTokens, dueWei: wei } = receipt.details
        const payer = receipt.message.receipt.requester
        const tokens = promptTokens + completionTokens
        this.#add({ type: 'receipt', atMs: entry.atMs, payer, modelId, wei, bytes, tokens })
      }
    }
  }

  #add(event: EarningsEvent): void {
    addTo(this.#hours, Math.floor(event.atMs / hour), historyHoursMax, event)
    addTo(this.#days, Math.floor(event.atMs / day), historyDaysMax, event)
    this.#newest.push(event)
    if (this.#newest.length > historyEntriesMax) this.#newest.shift()
  }
}

function addTo(sums: Map<number, EarningsSums>, at: number, keptMax: number, event: EarningsEvent): void {
  const before = sums.get(at) ?? none
  const { type, wei, bytes, tokens } = event
  sums.set(
    at,
    type === 'voucher'
      ? { ...before, promisedWei: before.promisedWei + wei }
      : {
          ...before,
          dueWei: before.dueWei + wei,
          receipts: before.receipts + 1,
          bytes: before.bytes + bytes,
          tokens: before.tokens + tokens,
        },
  )
  if (sums.size > keptMax) sums.delete(Math.min(...sums.keys()))
}
