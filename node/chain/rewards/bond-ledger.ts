/**
 * Bonds of all nodes as they were after any event of Staking, replayed as the contract keeps them: an old state is not to
 * be had from most services, and events are.
 */
import type { Address } from '#protocol/ids.ts'

/** Events of Staking that change a bond; those of delegations are left out by whoever reads them. */
export type BondEvent =
  | { name: 'Bonded' | 'Unbonded' | 'Withdrawn'; node: Address; wei: bigint }
  /** What reached the bond, the commission included. */
  | { name: 'Distributed'; node: Address; wei: bigint }
  /** What was taken from the bond, of both its parts. */
  | { name: 'Slashed'; node: Address; wei: bigint }

interface Bond {
  assets: bigint
  thawing: bigint
  /** What is left of one unit that thaws since the start, after slashes. */
  index: bigint
}

const one = 10n ** 27n
/** Below it the contract puts what thaws back into the bond. */
const leastIndex = 10n ** 9n

export class BondLedger {
  readonly #bonds = new Map<Address, Bond>()

  add({ name, node, wei }: BondEvent): void {
    const bond = this.#bonds.get(node) ?? { assets: 0n, thawing: 0n, index: one }
    this.#bonds.set(node, bond)
    if (name === 'Bonded' || name === 'Distributed') bond.assets += wei
    else if (name === 'Withdrawn') bond.thawing -= wei
    else if (name === 'Slashed') slash(bond, wei)
    else {
      bond.assets -= wei
      bond.thawing += wei
    }
  }

  /** Without what thaws. */
  bondOf(node: Address): bigint {
    return this.#bonds.get(node)?.assets ?? 0n
  }

  /** Of all nodes. */
  totals(): { assetsWei: bigint; thawingWei: bigint } {
    let [assetsWei, thawingWei] = [0n, 0n]
    for (const { assets, thawing } of this.#bonds.values()) {
      assetsWei += assets
      thawingWei += thawing
    }
    return { assetsWei, thawingWei }
  }
}

/** In equal parts of what thaws and what does not. */
function slash(bond: Bond, taken: bigint): void {
  const { assets, thawing } = bond
  if (taken === 0n) return
  const fromThawing = (taken * thawing) / (assets + thawing)
  bond.assets -= taken - fromThawing
  if (thawing === 0n) return
  bond.thawing = thawing - fromThawing
  bond.index = (bond.index * bond.thawing) / thawing
  if (bond.index >= leastIndex) return
  bond.assets += bond.thawing
  bond.thawing = 0n
  bond.index = one
}
