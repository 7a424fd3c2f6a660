/** Events of the past, in as few questions as the service at the other end allows. */
import type { Log, TopicFilter } from 'ethers'
import { withChainFailures } from './failure.ts'
import type { Chain } from './types.ts'

export interface LogFilter {
  address: string
  topics: TopicFilter
}

/**
 * From the deployment to `toBlock`, in order. Services bound the blocks or the events of an answer, each by a rule of its
 * own: all is asked for first, and halved as often as it is refused.
 * @throws {ERR_CHAIN_UNAVAILABLE} when a single block is refused.
 */
export async function readLogs(chain: Chain, filter: LogFilter, toBlock: number): Promise<Log[]> {
  const found: Log[] = []
  let fromBlock = chain.deployedAtBlock
  let blocks = toBlock - fromBlock + 1
  while (fromBlock <= toBlock) {
    const end = Math.min(fromBlock + blocks - 1, toBlock)
    try {
      const ask = () => chain.provider.getLogs({ ...filter, fromBlock, toBlock: end })
      found.push(...(await withChainFailures('eth_getLogs', chain.rpcUrl, ask)))
      fromBlock = end + 1
    } catch (error) {
      if (blocks === 1) throw error
      blocks = Math.ceil(blocks / 2)
    }
  }
  return found
}
