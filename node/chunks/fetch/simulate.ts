/**
 * A deterministic world for the fetch core: virtual time, sources with a rate, an RTT and faults. One seed, one run.
 * Sources behave as the chunk server does: a queue in order, one reply at a time, a cancel that drops what is queued.
 */
import type { ChunkPlace } from '#protocol/model/content.ts'
import { KiB, MiB } from '#protocol/units.ts'
import type { BlockRange, FetchAction, FetchCore, FetchSourceInit } from '../fetch-types.ts'
import { bitAt } from './bits.ts'
import { createFetchCore } from './index.ts'

export interface SimulatedSource {
  id: string
  bytesPerSecond: number
  rttMs: number
  /** Tell the core the RTT; else it measures. */
  isRttTold?: boolean
  joinsAtMs?: number
  have?: Uint8Array
  isLastResort?: boolean
  /** The rate from a point in time on; 0 stalls. */
  rateAt?: { atMs: number; bytesPerSecond: number }[]
  leavesAtMs?: number
  /** Share of its blocks that it falsifies. */
  lieShare?: number
  /** From `atMs` on its file differs from its hashes; when asked to recheck it says so. */
  withdrawsAtMs?: number
  /** Share of requests it refuses as busy. */
  busyShare?: number
  /** Answers to rechecks of a liar. */
  recheckAnswer?: 'good' | 'no-answer' | 'withdrawn'
  /** Bytes of one delivery. */
  sliceBytes?: number
}

export interface SimulationInit {
  places: readonly ChunkPlace[]
  sources: SimulatedSource[]
  seed: number
  held?: Uint8Array
  wanted?: Uint8Array
  /** All sources together deliver no more than this. */
  downlinkBytesPerSecond?: number
  verifyMs?: number
  limitMs?: number
  /** Called with every action and the time, for checks. */
  watch?: (action: FetchAction, nowMs: number, core: FetchCore) => void
  /** Off for long runs: bytes are then not produced, compared or verified. */
  hasContent?: boolean
}

export interface SimulationResult {
  isComplete: boolean
  durationMs: number
  receivedBytes: number
  banned: string[]
  dropped: string[]
  requests: number
  requestedBytesBySource: Map<string, number>
  snapshot: ReturnType<FetchCore['snapshot']>
}

export function seededRandom(seed: number): () => number {
  let state = seed >>> 0 || 1
  return () => {
    state ^= state << 13
    state >>>= 0
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state / 0x1_0000_0000
  }
}

export function allBits(count: number): Uint8Array {
  const bits = new Uint8Array(Math.ceil(count / 8)).fill(0xff)
  if (count % 8) bits[bits.length - 1] = 0xff << (8 - (count % 8))
  return bits
}

export function bitsOf(count: number, isSet: (index: number) => boolean): Uint8Array {
  const bits = new Uint8Array(Math.ceil(count / 8))
  for (let index = 0; index < count; index++) if (isSet(index)) bits[index >> 3]! |= 0x80 >> (index & 7)
  return bits
}

/** Places of a model with one file whose chunks have these sizes. */
export function placesOf(sizes: readonly number[], chunksPerFile = Number.POSITIVE_INFINITY): ChunkPlace[] {
  let offset = 0
  return sizes.map((sizeBytes, chunkIndex) => {
    const place = {
      chunkIndex,
      fileIndex: Math.floor(chunkIndex / chunksPerFile),
      extentIndex: chunkIndex,
      root: chunkIndex.toString(16).padStart(64, '0') as ChunkPlace['root'],
      offsetInExtentBytes: 0,
      offsetInFileBytes: offset,
      sizeBytes,
    }
    offset += sizeBytes
    return place
  })
}

/** What byte `offset` of a chunk really is. */
function trueByte(chunkIndex: number, offset: number): number {
  return (chunkIndex * 131 + offset * 7 + (offset >> 8) * 13 + 1) & 0xff
}

interface Pending {
  requestId: number
  ranges: BlockRange[]
  sentBytes: number
  totalBytes: number
  isLie: boolean
}

interface Peer {
  spec: SimulatedSource
  have: Uint8Array
  queue: Pending[]
  isConnected: boolean
  /** The next delivery is planned. */
  isBusy: boolean
}

interface Event {
  atMs: number
  order: number
  run: () => void
}

/** A binary heap by time, then by order of planning. */
class Agenda {
  private readonly heap: Event[] = []
  private order = 0

  add(atMs: number, run: () => void): void {
    const event = { atMs, order: this.order++, run }
    let index = this.heap.push(event) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!isBefore(event, this.heap[parent]!)) break
      this.heap[index] = this.heap[parent]!
      index = parent
    }
    this.heap[index] = event
  }

  next(): Event | undefined {
    const first = this.heap[0]
    const last = this.heap.pop()
    if (first === last || !last) return first
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= this.heap.length) break
      if (child + 1 < this.heap.length && isBefore(this.heap[child + 1]!, this.heap[child]!)) child++
      if (!isBefore(this.heap[child]!, last)) break
      this.heap[index] = this.heap[child]!
      index = child
    }
    this.heap[index] = last
    return first
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}

export class Simulation {
  nowMs = 0
  readonly core: FetchCore
  readonly banned: string[] = []
  readonly dropped: string[] = []
  private readonly agenda = new Agenda()
  private readonly peers = new Map<string, Peer>()
  private readonly random: () => number
  private readonly init: SimulationInit
  private readonly requestedBytesBySource = new Map<string, number>()
  private isComplete = false
  private receivedBytes = 0
  private requests = 0
  private downlinkFreeMs = 0
  private scratch = new Uint8Array(MiB)

  constructor(init: SimulationInit) {
    this.init = init
    this.random = seededRandom(init.seed)
    const count = init.places.length
    this.core = createFetchCore({
      places: init.places,
      held: init.held ?? new Uint8Array(Math.ceil(count / 8)),
      wanted: init.wanted ?? allBits(count),
      now: () => this.nowMs,
      random: seededRandom(init.seed + 7919),
    })
    for (const spec of init.sources) {
      this.agenda.add(spec.joinsAtMs ?? 0, () => this.join(spec))
      if (spec.leavesAtMs !== undefined) this.agenda.add(spec.leavesAtMs, () => this.leave(spec.id))
    }
    this.agenda.add(50, () => this.tick())
  }

  /** Runs until the fetch is complete, or time is up. */
  run(): SimulationResult {
    const limitMs = this.init.limitMs ?? 600_000
    while (!this.isComplete) {
      const event = this.agenda.next()
      if (!event || event.atMs > limitMs) break
      this.nowMs = event.atMs
      event.run()
    }
    return {
      isComplete: this.isComplete,
      durationMs: this.nowMs,
      receivedBytes: this.receivedBytes,
      banned: this.banned,
      dropped: this.dropped,
      requests: this.requests,
      requestedBytesBySource: this.requestedBytesBySource,
      snapshot: this.core.snapshot(),
    }
  }

  /** Plans something a test does from outside. */
  at(atMs: number, run: (core: FetchCore) => FetchAction[]): void {
    this.agenda.add(atMs, () => this.carryOut(run(this.core)))
  }

  private tick(): void {
    this.carryOut(this.core.tick())
    this.agenda.add(this.nowMs + 50, () => this.tick())
  }

  private join(spec: SimulatedSource): void {
    const have = spec.have ?? allBits(this.init.places.length)
    this.peers.set(spec.id, { spec, have, queue: [], isConnected: true, isBusy: false })
    const source: FetchSourceInit = { have, isLastResort: spec.isLastResort ?? false }
    if (spec.isRttTold) source.rttMs = spec.rttMs
    this.carryOut(this.core.addSource(spec.id, source))
  }

  private leave(id: string): void {
    const peer = this.peers.get(id)
    if (!peer?.isConnected) return
    peer.isConnected = false
    this.carryOut(this.core.removeSource(id))
  }

  private carryOut(actions: FetchAction[]): void {
    for (const action of actions) {
      this.init.watch?.(action, this.nowMs, this.core)
      if (action.type === 'complete') this.isComplete = true
      else if (action.type === 'verify') this.verify(action)
      else this.tell(action)
    }
  }

  private tell(action: Exclude<FetchAction, { type: 'complete' | 'verify' }>): void {
    const peer = this.peers.get(action.sourceId)
    if (action.type === 'ban' || action.type === 'drop') {
      ;(action.type === 'ban' ? this.banned : this.dropped).push(action.sourceId)
      if (peer) peer.isConnected = false
      return
    }
    if (!peer?.isConnected) return
    const oneWayMs = peer.spec.rttMs / 2
    if (action.type === 'request') {
      this.requests++
      const bytes = action.ranges.reduce((sum, range) => sum + range.lengthBytes, 0)
      const before = this.requestedBytesBySource.get(action.sourceId) ?? 0
      this.requestedBytesBySource.set(action.sourceId, before + bytes)
      this.agenda.add(this.nowMs + oneWayMs, () => this.enqueue(peer, action.requestId, action.ranges, bytes))
    } else if (action.type === 'cancel') {
      this.agenda.add(this.nowMs + oneWayMs, () => {
        // What has begun to be sent is sent to its end.
        const at = peer.queue.findIndex((pending) => pending.requestId === action.requestId)
        if (at > 0 || (at === 0 && peer.queue[0]!.sentBytes === 0)) peer.queue.splice(at, 1)
      })
    } else {
      this.agenda.add(this.nowMs + 2 * oneWayMs + 1, () => this.answerRecheck(peer, action.chunkIndex))
    }
  }

  private answerRecheck(peer: Peer, chunkIndex: number): void {
    if (!peer.isConnected) return
    const isWithdrawn = peer.spec.withdrawsAtMs !== undefined && this.nowMs >= peer.spec.withdrawsAtMs
    const answer = isWithdrawn ? 'withdrawn' : (peer.spec.recheckAnswer ?? 'good')
    this.carryOut(this.core.rechecked(peer.spec.id, chunkIndex, answer))
  }

  private enqueue(peer: Peer, requestId: number, ranges: BlockRange[], totalBytes: number): void {
    if (!peer.isConnected) return
    const { spec } = peer
    if (spec.busyShare !== undefined && this.random() < spec.busyShare) {
      this.agenda.add(this.nowMs + spec.rttMs / 2, () => {
        if (peer.isConnected) this.carryOut(this.core.refused(spec.id, requestId, 'busy', 100))
      })
      return
    }
    const isWrong = spec.withdrawsAtMs !== undefined && this.nowMs >= spec.withdrawsAtMs
    const isLie = isWrong || (spec.lieShare !== undefined && this.random() < spec.lieShare)
    peer.queue.push({ requestId, ranges, sentBytes: 0, totalBytes, isLie })
    if (!peer.isBusy) this.send(peer)
  }

  private rateOf(spec: SimulatedSource): number {
    let rate = spec.bytesPerSecond
    for (const change of spec.rateAt ?? []) if (this.nowMs >= change.atMs) rate = change.bytesPerSecond
    return rate
  }

  private send(peer: Peer): void {
    const pending = peer.queue[0]
    peer.isBusy = pending !== undefined && peer.isConnected
    if (!pending || !peer.isConnected) return
    const rate = this.rateOf(peer.spec)
    if (rate <= 0) {
      this.agenda.add(this.nowMs + 20, () => this.send(peer))
      return
    }
    const count = Math.min(peer.spec.sliceBytes ?? 64 * KiB, pending.totalBytes - pending.sentBytes)
    const doneMs = this.nowMs + (count * 1000) / rate
    const fromBytes = pending.sentBytes
    pending.sentBytes += count
    this.agenda.add(doneMs, () => {
      if (pending.sentBytes === pending.totalBytes) peer.queue.shift()
      this.deliver(peer, pending, fromBytes, count)
      this.send(peer)
    })
  }

  private deliver(peer: Peer, pending: Pending, fromBytes: number, count: number): void {
    let atMs = this.nowMs + peer.spec.rttMs / 2
    const downlink = this.init.downlinkBytesPerSecond
    if (downlink !== undefined) {
      this.downlinkFreeMs = Math.max(this.downlinkFreeMs, this.nowMs) + (count * 1000) / downlink
      atMs = this.downlinkFreeMs + peer.spec.rttMs / 2
    }
    this.agenda.add(atMs, () => {
      if (!peer.isConnected) return
      this.receivedBytes += count
      const bytes = this.content(pending, fromBytes, count)
      this.carryOut(this.core.received(peer.spec.id, pending.requestId, bytes))
    })
  }

  private content(pending: Pending, fromBytes: number, count: number): Uint8Array {
    const bytes = this.scratch.subarray(0, count)
    if (this.init.hasContent === false) return bytes
    let at = 0
    let start = 0
    for (const range of pending.ranges) {
      for (let offset = Math.max(0, fromBytes - start); offset < range.lengthBytes && at < count; offset++) {
        bytes[at++] = trueByte(range.chunkIndex, range.offsetInChunkBytes + offset) ^ (pending.isLie ? 0x55 : 0)
      }
      start += range.lengthBytes
    }
    return bytes
  }

  private verify(action: { chunkIndex: number; bytes: Uint8Array }): void {
    let isGood = true
    if (this.init.hasContent !== false) {
      for (let offset = 0; offset < action.bytes.length && isGood; offset++) {
        isGood = action.bytes[offset] === trueByte(action.chunkIndex, offset)
      }
    }
    this.agenda.add(this.nowMs + (this.init.verifyMs ?? 1), () => {
      this.carryOut(this.core.chunkVerified(action.chunkIndex, isGood))
      if (isGood) this.core.release(action.bytes)
    })
  }

  /** Which chunks a set of sources holds, for the condition under which a fetch must end. */
  static covers(wanted: Uint8Array, count: number, sources: readonly SimulatedSource[]): boolean {
    for (let index = 0; index < count; index++) {
      if (!bitAt(wanted, index)) continue
      if (!sources.some((source) => source.have === undefined || bitAt(source.have, index))) return false
    }
    return true
  }
}
