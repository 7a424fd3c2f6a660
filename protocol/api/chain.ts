/**
 * The chain as a coordinator shows it to anyone: its contracts and clock, who takes delegation on which terms, and what any
 * address was paid. Amounts are wei of HART as decimal text, addresses lower case, times in ms by the clock of the chain.
 */
import { z } from 'zod'

const wei = z.string().describe('Decimal digits of wei.')
const count = z.int().min(0)
const bps = z.int().min(0).max(10_000).describe('In 1/10 000.')

export const contractNames = ['Token', 'Escrow', 'Staking', 'Disputes', 'Rewards', 'Models', 'Reputation'] as const

const contracts = z.object(
  Object.fromEntries(contractNames.map((name) => [name, z.string()])) as Record<
    (typeof contractNames)[number],
    z.ZodString
  >,
)

export const epochView = z.object({
  number: count.describe('Epoch 0 began with the deployment.'),
  startsAtMs: z.number(),
  endsAtMs: z.number(),
})

export const chainStateView = z.object({
  chainId: z.number(),
  isDevelopment: z.boolean().describe('A chain of one machine, whose HART is worth nothing.'),
  rpcUrl: z
    .string()
    .exactOptional()
    .describe('Only of a chain on the machine of the coordinator: elsewhere the URL may hold a key.'),
  contracts,
  deployedAtBlock: count,
  block: z
    .object({ number: count, hash: z.string(), atMs: z.number() })
    .describe('The last one; `totals` are as of it.'),
  nowMs: z.number().describe('By which contracts judge. A chain that mines on demand has its last block long behind.'),
  epoch: epochView,
  terms: z.object({
    minBondWei: wei,
    minStakeWei: wei.describe('The least single delegation.'),
    delegationRatio: count.describe('Delegation that a node may take, for each unit of its bond.'),
    unbondingMs: z.number().describe('Between `unbond` and `withdraw`.'),
    commissionNoticeMs: z.number().describe('Between the announcement of a commission and its start.'),
  }),
  totals: z.object({
    supplyWei: wei.describe('Minted and not burned.'),
    stakedWei: wei.describe('Bonds and delegation, without what is on its way out.'),
    unlockingWei: wei.describe('On its way out of Staking; a slash may still take from it.'),
    escrowedWei: wei.describe('Held by Escrow, where vouchers draw on it.'),
    delegates: count.describe('Addresses that ever registered as a node.'),
    delegatesActive: count.describe('Those with at least the least bond.'),
  }),
  finalizedEpochs: count.describe('Epochs whose rewards were minted.'),
  skippedEpochs: z
    .object({ count, recent: z.array(count) })
    .describe('Complete epochs before the last finalised one that nobody finalised in time: they are never paid.'),
})
export type ChainStateView = z.infer<typeof chainStateView>

export const rewardEntry = z.object({
  kind: z
    .enum(['bond', 'delegation', 'transfer', 'slash'])
    .describe(
      '`bond`: reached the own bond, commission included. `delegation`: growth of the own delegation by one payment. ' +
        '`transfer`: sent to the address itself, because nobody had stake with the node. `slash`: was taken.',
    ),
  source: z
    .enum(['emission', 'gift', 'slash'])
    .describe('`emission`: paid by Rewards. `gift`: anybody may add rewards to a node.'),
  node: z.string(),
  wei: wei.describe(
    'As whole wei of what `Staking.stakeOf` answers after the event, less before it; positive for a slash, too.',
  ),
  epoch: count.describe('In which it was paid. One payment covers all work of finalised epochs before it.'),
  atMs: z.number(),
  blockNumber: count,
  transactionHash: z.string(),
})
export type RewardEntry = z.infer<typeof rewardEntry>

export const accountRewardsView = z.object({
  address: z.string(),
  blockNumber: count.describe('All figures are as of this block.'),
  rewardedWei: wei.describe('Everything that reached the address, on all pages.'),
  slashedWei: wei.describe('Everything that slashes took from its stake, without what was thawing then.'),
  rewards: z.array(rewardEntry).describe('Newest first.'),
  byNode: z.array(z.object({ node: z.string(), rewardedWei: wei, slashedWei: wei })),
})
export type AccountRewardsView = z.infer<typeof accountRewardsView>

export const commissionChange = z.object({
  commissionBps: bps,
  announcedAtMs: z.number(),
  startsAtMs: z.number(),
  transactionHash: z.string(),
})
export type CommissionChange = z.infer<typeof commissionChange>

export const delegateView = z.object({
  address: z.string().describe('Owner of the bond.'),
  peerId: z
    .string()
    .exactOptional()
    .describe('Of a node whose live lease names this address, and which the chain names in return.'),
  peerKey: z
    .string()
    .describe('Public key (ed25519, 32 bytes, `0x…`) of the libp2p identity that it names; by itself a mere claim.'),
  registeredAtMs: z.number(),
  isActive: z.boolean().describe('Its bond is at least the least one.'),
  frozen: count.describe('Disputes and jury seats that keep its stake from leaving.'),
  bondWei: wei,
  delegatedWei: wei,
  delegators: count,
  roomWei: wei.describe('What may still be delegated: the ratio times the bond, less what is delegated.'),
  commissionBps: bps.describe("Share of its delegators' rewards that it keeps now."),
  nextCommission: z
    .object({ commissionBps: bps, startsAtMs: z.number() })
    .exactOptional()
    .describe('Announced, and not yet in force.'),
  commissions: z.array(commissionChange).describe('Oldest first; the first one came with the registration.'),
  epochs: z
    .array(z.object({ epoch: count, toBondWei: wei, toDelegatorsWei: wei }))
    .describe('Emission that was paid to it in each of the last epochs in which there was any, oldest first.'),
  slashes: z.array(
    z.object({ atMs: z.number(), fromBondWei: wei, fromDelegatorsWei: wei, transactionHash: z.string() }),
  ),
  history: z
    .object({
      epochs: count.describe('Complete epochs that were looked at.'),
      weiPerHart: wei.describe('What one HART delegated through all of them would have earned from emission.'),
    })
    .describe('What was, by the stake and the commission of that time; nothing is promised.'),
  signers: z
    .array(z.object({ address: z.string(), validUntilMs: z.number().nullable() }))
    .describe('Keys besides the own one whose receipts bind the node; null is no end.'),
})
export type DelegateView = z.infer<typeof delegateView>

export const fundedView = z.object({
  address: z.string(),
  hartWei: wei,
  etherWei: wei.describe('For gas, in wei of ether.'),
  transactionHash: z.string(),
  blockNumber: count,
})
export type FundedView = z.infer<typeof fundedView>
