/** What rewards and slashes did to the stake of one address, event by event: the difference that each made to `Staking.stakeOf`. */
import type { Address } from '#protocol/ids.ts'
import type { ChainEventRow } from '#sql/store/index.ts'
import { StakeBook } from './stake-book.ts'
import type { Stakes } from './stake-log.ts'

export interface AccountReward {
  kind: 'bond' | 'delegation' | 'transfer' | 'slash'
  source: 'emission' | 'gift' | 'slash'
  node: Address
  wei: bigint
  blockNumber: number
  logIndex: number
  transactionHash: string
}

/** Oldest first. @param rewards Address of the contract that pays emission. */
export function rewardsOf(stakes: Stakes, account: Address, rewards: Address): AccountReward[] {
  const found = stakes.nodesOf(account).flatMap((node) => rewardsWith(stakes.eventsOf(node), node, account, rewards))
  return found.sort((a, b) => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex)
}

function rewardsWith(
  events: readonly ChainEventRow[],
  node: Address,
  account: Address,
  rewards: Address,
): AccountReward[] {
  const book = new StakeBook()
  const found: AccountReward[] = []
  for (const [index, event] of events.entries()) {
    const { name, args, blockNumber, logIndex, transactionHash } = event
    const beforeWei = book.stakeOf(node, account)
    book.add(event)
    const gainedWei = book.stakeOf(node, account) - beforeWei
    const place = { node, blockNumber, logIndex, transactionHash }
    if (name === 'Distributed' && gainedWei > 0n) {
      const source = args['from'] === rewards ? 'emission' : 'gift'
      found.push({ kind: account === node ? 'bond' : 'delegation', source, wei: gainedWei, ...place })
    }
    // The end of an era comes before the slash that ended it, and takes the shares.
    if ((name === 'Slashed' || name === 'EraEnded') && gainedWei < 0n)
      found.push({ kind: 'slash', source: 'slash', wei: -gainedWei, ...place })
    if (name === 'Claimed' && account === node && !isDistributed(events[index + 1], event))
      found.push({ kind: 'transfer', source: 'emission', wei: BigInt(args['amount'] as string), ...place })
  }
  return found
}

/** Whether a claim went to the stake of its node, which the same transaction tells next. */
function isDistributed(next: ChainEventRow | undefined, claim: ChainEventRow): boolean {
  return next?.name === 'Distributed' && next.transactionHash === claim.transactionHash
}
