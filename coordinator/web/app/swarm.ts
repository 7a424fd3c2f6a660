/** The swarm as a page keeps it: a snapshot, brought up to date by what changed. Ages are by this browser's clock. */
import type { NetworkChanges, NetworkSnapshot, NodeView } from '#protocol/api/network.ts'

export interface SwarmNode extends NodeView {
  /** When its last lease came. */
  heardAtMs: number
}

export interface Swarm extends NetworkSnapshot {
  nodes: SwarmNode[]
}

/** `nowMs`: when the snapshot came. What it took to come makes everything look that much younger. */
export function swarmOf(snapshot: NetworkSnapshot, nowMs: number): Swarm {
  return { ...snapshot, nodes: snapshot.nodes.map((node) => heard(node, nowMs)) }
}

/** Nodes that did not change are the same objects. Undefined where the snapshot must be read anew. */
export function withChanges(swarm: Swarm, changes: NetworkChanges, nowMs: number): Swarm | undefined {
  if (!changes.isComplete) return undefined
  const { isComplete, nodes: changed, ages, gone, ...rest } = changes
  const fresh = new Map(changed.map((node) => [node.peerId, node]))
  const without = new Set(gone)
  const nodes: SwarmNode[] = []
  for (const node of swarm.nodes) {
    const { peerId } = node
    const known = fresh.get(peerId)
    const ageMs = ages[peerId]
    if (known !== undefined) nodes.push(heard(known, nowMs))
    else if (ageMs !== undefined) nodes.push(heard({ ...node, ageMs }, nowMs))
    else if (!without.has(peerId)) nodes.push(node)
    fresh.delete(peerId)
  }
  for (const node of fresh.values()) nodes.push(heard(node, nowMs))
  return { ...swarm, ...rest, nodes }
}

function heard(node: NodeView, nowMs: number): SwarmNode {
  return { ...node, heardAtMs: nowMs - node.ageMs }
}
