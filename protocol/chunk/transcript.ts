/**
 * What was served over one connection, as both ends count it: the bytes of whole data frames, and one hash over what they
 * were asked as. Equal figures at both ends mean that the same ranges went over in the same order.
 */
import { type Blake3Hasher, createBlake3 } from '../codec/blake3.ts'
import { chunkRangeBytes, writeRange } from './frame.ts'
import type { ChunkRange } from './message.ts'

export interface ServedSnapshot {
  bytes: number
  /** 32 bytes. */
  transcript: Uint8Array
}

/** Ranges hashed at once, 4 KiB: a call of the hash per block would cost six times as much as writing its range down. */
const pendingRanges = 93

export class ServedTranscript {
  readonly #hasher: Blake3Hasher = createBlake3()
  readonly #pending = Buffer.allocUnsafeSlow(pendingRanges * chunkRangeBytes)
  #pendingBytes = 0
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  /** The ranges of one data frame, as they stood in its request. */
  add(ranges: readonly ChunkRange[]): void {
    for (const range of ranges) {
      if (this.#pendingBytes === this.#pending.length) this.#hash()
      writeRange(this.#pending, this.#pendingBytes, range)
      this.#pendingBytes += chunkRangeBytes
      this.#bytes += range.lengthBytes
    }
  }

  /** BLAKE3 over all ranges so far, each as root 32, offset u64, length u32: what stands in a request. */
  snapshot(): ServedSnapshot {
    this.#hash()
    // A copy of just these bytes: it crosses threads.
    return { bytes: this.#bytes, transcript: new Uint8Array(this.#hasher.digest()) }
  }

  #hash(): void {
    if (this.#pendingBytes === 0) return
    this.#hasher.update(this.#pending.subarray(0, this.#pendingBytes))
    this.#pendingBytes = 0
  }
}
