/**
 * Who has what at stake with whom, replayed from the events of Staking exactly as the contract keeps it: to the wei, and as
 * of any event, which no service could be asked for.
 */
import type { Address } from '#protocol/ids.ts'
import type { ChainEventRow } from '#sql/store/index.ts'
import { BondLedger } from '../rewards/bond-ledger.ts'

/** Shares that nobody owns, as the contract has them. */
const virtualShares = 1000n

/** Delegation to one node. */
interface Shares {
  total: bigint
  /** Of those who have any. */
  byHolder: Map<Address, bigint>
}

export class StakeBook {
  readonly #bonds = new BondLedger()
  /** What is delegated to a node is kept by the rules of a bond, and shared by shares. */
  readonly #pools = new BondLedger()
  readonly #shares = new Map<Address, Shares>()

  /** An event of Staking; others change nothing. In the order of the chain. */
  add({ name, args }: ChainEventRow): void {
    const node = args['node'] as Address
    const wei = (field: string) => BigInt(args[field] as string)
    const holder = args['holder'] as Address
    switch (name) {
      case 'Bonded':
        this.#bonds.add({ name, node, wei: wei('assets') })
        break
      case 'Staked':
        this.#move(node, holder, wei('shares'))
        this.#pools.add({ name: 'Bonded', node, wei: wei('assets') })
        break
      case 'Unbonded':
        // Of a bond it names no shares.
        if (holder !== node) this.#move(node, holder, -wei('shares'))
        this.#of(node, holder).add({ name, node, wei: wei('assets') })
        break
      case 'Withdrawn':
        this.#of(node, holder).add({ name, node, wei: wei('assets') })
        break
      case 'Distributed':
        this.#bonds.add({ name, node, wei: wei('toBond') })
        this.#pools.add({ name, node, wei: wei('toPool') })
        break
      case 'Slashed':
        this.#bonds.add({ name, node, wei: wei('fromBond') })
        this.#pools.add({ name, node, wei: wei('fromPool') })
        break
      case 'EraEnded':
        this.#shares.delete(node)
    }
  }

  /** Without what thaws. */
  bondOf(node: Address): bigint {
    return this.#bonds.bondOf(node)
  }

  /** Everything delegated to a node, without what thaws. */
  delegatedTo(node: Address): bigint {
    return this.#pools.bondOf(node)
  }

  /** What of it earns: what is left in a pool without shares belongs to nobody. */
  earningOf(node: Address): bigint {
    return this.#shares.get(node) === undefined ? 0n : this.delegatedTo(node)
  }

  delegatorsOf(node: Address): number {
    return this.#shares.get(node)?.byHolder.size ?? 0
  }

  /** What `Staking.stakeOf` would answer. */
  stakeOf(node: Address, holder: Address): bigint {
    if (holder === node) return this.bondOf(node)
    const shares = this.#shares.get(node)
    const held = shares?.byHolder.get(holder)
    if (shares === undefined || held === undefined) return 0n
    return (held * (this.delegatedTo(node) + 1n)) / (shares.total + virtualShares)
  }

  /** Of all nodes: at work, and on its way out. */
  totals(): { stakedWei: bigint; thawingWei: bigint } {
    const [bonds, pools] = [this.#bonds.totals(), this.#pools.totals()]
    return {
      stakedWei: bonds.assetsWei + pools.assetsWei,
      thawingWei: bonds.thawingWei + pools.thawingWei,
    }
  }

  #of(node: Address, holder: Address): BondLedger {
    return holder === node ? this.#bonds : this.#pools
  }

  #move(node: Address, holder: Address, shares: bigint): void {
    const pool = this.#shares.get(node) ?? { total: 0n, byHolder: new Map<Address, bigint>() }
    const held = (pool.byHolder.get(holder) ?? 0n) + shares
    pool.total += shares
    if (held === 0n) pool.byHolder.delete(holder)
    else pool.byHolder.set(holder, held)
    if (pool.total === 0n) this.#shares.delete(node)
    else this.#shares.set(node, pool)
  }
}
