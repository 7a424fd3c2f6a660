/**
 * What is known of each node of the swarm, and what it means: a claim holds as long as its lease, a probe shows more than a
 * claim, and what has run out is shown as such for one lease more and then not at all.
 */
import type { NodeView } from '#protocol/api/network.ts'
import type { Lease } from '#protocol/heartbeat/message.ts'
import type { PeerId } from '#protocol/ids.ts'
import { leaseTtlMs } from '#protocol/limits.ts'
import { formatDuration } from '#protocol/units.ts'

/** A lease as the node's own table has it. */
export interface LiveLease {
  lease: Lease
  receivedAtMs: number
  expiresAtMs: number
}

export type Probe = NonNullable<NodeView['probe']>

/** What other parts know of a node. */
export interface NodeFacts {
  rttMs?: number
  score: number
  stake?: NonNullable<NodeView['stake']>
}

export interface NodeTableDependencies {
  now: () => number
  factsOf: (peerId: PeerId) => NodeFacts
  nameOf: (modelId: string) => string | undefined
}

interface Entry extends LiveLease {
  /** The lease is not in the node's table any more: it ran out, or the connection closed. */
  isGone: boolean
  probe: Probe | undefined
  state: NodeView['state']
  sinceMs: number
}

export class NodeTable {
  readonly #deps: NodeTableDependencies
  readonly #entries = new Map<PeerId, Entry>()
  #revision = 0

  constructor(deps: NodeTableDependencies) {
    this.#deps = deps
  }

  /** Grows whenever something came, went or changed. */
  get revision(): number {
    return this.#revision
  }

  /** All leases that live now; as many entries as the node's own table may have, twice over at most. */
  observe(leases: readonly LiveLease[]): void {
    const nowMs = this.#deps.now()
    const seen = new Set<PeerId>()
    for (const live of leases) {
      const { peerId } = live.lease
      seen.add(peerId)
      const known = this.#entries.get(peerId)
      if (known?.receivedAtMs === live.receivedAtMs && !known.isGone) continue
      const entry = {
        ...live,
        isGone: false,
        probe: known?.probe,
        state: known?.state ?? 'alive',
        sinceMs: known?.sinceMs ?? nowMs,
      } as const
      this.#entries.set(peerId, entry)
      this.#revision++
    }
    for (const [peerId, entry] of this.#entries) {
      if (!seen.has(peerId) && !entry.isGone) {
        entry.isGone = true
        entry.expiresAtMs = Math.min(entry.expiresAtMs, nowMs)
        this.#revision++
      }
      if (entry.isGone && nowMs >= entry.expiresAtMs + leaseTtlMs) {
        this.#entries.delete(peerId)
        this.#revision++
      } else this.#settle(entry, nowMs)
    }
  }

  noteProbe(peerId: PeerId, probe: Probe): void {
    const entry = this.#entries.get(peerId)
    if (entry === undefined) return
    entry.probe = probe
    this.#revision++
    this.#settle(entry, this.#deps.now())
  }

  probeOf(peerId: PeerId): Probe | undefined {
    return this.#entries.get(peerId)?.probe
  }

  has(peerId: PeerId): boolean {
    return this.#entries.has(peerId)
  }

  /** As of the last look; without the cost of views. */
  *states(): Generator<[PeerId, NodeView['state']]> {
    for (const [peerId, { state }] of this.#entries) yield [peerId, state]
  }

  get(peerId: string): NodeView | undefined {
    const entry = this.#entries.get(peerId as PeerId)
    return entry === undefined ? undefined : this.#view(entry)
  }

  /** In order of the peer id, so that pages are stable. */
  list(): NodeView[] {
    return [...this.#entries.values()]
      .sort((a, b) => (a.lease.peerId < b.lease.peerId ? -1 : 1))
      .map((entry) => this.#view(entry))
  }

  #settle(entry: Entry, nowMs: number): void {
    const { state } = stateOf(entry, nowMs)
    if (state === entry.state) return
    entry.state = state
    entry.sinceMs = nowMs
    this.#revision++
  }

  #view(entry: Entry): NodeView {
    const { now, factsOf, nameOf } = this.#deps
    const nowMs = now()
    const { lease, receivedAtMs, probe, sinceMs } = entry
    const { rttMs, score, stake } = factsOf(lease.peerId)
    const prices = lease.payment?.prices
    return {
      peerId: lease.peerId,
      ...stateOf(entry, nowMs),
      sinceMs,
      source: 'lease',
      ageMs: Math.max(0, nowMs - receivedAtMs),
      version: lease.version,
      region: lease.region,
      models: lease.models.map((model) => {
        const name = nameOf(model.modelId)
        return name === undefined ? model : { ...model, name }
      }),
      load: lease.load,
      inferenceSlots: lease.inferenceSlots,
      inferenceSlotsFree: lease.inferenceSlotsFree,
      uploadBytesPerSecond: lease.uploadBytesPerSecond,
      diskFreeBytes: lease.diskFreeBytes,
      isDataReachable: lease.isDataReachable,
      score,
      ...(rttMs === undefined ? {} : { rttMs }),
      ...(probe === undefined ? {} : { probe }),
      ...(stake === undefined ? {} : { stake }),
      ...(prices === undefined
        ? {}
        : { price: { weiPerGiB: String(prices.weiPerGiB), weiPerKiloToken: String(prices.weiPerKiloToken) } }),
    }
  }
}

function stateOf(entry: Entry, nowMs: number): Pick<NodeView, 'state' | 'reason'> {
  const { lease, probe, expiresAtMs, isGone } = entry
  if (isGone || nowMs >= expiresAtMs) {
    const ago = formatDuration(Math.max(0, nowMs - expiresAtMs))
    return { state: 'stale', reason: `no lease for ${ago}: it stopped, or cannot be reached` }
  }
  if (lease.isPaused) return { state: 'paused', reason: 'its owner has paused it' }
  if (probe?.ok === false) return { state: 'unreachable', reason: `a probe failed: ${probe.error ?? 'no answer'}` }
  if (lease.inferenceSlots > 0 && lease.inferenceSlotsFree === 0)
    return { state: 'busy', reason: `all ${lease.inferenceSlots} of its slots are taken` }
  if (probe?.ok === true)
    return { state: 'ready', reason: `it answered a probe ${formatDuration(Math.max(0, nowMs - probe.atMs))} ago` }
  return { state: 'alive', reason: 'its lease is live; no probe yet' }
}
