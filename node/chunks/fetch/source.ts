/** One source as the scheduler sees it: what it owes us, how fast it is, and how much it may owe. */
import { blockBytesMax, queuedRequestsPerConnectionMax } from '#protocol/limits.ts'
import { KiB, MiB } from '#protocol/units.ts'
import type { SourceId } from '../fetch-types.ts'
import type { FetchRequest } from './state.ts'

/** What a source may owe beyond rate x RTT: absorbs timer and event loop jitter (measured: p2p.md 4). */
const headroomMs = 150
/**
 * More headroom than this only turns over memory: with 15 MiB in flight on loopback every chunk is copied and hashed out of
 * the cache, 1.6 instead of 1.2 s of CPU per GiB (`npm run bench -- data-plane`).
 */
const headroomBytesMax = 3 * MiB
/** Memory of the rate: ~3 samples of 100 ms, so that a collapse shows within half a second. */
const rateMemoryMs = 300
const sampleMsMin = 40
const startBlocks = 8
/** A little below what a connection may queue at the server, because it counts cancelled ones until it has read the cancel. */
const depthMax = queuedRequestsPerConnectionMax - 4
const depthMin = 2
/** Assumed of a source that has delivered nothing yet. */
const unknownBytesPerSecond = 512 * KiB
const blockBytesMin = 32 * KiB
const blockTargetMs = 50

export class Source {
  readonly id: SourceId
  readonly slot: number
  readonly isLastResort: boolean
  readonly addedAtMs: number
  /** In the order sent, which is the order of delivery. */
  readonly requests: FetchRequest[] = []
  inFlightBytes = 0
  /** Verified bytes, and verified chunks that came mostly from here. */
  bytes = 0
  chunks = 0
  backoffUntilMs = 0
  /** Refusals in a row that it should not have given. */
  failures = 0
  withdrawals = 0
  /** Whole chunks from here that failed their hash, not yet explained. */
  badCopies = 0
  recheckingChunk = -1
  recheckSinceMs = 0
  nextTwinScanMs = 0
  /** Chunks of a refused run: asked for one by one, to learn which of them it lacks. */
  readonly askAlone = new Set<number>()

  private reportedRttMs: number | undefined
  private firstByteMs = Number.POSITIVE_INFINITY
  private rate = 0
  private sampleStartMs = 0
  private sampleBytes = 0
  private isWaitingForFirst = true
  private busySinceMs: number
  /** Since when it owes something and has sent nothing. Runs on when others took over all that a silent source owed. */
  private waitingSinceMs: number | undefined
  /** Widens the first windows: triples them per round trip, much as TCP's slow start does. */
  private startedBytes = 0
  private refillBelow = Number.POSITIVE_INFINITY

  constructor(id: SourceId, slot: number, isLastResort: boolean, rttMs: number | undefined, nowMs: number) {
    this.id = id
    this.slot = slot
    this.isLastResort = isLastResort
    this.addedAtMs = nowMs
    this.busySinceMs = nowMs
    if (rttMs !== undefined) this.setRtt(rttMs)
  }

  get rttMs(): number | undefined {
    return this.reportedRttMs
  }

  get bytesPerSecond(): number {
    return this.rate
  }

  get isRateKnown(): boolean {
    return this.rate > 0
  }

  /** Keeps the smallest: a loaded RTT in the window would raise the window that loads it. It may rise by a tenth per report. */
  setRtt(rttMs: number): void {
    if (!Number.isFinite(rttMs) || rttMs < 0) return
    const known = this.reportedRttMs
    this.reportedRttMs = known === undefined || rttMs < known ? rttMs : Math.min(rttMs, known * 1.1 + 0.1)
  }

  private roundTripMs(): number {
    if (this.reportedRttMs !== undefined) return Math.min(this.reportedRttMs, 2000)
    return Number.isFinite(this.firstByteMs) ? Math.min(this.firstByteMs, 2000) : 50
  }

  /** The window is full: it is topped up when a quarter of it is free, so that several requests leave in one write. */
  onFull(): void {
    this.refillBelow = Math.max(depthMin, Math.ceil(this.requests.length * 0.75))
  }

  get wantsMore(): boolean {
    return this.requests.length < this.refillBelow
  }

  onRequest(nowMs: number): void {
    this.waitingSinceMs ??= nowMs
    if (this.requests.length > 0) return
    this.busySinceMs = nowMs
    this.isWaitingForFirst = true
  }

  /** It owes nothing any more. */
  onIdle(nowMs: number): void {
    if (!this.isLate(nowMs)) this.waitingSinceMs = undefined
  }

  /** A refusal is a sign of life, too. */
  onAnswer(nowMs: number): void {
    if (this.waitingSinceMs !== undefined) this.waitingSinceMs = nowMs
  }

  /** The first slice after a pause only starts the clock: the time before it was latency, not transfer. */
  onBytes(count: number, nowMs: number): void {
    this.onAnswer(nowMs)
    this.startedBytes += 2 * count
    if (this.isWaitingForFirst) {
      this.isWaitingForFirst = false
      this.firstByteMs = Math.min(this.firstByteMs, Math.max(0, nowMs - this.busySinceMs))
      this.sampleStartMs = nowMs
      this.sampleBytes = 0
      return
    }
    this.sampleBytes += count
    const elapsedMs = nowMs - this.sampleStartMs
    if (elapsedMs < sampleMsMin) return
    this.addSample((this.sampleBytes / elapsedMs) * 1000, elapsedMs)
    this.sampleStartMs = nowMs
    this.sampleBytes = 0
  }

  /** A source that was only ever given single requests never completes a sample: its round trips are all we have. */
  onRequestDone(totalBytes: number, nowMs: number): void {
    if (this.rate > 0 || this.requests.length > 0) return
    const elapsedMs = nowMs - this.busySinceMs
    if (elapsedMs >= sampleMsMin) this.addSample((totalBytes / elapsedMs) * 1000, elapsedMs)
  }

  private addSample(bytesPerSecond: number, elapsedMs: number): void {
    const weight = this.rate === 0 ? 1 : 1 - Math.exp(-elapsedMs / rateMemoryMs)
    this.rate += (bytesPerSecond - this.rate) * weight
  }

  /** The process slept, or its loop was blocked: that time says nothing about the source. */
  forgiveSilence(ms: number): void {
    if (this.waitingSinceMs !== undefined) this.waitingSinceMs += ms
    this.busySinceMs += ms
    this.sampleStartMs += ms
  }

  silenceMs(nowMs: number): number {
    return this.waitingSinceMs === undefined ? 0 : nowMs - this.waitingSinceMs
  }

  /** Rate as of now: falls while nothing arrives, though no sample has ended. */
  rateAt(nowMs: number): number {
    const rate = this.rate > 0 ? this.rate : unknownBytesPerSecond
    const graceMs = Math.max(150, 2 * this.roundTripMs(), (2 * blockBytesMin * 1000) / rate)
    const silenceMs = this.silenceMs(nowMs)
    return silenceMs <= graceMs ? rate : (rate * graceMs) / silenceMs
  }

  /** Silent for much longer than its rate explains: others may take over what it owes. */
  isLate(nowMs: number): boolean {
    const rate = this.rate > 0 ? this.rate : unknownBytesPerSecond
    return this.silenceMs(nowMs) > Math.max(500, 4 * this.roundTripMs(), (2 * blockBytesMax * 1000) / rate)
  }

  /** ~50 ms of its rate, and small enough that the end of the fetch can be shared out evenly. */
  blockBytes(leftBytes: number, sourceCount: number): number {
    const byShare = leftBytes / (8 * Math.max(2, sourceCount))
    const byRate = this.rate > 0 ? (this.rate * blockTargetMs) / 1000 : blockBytesMax
    const bytes = Math.min(byShare, byRate, blockBytesMax)
    return Math.max(blockBytesMin, bytes - (bytes % blockBytesMin))
  }

  windowBytes(nowMs: number, blockBytes: number, leftBytes: number): number {
    const startBytes = startBlocks * blockBytes + this.startedBytes
    if (this.rate === 0) return Math.max(depthMin * blockBytes, Math.min(startBytes, leftBytes / 8))
    const bytesPerMs = this.rateAt(nowMs) / 1000
    const wantedBytes = bytesPerMs * this.roundTripMs() + Math.min(bytesPerMs * headroomMs, headroomBytesMax)
    return Math.max(depthMin * blockBytes, Math.min(wantedBytes, startBytes))
  }

  depth(nowMs: number, blockBytes: number, leftBytes: number): number {
    const blocks = Math.ceil(this.windowBytes(nowMs, blockBytes, leftBytes) / blockBytes)
    return Math.min(depthMax, Math.max(depthMin, blocks))
  }

  hasRoom(nowMs: number, blockBytes: number, leftBytes: number): boolean {
    if (this.requests.length < depthMin) return true
    return this.requests.length < depthMax && this.inFlightBytes < this.windowBytes(nowMs, blockBytes, leftBytes)
  }

  /** Milliseconds until bytes queued behind `aheadBytes` would be here. */
  etaMs(aheadBytes: number, nowMs: number): number {
    const latencyMs = this.isWaitingForFirst || this.requests.length === 0 ? this.roundTripMs() : 0
    return latencyMs + (aheadBytes * 1000) / this.rateAt(nowMs)
  }
}
