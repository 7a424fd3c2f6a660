/**
 * Nodes as cells of the map. Where a region has room, a few nodes are each a cell, and many are one per state with a count in
 * it; where it has none, all of it is one cell. So there are never more than some 1,700 cells, however many nodes there are.
 */
import type { SwarmNode } from '../app/swarm.ts'
import { type NodeState, nodeStates } from '../components/state-mark.tsx'
import { regionCentres } from './region-centres.ts'

/** One in the middle and six around it. */
const singleMax = 7
/** In the tray there is room. */
const unplacedSingleMax = 40

interface StateCount {
  state: NodeState
  count: number
}

export interface Cell extends StateCount {
  key: string
  /** Where it stands for one node alone. */
  node?: SwarmNode
  /** Where it stands for nodes of several states: most first, and `state` is that of the most. */
  mix?: StateCount[]
}

export interface Cluster {
  /** ISO 3166-1 alpha-2; empty: its nodes declare none. */
  region: string
  count: number
  /** All of it as one. */
  one: Cell
  /** Most first. */
  cells: Cell[]
}

export interface Clusters {
  placed: Cluster[]
  /** Without a place on the map: none was declared, or it knows none of that name. */
  unplaced: Cluster[]
}

export function clustersOf(nodes: readonly SwarmNode[]): Clusters {
  const regions = new Map<string, SwarmNode[]>()
  for (const node of nodes) {
    const known = regions.get(node.region)
    if (known === undefined) regions.set(node.region, [node])
    else known.push(node)
  }
  const clusters = [...regions]
    .map(([region, members]) => clusterOf(region, members))
    .sort((a, b) => b.count - a.count || (a.region < b.region ? -1 : 1))
  return {
    placed: clusters.filter(({ region }) => regionCentres.has(region)),
    unplaced: clusters.filter(({ region }) => !regionCentres.has(region)),
  }
}

function clusterOf(region: string, nodes: readonly SwarmNode[]): Cluster {
  const count = nodes.length
  const byState = new Map<NodeState, number>()
  for (const { state } of nodes) byState.set(state, (byState.get(state) ?? 0) + 1)
  const mix = [...byState]
    .map(([state, of]): StateCount => ({ state, count: of }))
    .sort((a, b) => b.count - a.count || nodeStates.indexOf(a.state) - nodeStates.indexOf(b.state))
  const isFew = count <= (regionCentres.has(region) ? singleMax : unplacedSingleMax)
  const cells = isFew
    ? nodes
        .map((node): Cell => ({ key: node.peerId, state: node.state, count: 1, node }))
        .sort((a, b) => nodeStates.indexOf(a.state) - nodeStates.indexOf(b.state) || (a.key < b.key ? -1 : 1))
    : mix.map((of): Cell => ({ ...of, key: `${region}-${of.state}` }))
  const { state } = mix[0]!
  const one = cells.length === 1 ? cells[0]! : { key: `${region}-all`, state, count, mix }
  return { region, count, one, cells }
}
