/** Frames on a byte stream: length as an unsigned LEB128 varint, then the bytes. Pure. */
import { HartonomousError } from '#protocol/errors.ts'

/** A length of 2^28 - 1 fits in four bytes; no limit of ours is above. */
const prefixBytesMax = 4

/** Prefix and frame in a buffer of their own. */
export function encodeFrame(frame: Uint8Array): Uint8Array {
  const prefix: number[] = []
  let rest = frame.byteLength
  while (rest >= 0x80) {
    prefix.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  prefix.push(rest)
  const out = new Uint8Array(prefix.length + frame.byteLength)
  out.set(prefix)
  out.set(frame, prefix.length)
  return out
}

/** Cuts a byte stream into frames. Holds at most one frame; the memory for it is taken as its bytes arrive. */
export class FrameDecoder {
  readonly #frameBytesMax: number
  readonly #what: string
  #parts: Uint8Array[] = []
  #heldBytes = 0
  #lengthBytes: number | undefined
  #prefixValue = 0
  #prefixBytes = 0

  constructor(frameBytesMax: number, what: string) {
    this.#frameBytesMax = frameBytesMax
    this.#what = what
  }

  /** @throws {ERR_LIMIT} when a frame is announced that is too long. @throws {ERR_DECODE} when a length is no varint. */
  *push(bytes: Uint8Array): Generator<Uint8Array> {
    let at = 0
    while (at < bytes.byteLength) {
      if (this.#lengthBytes === undefined) {
        this.#takePrefixByte(bytes[at++]!)
        if (this.#lengthBytes === 0) yield this.#take()
        continue
      }
      const end = Math.min(bytes.byteLength, at + this.#lengthBytes - this.#heldBytes)
      this.#parts.push(bytes.subarray(at, end))
      this.#heldBytes += end - at
      at = end
      if (this.#heldBytes === this.#lengthBytes) yield this.#take()
    }
  }

  /** Whether the stream may end here. */
  get atBoundary(): boolean {
    return this.#lengthBytes === undefined && this.#prefixBytes === 0
  }

  #takePrefixByte(byte: number): void {
    this.#prefixValue += (byte & 0x7f) * 2 ** (7 * this.#prefixBytes)
    this.#prefixBytes++
    if (byte >= 0x80) {
      if (this.#prefixBytes < prefixBytesMax) return
      throw this.#broken('longer than four bytes')
    }
    if (byte === 0 && this.#prefixBytes > 1) throw this.#broken('not in its shortest form')
    if (this.#prefixValue > this.#frameBytesMax) {
      throw new HartonomousError('ERR_LIMIT', {
        what: `frame of ${this.#what}`,
        limit: this.#frameBytesMax,
        actual: this.#prefixValue,
      })
    }
    this.#lengthBytes = this.#prefixValue
  }

  #take(): Uint8Array {
    const frame = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts, this.#heldBytes)
    this.#parts = []
    this.#heldBytes = 0
    this.#lengthBytes = undefined
    this.#prefixValue = 0
    this.#prefixBytes = 0
    return frame
  }

  #broken(reason: string): HartonomousError {
    return new HartonomousError('ERR_DECODE', { what: `frame of ${this.#what}`, field: 'length', offset: 0, reason })
  }
}
