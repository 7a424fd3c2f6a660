/** Which nodes are shown, in which order. Pure, and quick enough for every key that is pressed: 10,000 nodes take some ms. */
import type { SwarmNode } from '../app/swarm.ts'
import { type NodeState, nodeStates } from '../components/state-mark.tsx'
import type { NetworkSearch, NodeColumn } from './search.ts'

export type NodeFilter = Pick<NetworkSearch, 'states' | 'region' | 'model' | 'q'>

export function shownStates({ states }: Pick<NodeFilter, 'states'>): ReadonlySet<NodeState> {
  return new Set(states === undefined ? nodeStates : (states.split('.') as NodeState[]))
}

/** @returns the value for the address: absent where all are shown */
export function statesText(states: ReadonlySet<NodeState>): string | undefined {
  const named = nodeStates.filter((state) => states.has(state))
  return named.length === nodeStates.length || named.length === 0 ? undefined : named.join('.')
}

/** `isOfState` apart: the legend counts what all other filters leave. */
export function matches(filter: NodeFilter): {
  isOfState: (node: SwarmNode) => boolean
  fits: (node: SwarmNode) => boolean
} {
  const states = shownStates(filter)
  const { region, model } = filter
  const words = (filter.q ?? '')
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '')
  return {
    isOfState: ({ state }) => states.has(state),
    fits: (node) =>
      (region === undefined || (node.region === '' ? 'none' : node.region) === region) &&
      (model === undefined || node.models.some(({ modelId, heldChunks }) => modelId === model && heldChunks > 0)) &&
      words.every((word) => hasWord(node, word)),
  }
}

function hasWord({ peerId, region, version, models }: SwarmNode, word: string): boolean {
  const id = peerId.toLowerCase()
  return (
    id.startsWith(word) ||
    id.endsWith(word) ||
    region.toLowerCase() === word ||
    version.startsWith(word) ||
    models.some(({ name, modelId }) => name?.toLowerCase().includes(word) || modelId.startsWith(word))
  )
}

type Key = string | number | bigint

const keys: Readonly<Record<NodeColumn, (node: SwarmNode) => Key>> = {
  node: ({ peerId }) => peerId,
  state: ({ state }) => nodeStates.indexOf(state),
  region: ({ region }) => region || '~',
  models: ({ models }) => models.length,
  slots: ({ inferenceSlotsFree }) => inferenceSlotsFree,
  speed: ({ speed }) => speed?.tokensPerSecond ?? -1,
  upload: ({ uploadBytesPerSecond }) => uploadBytesPerSecond,
  price: ({ price }) => BigInt(price?.weiPerKiloToken ?? 0),
  stake: ({ stake }) => BigInt(stake?.bondWei ?? 0),
  score: ({ score }) => score,
  heard: ({ heardAtMs }) => -heardAtMs,
}

/** Of figures the largest is what one looks for first; of words the first. */
export function usualOrder(column: NodeColumn): 'up' | 'down' {
  return ['node', 'state', 'region', 'price', 'heard'].includes(column) ? 'up' : 'down'
}

export function sortNodes(nodes: readonly SwarmNode[], column: NodeColumn, order: 'up' | 'down'): SwarmNode[] {
  const keyOf = keys[column]
  const sign = order === 'up' ? 1 : -1
  const keyed = nodes.map((node) => ({ node, key: keyOf(node) }))
  // Equal ones stay as they came, which is by their ids: rows do not jump, and most need no comparison of long words.
  keyed.sort((a, b) => (a.key < b.key ? -sign : a.key > b.key ? sign : 0))
  return keyed.map(({ node }) => node)
}
