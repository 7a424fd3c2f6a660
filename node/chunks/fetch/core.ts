/** The fetch core: what arrives goes in, what to do comes out. No I/O, no clock, no randomness of its own. */
import { blockBytesMax, sourceStallMs, sourcesPerFetchMax } from '#protocol/limits.ts'
import type { FetchAction, FetchCore, FetchCoreInit, FetchSourceInit, SourceId } from '../fetch-types.ts'
import { detachRequest, endIfDead, finishPart, withdrawRequest, writePart } from './assembly.ts'
import { fill, fillAll, speedUpDisputed, trim } from './assign.ts'
import { bitAt } from './bits.ts'
import { answered, canServe, chunkFailed, chunkProven, expireRechecks, isUnwelcome, sourceGone } from './blame.ts'
import { clearHave, detachSource, dropSource, setHave, withdrawFile } from './members.ts'
import { Source } from './source.ts'
import { type Assembly, chunkStatus, createState, type FetchRequest, type FetchState, leftBytes } from './state.ts'

const none: FetchAction[] = []
const backoffMsMin = 50
const backoffMsMax = 60_000
/** Refusals without a reason, in a row. */
const failuresMax = 8
/** A longer pause between ticks means that this process slept. */
const tickGapMsMax = 1000

export class Core implements FetchCore {
  private readonly state: FetchState
  private readonly wantedBits: Uint8Array
  private wantedCount = 0
  private heldCount = 0
  private verifiedCount = 0
  private rejectedCount = 0
  private isCompleteTold = false
  private lastTickMs: number

  constructor(init: FetchCoreInit) {
    this.state = createState(init, blockBytesMax)
    this.wantedBits = new Uint8Array(Math.ceil(init.places.length / 8))
    this.lastTickMs = init.now()
    for (const { chunkIndex } of init.places) {
      if (!bitAt(init.held, chunkIndex)) continue
      this.state.status[chunkIndex] = chunkStatus.held
    }
    this.want(init.wanted)
  }

  addSource(id: SourceId, init: FetchSourceInit): FetchAction[] {
    const { state } = this
    const known = state.sources.get(id)
    if (known) this.leave(known)
    if (isUnwelcome(state, id)) {
      state.actions.push({ type: 'ban', sourceId: id, evidence: 'sent wrong bytes before it left' })
      return this.flush()
    }
    const slot = state.slots.indexOf(undefined)
    if (slot < 0) {
      state.actions.push({ type: 'drop', sourceId: id, reason: `${sourcesPerFetchMax} sources are enough` })
      return this.flush()
    }
    const source = new Source(id, slot, init.isLastResort ?? false, init.rttMs, state.now())
    state.slots[slot] = source
    state.sources.set(id, source)
    setHave(state, source, init.have)
    fill(state, source)
    return this.flush()
  }

  updateHave(id: SourceId, have: Uint8Array): FetchAction[] {
    const source = this.state.sources.get(id)
    if (!source) return this.flush()
    setHave(this.state, source, have)
    fill(this.state, source)
    return this.flush()
  }

  removeSource(id: SourceId): FetchAction[] {
    const source = this.state.sources.get(id)
    if (source) {
      this.leave(source)
      fillAll(this.state)
    }
    return this.flush()
  }

  private leave(source: Source): void {
    detachSource(this.state, source, true)
    sourceGone(this.state, source.id)
  }

  setRtt(id: SourceId, rttMs: number): void {
    this.state.sources.get(id)?.setRtt(rttMs)
  }

  received(id: SourceId, requestId: number, bytes: Uint8Array): FetchAction[] {
    const { state } = this
    const source = state.sources.get(id)
    if (!source || bytes.length === 0) return none
    const nowMs = state.now()
    source.onBytes(bytes.length, nowMs)
    if (!source.isLastResort) state.lastNormalByteMs = nowMs
    const request = state.requests.get(requestId)
    if (!request || request.source !== source) {
      state.duplicateBytes += bytes.length
      return none
    }
    const cursor = request.cursor
    this.take(request, bytes)
    if (request.cursor === cursor) return none
    if (request.remainingBytes === 0) {
      detachRequest(state, request)
      source.failures = 0
      source.onRequestDone(request.totalBytes, nowMs)
      if (state.queue.queuedBytes === 0) fillAll(state)
      else if (source.wantsMore) fill(state, source)
    } else endIfDead(state, request)
    return this.flush()
  }

  private take(request: FetchRequest, bytes: Uint8Array): void {
    const { state } = this
    let used = 0
    while (used < bytes.length && request.cursor < request.parts.length) {
      const part = request.parts[request.cursor]!
      const count = Math.min(part.endBytes - part.atBytes, bytes.length - used)
      if (part.isOver) state.duplicateBytes += count
      else writePart(part, count === bytes.length ? bytes : bytes.subarray(used, used + count))
      used += count
      part.atBytes += count
      request.remainingBytes -= count
      request.source.inFlightBytes -= count
      if (part.atBytes < part.endBytes) return
      request.cursor++
      if (!part.isOver) finishPart(state, part)
    }
  }

  refused(
    id: SourceId,
    requestId: number,
    status: 'not-held' | 'busy' | 'withdrawn' | 'invalid' | 'internal' | 'unpaid',
    retryAfterMs: number,
  ): FetchAction[] {
    const { state } = this
    const source = state.sources.get(id)
    const request = state.requests.get(requestId)
    if (!source || !request || request.source !== source) return this.flush()
    source.onAnswer(state.now())
    withdrawRequest(state, request, true)
    const chunks = request.parts.map((part) => part.assembly.chunkIndex)
    if (status === 'not-held') {
      if (chunks.length === 1) clearHave(state, source, chunks[0]!)
      else for (const chunkIndex of chunks) source.askAlone.add(chunkIndex)
    } else if (status === 'withdrawn') {
      withdrawFile(state, source, state.places[chunks[0]!]!.fileIndex)
      if (state.sources.get(id) !== source) sourceGone(state, id)
    } else {
      this.backOff(source, status, retryAfterMs)
    }
    fillAll(state)
    return this.flush()
  }

  private backOff(source: Source, status: 'busy' | 'unpaid' | 'invalid' | 'internal', retryAfterMs: number): void {
    const askedMs = Number.isFinite(retryAfterMs) ? retryAfterMs : 0
    let waitMs = askedMs
    // What is not paid is no failure of the source: whoever pays removes it where it will not.
    if (status !== 'busy' && status !== 'unpaid') {
      source.failures++
      if (source.failures >= failuresMax) {
        dropSource(this.state, source, `refused ${source.failures} requests in a row (${status})`)
        sourceGone(this.state, source.id)
        return
      }
      waitMs = Math.max(askedMs, 100 * 2 ** source.failures)
    }
    const untilMs = this.state.now() + Math.min(backoffMsMax, Math.max(backoffMsMin, waitMs))
    source.backoffUntilMs = Math.max(source.backoffUntilMs, untilMs)
  }

  chunkVerified(chunkIndex: number, isGood: boolean): FetchAction[] {
    const { state } = this
    const assembly = state.verifying.get(chunkIndex)
    if (!assembly) return this.flush()
    state.verifying.delete(chunkIndex)
    const isDisputed = state.cases.has(chunkIndex)
    if (isGood) {
      this.accept(assembly)
    } else {
      this.rejectedCount++
      chunkFailed(state, assembly)
    }
    // A good chunk that was never in doubt makes no new work.
    if (!isGood || isDisputed) fillAll(state)
    this.tellComplete()
    return this.flush()
  }

  private accept(assembly: Assembly): void {
    const { state } = this
    state.status[assembly.chunkIndex] = chunkStatus.held
    this.heldCount++
    this.verifiedCount++
    const bytesBySource = new Map<SourceId, number>()
    for (const { sourceId, startBytes, endBytes } of assembly.contributions) {
      bytesBySource.set(sourceId, (bytesBySource.get(sourceId) ?? 0) + endBytes - startBytes)
    }
    const most = Math.max(...bytesBySource.values())
    let isCounted = false
    for (const [sourceId, bytes] of bytesBySource) {
      const totals = state.sources.get(sourceId) ?? state.departed.get(sourceId)
      if (!totals) continue
      totals.bytes += bytes
      if (bytes < most || isCounted) continue
      isCounted = true
      totals.chunks++
    }
    chunkProven(state, assembly)
  }

  rechecked(id: SourceId, chunkIndex: number, result: 'good' | 'withdrawn' | 'no-answer'): FetchAction[] {
    const source = this.state.sources.get(id)
    if (source) {
      answered(this.state, source, chunkIndex, result)
      fillAll(this.state)
    }
    return this.flush()
  }

  release(bytes: Uint8Array): void {
    this.state.buffers.release(bytes)
  }

  widen(wanted: Uint8Array): FetchAction[] {
    this.want(wanted)
    fillAll(this.state)
    return this.flush()
  }

  private want(wanted: Uint8Array): void {
    const { state } = this
    for (const { chunkIndex } of state.places) {
      if (!bitAt(wanted, chunkIndex) || bitAt(this.wantedBits, chunkIndex)) continue
      this.wantedBits[chunkIndex >> 3]! |= 0x80 >> (chunkIndex & 7)
      this.wantedCount++
      if (state.status[chunkIndex] === chunkStatus.held) this.heldCount++
      else {
        state.status[chunkIndex] = chunkStatus.queued
        state.queue.add(chunkIndex)
        this.isCompleteTold = false
      }
    }
  }

  setPaused(isPaused: boolean): FetchAction[] {
    this.state.isPaused = isPaused
    if (!isPaused) fillAll(this.state)
    return this.flush()
  }

  tick(): FetchAction[] {
    const { state } = this
    const nowMs = state.now()
    const gapMs = nowMs - this.lastTickMs
    this.lastTickMs = nowMs
    // While paused nobody reads the sockets.
    const forgivenMs = state.isPaused ? gapMs : Math.max(0, gapMs - tickGapMsMax)
    if (forgivenMs > 0) for (const source of state.sources.values()) source.forgiveSilence(forgivenMs)
    for (const source of [...state.sources.values()]) {
      if (source.silenceMs(nowMs) >= sourceStallMs) {
        dropSource(state, source, `sent nothing for ${sourceStallMs} ms`)
        sourceGone(state, source.id)
      } else trim(state, source, nowMs)
    }
    expireRechecks(state)
    speedUpDisputed(state, nowMs)
    fillAll(state)
    this.tellComplete()
    return this.flush()
  }

  private tellComplete(): void {
    if (this.isCompleteTold || this.heldCount < this.wantedCount) return
    this.isCompleteTold = true
    this.state.actions.push({ type: 'complete' })
  }

  private flush(): FetchAction[] {
    const { state } = this
    if (state.actions.length === 0) return none
    const actions = state.actions
    state.actions = []
    return actions
  }

  snapshot(): ReturnType<FetchCore['snapshot']> {
    const { state } = this
    const nowMs = state.now()
    const left = leftBytes(state)
    const sources = [...state.sources.values()].map((source) => ({
      sourceId: source.id,
      bytes: source.bytes + (state.departed.get(source.id)?.bytes ?? 0),
      chunks: source.chunks + (state.departed.get(source.id)?.chunks ?? 0),
      bytesPerSecond: source.requests.length > 0 && source.isRateKnown ? source.rateAt(nowMs) : 0,
      rttMs: source.rttMs,
      inFlight: source.requests.length,
      depth: canServe(state, source) ? source.depth(nowMs, source.blockBytes(left, state.sources.size), left) : 0,
      isConnected: true,
    }))
    for (const [sourceId, { bytes, chunks }] of state.departed) {
      if (state.sources.has(sourceId)) continue
      sources.push({
        sourceId,
        bytes,
        chunks,
        bytesPerSecond: 0,
        rttMs: undefined,
        inFlight: 0,
        depth: 0,
        isConnected: false,
      })
    }
    return {
      wantedChunks: this.wantedCount,
      heldChunks: this.heldCount,
      chunksVerified: this.verifiedCount,
      chunksRejected: this.rejectedCount,
      duplicateBytes: state.duplicateBytes,
      sources,
    }
  }
}
