/** Chunk buffers of one fetch: bounded in bytes, large ones used again. */
import { KiB } from '#protocol/units.ts'

/** Below this a fresh allocation costs less than a pooled buffer of full size wastes. */
const pooledBytesMin = 64 * KiB

export class ChunkBuffers {
  private usedBytes = 0
  private readonly limitBytes: number
  private readonly pooledBytes: number
  private readonly free: ArrayBuffer[] = []
  private readonly lent = new Set<ArrayBuffer>()

  constructor(limitBytes: number, chunkBytesMax: number) {
    this.limitBytes = Math.max(limitBytes, chunkBytesMax)
    this.pooledBytes = chunkBytesMax
  }

  canAcquire(sizeBytes: number): boolean {
    const neededBytes = sizeBytes < pooledBytesMin ? sizeBytes : this.pooledBytes
    if (this.usedBytes + neededBytes > this.limitBytes) this.forgetTransferred()
    return this.usedBytes + neededBytes <= this.limitBytes
  }

  acquire(sizeBytes: number): Uint8Array | undefined {
    if (!this.canAcquire(sizeBytes)) return undefined
    const isPooled = sizeBytes >= pooledBytesMin
    const buffer = (isPooled && this.free.pop()) || new ArrayBuffer(isPooled ? this.pooledBytes : sizeBytes)
    this.lent.add(buffer)
    this.usedBytes += buffer.byteLength
    return new Uint8Array(buffer, 0, sizeBytes)
  }

  /** Ignores what was not lent, or has been given back already. */
  release(bytes: Uint8Array): void {
    const buffer = bytes.buffer as ArrayBuffer
    if (!this.lent.delete(buffer)) return
    this.usedBytes -= buffer.byteLength
    if (buffer.byteLength === this.pooledBytes && buffer.byteLength >= pooledBytesMin) this.free.push(buffer)
  }

  /** A buffer that was transferred to another thread comes back as another object, or never: its room counts as free. */
  private forgetTransferred(): void {
    for (const buffer of this.lent) if (buffer.byteLength === 0) this.lent.delete(buffer)
    this.usedBytes = 0
    for (const buffer of this.lent) this.usedBytes += buffer.byteLength
  }
}
