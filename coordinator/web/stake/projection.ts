/** What a delegation would have earned: history, applied to an amount. Nothing here foretells anything. */
import type { DelegateView } from '#protocol/api/chain.ts'
import { weiPerHart } from '#protocol/hart.ts'

export interface Projection {
  /** Complete epochs behind it. */
  epochs: number
  /** Of the amount through all of them. */
  earnedWei: bigint
  /** On average. */
  perEpochWei: bigint
  /** Of the amount, in 1/1,000,000. */
  perEpochPpm: bigint
}

/**
 * @returns undefined before the first epoch has ended. The payments are by the stake and commission of their time: with this
 * amount added to the pool each would have been a little smaller for all.
 */
export function projectionOf(
  { history, bondWei, delegatedWei }: Pick<DelegateView, 'history' | 'bondWei' | 'delegatedWei'>,
  amountWei: bigint,
): Projection | undefined {
  const { epochs, weiPerHart: perHart } = history
  if (epochs === 0) return undefined
  // The same payment over more stake.
  const stakeWei = BigInt(bondWei) + BigInt(delegatedWei)
  const diluted = stakeWei + amountWei === 0n ? 0n : (BigInt(perHart) * stakeWei) / (stakeWei + amountWei)
  const earnedWei = (amountWei * diluted) / weiPerHart
  const perEpochWei = earnedWei / BigInt(epochs)
  return {
    epochs,
    earnedWei,
    perEpochWei,
    perEpochPpm: amountWei === 0n ? 0n : (perEpochWei * 1_000_000n) / amountWei,
  }
}
