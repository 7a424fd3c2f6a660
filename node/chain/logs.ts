/** Events of the past, in as few questions as the service at the other end allows. */
import type { Log, TopicFilter } from 'ethers'
import type { Address } from '#protocol/ids.ts'
import { withChainFailures } from './failure.ts'
import type { Chain } from './types.ts'

export interface LogFilter {
  address: Address
  topics: TopicFilter
}

/**
 * From the deployment to `toBlock`, in order. Services bound the blocks or the events of an answer, each by its own
 * rule: the whole range is asked for first, and halved as often as it is refused.
 * @throws {ERR_CHAIN_UNAVAILABLE}
 */
export async function readLogs(chain: Chain, filter: LogFilter, toBlock: number): Promise<Log[]> {
  const found: Log[] = []
  let fromBlock = chain.deployedAtBlock
  let span = toBlock - fromBlock + 1
  while (fromBlock <= toBlock) {
    const end = Math.min(fromBlock + span - 1, toBlock)
    try {
      found.push(...(await chain.provider.getLogs({ ...filter, fromBlock, toBlock: end })))
      fromBlock = end + 1
    } catch (error) {
      if (span <= 1) return await withChainFailures('eth_getLogs', chain.rpcUrl, () => Promise.reject(error))
      span = Math.ceil(span / 2)
    }
  }
  return found
}
