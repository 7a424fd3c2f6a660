/** What the rewards of a day take on the chain, computed before anything is sent. */
import { hexlify } from 'ethers'
import type { RewardsStatusView, RewardWeightsView } from '#protocol/api/justice.ts'
import { HartonomousError } from '#protocol/errors.ts'
import type { Address } from '#protocol/ids.ts'
import { chainSeconds } from '../clock.ts'
import { ask } from '../contract-call.ts'
import { planRootDispute } from '../justice/plans.ts'
import type { Step } from '../plans.ts'
import type { Chain } from '../types.ts'
import { rewardTerms } from './reward-rule.ts'
import { RewardsClient } from './rewards-client.ts'
import { computeWeights, type EpochWeights } from './weights.ts'

/** A root is for the day before the block that takes it: one that is sent this short before midnight may meet the next. */
const midnightSeconds = 10 * 60

export interface RewardPlan {
  steps: Step[]
  /** Why there is nothing to do. */
  whenNothing: string
}

/** Proposes the root of the last complete epoch. @throws {ERR_USAGE} where another waits, or the day is about to change */
export async function planProposal(chain: Chain): Promise<RewardPlan & { weights: EpochWeights }> {
  const client = new RewardsClient(chain)
  const [pending, finalized, weights] = await Promise.all([client.pending(), client.finalized(), computeWeights(chain)])
  const { epoch, tree } = weights
  if (finalized !== undefined && finalized.epoch >= epoch)
    return { steps: [], whenNothing: `epoch ${epoch} is finalised already`, weights }
  if (tree.root === undefined)
    return { steps: [], whenNothing: `nobody has earned anything until epoch ${epoch}`, weights }
  if (pending !== undefined)
    throw usage(
      `the root of epoch ${pending.epoch} waits: hart rewards challenge checks it, hart rewards finalize ends it`,
    )
  await requireDay(chain, epoch)
  const root = tree.root
  return { steps: [() => client.propose(root)], whenNothing: '', weights }
}

/** The contract takes a root for the day before its block, whatever it was computed for. @throws {ERR_USAGE} */
async function requireDay(chain: Chain, epoch: number): Promise<void> {
  const [[start], nowSeconds] = await Promise.all([ask(chain, 'Rewards', 'start'), chainSeconds(chain)])
  const leftSeconds = Number(start) + (epoch + 2) * rewardTerms.epochSeconds - nowSeconds
  if (leftSeconds < midnightSeconds)
    throw usage(
      `epoch ${epoch + 1} ends in ${leftSeconds} seconds, and a root that comes late would be taken for it; again afterwards`,
    )
}

export interface RootCheck extends RewardPlan {
  epoch?: number
  pendingRoot?: string
  /** As the logs give it; absent where nobody has earned anything. */
  computedRoot?: string
  isRight?: boolean
}

/** Computes the pending root anew, and takes it to a jury only where it is another. @throws {ERR_USAGE} {ERR_FUNDS} */
export async function planChallenge(chain: Chain, challenger: Address): Promise<RootCheck> {
  const pending = await new RewardsClient(chain).pending()
  if (pending === undefined) return { steps: [], whenNothing: 'no root waits' }
  const { epoch, root: pendingRoot } = pending
  const { tree } = await computeWeights(chain, epoch)
  const computedRoot = tree.root === undefined ? undefined : hexlify(tree.root)
  const found = { epoch, pendingRoot, ...(computedRoot === undefined ? {} : { computedRoot }) }
  if (computedRoot === pendingRoot) {
    const whenNothing = `the root of epoch ${epoch} is what the logs give: there is nothing to dispute`
    return { ...found, isRight: true, steps: [], whenNothing }
  }
  const [isOpen] = await ask(chain, 'Disputes', 'isOpen', pending.id)
  if (isOpen) {
    const whenNothing = `the root of epoch ${epoch} is wrong, and disputed already: hart dispute status ${pending.id}`
    return { ...found, isRight: false, steps: [], whenNothing }
  }
  const steps = await planRootDispute(chain, challenger, pending.id)
  return { ...found, isRight: false, steps, whenNothing: '' }
}

/** Pays a node what the finalised root owes it. @throws {ERR_USAGE} where that root is not what the logs give */
export async function planClaim(chain: Chain, node: Address): Promise<RewardPlan> {
  const client = new RewardsClient(chain)
  const finalized = await client.finalized()
  if (finalized === undefined) return { steps: [], whenNothing: 'no epoch is finalised yet' }
  const { nodes, tree } = await computeWeights(chain, finalized.epoch)
  if (tree.root === undefined || hexlify(tree.root) !== finalized.root)
    throw usage(
      `the root that was finalised for epoch ${finalized.epoch} is not what the logs give: there is no proof for it; the next root puts it right`,
    )
  const [proof, entry] = [tree.proofOf(node), nodes.find((each) => each.node === node)]
  if (proof === undefined || entry === undefined) return { steps: [], whenNothing: `${node} has earned nothing` }
  const { claimedWei } = await client.standing(node)
  if (claimedWei >= entry.cumulativeWei) return { steps: [], whenNothing: `${node} has been paid all that it earned` }
  return { steps: [() => client.claim(node, entry.cumulativeWei, proof)], whenNothing: '' }
}

/** @throws {ERR_CHAIN_UNAVAILABLE} */
export async function readRewardsStatus(chain: Chain, account: Address): Promise<RewardsStatusView> {
  const client = new RewardsClient(chain)
  const [pending, finalized, { claimedWei, capWei }] = await Promise.all([
    client.pending(),
    client.finalized(),
    client.standing(account),
  ])
  const standing = { account, claimedWei: String(claimedWei), capWei: String(capWei) }
  const status = { ...(finalized === undefined ? {} : { finalized }), ...standing }
  if (pending === undefined) return status
  const [isDisputed] = await ask(chain, 'Disputes', 'isOpen', pending.id)
  const { proposedAtSeconds: _, challengeEndSeconds, ...shown } = pending
  return { ...status, pending: { ...shown, challengeUntilMs: challengeEndSeconds * 1000, isDisputed } }
}

export function weightsView(chain: Chain, weights: EpochWeights): RewardWeightsView {
  const { tree, nodes, emissionWei, ...rest } = weights
  return {
    chainId: chain.chainId,
    ...rest,
    emissionWei: String(emissionWei),
    ...(tree.root === undefined ? {} : { root: hexlify(tree.root) }),
    nodes: nodes.map(({ node, incomeWei, bondWei, shareWei, cumulativeWei }) => ({
      node,
      incomeWei: String(incomeWei),
      bondWei: String(bondWei),
      shareWei: String(shareWei),
      cumulativeWei: String(cumulativeWei),
    })),
  }
}

function usage(message: string): HartonomousError {
  return new HartonomousError('ERR_USAGE', { message })
}
