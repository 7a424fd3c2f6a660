/**
 * How long nodes take to their first token. Per node a peak EWMA, as Finagle has it: it jumps up at once and comes down
 * slowly, so that a node in trouble is left alone before the mean shows it. Over all nodes the 95th percentile of the last
 * answers: who takes longer is worth a second try ("The Tail at Scale", Dean and Barroso 2013).
 */
import type { PeerId } from '#protocol/ids.ts'
import { latencyNodesMax } from '#protocol/limits.ts'
import { second } from '#protocol/units.ts'

/** After this long two thirds of a peak are forgotten. */
const decayMs = 10 * second
const samplesMax = 256
/** Of a node that nobody has asked yet: good enough to be tried. */
const unknownMs = second
/** Of a node that failed, however quickly: a failure must not look like a fast answer. */
const missedMs = 30 * second

interface Peak {
  ms: number
  atMs: number
}

export class Latencies {
  readonly #now: () => number
  readonly #peaks = new Map<PeerId, Peak>()
  readonly #samples: number[] = []
  #next = 0

  constructor(now: () => number) {
    this.#now = now
  }

  add(peerId: PeerId, ms: number): void {
    this.#raise(peerId, ms)
    this.#samples[this.#next] = ms
    this.#next = (this.#next + 1) % samplesMax
  }

  #raise(peerId: PeerId, ms: number): void {
    const atMs = this.#now()
    const knownMs = this.#peaks.get(peerId) === undefined ? ms : this.expectedMs(peerId)
    this.#peaks.delete(peerId)
    if (this.#peaks.size >= latencyNodesMax) this.#peaks.delete(this.#peaks.keys().next().value!)
    const share = 0.3
    this.#peaks.set(peerId, { ms: ms > knownMs ? ms : knownMs + (ms - knownMs) * share, atMs })
  }

  /** It was asked and gave nothing that long, or failed: it counts as slow, and is no sample of how long answers take. */
  missed(peerId: PeerId, ms: number): void {
    this.#raise(peerId, Math.max(ms, missedMs))
  }

  /** To the first token, of a node without work. */
  expectedMs(peerId: PeerId): number {
    const peak = this.#peaks.get(peerId)
    if (peak === undefined) return unknownMs
    const fade = Math.exp(-(this.#now() - peak.atMs) / decayMs)
    return unknownMs + (peak.ms - unknownMs) * (peak.ms > unknownMs ? fade : 1)
  }

  /** Undefined until there are enough answers to say. */
  p95Ms(): number | undefined {
    if (this.#samples.length < 20) return undefined
    const sorted = [...this.#samples].sort((a, b) => a - b)
    return sorted[Math.floor(sorted.length * 0.95)]
  }
}
