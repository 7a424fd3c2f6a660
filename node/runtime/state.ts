/** What a node is doing and, when it is idle, why, and what would help: one pure function over a few facts. */
import type { NodeState } from '#protocol/api/control.ts'
import { formatBytes, formatRate } from '#protocol/units.ts'

export interface StateFacts {
  isStarting: boolean
  isPaused: boolean
  /** By whom, and until when. */
  pausedBy: string
  isDraining: boolean
  /** The store, the data plane or the network is gone. */
  failures: string[]
  peersConnected: number
  peersConfigured: boolean
  pledgeBytes: number
  heldBytes: number
  releasesKnown: number
  releasesRefused: number
  /** Files of the owner that are no longer served, each with the reason. */
  problems: string[]
  transfers: {
    name: string
    bytesPerSecond: number
    sources: number
    heldChunks: number
    wantedChunks: number
    /** Why the disk takes nothing. */
    pausedBy: string | undefined
  }[]
  uploadBytesPerSecond: number
  uploadPeers: number
  answersRunning: number
  /** What was asked of it lately; empty where nothing was refused. */
  refusals: string
  /** What would bring more of it. */
  action: string | undefined
}

export interface StateView {
  state: NodeState
  reason: string
  help?: string
}

export function describeState(facts: StateFacts): StateView {
  if (facts.failures.length > 0) return { state: 'degraded', reason: facts.failures.join('; '), help: 'hart doctor' }
  if (facts.isStarting) return { state: 'starting', reason: 'opening the shard and joining the swarm' }
  if (facts.isDraining)
    return {
      state: 'draining',
      reason: 'finishing what runs; nothing new is taken',
      help: 'hart resume takes work again',
    }
  if (facts.isPaused) return { state: 'paused', reason: facts.pausedBy, help: 'hart resume' }
  const transfer = facts.transfers.find(({ pausedBy }) => pausedBy !== undefined) ?? facts.transfers[0]
  if (transfer !== undefined) return describeTransfer(transfer, facts)
  if (facts.answersRunning > 0)
    return {
      state: 'serving',
      reason: `answering ${facts.answersRunning} prompt${facts.answersRunning === 1 ? '' : 's'}`,
    }
  if (facts.uploadBytesPerSecond > 0) {
    const peers = `${facts.uploadPeers} peer${facts.uploadPeers === 1 ? '' : 's'}`
    return { state: 'serving', reason: `sending ${formatRate(facts.uploadBytesPerSecond)} to ${peers}` }
  }
  return describeIdle(facts)
}

function describeTransfer(transfer: StateFacts['transfers'][number], facts: StateFacts): StateView {
  const others = facts.transfers.length > 1 ? `, and ${facts.transfers.length - 1} more` : ''
  const share = `${transfer.heldChunks} of ${transfer.wantedChunks} chunks`
  if (transfer.pausedBy !== undefined) {
    const help = 'free disk space, then hart resume'
    return { state: 'fetching', reason: `${transfer.name}: ${share}; paused: ${transfer.pausedBy}${others}`, help }
  }
  if (transfer.sources === 0) {
    return {
      state: 'fetching',
      reason: `${transfer.name}: ${share}; no peer that has the rest is reachable${others}`,
      help: 'hart peers',
    }
  }
  const rate = `${formatRate(transfer.bytesPerSecond)} from ${transfer.sources} source${transfer.sources === 1 ? '' : 's'}`
  return { state: 'fetching', reason: `${transfer.name}: ${share}, ${rate}${others}` }
}

function describeIdle(facts: StateFacts): StateView {
  const problem = facts.problems[0]
  if (problem !== undefined) {
    const others = facts.problems.length > 1 ? `, and ${facts.problems.length - 1} more` : ''
    const help = 'hart models ingest FILE offers it again; hart models rm MODEL forgets it'
    return { state: 'idle', reason: `a file is no longer offered: ${problem}${others}`, help }
  }
  if (facts.peersConnected === 0) {
    const help = facts.peersConfigured
      ? 'hart peers --why shows each address that was tried'
      : 'name a peer: hart config set network.bootstrap /ip4/…/tcp/7412/p2p/…'
    return { state: 'idle', reason: 'no peer is connected', help }
  }
  if (facts.heldBytes === 0 && facts.pledgeBytes === 0) {
    return {
      state: 'idle',
      reason: 'it holds nothing and offers no disk',
      help: 'hart config set pledge.disk 50GiB, or hart models ingest FILE',
    }
  }
  if (facts.heldBytes === 0 && facts.releasesKnown === 0) {
    return {
      state: 'idle',
      reason: 'no model is known in this swarm yet',
      help: 'hart models ingest FILE offers the first',
    }
  }
  if (facts.heldBytes === 0 && facts.releasesRefused === facts.releasesKnown) {
    return {
      state: 'idle',
      reason: `the policy refuses all ${facts.releasesKnown} known releases`,
      help: 'hart config show policy',
    }
  }
  if (facts.heldBytes === 0)
    return {
      state: 'idle',
      reason: 'nothing that is known fits the pledge, or nobody who holds it is reachable',
      help: 'hart status --verbose',
    }
  const refused = facts.refusals === '' ? '' : `; it ${facts.refusals}`
  const view: StateView = {
    state: 'idle',
    reason: `it holds ${formatBytes(facts.heldBytes)} and nobody asks for any of it now${refused}`,
  }
  return facts.action === undefined ? view : { ...view, help: facts.action }
}
