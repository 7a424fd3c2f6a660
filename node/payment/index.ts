/** Payment: off-chain, in small steps, by vouchers; settled on a chain in large ones. See `protocol/payment/README.md`. */
export type { BoughtAnswer, WorkOrder } from './answer-purchase.ts'
export { type Claimed, type ClaimerDependencies, claimAll, claimableVouchers } from './claimer.ts'
export {
  type Earnings,
  type EarningsChannel,
  readEarnings,
  readTotals,
  verifyEarnings,
} from './earnings.ts'
export { EarningsHistory } from './earnings-history.ts'
export { EscrowFunds } from './escrow-funds.ts'
export { type LedgerStore, noAddress, receiptOf, receiptSubject } from './ledger.ts'
export { type PaymentEvent, type PaymentOptions, PaymentService } from './service.ts'
export { type ChannelKey, channelName, type FundsReader, type PaymentDomain, type PaymentSigner } from './types.ts'
