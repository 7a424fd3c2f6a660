/** Payment: off-chain, in small steps, by vouchers; settled on a chain in large ones. See `protocol/payment/README.md`. */
export {
  claimableWei,
  type Earnings,
  type EarningsChannel,
  latestVouchers,
  readEarnings,
  verifyEarnings,
} from './earnings.ts'
export { type LedgerStore, noAddress } from './ledger.ts'
export { type PaymentEvent, type PaymentOptions, PaymentService } from './service.ts'
export type * from './types.ts'
