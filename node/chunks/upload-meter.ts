/** What goes out, in all and to each peer, for the once-a-second report. */
import type { PeerId } from '#protocol/ids.ts'
import { RateMeter } from './rate-meter.ts'
import type { DataPlaneEvents } from './types.ts'

export class UploadMeter {
  readonly #now: () => number
  readonly #all: RateMeter
  readonly #peers = new Map<PeerId, RateMeter>()
  #totalBytes = 0
  #reportedBytes = 0

  constructor(now: () => number) {
    this.#now = now
    this.#all = new RateMeter(now)
  }

  add(peerId: PeerId, bytes: number): void {
    this.#totalBytes += bytes
    this.#all.add(bytes)
    let peer = this.#peers.get(peerId)
    if (peer === undefined) {
      peer = new RateMeter(this.#now)
      this.#peers.set(peerId, peer)
    }
    peer.add(bytes)
  }

  /** `undefined` while nothing goes out; one last report of zero says that it ended. */
  report(): DataPlaneEvents['upload-progress'] | undefined {
    const peers: { peerId: string; bytesPerSecond: number }[] = []
    for (const [peerId, meter] of this.#peers) {
      const bytesPerSecond = meter.bytesPerSecond()
      if (bytesPerSecond > 0) peers.push({ peerId, bytesPerSecond })
      else this.#peers.delete(peerId)
    }
    if (peers.length === 0 && this.#reportedBytes === this.#totalBytes) return undefined
    if (peers.length === 0) this.#reportedBytes = this.#totalBytes
    return { bytesPerSecond: this.#all.bytesPerSecond(), totalBytes: this.#totalBytes, peers }
  }
}
