/**
 * How many jobs of ours a node may have at once. Its lease says how many slots it has, and says so for nothing: what counts is
 * what it has shown. The window grows by one with each job that was answered while it was full, so it doubles with each round,
 * and is halved by each failure, as TCP's is (RFC 5681).
 */
import type { PeerId } from '#protocol/ids.ts'
import { latencyNodesMax } from '#protocol/limits.ts'

/** Of a node that has shown nothing yet: as much as a liar gets. */
const firstWindow = 4

export class Windows {
  readonly #sizes = new Map<PeerId, number>()

  /** At least 1: who has failed may show that it is better now. */
  sizeOf(peerId: PeerId): number {
    return this.#sizes.get(peerId) ?? firstWindow
  }

  /** @param running jobs of ours there, this one included */
  answered(peerId: PeerId, running: number): void {
    const size = this.sizeOf(peerId)
    if (running >= size) this.#set(peerId, size + 1)
  }

  failed(peerId: PeerId): void {
    this.#set(peerId, Math.max(1, Math.floor(this.sizeOf(peerId) / 2)))
  }

  #set(peerId: PeerId, size: number): void {
    this.#sizes.delete(peerId)
    if (this.#sizes.size >= latencyNodesMax) this.#sizes.delete(this.#sizes.keys().next().value!)
    this.#sizes.set(peerId, size)
  }
}
