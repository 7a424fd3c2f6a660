/** When blocks were made, and in which epoch: events do not tell. What was asked is remembered. */
import { HartonomousError } from '#protocol/errors.ts'
import { shownUrl, withChainFailures } from '../failure.ts'
import { rewardTerms } from '../rewards/reward-rule.ts'
import type { ChainConnection } from '../types.ts'

/** Questions that are under way at a time. */
const questionsMax = 16
/** Oldest out: 100 bytes each. */
const timesKept = 16_384

export class BlockTimes {
  readonly #connection: ChainConnection
  /** Seconds since 1970, when epoch 0 began. */
  readonly #start: number
  readonly #known = new Map<number, number>()

  constructor(connection: ChainConnection, start: number) {
    this.#connection = connection
    this.#start = start
  }

  forget(): void {
    this.#known.clear()
  }

  /** Seconds since 1970. @throws {ERR_CHAIN_UNAVAILABLE} */
  async of(blocks: Iterable<number>): Promise<Map<number, number>> {
    const found = new Map<number, number>()
    const asked = [...new Set(blocks)]
    for (let at = 0; at < asked.length; at += questionsMax) {
      const some = asked.slice(at, at + questionsMax)
      const times = await Promise.all(some.map((block) => this.#timeOf(block)))
      for (const [index, block] of some.entries()) found.set(block, times[index]!)
    }
    return found
  }

  epochAt(seconds: number): number {
    return Math.max(0, Math.floor((seconds - this.#start) / rewardTerms.epochSeconds))
  }

  /**
   * The epoch of each block, of those in epoch `first` or later. Between two blocks of one epoch all are of that epoch, so
   * that a day with a thousand payments takes a few questions.
   *
   * @param blocks Ascending.
   * @throws {ERR_CHAIN_UNAVAILABLE}
   */
  async epochsOf(blocks: readonly number[], first = 0): Promise<Map<number, number>> {
    const epochs = new Map<number, number>()
    const look = async (from: number, to: number): Promise<void> => {
      if (from > to) return
      const times = await this.of([blocks[from]!, blocks[to]!])
      const [low, high] = [blocks[from]!, blocks[to]!].map((block) => this.epochAt(times.get(block)!)) as [
        number,
        number,
      ]
      if (high < first) return
      if (low === high) {
        for (let at = from; at <= to; at++) epochs.set(blocks[at]!, low)
        return
      }
      if (low >= first) epochs.set(blocks[from]!, low)
      epochs.set(blocks[to]!, high)
      const middle = Math.floor((from + to) / 2)
      await look(from + 1, middle)
      await look(middle + 1, to - 1)
    }
    await look(0, blocks.length - 1)
    return epochs
  }

  async #timeOf(number: number): Promise<number> {
    const known = this.#known.get(number)
    if (known !== undefined) return known
    const { provider, rpcUrl } = this.#connection
    const block = await withChainFailures('eth_getBlockByNumber', rpcUrl, () => provider.getBlock(number))
    if (block === null)
      throw new HartonomousError('ERR_CHAIN_UNAVAILABLE', {
        url: shownUrl(rpcUrl),
        reason: `block ${number} is not there`,
      })
    const oldest = this.#known.keys().next().value
    if (this.#known.size >= timesKept && oldest !== undefined) this.#known.delete(oldest)
    this.#known.set(number, block.timestamp)
    return block.timestamp
  }
}
