/** What needs ethers, which takes a while to load: `loadChain` of `index.ts` brings it when a chain is used. */
export { type AnvilChain, type AnvilOptions, localChainId, startAnvil } from './anvil/anvil.ts'
export { type Given, giveDevelopmentFunds } from './anvil/faucet.ts'
export { type LocalChain, startLocalChain } from './anvil/local-chain.ts'
export { readBalance } from './balance.ts'
export { type ClaimedEvent, readClaimed } from './claimed.ts'
export { chainSeconds } from './clock.ts'
export { openConfiguredChain } from './configured-chain.ts'
export { type ContractCall, signerOf } from './contract-call.ts'
export { type DeploymentPlan, deployContracts, planDeployment } from './deploy.ts'
export {
  type Claimed,
  type ClaimRefusal,
  type EscrowAccount,
  type EscrowChannel,
  EscrowClient,
  type SessionKey,
  unlimitedWei,
} from './escrow-client.ts'
export { shownUrl } from './failure.ts'
export { ChainIndexer, type ChainIndexerOptions, chainKey, type IndexLoop, type IndexStep } from './indexer.ts'
export { readDispute, readDisputes, readJuror, requireDispute, undismissed } from './justice/dispute-view.ts'
export { type Ballot, type Dispute, type DisputePhase, DisputesClient } from './justice/disputes-client.ts'
export { parseEquivocation, parseSignedReceipt } from './justice/evidence.ts'
export { planEquivocation, planReceiptDispute } from './justice/plans.ts'
export { readVote, saveVote } from './justice/vote-file.ts'
export { openChain } from './open-chain.ts'
export { planDelegation, planFund, planRevocation, planStake, planTransfer, planUnbond } from './plans.ts'
export { rehearse } from './rehearse.ts'
export { type FeedbackSummary, ReputationClient, type ReputationSummary } from './reputation-client.ts'
export { planChallenge, planClaim, planProposal, readRewardsStatus, weightsView } from './rewards/plans.ts'
export { RewardsClient, type RootProposal } from './rewards/rewards-client.ts'
export { computeWeights } from './rewards/weights.ts'
export { connectRpc, type RpcOptions } from './rpc.ts'
export { PublicChain, type RewardCursor } from './stakes/public-chain.ts'
export {
  allStakeWei,
  type NodeRecord,
  type Stake,
  type StakedPool,
  StakingClient,
  type StakingTerms,
  type Unbonding,
} from './staking-client.ts'
export { type Permit, TokenClient } from './token-client.ts'
