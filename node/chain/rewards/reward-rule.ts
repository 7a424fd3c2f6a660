/**
 * How a day's emission is shared out, in whole wei. A node weighs what the contract would let it keep of its income: nine
 * tenths of the hundredth that was burned from it, less where its bond is below the least one. All weights together take
 * at most the emission, and one node at most a twentieth of it. Hence no root promises what a cap would hold back.
 */
import type { Address } from '#protocol/ids.ts'

/** As the contracts have them for ever; a test compares. */
export interface RewardTerms {
  /** Of a payment, in 1/10 000. */
  burnBps: bigint
  /** Of what was burned, in 1/10 000. */
  burnReturnBps: bigint
  /** Of the emission for one node, in 1/10 000. */
  nodeShareBps: bigint
  minBondWei: bigint
  firstEmissionWei: bigint
  /** Epochs between two halvings. */
  halvingEpochs: number
  epochSeconds: number
}

export const rewardTerms: Readonly<RewardTerms> = {
  burnBps: 100n,
  burnReturnBps: 9_000n,
  nodeShareBps: 500n,
  minBondWei: 1_000n * 10n ** 18n,
  firstEmissionWei: 7_000n * 10n ** 18n,
  halvingEpochs: 1_460,
  epochSeconds: 86_400,
}

const wholeBps = 10_000n

export function emissionOf(epoch: number, terms: RewardTerms = rewardTerms): bigint {
  return terms.firstEmissionWei >> BigInt(Math.floor(epoch / terms.halvingEpochs))
}

/** @param incomeWei Of one epoch, before cut and royalty. @param bondWei At its end. */
export function weightOf(incomeWei: bigint, bondWei: bigint, terms: RewardTerms = rewardTerms): bigint {
  const burned = (incomeWei * terms.burnBps) / wholeBps
  const returned = (burned * terms.burnReturnBps) / wholeBps
  return bondWei >= terms.minBondWei ? returned : (returned * bondWei) / terms.minBondWei
}

/** What each gets of one epoch. Where the weights exceed the emission all shrink alike; what a cap cuts off goes to nobody. */
export function shareOut(
  weights: ReadonlyMap<Address, bigint>,
  emissionWei: bigint,
  terms: RewardTerms = rewardTerms,
): Map<Address, bigint> {
  const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0n)
  const mostWei = (emissionWei * terms.nodeShareBps) / wholeBps
  return new Map(
    [...weights].map(([node, weight]) => {
      const share = total <= emissionWei ? weight : (emissionWei * weight) / total
      return [node, share < mostWei ? share : mostWei]
    }),
  )
}
