/** Buffers for outgoing data frames, reused: header and block in one piece, so that a frame is one write. */

import { chunkFrameHeaderBytes } from '#protocol/chunk/index.ts'
import { blockBytesMax } from '#protocol/limits.ts'

/** Kept for reuse; more exist only while more connections send at once. 64 x 256 KiB = 16 MiB. */
const keptMax = 64

export class BlockBuffers {
  readonly #free: Buffer[] = []

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(chunkFrameHeaderBytes + blockBytesMax)
  }

  give(buffer: Buffer): void {
    if (this.#free.length < keptMax) this.#free.push(buffer)
  }
}
