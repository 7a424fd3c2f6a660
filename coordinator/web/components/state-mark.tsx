import type { NodeView } from '#protocol/api/network.ts'

export type NodeState = NodeView['state']
export const nodeStates: readonly NodeState[] = ['ready', 'alive', 'busy', 'paused', 'unreachable', 'stale']

/** What a state means, in the words of the registry. */
export const stateMeanings: Readonly<Record<NodeState, string>> = {
  ready: 'a probe was answered',
  alive: 'its lease is live, no probe yet',
  busy: 'no slot is free',
  paused: 'by its owner',
  unreachable: 'its lease is live and probes fail',
  stale: 'its lease ran out a moment ago',
}

export const stateColours: Readonly<Record<NodeState, string>> = {
  ready: 'text-ready',
  alive: 'text-alive',
  busy: 'text-busy',
  paused: 'text-paused',
  unreachable: 'text-unreachable',
  stale: 'text-stale',
}

/** Within a box of 12: each state has a form of its own, so that colour is never the only sign. */
export function StateShape({ state }: { state: NodeState }) {
  switch (state) {
    case 'ready':
      return <circle cx="6" cy="6" r="5" fill="currentColor" />
    case 'alive':
      return <circle cx="6" cy="6" r="4" fill="none" stroke="currentColor" strokeWidth="2" />
    case 'busy':
      return <path d="M6 0.5 11.5 6 6 11.5 0.5 6Z" fill="currentColor" />
    case 'paused':
      return <path d="M2 1.5h3v9H2zM7 1.5h3v9H7z" fill="currentColor" />
    case 'unreachable':
      return <path d="M2 2l8 8M10 2l-8 8" fill="none" stroke="currentColor" strokeWidth="2.5" />
    case 'stale':
      return (
        <circle cx="6" cy="6" r="4.5" fill="none" stroke="currentColor" strokeWidth="1.5" strokeDasharray="2.4 2.3" />
      )
  }
}

/** The form alone, for where the word stands beside it or in a legend. */
export function StateMark({ state, className = 'size-3' }: { state: NodeState; className?: string }) {
  return (
    <svg viewBox="0 0 12 12" aria-hidden="true" className={`inline-block shrink-0 ${stateColours[state]} ${className}`}>
      <StateShape state={state} />
    </svg>
  )
}

/** Form and word. */
export function StateBadge({ state, reason }: { state: NodeState; reason?: string }) {
  return (
    <span className={`inline-flex items-center gap-1.5 font-medium ${stateColours[state]}`} title={reason}>
      <StateMark state={state} />
      {state}
    </span>
  )
}
