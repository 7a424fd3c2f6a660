/**
 * Settles vouchers: many in one transaction, when they are worth it, and at once when a payer takes its money out. Nothing
 * is dropped: a voucher stays claimable until the chain has paid it, however often a claim fails.
 */
import type { Address } from '#protocol/ids.ts'
import { claimVouchersMax } from '#protocol/limits.ts'
import { claimableWei, latestVouchers } from './earnings.ts'
import type { LedgerStore, VoucherRecord } from './ledger.ts'
import { channelName, type FundsReader, type PaymentDomain } from './types.ts'

export interface ClaimableVoucher extends VoucherRecord {
  claimableWei: bigint
  /** The payer takes its money out. */
  isUrgent: boolean
}

/** What the chain did with one batch. */
export interface Claimed {
  transactionHash: string
  blockNumber: number
  gasUsed: bigint
  paid: { payer: Address; topic: Uint8Array; amountWei: bigint }[]
  refused: { index: number; reason: string }[]
}

export interface ClaimerDependencies {
  store: LedgerStore
  funds: FundsReader & { forget(): void }
  domain: PaymentDomain
  payee: Address
  /** Sends one transaction. @throws {ERR_CHAIN_UNAVAILABLE} {ERR_CHAIN_REVERTED} */
  send: (vouchers: readonly VoucherRecord[]) => Promise<Claimed>
  /** A batch of less waits, unless something in it is urgent. */
  minimumWei: bigint
  now: () => number
}

/** Most valuable first; those of other chains and payees are left alone. @throws {ERR_CHAIN_UNAVAILABLE} */
export async function claimableVouchers({
  store,
  funds,
  domain,
  payee,
}: Pick<ClaimerDependencies, 'store' | 'funds' | 'domain' | 'payee'>): Promise<ClaimableVoucher[]> {
  const claimable: ClaimableVoucher[] = []
  for await (const voucher of latestVouchers(store)) {
    const { key, cumulativeWei } = voucher
    const isOurs = key.payee === payee && key.domain.chainId === domain.chainId && key.domain.escrow === domain.escrow
    if (!isOurs) continue
    const state = await funds.channel(key.payer, key.payee, key.topic)
    const amountWei = claimableWei(cumulativeWei, state)
    if (amountWei > 0n) claimable.push({ ...voucher, claimableWei: amountWei, isUrgent: state.thawingWei > 0n })
  }
  return claimable.sort((a, b) => (b.claimableWei > a.claimableWei ? 1 : b.claimableWei < a.claimableWei ? -1 : 0))
}

/** Claims what is worth it, in batches of `claimVouchersMax`. @throws {ERR_CHAIN_UNAVAILABLE} {ERR_CHAIN_REVERTED} */
export async function claimAll(deps: ClaimerDependencies, options: { isForced?: boolean } = {}): Promise<Claimed[]> {
  const { store, funds, minimumWei, now } = deps
  funds.forget()
  const waiting = await claimableVouchers(deps)
  const claims: Claimed[] = []
  while (waiting.length > 0) {
    const batch = waiting.splice(0, claimVouchersMax)
    const worthWei = batch.reduce((sum, voucher) => sum + voucher.claimableWei, 0n)
    const isUrgent = batch.some((voucher) => voucher.isUrgent)
    if (worthWei < minimumWei && !isUrgent && options.isForced !== true) break
    const claimed = await deps.send(batch)
    const paidWei = claimed.paid.reduce((sum, { amountWei }) => sum + amountWei, 0n)
    await store.appendLedger([
      {
        kind: 'claim',
        subject: claimed.transactionHash,
        body: new Uint8Array(),
        atMs: now(),
        fields: {
          chain: channelName(batch[0]!.key).split('/')[0]!,
          block: claimed.blockNumber,
          gas: String(claimed.gasUsed),
          vouchers: batch.length,
          paid_wei: String(paidWei),
        },
      },
    ])
    claims.push(claimed)
    funds.forget()
  }
  return claims
}
