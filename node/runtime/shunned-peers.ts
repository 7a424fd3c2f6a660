/** Peers that failed us lately, and until when they are asked last. */
import type { PeerId } from '#protocol/ids.ts'
import { peerCacheMax } from '#protocol/limits.ts'

export class ShunnedPeers {
  readonly #untilMs = new Map<PeerId, number>()
  readonly #now: () => number

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  /** Never shortens what was said before. */
  shun(peerId: PeerId, durationMs: number): void {
    const untilMs = Math.max(this.#untilMs.get(peerId) ?? 0, this.#now() + durationMs)
    this.#untilMs.delete(peerId)
    if (this.#untilMs.size >= peerCacheMax) this.#untilMs.delete(this.#untilMs.keys().next().value as PeerId)
    this.#untilMs.set(peerId, untilMs)
  }

  has(peerId: PeerId): boolean {
    const untilMs = this.#untilMs.get(peerId)
    if (untilMs === undefined) return false
    if (untilMs > this.#now()) return true
    this.#untilMs.delete(peerId)
    return false
  }
}
