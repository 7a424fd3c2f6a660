/** Chunk buffers of one fetch: bounded in bytes, large ones used again. */
import { KiB } from '#protocol/units.ts'

/** Below this a fresh allocation is cheap; from here on buffers come in powers of two and are kept. */
const pooledBytesMin = 64 * KiB
/** The search for transferred buffers goes through all that are lent. */
const refusalsPerCheck = 256

function bufferBytesFor(sizeBytes: number): number {
  return sizeBytes < pooledBytesMin ? sizeBytes : 2 ** Math.ceil(Math.log2(sizeBytes))
}

export class ChunkBuffers {
  private usedBytes = 0
  private freeBytes = 0
  private refusals = 0
  private readonly limitBytes: number
  private readonly free = new Map<number, ArrayBuffer[]>()
  private readonly lent = new Set<ArrayBuffer>()

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes
  }

  canAcquire(sizeBytes: number): boolean {
    if (this.hasRoomFor(sizeBytes)) return true
    if (++this.refusals % refusalsPerCheck > 0) return false
    this.forgetTransferred()
    return this.hasRoomFor(sizeBytes)
  }

  private hasRoomFor(sizeBytes: number): boolean {
    return this.usedBytes === 0 || this.usedBytes + bufferBytesFor(sizeBytes) <= this.limitBytes
  }

  acquire(sizeBytes: number): Uint8Array | undefined {
    if (!this.canAcquire(sizeBytes)) return undefined
    const bufferBytes = bufferBytesFor(sizeBytes)
    const buffer = this.takeFree(bufferBytes) ?? new ArrayBuffer(bufferBytes)
    this.lent.add(buffer)
    this.usedBytes += bufferBytes
    if (this.freeBytes > 0 && this.usedBytes + this.freeBytes > this.limitBytes) this.shrink()
    return new Uint8Array(buffer, 0, sizeBytes)
  }

  private takeFree(bufferBytes: number): ArrayBuffer | undefined {
    const buffer = this.free.get(bufferBytes)?.pop()
    if (buffer) this.freeBytes -= bufferBytes
    return buffer
  }

  /** Ignores what was not lent, or has been given back already. */
  release(bytes: Uint8Array): void {
    const buffer = bytes.buffer as ArrayBuffer
    if (!this.lent.delete(buffer)) return
    this.usedBytes -= buffer.byteLength
    if (buffer.byteLength < pooledBytesMin) return
    const sameSize = this.free.get(buffer.byteLength)
    if (sameSize) sameSize.push(buffer)
    else this.free.set(buffer.byteLength, [buffer])
    this.freeBytes += buffer.byteLength
  }

  /** Buffers of sizes that are not needed now make way for those that are. */
  private shrink(): void {
    this.free.clear()
    this.freeBytes = 0
  }

  /** A buffer that was transferred to another thread comes back as another object, or never: its room counts as free. */
  private forgetTransferred(): void {
    for (const buffer of this.lent) if (buffer.byteLength === 0) this.lent.delete(buffer)
    this.usedBytes = 0
    for (const buffer of this.lent) this.usedBytes += buffer.byteLength
  }
}
