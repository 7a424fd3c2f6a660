/** Earnings of a node, as the control API tells them. Amounts are wei of HART, as decimal text. */
import { z } from 'zod'

export interface EarningsChannelView {
  payer: string
  payee: string
  /** The model that was paid for; absent for the topic of zeros. */
  modelId: string
  /** Its release, where one is known here. */
  model?: string
  vouchers: number
  promisedWei: string
  /** Paid by the chain; absent where no chain was asked. */
  claimedWei?: string
  /** What the chain would pay now. */
  claimableWei?: string
  unpaidWei: string
  unpaidWhy?: string
  receipts: number
  receiptsWei: string
}

export interface EarningsView {
  /** Whose income it is, and which key signs for it. */
  owner: string
  signer: string
  /** Absent where this node is on no chain. */
  chain?: { chainId: number; escrow: string }
  promisedWei: string
  claimedWei: string
  claimableWei: string
  unpaidWei: string
  /** Receipts for work that was free. */
  freeReceipts: number
  channels: EarningsChannelView[]
  /** `problem`: the first entry that is not as it was written. */
  ledger: { entryCount: number; head: string; problem?: string }
  /** Why the chain was not asked, where it was meant to be. */
  chainProblem?: string
  /** With `verify`: everything that does not agree; empty when all does. */
  differences?: string[]
}

/** The paid side of a node on a chain, as its status has it. */
export interface EconomyView {
  /** What it asks; 0 is free. */
  weiPerGiB: string
  weiPerKiloToken: string
  promisedWei: string
  /** Absent while the chain does not answer. */
  claimedWei?: string
  claimableWei?: string
  unpaidWei: string
  /** Why nothing is sold now. */
  problem?: string
}

/** What a claim of this node's vouchers takes, for whoever sends it: the money goes to the payee in any case. */
export interface ClaimableView {
  payee: string
  chainId: number
  escrow: string
  vouchers: { payer: string; topic: string; cumulativeWei: string; signature: string; claimableWei: string }[]
}

export const claimRequest = z.object({
  /** Claim however little it is. */
  isForced: z.boolean().optional(),
})
export type ClaimRequest = z.infer<typeof claimRequest>

export interface ClaimView {
  transactionHash: string
  blockNumber: number
  gasUsed: string
  vouchers: number
  paidWei: string
  refused: { payer: string; reason: string }[]
}

export const earningsHistoryQuery = z.object({
  bucket: z.enum(['hour', 'day']).default('hour'),
  /** Buckets up to now: a day of hours unless it says otherwise. */
  count: z.coerce.number().int().min(1).max(366).default(24),
  /** Vouchers and receipts that are told one by one. */
  entries: z.coerce.number().int().min(0).max(100).default(0),
})
export type EarningsHistoryQuery = z.infer<typeof earningsHistoryQuery>

/** Decimal text, as all amounts. */
const wei = z.string()

export const earningsHistoryView = z.object({
  bucket: z.enum(['hour', 'day']),
  buckets: z
    .array(
      z.object({
        startMs: z.number(),
        promisedWei: wei.describe('Newly promised by vouchers.'),
        dueWei: wei.describe('By the receipts of this time; what was free is due nothing.'),
        receipts: z.number(),
        bytes: z.number(),
        tokens: z.number(),
      }),
    )
    .describe('Oldest first, with the empty ones, whole hours or days of UTC; from the ledger of this node.'),
  entries: z
    .array(
      z.object({
        type: z.enum(['voucher', 'receipt']),
        atMs: z.number(),
        payer: z.string(),
        modelId: z.string(),
        model: z.string().exactOptional().describe('Its release, where one is known here.'),
        wei: wei.describe('Added by the voucher, or due by the receipt.'),
        bytes: z.number(),
        tokens: z.number(),
      }),
    )
    .describe('Newest first.'),
})
export type EarningsHistoryView = z.infer<typeof earningsHistoryView>
