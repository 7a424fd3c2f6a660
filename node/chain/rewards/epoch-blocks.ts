/** In which block an epoch begins: found by asking for few blocks, because events do not tell their time. */
import { withChainFailures } from '../failure.ts'
import type { ChainConnection } from '../types.ts'

export interface BlockTime {
  number: number
  /** Seconds since 1970. */
  timestamp: number
}

/** Blocks between two known ones, searched by their times; what was asked is remembered. */
export class BlockClock {
  readonly #connection: ChainConnection
  readonly #known = new Map<number, BlockTime>()
  readonly #first: BlockTime
  readonly latest: BlockTime

  private constructor(connection: ChainConnection, first: BlockTime, latest: BlockTime) {
    this.#connection = connection
    this.#first = first
    this.latest = latest
  }

  /** @throws {ERR_CHAIN_UNAVAILABLE} */
  static async open(connection: ChainConnection, firstBlock: number): Promise<BlockClock> {
    const latest = await readBlock(connection, 'latest')
    return new BlockClock(connection, await readBlock(connection, firstBlock), latest)
  }

  /**
   * The first block at or after a moment; the one after the latest where there is none yet. Guesses by the times of the
   * blocks around it, and halves where a guess gained little: blocks of a local chain come in bursts.
   */
  async firstBlockFrom(timestamp: number): Promise<number> {
    let [low, high] = [this.#first, this.latest]
    if (low.timestamp >= timestamp) return low.number
    if (high.timestamp < timestamp) return high.number + 1
    for (const block of this.#known.values()) {
      if (block.timestamp < timestamp && block.number > low.number) low = block
      if (block.timestamp >= timestamp && block.number < high.number) high = block
    }
    for (let isGuess = true; high.number - low.number > 1; isGuess = !isGuess) {
      const span = high.number - low.number
      const share = isGuess ? (timestamp - low.timestamp) / (high.timestamp - low.timestamp) : 0.5
      const steps = Math.min(span - 1, Math.max(1, Math.round(span * share)))
      const block = await this.#read(low.number + steps)
      if (block.timestamp < timestamp) low = block
      else high = block
    }
    return high.number
  }

  async #read(number: number): Promise<BlockTime> {
    const known = this.#known.get(number)
    if (known !== undefined) return known
    const block = await readBlock(this.#connection, number)
    this.#known.set(number, block)
    return block
  }
}

async function readBlock({ provider, rpcUrl }: ChainConnection, which: number | 'latest'): Promise<BlockTime> {
  return await withChainFailures('eth_getBlockByNumber', rpcUrl, async () => {
    const block = await provider.getBlock(which)
    if (block === null) throw new Error(`block ${which} is not there`)
    return { number: block.number, timestamp: block.timestamp }
  })
}
