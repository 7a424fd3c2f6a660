/**
 * What was served over one connection, as both ends count it: the bytes of whole data frames, and one hash over what they
 * were asked as. Equal figures at both ends mean that the same ranges went over in the same order.
 */
import { type Blake3Hasher, createBlake3 } from '../codec/blake3.ts'
import type { ExtentRoot } from '../ids.ts'
import { chunkRangeBytes, writeRange } from './frame.ts'
import type { ChunkRange } from './message.ts'

export interface ServedSnapshot {
  bytes: number
  /** 32 bytes. */
  transcript: Uint8Array
}

/**
 * Ranges that are hashed together, 64 MiB of full blocks. One by one each would find the hash and its code out of the cache,
 * behind the block. Until then they are plain numbers beside one another: nothing is allocated, and nothing kept alive.
 */
const pendingMax = 256
/** Ranges are written down here on their way to the hash. Shared: nothing stays in it. */
const scratch = Buffer.allocUnsafeSlow(pendingMax * chunkRangeBytes)

export class ServedTranscript {
  readonly #hasher: Blake3Hasher = createBlake3()
  readonly #roots: ExtentRoot[] = Array(pendingMax)
  /** Offset and length of each. */
  readonly #places = new Float64Array(2 * pendingMax)
  #pending = 0
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  /** The ranges of one data frame, as they stood in its request. */
  add(ranges: readonly ChunkRange[]): void {
    for (let i = 0; i < ranges.length; i++) {
      const { root, offsetBytes, lengthBytes } = ranges[i]!
      const at = this.#pending++
      this.#roots[at] = root
      this.#places[2 * at] = offsetBytes
      this.#places[2 * at + 1] = lengthBytes
      this.#bytes += lengthBytes
      if (this.#pending === pendingMax) this.#hash()
    }
  }

  /** BLAKE3 over all ranges so far, each as root 32, offset u64, length u32: what stands in a request. */
  snapshot(): ServedSnapshot {
    if (this.#pending > 0) this.#hash()
    // A copy of just these bytes: it crosses threads.
    return { bytes: this.#bytes, transcript: new Uint8Array(this.#hasher.digest()) }
  }

  #hash(): void {
    const places = this.#places
    for (let at = 0; at < this.#pending; at++) {
      const range = { root: this.#roots[at]!, offsetBytes: places[2 * at]!, lengthBytes: places[2 * at + 1]! }
      writeRange(scratch, at * chunkRangeBytes, range)
    }
    this.#hasher.update(scratch.subarray(0, this.#pending * chunkRangeBytes))
    this.#pending = 0
  }
}
