/** What is sold: bytes of chunks, or tokens. Both sides count the same units, and price their totals alike. */
import {
  chunkAheadBytesFirst,
  chunkAheadBytesMax,
  inferAheadTokensFirst,
  inferAheadTokensMax,
  overchargeBytesMax,
  overchargeTokensMax,
} from '#protocol/limits.ts'
import { bytesFor, type Prices, priceOfBytes, priceOfTokens, tokensFor } from '#protocol/payment/index.ts'

export interface Unit {
  kind: 'chunk' | 'infer'
  /** Rounded up to the next wei. */
  price(units: number, prices: Prices): bigint
  /** How many are paid by an amount at most. */
  countFor(amountWei: bigint, prices: Prices): number
  /** What a stranger gets ahead of payment, and what the best payer gets. */
  firstAhead: number
  mostAhead: number
  /** How far a buyer's own count may lag behind, once per channel. */
  tolerated: number
}

export const chunkUnit: Unit = {
  kind: 'chunk',
  price: priceOfBytes,
  countFor: bytesFor,
  firstAhead: chunkAheadBytesFirst,
  mostAhead: chunkAheadBytesMax,
  tolerated: overchargeBytesMax,
}

export const inferUnit: Unit = {
  kind: 'infer',
  price: priceOfTokens,
  countFor: tokensFor,
  firstAhead: inferAheadTokensFirst,
  mostAhead: inferAheadTokensMax,
  tolerated: overchargeTokensMax,
}
