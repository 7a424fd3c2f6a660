/** Events of a span of blocks, asked for in ranges that the service behind the chain is willing to answer. */
import type { Log } from 'ethers'
import { type HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import { chainLogBlocksMax } from '#protocol/limits.ts'
import { withChainFailures } from './failure.ts'
import type { ChainConnection } from './types.ts'

export interface LogFilter {
  address: string | string[]
  topics?: (string | null)[]
}

/** A block past which the last answer of a service reaches, and what was in there. */
export interface LogRange {
  toBlock: number
  logs: Log[]
}

/**
 * One range that begins at `fromBlock`: all up to `toBlock`, or half as much as often as the service refuses. Services bound
 * the number of blocks or of results, and tell it in words of their own.
 * @throws {ERR_CHAIN_UNAVAILABLE} when a single block is refused.
 */
export async function readLogRange(
  connection: ChainConnection,
  filter: LogFilter,
  fromBlock: number,
  toBlock: number,
  blocksMax = chainLogBlocksMax,
): Promise<LogRange> {
  const { provider, rpcUrl } = connection
  let blocks = Math.min(toBlock - fromBlock + 1, blocksMax)
  for (;;) {
    const end = fromBlock + blocks - 1
    try {
      const ask = () => provider.getLogs({ ...filter, fromBlock, toBlock: end })
      return { toBlock: end, logs: await withChainFailures('eth_getLogs', rpcUrl, ask) }
    } catch (error) {
      if (blocks === 1 || !isRefusal(error)) throw error
      blocks = Math.floor(blocks / 2)
    }
  }
}

/**
 * All of them, up to the last block or `toBlock`: for few, such as the unbondings of one holder. The whole span is asked
 * for first, because services that bound it by results have nothing against it, and then as much as was taken.
 * @throws {ERR_CHAIN_UNAVAILABLE}
 */
export async function readLogs(
  connection: ChainConnection,
  filter: LogFilter,
  fromBlock: number,
  toBlock?: number,
): Promise<Log[]> {
  const ask = () => connection.provider.getBlockNumber()
  const last = toBlock ?? (await withChainFailures('eth_blockNumber', connection.rpcUrl, ask))
  const logs: Log[] = []
  let blocksMax = last - fromBlock + 1
  for (let from = fromBlock; from <= last; ) {
    const range = await readLogRange(connection, filter, from, last, blocksMax)
    logs.push(...range.logs)
    blocksMax = range.toBlock - from + 1
    from = range.toBlock + 1
  }
  return logs
}

function isRefusal(error: unknown): error is HartonomousError {
  return isHartonomousError(error, 'ERR_CHAIN_UNAVAILABLE')
}
