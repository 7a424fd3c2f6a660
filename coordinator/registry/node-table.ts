/**
 * What is known of each node of the swarm, and what it means: a claim holds as long as its lease, a probe shows more than a
 * claim, and what has run out is shown as such for one lease more and then not at all.
 */
import { isDeepStrictEqual } from 'node:util'
import type { NetworkChanges, NodeView } from '#protocol/api/network.ts'
import type { Lease } from '#protocol/heartbeat/message.ts'
import type { PeerId } from '#protocol/ids.ts'
import { leaseTtlMs } from '#protocol/limits.ts'
import { formatDuration, second } from '#protocol/units.ts'
import type { Happening } from './network-log.ts'
import type { Counted } from './totals.ts'

/** Nodes that a delta may name as gone: a quarter of the largest swarm at once, ~250 KiB. */
export const goneKeptMax = 4096
/** Nodes in one delta, ~1 KiB each. Who has more to learn reads the snapshot, which all readers share. */
export const changesMax = 2048

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
  speed?: NonNullable<NodeView['speed']>
}

export interface NodeTableDependencies {
  now: () => number
  factsOf: (peerId: PeerId) => NodeFacts
  nameOf: (modelId: string) => string | undefined
  /** A node came, went, or is in another state. */
  tell: (happening: Happening) => void
}

export type NodeChanges = Pick<NetworkChanges, 'nodes' | 'ages' | 'gone'>

interface Entry extends LiveLease {
  /** The lease is not in the node's table any more: it ran out, or the connection closed. */
  isGone: boolean
  probe: Probe | undefined
  state: NodeView['state']
  sinceMs: number
  /** What else was known of it when it last changed. */
  facts: NodeFacts
  /** The table's revision when something of it changed, and when its lease came anew. */
  changedAt: number
  renewedAt: number
}

export class NodeTable {
  readonly #deps: NodeTableDependencies
  readonly #entries = new Map<PeerId, Entry>()
  /** Oldest first. */
  readonly #gone: { peerId: PeerId; revision: number }[] = []
  /** Before it nothing is known of what went. */
  #knownSince: number
  #revision: number

  /** Revisions go on over restarts: they begin at the microseconds of the clock. */
  constructor(deps: NodeTableDependencies) {
    this.#deps = deps
    this.#revision = deps.now() * 1000
    this.#knownSince = this.#revision
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
      if (known === undefined) this.#add(live, nowMs)
      else this.#renew(known, live)
    }
    for (const [peerId, entry] of this.#entries) {
      if (!seen.has(peerId) && !entry.isGone) {
        entry.isGone = true
        entry.expiresAtMs = Math.min(entry.expiresAtMs, nowMs)
        this.#changed(entry)
      }
      if (entry.isGone && nowMs >= entry.expiresAtMs + leaseTtlMs) this.#remove(entry)
      else this.#settle(entry, nowMs)
    }
  }

  noteProbe(peerId: PeerId, probe: Probe): void {
    const entry = this.#entries.get(peerId)
    if (entry === undefined) return
    entry.probe = probe
    this.#changed(entry)
    this.#settle(entry, this.#deps.now())
  }

  /** Something beside the leases changed that is shown: of the nodes that hold one of these models, or of none. */
  touch(modelIds: ReadonlySet<string>): void {
    this.#revision++
    for (const entry of this.#entries.values())
      if (entry.lease.models.some(({ modelId }) => modelIds.has(modelId))) this.#changed(entry)
  }

  /** Undefined where it is not known, or too much to tell. */
  changes(since: number): NodeChanges | undefined {
    if (since < this.#knownSince || since > this.#revision) return undefined
    const nowMs = this.#deps.now()
    const changed: Entry[] = []
    const ages: NodeChanges['ages'] = {}
    for (const entry of this.#entries.values()) {
      if (entry.changedAt > since) changed.push(entry)
      else if (entry.renewedAt > since) ages[entry.lease.peerId] = Math.max(0, nowMs - entry.receivedAtMs)
    }
    if (changed.length > changesMax) return undefined
    const gone = this.#gone.filter(({ peerId, revision }) => revision > since && !this.#entries.has(peerId))
    return { nodes: changed.map((entry) => this.#view(entry)), ages, gone: gone.map(({ peerId }) => peerId) }
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

  /** As of the last look; without the cost of views. */
  *counted(): Generator<Counted> {
    for (const { state, lease, facts } of this.#entries.values()) {
      const { models, inferenceSlots, inferenceSlotsFree, uploadBytesPerSecond } = lease
      const ofLease = { models, inferenceSlots, inferenceSlotsFree, uploadBytesPerSecond }
      yield { state, ...ofLease, ...(facts.stake === undefined ? {} : { stake: facts.stake }) }
    }
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

  #add(live: LiveLease, nowMs: number): void {
    const entry: Entry = {
      ...live,
      isGone: false,
      probe: undefined,
      state: stateOf({ ...live, isGone: false, probe: undefined }, nowMs).state,
      sinceMs: nowMs,
      facts: this.#deps.factsOf(live.lease.peerId),
      changedAt: 0,
      renewedAt: 0,
    }
    this.#entries.set(live.lease.peerId, entry)
    this.#changed(entry)
    const { peerId, region } = live.lease
    this.#deps.tell({ type: 'node-joined', peerId, region, state: entry.state })
  }

  /** Most leases say what the one before said: then only the age of what is known is new. */
  #renew(entry: Entry, live: LiveLease): void {
    const isSame =
      !entry.isGone &&
      isDeepStrictEqual(claimsOf(live.lease), claimsOf(entry.lease)) &&
      factsText(entry.facts) === factsText(this.#deps.factsOf(live.lease.peerId))
    Object.assign(entry, live, { isGone: false })
    if (isSame) entry.renewedAt = ++this.#revision
    else this.#changed(entry)
  }

  #remove({ lease: { peerId, region } }: Entry): void {
    this.#entries.delete(peerId)
    this.#gone.push({ peerId, revision: ++this.#revision })
    if (this.#gone.length > goneKeptMax) this.#knownSince = this.#gone.shift()!.revision
    this.#deps.tell({ type: 'node-left', peerId, region })
  }

  #changed(entry: Entry): void {
    entry.changedAt = ++this.#revision
    entry.renewedAt = entry.changedAt
    entry.facts = this.#deps.factsOf(entry.lease.peerId)
  }

  #settle(entry: Entry, nowMs: number): void {
    const { state: from } = entry
    const { state: to, reason } = stateOf(entry, nowMs)
    if (to === from) return
    entry.state = to
    entry.sinceMs = nowMs
    this.#changed(entry)
    const { peerId, region } = entry.lease
    if (!isWorking(from) || !isWorking(to)) this.#deps.tell({ type: 'node-state', peerId, region, from, to, reason })
  }

  #view(entry: Entry): NodeView {
    const { now, factsOf, nameOf } = this.#deps
    const nowMs = now()
    const { lease, receivedAtMs, probe, sinceMs } = entry
    const { rttMs, score, stake, speed } = factsOf(lease.peerId)
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
      ...(speed === undefined ? {} : { speed }),
      ...(prices === undefined
        ? {}
        : { price: { weiPerGiB: String(prices.weiPerGiB), weiPerKiloToken: String(prices.weiPerKiloToken) } }),
    }
  }
}

/** Jobs come and go: a node is ready or busy many times an hour. */
function isWorking(state: NodeView['state']): boolean {
  return state === 'ready' || state === 'busy'
}

/** All that a lease says but which one it is. */
function claimsOf(lease: Lease): object {
  return { ...lease, epoch: 0, sequence: 0, issuedAtMs: 0, expiresAtMs: 0 }
}

/** Round trips and scores wander all the time: what cannot be seen is no change. */
function factsText({ rttMs, score, stake, speed }: NodeFacts): string {
  const rtt = rttMs === undefined ? '' : Math.round(rttMs / 10)
  return `${rtt} ${score.toFixed(2)} ${stake?.bondWei ?? ''} ${speed?.atMs ?? ''}`
}

function stateOf(
  entry: Pick<Entry, 'lease' | 'probe' | 'expiresAtMs' | 'isGone'>,
  nowMs: number,
): Pick<NodeView, 'state' | 'reason'> {
  const { lease, probe, expiresAtMs, isGone } = entry
  if (isGone || nowMs >= expiresAtMs) {
    const agoMs = Math.max(0, nowMs - expiresAtMs)
    const ago = agoMs < second ? 'just now' : `${formatDuration(agoMs)} ago`
    return { state: 'stale', reason: `its lease ended ${ago}: it stopped, or cannot be reached` }
  }
  if (lease.isPaused) return { state: 'paused', reason: 'its owner has paused it' }
  if (probe?.ok === false) return { state: 'unreachable', reason: `a probe failed: ${probe.error ?? 'no answer'}` }
  if (lease.inferenceSlots > 0 && lease.inferenceSlotsFree === 0)
    return { state: 'busy', reason: `all ${lease.inferenceSlots} of its slots are taken` }
  if (probe?.ok === true)
    return { state: 'ready', reason: `it answered a probe ${formatDuration(Math.max(0, nowMs - probe.atMs))} ago` }
  return { state: 'alive', reason: 'its lease is live; no probe yet' }
}
