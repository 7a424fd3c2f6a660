/**
 * What this node has earned: recomputed from the vouchers and receipts of its ledger and from the chain, each by itself, so
 * that whatever does not agree shows.
 */
import type { Address, ModelId } from '#protocol/ids.ts'
import { topicOf } from '#protocol/payment/index.ts'
import type { LedgerEntry, LedgerKind } from '#sql/store/index.ts'
import { least, most } from './exposure.ts'
import { channelOf, detailsHash, type LedgerStore, receiptOf, type VoucherRecord, voucherOf, workOf } from './ledger.ts'
import { type ChannelFunds, channelName, type FundsReader, type PaymentSigner } from './types.ts'

const pageEntries = 1000

export interface EarningsChannel {
  name: string
  payer: Address
  payee: Address
  topic: Uint8Array
  vouchers: number
  /** By the highest voucher. */
  promisedWei: bigint
  /** Paid by the chain; absent where no chain was asked. */
  claimedWei?: bigint
  /** What the chain would pay now. */
  claimableWei?: bigint
  /** Work done at the end of the last session, beyond what is promised. */
  unpaidWei: bigint
  /** Why that session ended. */
  unpaidWhy?: string
  /** Sums of the receipts that we signed for this payer and model. */
  receipts: number
  receiptsWei: bigint
}

export interface Earnings {
  channels: EarningsChannel[]
  promisedWei: bigint
  claimedWei: bigint
  claimableWei: bigint
  unpaidWei: bigint
  /** Receipts for work that nobody paid for, because it was free. */
  freeReceipts: number
}

export interface EarningsSources {
  store: LedgerStore
  /** Whose work it is: the ledger has the channels in which this node pays, too. */
  payee: Address
  /** Absent: the chain is not asked. */
  funds?: FundsReader
}

/** @throws {ERR_CHAIN_UNAVAILABLE} */
export async function readEarnings({ store, payee, funds }: EarningsSources): Promise<Earnings> {
  const channels = new Map<string, EarningsChannel>()
  const channelFor = (name: string): EarningsChannel => {
    const known = channels.get(name)
    if (known !== undefined) return known
    const { payer, payee, topic } = channelOf(name)
    const none = { vouchers: 0, promisedWei: 0n, unpaidWei: 0n, receipts: 0, receiptsWei: 0n }
    const channel: EarningsChannel = { name, payer, payee, topic, ...none }
    channels.set(name, channel)
    return channel
  }
  for await (const entry of entriesOf(store, ['voucher-received'])) {
    const voucher = tryRead(() => voucherOf(entry))
    if (voucher === undefined) continue
    const channel = channelFor(entry.subject)
    channel.vouchers++
    channel.promisedWei = most(channel.promisedWei, voucher.cumulativeWei)
  }
  let freeReceipts = 0
  for await (const entry of entriesOf(store, ['receipt-signed'])) {
    const receipt = tryRead(() => receiptOf(entry))
    if (receipt === undefined) continue
    const { dueWei } = receipt.details
    if (dueWei === 0n) {
      freeReceipts++
      continue
    }
    const name = tryRead(() => channelOfReceipt(receipt))
    if (name === undefined) continue
    const channel = channelFor(name)
    channel.receipts++
    channel.receiptsWei += dueWei
  }
  for await (const entry of entriesOf(store, ['work'])) {
    const work = tryRead(() => workOf(entry))
    if (work?.key.payee !== payee) continue
    const { doneWei, reason } = work
    const channel = channelFor(entry.subject)
    channel.unpaidWei = most(0n, doneWei - channel.promisedWei)
    if (channel.unpaidWei > 0n) channel.unpaidWhy = reason
    else delete channel.unpaidWhy
  }
  if (funds !== undefined) {
    for (const channel of channels.values()) {
      const state = await funds.channel(channel.payer, channel.payee, channel.topic)
      channel.claimedWei = state.claimedWei
      channel.claimableWei = claimableWei(channel.promisedWei, state)
    }
  }
  const all = [...channels.values()]
  const sum = (of: (channel: EarningsChannel) => bigint) => all.reduce((total, channel) => total + of(channel), 0n)
  return {
    channels: all,
    promisedWei: sum((channel) => channel.promisedWei),
    claimedWei: sum((channel) => channel.claimedWei ?? 0n),
    claimableWei: sum((channel) => channel.claimableWei ?? 0n),
    unpaidWei: sum((channel) => channel.unpaidWei),
    freeReceipts,
  }
}

/** What a claim of this total would pay now. Others may draw on the pooled balance before us. */
export function claimableWei(
  promisedWei: bigint,
  { claimedWei, lockedWei, freeWei, thawingWei }: ChannelFunds,
): bigint {
  const due = most(0n, promisedWei - claimedWei)
  return least(due, lockedWei + freeWei + thawingWei)
}

/** The newest voucher of each channel: what a claim takes. */
export async function* latestVouchers(store: LedgerStore): AsyncGenerator<VoucherRecord> {
  for await (const entry of latestEntries(store, 'voucher-received')) {
    // One that is damaged must not keep the others from being claimed.
    const voucher = tryRead(() => voucherOf(entry))
    if (voucher !== undefined) yield voucher
  }
}

export interface EarningsTotals {
  promisedWei: bigint
  /** Absent where no chain was asked. */
  claimedWei?: bigint
  claimableWei?: bigint
  unpaidWei: bigint
}

/** The sums alone, from the newest entries of each channel: quick however long the ledger is. @throws {ERR_CHAIN_UNAVAILABLE} */
export async function readTotals({ store, payee, funds }: EarningsSources): Promise<EarningsTotals> {
  const promised = new Map<string, bigint>()
  const totals: Required<EarningsTotals> = { promisedWei: 0n, claimedWei: 0n, claimableWei: 0n, unpaidWei: 0n }
  for await (const { key, cumulativeWei } of latestVouchers(store)) {
    if (key.payee !== payee) continue
    promised.set(channelName(key), cumulativeWei)
    totals.promisedWei += cumulativeWei
    if (funds === undefined) continue
    const state = await funds.channel(key.payer, key.payee, key.topic)
    totals.claimedWei += state.claimedWei
    totals.claimableWei += claimableWei(cumulativeWei, state)
  }
  for await (const entry of latestEntries(store, 'work')) {
    const work = tryRead(() => workOf(entry))
    if (work?.key.payee === payee)
      totals.unpaidWei += most(0n, work.doneWei - (promised.get(channelName(work.key)) ?? 0n))
  }
  if (funds !== undefined) return totals
  return { promisedWei: totals.promisedWei, unpaidWei: totals.unpaidWei }
}

export interface VerifySources extends EarningsSources {
  signer: Pick<PaymentSigner, 'recoverVoucher' | 'recoverReceipt'>
  /** Sums of the contract's `Claimed` events by channel name, read from the logs; absent where no chain is asked. */
  claimedEvents?: () => Promise<ReadonlyMap<string, bigint>>
}

/** Checks every entry, every signature and every sum again. Empty when all agree. @throws {ERR_CHAIN_UNAVAILABLE} */
export async function verifyEarnings(sources: VerifySources): Promise<string[]> {
  const differences: string[] = []
  const { damaged } = await sources.store.checkLedger()
  if (damaged !== undefined) differences.push(`ledger entry ${damaged.seq}: ${damaged.reason}`)
  differences.push(...(await verifyVouchers(sources)), ...(await verifyReceipts(sources)))
  const earnings = await readEarnings(sources)
  const events = await sources.claimedEvents?.()
  for (const channel of earnings.channels) differences.push(...verifyChannel(channel, events))
  for (const [name, claimedWei] of events ?? []) {
    if (!earnings.channels.some((channel) => channel.name === name))
      differences.push(`${name}: the chain paid ${claimedWei} wei for vouchers that are not in the ledger`)
  }
  return differences
}

function verifyChannel(channel: EarningsChannel, events: ReadonlyMap<string, bigint> | undefined): string[] {
  const { name, promisedWei, claimedWei, receiptsWei, unpaidWei } = channel
  const differences: string[] = []
  if (claimedWei !== undefined && claimedWei > promisedWei)
    differences.push(`${name}: the chain paid ${claimedWei} wei, the ledger has vouchers for ${promisedWei}`)
  if (events !== undefined && (events.get(name) ?? 0n) !== (claimedWei ?? 0n))
    differences.push(`${name}: the contract says ${claimedWei} wei were paid, its events ${events.get(name) ?? 0n}`)
  if (receiptsWei > promisedWei + unpaidWei)
    differences.push(
      `${name}: receipts for ${receiptsWei} wei, vouchers and unpaid work for ${promisedWei + unpaidWei}`,
    )
  return differences
}

async function verifyVouchers({ store, signer, funds }: VerifySources): Promise<string[]> {
  const differences: string[] = []
  const totals = new Map<string, bigint>()
  const allowed = new Map<string, boolean>()
  for await (const entry of entriesOf(store, ['voucher-received'])) {
    const voucher = tryRead(() => voucherOf(entry))
    if (voucher === undefined) {
      differences.push(`voucher ${entry.seq}: it cannot be read`)
      continue
    }
    const { key, cumulativeWei, signature } = voucher
    const { payer, payee, topic } = key
    const by = signer.recoverVoucher(key.domain, { payer, payee, topic, cumulativeWei }, signature)
    if (by === undefined) differences.push(`voucher ${entry.seq}: its signature is none`)
    else if (by !== payer && funds !== undefined) {
      const pair = `${by} ${payer}`
      if (!allowed.has(pair)) allowed.set(pair, (await funds.allowance(by, payer)) !== undefined)
      if (allowed.get(pair) !== true) differences.push(`voucher ${entry.seq}: ${by} does not sign for ${payer}`)
    }
    const name = channelName(key)
    if (cumulativeWei <= (totals.get(name) ?? -1n))
      differences.push(`voucher ${entry.seq}: ${cumulativeWei} wei, not more than the one before it`)
    totals.set(name, cumulativeWei)
  }
  return differences
}

async function verifyReceipts({ store, signer }: VerifySources): Promise<string[]> {
  const differences: string[] = []
  for await (const entry of entriesOf(store, ['receipt-signed', 'receipt-received'])) {
    const record = tryRead(() => receiptOf(entry))
    if (record === undefined) {
      differences.push(`receipt ${entry.seq}: it cannot be read`)
      continue
    }
    const { domain, message } = record
    const { receipt, details, signature } = message
    if (signer.recoverReceipt(domain, receipt, signature) === undefined)
      differences.push(`receipt ${entry.seq}: its signature is none`)
    if (Buffer.compare(receipt.details, detailsHash(details)) !== 0)
      differences.push(`receipt ${entry.seq}: its details are not those that were signed`)
  }
  return differences
}

function channelOfReceipt({ domain, message, details }: ReturnType<typeof receiptOf>): string {
  const { requester, node } = message.receipt
  return channelName({ domain, payer: requester, payee: node, topic: topicOf(details.modelId as ModelId) })
}

/** Undefined where somebody has damaged the entry: sums go without it, and the check of the ledger names it. */
export function tryRead<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** The newest of each subject. */
async function* latestEntries(store: LedgerStore, kind: LedgerKind): AsyncGenerator<LedgerEntry> {
  let afterSubject: string | undefined
  for (;;) {
    const page = await store.latestLedger(kind, {
      limit: pageEntries,
      ...(afterSubject === undefined ? {} : { afterSubject }),
    })
    yield* page
    if (page.length < pageEntries) return
    afterSubject = page.at(-1)!.subject
  }
}

export async function* entriesOf(
  store: LedgerStore,
  kinds: readonly LedgerKind[],
  afterSeq = 0,
): AsyncGenerator<LedgerEntry> {
  let last = afterSeq
  for (;;) {
    const page = await store.listLedger({ kinds, afterSeq: last, limit: pageEntries })
    yield* page
    if (page.length < pageEntries) return
    last = page.at(-1)!.seq
  }
}
