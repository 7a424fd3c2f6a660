/**
 * How much unpaid work a seller does for a channel. The rule: a stranger gets a little, one that pays gets as much again as
 * it has paid, up to a most; and never more than the escrow behind the channel would still pay after all that is promised.
 */
import type { ChannelFunds } from './types.ts'

/** The pooled balance of a payer may be promised to others, too: we count on this share of it. */
const poolShare = 8n

export interface Exposure {
  /** For a payer that has not paid anything yet. */
  firstWei: bigint
  mostWei: bigint
}

export interface ChannelStanding {
  /** The channel's total by its highest voucher. */
  promisedWei: bigint
  /** The same minus what is claimed, of the payer's other channels with us. */
  promisedElsewhereWei: bigint
  /** What the session key may still draw from the pooled balance. */
  allowanceWei: bigint
}

/** What may stay unpaid, in wei; 0 where nothing stands behind the channel. */
export function aheadWei(exposure: Exposure, standing: ChannelStanding, funds: ChannelFunds): bigint {
  const trusted = clamp(standing.promisedWei, exposure.firstWei, exposure.mostWei)
  return least(trusted, coveredWei(standing, funds))
}

/** What the escrow would pay at least for work beyond what is promised. */
export function coveredWei(standing: ChannelStanding, funds: ChannelFunds): bigint {
  const unclaimed = most(0n, standing.promisedWei - funds.claimedWei)
  // Who takes its money out may be gone before we claim: only the lock counts.
  const pooled = funds.thawingWei > 0n ? 0n : most(0n, funds.freeWei - standing.promisedElsewhereWei) / poolShare
  return most(0n, funds.lockedWei + least(pooled, standing.allowanceWei) - unclaimed)
}

export function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}

export function most(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}

function clamp(value: bigint, low: bigint, high: bigint): bigint {
  return most(low, least(value, high))
}
