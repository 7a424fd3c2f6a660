/**
 * Reads a header front to back through a window that is refilled in growing pieces. Long arrays are passed over without
 * being read, so memory is bounded by the window: one piece, or the longest string that is looked at.
 */
import { HartonomousError } from '#protocol/errors.ts'
import { ggufHeaderBytesMax, ggufStringBytesMax } from '#protocol/limits.ts'
import { formatBytes, KiB, MiB } from '#protocol/units.ts'
import type { ByteSource } from '../types.ts'

/** First piece: most headers without a vocabulary fit. Each further piece is twice as large, up to the last figure. */
const firstPieceBytes = 64 * KiB
const largestPieceBytes = 4 * MiB

export class HeaderReader {
  readonly #source: ByteSource
  /** No byte at or past this offset is read. */
  readonly #endBytes: number
  #window: Buffer = Buffer.alloc(0)
  #windowOffsetBytes = 0
  #pieceBytes = firstPieceBytes
  /** Of the next byte, in the file. */
  position = 0
  /** What is being read, for error messages. */
  field = 'magic'

  constructor(source: ByteSource) {
    this.#source = source
    this.#endBytes = Math.min(source.sizeBytes, ggufHeaderBytesMax)
  }

  get remainingBytes(): number {
    return this.#endBytes - this.position
  }

  fail(reason: string, offset = this.position): never {
    throw new HartonomousError('ERR_MODEL_FILE', { file: this.#source.name, field: this.field, offset, reason })
  }

  /** Refuses what cannot be there, before anything is read or allocated for it. `bytes` may exceed 2^53. */
  require(bytes: number): void {
    if (bytes <= this.remainingBytes) return
    if (this.#source.sizeBytes > ggufHeaderBytesMax && this.position + bytes > ggufHeaderBytesMax) {
      this.fail(`the header is longer than ${formatBytes(ggufHeaderBytesMax)}`)
    }
    this.fail(`${bytes} bytes are wanted, the file has ${this.remainingBytes} left`)
  }

  skip(bytes: number): void {
    this.require(bytes)
    this.position += bytes
  }

  /** True where `bytes` can be read without waiting. */
  has(bytes: number): boolean {
    const at = this.position - this.#windowOffsetBytes
    return at >= 0 && at + bytes <= this.#window.length
  }

  /** After this, `bytes` can be taken with the methods below. */
  async need(bytes: number): Promise<void> {
    if (this.has(bytes)) return
    this.require(bytes)
    const windowEnd = this.#windowOffsetBytes + this.#window.length
    const kept = this.position < windowEnd ? this.#window.subarray(this.position - this.#windowOffsetBytes) : undefined
    const from = kept === undefined ? this.position : windowEnd
    const wanted = Math.max(bytes - (kept?.length ?? 0), this.#pieceBytes)
    const read = await this.#source.read(from, Math.min(wanted, this.#endBytes - from))
    const piece = Buffer.from(read.buffer, read.byteOffset, read.byteLength)
    this.#window = kept === undefined || kept.length === 0 ? piece : Buffer.concat([kept, piece])
    this.#windowOffsetBytes = this.position
    this.#pieceBytes = Math.min(this.#pieceBytes * 2, largestPieceBytes)
    if (!this.has(bytes)) this.fail('the source gave fewer bytes than were asked for')
  }

  /** The next bytes, valid until the next `need`. */
  take(bytes: number): Buffer {
    const at = this.position - this.#windowOffsetBytes
    this.position += bytes
    return this.#window.subarray(at, at + bytes)
  }

  takeU32(): number {
    return this.take(4).readUInt32LE(0)
  }

  /** Exact up to 2^53 - 1; above, the nearest number, which every limit refuses. */
  takeU64(): number {
    const bytes = this.take(8)
    return bytes.readUInt32LE(0) + bytes.readUInt32LE(4) * 2 ** 32
  }

  async u32(): Promise<number> {
    await this.need(4)
    return this.takeU32()
  }

  async u64(): Promise<number> {
    await this.need(8)
    return this.takeU64()
  }

  /** Length and bytes of a string, valid until the next `need`. */
  async stringBytes(limitBytes = ggufStringBytesMax): Promise<Buffer> {
    const length = await this.u64()
    if (length > limitBytes) this.fail(`a text of ${length} bytes; the limit is ${limitBytes}`, this.position - 8)
    if (!this.has(length)) await this.need(length)
    return this.take(length)
  }

  async string(limitBytes = ggufStringBytesMax): Promise<string> {
    const offset = this.position
    return this.decode(await this.stringBytes(limitBytes), offset)
  }

  decode(bytes: Uint8Array, offset: number): string {
    try {
      return strictUtf8.decode(bytes)
    } catch {
      return this.fail('not UTF-8', offset)
    }
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
