/**
 * Follows the events of the contracts into the shard database, one range of blocks a step. Killed at any instant it goes
 * on where it was, because events and cursor change in one transaction; after a reorganisation it removes what is no longer
 * on the chain.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Block } from 'ethers'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import { chainEventsPerPutMax, chainLogBlocksMax, chainStepsKept } from '#protocol/limits.ts'
import type { ChainBlock, TenantStore } from '#sql/store/index.ts'
import { localChainId } from './anvil/anvil.ts'
import { chainEventOf, indexedContracts } from './chain-event.ts'
import { withChainFailures } from './failure.ts'
import type { Chain } from './types.ts'

export type ChainEventStore = Pick<
  TenantStore,
  'chainCursor' | 'addChainEvents' | 'removeChainEvents' | 'getSetting' | 'putSetting'
>

export interface ChainIndexerOptions {
  chain: Chain
  store: ChainEventStore
  /** Blocks that must follow one before it is read: 2, or 0 on a local chain, where none follows by itself. */
  confirmations?: number
}

export interface IndexStep {
  added: number
  /** Events that are no longer on the chain. */
  removed: number
  /** How far the events are here. */
  cursor: ChainBlock | undefined
  /** There was nothing more to do. */
  isCaughtUp: boolean
}

export interface IndexLoop {
  signal: AbortSignal
  /** Between two looks at a chain of which everything is known. */
  pollMs?: number
  onStep?: (step: IndexStep) => void
  /** A step that failed changed nothing; it is tried again, ever later up to a minute. */
  onFailure?: (error: unknown) => void
}

const retryMaxMs = 60_000
const triesMax = 3

/** What the shard database calls the events of this deployment. */
export function chainKey({ chainId, addresses }: Pick<Chain, 'chainId' | 'addresses'>): string {
  return `eip155:${chainId}:${addresses.Escrow}`
}

export class ChainIndexer {
  readonly #chain: Chain
  readonly #store: ChainEventStore
  readonly #key: string
  readonly #confirmations: number
  /** Blocks of one question: halved where the service refuses, doubled where it answers. */
  #blocks = chainLogBlocksMax

  constructor({ chain, store, confirmations }: ChainIndexerOptions) {
    this.#chain = chain
    this.#store = store
    this.#key = chainKey(chain)
    this.#confirmations = confirmations ?? (chain.chainId === localChainId ? 0 : 2)
  }

  /** One range, or one way back. @throws {ERR_CHAIN_UNAVAILABLE} and what the store throws; nothing has changed then. */
  async step(): Promise<IndexStep> {
    const cursor = await this.#store.chainCursor(this.#key)
    const head = await this.#ask('eth_blockNumber', (provider) => provider.getBlockNumber())
    if (cursor !== undefined && !(await this.#isOnChain(cursor, head))) return await this.#walkBack(cursor)
    const from = cursor === undefined ? this.#chain.deployedAtBlock : cursor.blockNumber + 1
    const last = Math.min(head - this.#confirmations, from + this.#blocks - 1)
    if (last < from) return { added: 0, removed: 0, cursor, isCaughtUp: true }
    return await this.#read(cursor, from, last)
  }

  /** Until `signal` is aborted. */
  async run({ signal, pollMs = 4_000, onStep, onFailure }: IndexLoop): Promise<void> {
    let failures = 0
    while (!signal.aborted) {
      let waitMs = pollMs
      try {
        const step = await this.step()
        failures = 0
        onStep?.(step)
        if (!step.isCaughtUp) continue
      } catch (error) {
        onFailure?.(error)
        waitMs = Math.min(pollMs * 2 ** failures++, retryMaxMs)
      }
      await delay(waitMs, undefined, { signal }).catch(() => {})
    }
  }

  async #read(cursor: ChainBlock | undefined, fromBlock: number, toBlock: number): Promise<IndexStep> {
    const again = { added: 0, removed: 0, cursor, isCaughtUp: false }
    const end = await this.#block(toBlock)
    if (end === undefined) return again
    const address = indexedContracts.map((name) => this.#chain.addresses[name])
    let logs: Awaited<ReturnType<Chain['provider']['getLogs']>>
    try {
      logs = await this.#ask('eth_getLogs', (provider) => provider.getLogs({ address, fromBlock, toBlock }))
      if (logs.length > chainEventsPerPutMax) throw this.#tooMany(logs.length)
    } catch (error) {
      if (toBlock === fromBlock) throw error
      this.#blocks = Math.ceil((toBlock - fromBlock + 1) / 2)
      return again
    }
    // A hash stands for all that came before it: while the end is the same and the cursor before it, no block in between
    // has changed under the question.
    if ((await this.#block(toBlock))?.blockHash !== end.blockHash) return again
    if (cursor !== undefined && !(await this.#isOnChain(cursor, toBlock))) return again
    const events = logs.map((log) => chainEventOf(this.#chain, log)).filter((event) => event !== undefined)
    try {
      await this.#store.addChainEvents(this.#key, { from: cursor, to: end, events })
    } catch (error) {
      // Another process follows the same chain, and was first.
      if (isHartonomousError(error, 'ERR_STORE_CONFLICT')) return again
      throw error
    }
    this.#blocks = Math.min(this.#blocks * 2, chainLogBlocksMax)
    const steps = (await this.#steps()).filter((step) => step.blockNumber < end.blockNumber)
    await this.#keepSteps([...steps, end])
    return { added: events.length, removed: 0, cursor: end, isCaughtUp: false }
  }

  /** By one step, or to the beginning where none is left; whether that is far enough the next look tells. */
  async #walkBack(cursor: ChainBlock): Promise<IndexStep> {
    const steps = (await this.#steps()).filter((step) => step.blockNumber < cursor.blockNumber)
    const to = steps.at(-1)
    const removed = await this.#store.removeChainEvents(this.#key, to)
    await this.#keepSteps(steps)
    return { added: 0, removed, cursor: to, isCaughtUp: false }
  }

  /**
   * Beyond the head the answer is what the last step below the head says: a service that lags has the same past, and a
   * chain that became shorter another one.
   */
  async #isOnChain(block: ChainBlock, head: number): Promise<boolean> {
    if (block.blockNumber <= head) return (await this.#block(block.blockNumber))?.blockHash === block.blockHash
    const below = (await this.#steps()).findLast((step) => step.blockNumber <= head)
    return below === undefined || (await this.#block(below.blockNumber))?.blockHash === below.blockHash
  }

  async #block(blockNumber: number): Promise<ChainBlock | undefined> {
    const block: Block | null = await this.#ask('eth_getBlockByNumber', (provider) => provider.getBlock(blockNumber))
    return block?.hash == null ? undefined : { blockNumber, blockHash: block.hash }
  }

  /** Public services drop a question now and then: a step of five would seldom come through on one try each. */
  async #ask<T>(what: string, question: (provider: Chain['provider']) => Promise<T>): Promise<T> {
    for (let left = triesMax - 1; ; left--) {
      try {
        return await withChainFailures(what, this.#chain.rpcUrl, () => question(this.#chain.provider))
      } catch (error) {
        if (left === 0 || !isHartonomousError(error, 'ERR_CHAIN_UNAVAILABLE')) throw error
      }
    }
  }

  /** Oldest first. Written after the events: what is missing after a crash only makes the way back longer. */
  async #steps(): Promise<ChainBlock[]> {
    return ((await this.#store.getSetting(`chain-steps:${this.#key}`)) as ChainBlock[] | undefined) ?? []
  }

  async #keepSteps(steps: readonly ChainBlock[]): Promise<void> {
    await this.#store.putSetting(`chain-steps:${this.#key}`, steps.slice(-chainStepsKept))
  }

  #tooMany(actual: number): HartonomousError {
    return new HartonomousError('ERR_LIMIT', { what: 'events of one block', limit: chainEventsPerPutMax, actual })
  }
}
