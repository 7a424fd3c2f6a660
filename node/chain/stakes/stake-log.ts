/**
 * Follows the events of Staking and Rewards, and keeps what follows from them: who has what at stake now, and what each node
 * and each holder has come through. A block that is known is never asked for again; after a reorganisation all is read anew.
 */
import type { Block } from 'ethers'
import { HartonomousError } from '#protocol/errors.ts'
import type { Address } from '#protocol/ids.ts'
import { chainHistoryEventsMax } from '#protocol/limits.ts'
import type { ChainEventRow } from '#sql/store/index.ts'
import { chainEventOf } from '../chain-event.ts'
import { shownUrl, withChainFailures } from '../failure.ts'
import { readLogs } from '../logs.ts'
import type { Chain } from '../types.ts'
import { DelegateRecord, type RecordTerms } from './delegate-record.ts'
import { StakeBook } from './stake-book.ts'

export interface Head {
  number: number
  hash: string
  /** Seconds since 1970. */
  timestamp: number
}

/** What the events say as of one block. */
class Stakes {
  readonly book = new StakeBook()
  readonly delegates = new Map<Address, DelegateRecord>()
  /** Of each node, in the order of the chain: also what Rewards sent to it. */
  readonly #eventsOf = new Map<Address, ChainEventRow[]>()
  readonly #nodesOf = new Map<Address, Set<Address>>()
  /** Whose rewards were minted, ascending. */
  readonly finalizedEpochs: number[] = []
  eventCount = 0
  head: Head | undefined

  add(event: ChainEventRow, terms: RecordTerms): void {
    const { name, args } = event
    this.eventCount++
    if (name === 'Finalized') this.finalizedEpochs.push(Number(args['epoch']))
    const node = args['node'] as Address | undefined
    if (node === undefined) return
    if (name === 'Registered') this.delegates.set(node, new DelegateRecord(node, event))
    else this.delegates.get(node)?.add(event, this.book, terms)
    this.book.add(event)
    push(this.#eventsOf, node, event)
    if (name === 'Staked') {
      const holder = args['holder'] as Address
      this.#nodesOf.set(holder, (this.#nodesOf.get(holder) ?? new Set()).add(node))
    }
  }

  eventsOf(node: Address): readonly ChainEventRow[] {
    return this.#eventsOf.get(node) ?? []
  }

  /** With whom this address ever had stake, itself first. */
  nodesOf(holder: Address): Address[] {
    return [...new Set([holder, ...(this.#nodesOf.get(holder) ?? [])])]
  }
}

export type { Stakes }

export class StakeLog {
  readonly #chain: Chain
  readonly #terms: RecordTerms
  readonly #onReset: () => void
  #stakes = new Stakes()

  /** @param onReset Blocks that were known are no longer on the chain. */
  constructor(chain: Chain, terms: RecordTerms, onReset: () => void) {
    this.#chain = chain
    this.#terms = terms
    this.#onReset = onReset
  }

  /**
   * Up to the last block: one question where nothing happened, and three where something did. One call at a time.
   * @throws {ERR_CHAIN_UNAVAILABLE} {ERR_LIMIT}
   */
  async read(): Promise<Stakes & { head: Head }> {
    const head = await this.#block('latest')
    const known = this.#stakes.head
    if (known?.hash !== head.hash) {
      if (known !== undefined && !(await this.#isOnChain(known, head))) this.#forget()
      await this.#readTo(head)
    }
    return this.#stakes as Stakes & { head: Head }
  }

  async #readTo(head: Head): Promise<void> {
    const { addresses, deployedAtBlock } = this.#chain
    const stakes = this.#stakes
    const from = stakes.head === undefined ? deployedAtBlock : stakes.head.number + 1
    const filter = { address: [addresses.Staking, addresses.Rewards] }
    const logs = await readLogs(this.#chain, filter, from, head.number)
    // A hash stands for all that came before it: what was read belongs to this head, or to nothing.
    if ((await this.#block(head.number)).hash !== head.hash) {
      this.#forget()
      throw this.#unavailable('its last blocks changed while they were read')
    }
    const actual = stakes.eventCount + logs.length
    if (actual > chainHistoryEventsMax)
      throw new HartonomousError('ERR_LIMIT', { what: 'events of stake', limit: chainHistoryEventsMax, actual })
    const events = logs.map((log) => chainEventOf(this.#chain, log)).filter((event) => event !== undefined)
    for (const event of events.sort(byPlace)) stakes.add(event, this.#terms)
    stakes.head = head
  }

  async #isOnChain(block: Head, head: Head): Promise<boolean> {
    return block.number <= head.number && (await this.#block(block.number)).hash === block.hash
  }

  #forget(): void {
    this.#stakes = new Stakes()
    this.#onReset()
  }

  async #block(which: number | 'latest'): Promise<Head> {
    const { provider, rpcUrl } = this.#chain
    const block: Block | null = await withChainFailures('eth_getBlockByNumber', rpcUrl, () => provider.getBlock(which))
    if (block?.hash == null) throw this.#unavailable(`block ${which} is not there`)
    const { number, hash, timestamp } = block
    return { number, hash, timestamp }
  }

  #unavailable(reason: string): HartonomousError {
    return new HartonomousError('ERR_CHAIN_UNAVAILABLE', { url: shownUrl(this.#chain.rpcUrl), reason })
  }
}

function byPlace(a: ChainEventRow, b: ChainEventRow): number {
  return a.blockNumber - b.blockNumber || a.logIndex - b.logIndex
}

function push<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [value])
  else list.push(value)
}
