import { AbiCoder, concat, id, keccak256 } from 'ethers'

/** The leaf of Rewards: hashed twice, so that no inner node passes for one. */
export function rewardLeaf(node: string, cumulative: bigint): string {
  return keccak256(keccak256(AbiCoder.defaultAbiCoder().encode(['address', 'uint256'], [node, cumulative])))
}

/** A tree of `size` leaves (a power of two), one of which is the node's; the others belong to nobody. */
export function rewardTree(node: string, cumulative: bigint, size: number): { root: string; proof: string[] } {
  let level = [rewardLeaf(node, cumulative)]
  while (level.length < size) level.push(id(`hartonomous/leaf/${level.length}`))
  const proof: string[] = []
  while (level.length > 1) {
    proof.push(level[1]!)
    level = Array.from({ length: level.length / 2 }, (_, i) => {
      const [a, b] = [level[2 * i]!, level[2 * i + 1]!]
      return keccak256(concat(a < b ? [a, b] : [b, a]))
    })
  }
  return { root: level[0]!, proof }
}
