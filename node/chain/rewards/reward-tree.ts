/**
 * The tree whose root Rewards takes. A leaf is the Keccak of the Keccak of (node, cumulative) in two words, so that no
 * inner node passes for a leaf; a pair is hashed smaller first, so that a proof needs no sides. Leaves stand in the order
 * of the nodes' addresses, and one without a neighbour moves up as it is: the same totals give the same root everywhere.
 */
import { keccak_256 } from '@noble/hashes/sha3.js'
import { type Address, addressToBytes } from '#protocol/ids.ts'

const wordBytes = 32

export interface RewardTree {
  /** 32 bytes; undefined without leaves. */
  root: Uint8Array | undefined
  /** From the leaf of `node` upwards; undefined where it has none. */
  proofOf(node: Address): Uint8Array[] | undefined
}

export function createRewardTree(totals: ReadonlyMap<Address, bigint>): RewardTree {
  const nodes = [...totals.keys()].sort()
  const levels = [nodes.map((node) => leafOf(node, totals.get(node)!))]
  while (levels.at(-1)!.length > 1) levels.push(parentsOf(levels.at(-1)!))
  const proofOf = (node: Address) => {
    let at = nodes.indexOf(node)
    if (at < 0) return undefined
    const proof: Uint8Array[] = []
    for (const level of levels) {
      const neighbour = level[at ^ 1]
      if (neighbour !== undefined) proof.push(neighbour)
      at >>= 1
    }
    return proof
  }
  return { root: levels.at(-1)![0], proofOf }
}

function parentsOf(level: readonly Uint8Array[]): Uint8Array[] {
  const parents: Uint8Array[] = []
  for (let at = 0; at < level.length; at += 2) {
    const [left, right] = [level[at]!, level[at + 1]]
    parents.push(right === undefined ? left : pairOf(left, right))
  }
  return parents
}

function pairOf(left: Uint8Array, right: Uint8Array): Uint8Array {
  const [low, high] = Buffer.compare(left, right) <= 0 ? [left, right] : [right, left]
  return keccak_256(Buffer.concat([low, high]))
}

function leafOf(node: Address, cumulativeWei: bigint): Uint8Array {
  const words = Buffer.alloc(2 * wordBytes)
  words.set(addressToBytes(node), wordBytes - 20)
  words.write(cumulativeWei.toString(16).padStart(2 * wordBytes, '0'), wordBytes, 'hex')
  return keccak_256(keccak_256(words))
}
