/** The swarm in a few numbers, in one walk over its nodes: it is part of every snapshot. */
import type { NetworkTotals, NodeView } from '#protocol/api/network.ts'

/** What the nodes themselves do not say. */
export interface Known {
  /** Bytes of each model that somebody offers. */
  sizes: ReadonlyMap<string, number>
  /** All of it was found, whatever the leases of single nodes say. */
  isWhole: (modelId: string) => boolean
  tokensPerSecond: number | undefined
  jobs: { running: number; today: number }
}

/** What of a node is counted. */
export type Counted = Pick<
  NodeView,
  'state' | 'models' | 'inferenceSlots' | 'inferenceSlotsFree' | 'uploadBytesPerSecond' | 'stake'
>

/** Nodes whose lease has run out do not count. */
export function countTotals(nodes: Iterable<Counted>, known: Known): NetworkTotals {
  const { sizes, isWhole, tokensPerSecond, jobs } = known
  const totals = { nodes: 0, nodesReady: 0, inferenceSlots: 0, inferenceSlotsFree: 0, uploadBytesPerSecond: 0 }
  const held = new Map<string, boolean>()
  const bonds = new Map<string, bigint>()
  let heldBytes = 0
  for (const node of nodes) {
    if (node.state === 'stale') continue
    totals.nodes++
    if (node.state === 'ready') totals.nodesReady++
    // A slot of a node that answers with no model is of no use to anybody.
    if (node.models.some(({ canInfer }) => canInfer)) {
      totals.inferenceSlots += node.inferenceSlots
      totals.inferenceSlotsFree += node.inferenceSlotsFree
    }
    totals.uploadBytesPerSecond += node.uploadBytesPerSecond
    for (const { modelId, heldChunks, chunkCount } of node.models) {
      const sizeBytes = sizes.get(modelId)
      if (sizeBytes === undefined || heldChunks === 0 || chunkCount === 0) continue
      heldBytes += (sizeBytes * Math.min(heldChunks, chunkCount)) / chunkCount
      if (heldChunks >= chunkCount) held.set(modelId, true)
      else if (!held.has(modelId)) held.set(modelId, false)
    }
    if (node.stake !== undefined) bonds.set(node.stake.payee, BigInt(node.stake.bondWei))
  }
  let modelsWhole = 0
  for (const [modelId, isWholeSomewhere] of held) if (isWholeSomewhere || isWhole(modelId)) modelsWhole++
  return {
    ...totals,
    models: sizes.size,
    modelsWhole,
    modelsPartial: held.size - modelsWhole,
    heldBytes: Math.round(heldBytes),
    ...(tokensPerSecond === undefined ? {} : { tokensPerSecond }),
    ...(bonds.size === 0 ? {} : { stakedWei: String(bonds.values().reduce((sum, wei) => sum + wei, 0n)) }),
    jobsRunning: jobs.running,
    jobsToday: jobs.today,
  }
}
