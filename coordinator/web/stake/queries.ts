/** What the stake page reads. The stream of events does not tell of blocks, so that these are asked for again by the clock. */
import { queryOptions } from '@tanstack/react-query'
import type { RewardEntry } from '#protocol/api/chain.ts'
import { client } from '../app/client.ts'

/** A block of a public chain takes about as long; the coordinator asks the chain once for all who look. */
const againMs = 12_000
const rewardsShown = 100
const rewardsPerPage = 200

const ofChain = { staleTime: againMs, refetchInterval: againMs }

export const chainQuery = queryOptions({
  queryKey: ['chain'],
  ...ofChain,
  queryFn: ({ signal }) => client.call('chainState', {}, { signal }),
})

export const delegatesQuery = queryOptions({
  queryKey: ['chain', 'delegates'],
  ...ofChain,
  queryFn: ({ signal }) => Array.fromAsync(client.pages('listDelegates', { query: { limit: 1000 } }, { signal })),
})

export function accountQuery(address: string) {
  return queryOptions({
    queryKey: ['chain', 'account', address.toLowerCase()],
    ...ofChain,
    queryFn: ({ signal }) => client.call('account', { params: { address } }, { signal }),
  })
}

/** The last payments, and the sums of all. */
export function rewardsQuery(address: string) {
  return queryOptions({
    queryKey: ['chain', 'rewards', address.toLowerCase()],
    ...ofChain,
    queryFn: ({ signal }) =>
      client.call('accountRewards', { params: { address }, query: { limit: rewardsShown } }, { signal }),
  })
}

/** Every payment there ever was, newest first. */
export async function allRewards(address: string): Promise<RewardEntry[]> {
  const rewards: RewardEntry[] = []
  let cursor: string | undefined
  do {
    const query = { limit: rewardsPerPage, ...(cursor === undefined ? {} : { cursor }) }
    const page = await client.call('accountRewards', { params: { address }, query })
    rewards.push(...page.rewards)
    cursor = page.nextCursor
  } while (cursor !== undefined)
  return rewards
}
