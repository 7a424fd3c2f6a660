/** A set of chunk indexes, one bit each, most significant bit of the first byte first (as BitTorrent's BEP 3). */
import assert from 'node:assert/strict'
import { HartonomousError } from '../errors.ts'

export class Bitfield {
  /** How many indexes there are, set or not. */
  readonly length: number
  /** `ceil(length / 8)` bytes, shared and not copied; the spare bits of the last one are zero. */
  readonly bytes: Uint8Array

  /** An empty set of `length` indexes, or a view of `bytes` (see `fromBytes`). */
  constructor(length: number, bytes: Uint8Array = new Uint8Array(bitfieldBytesOf(length))) {
    assert(Number.isSafeInteger(length) && length >= 0, 'a bitfield has a whole number of bits')
    checkBytes(bytes, length)
    this.length = length
    this.bytes = bytes
  }

  /**
   * A view of `bytes`: changes go through to them.
   * @throws {ERR_DECODE} when the size is wrong or a spare bit is set.
   */
  static fromBytes(bytes: Uint8Array, length: number): Bitfield {
    return new Bitfield(length, bytes)
  }

  static full(length: number): Bitfield {
    const field = new Bitfield(length)
    field.bytes.fill(0xff)
    if (length % 8 !== 0) field.bytes[field.bytes.length - 1] = (0xff00 >> (length % 8)) & 0xff
    return field
  }

  static of(length: number, indexes: Iterable<number>): Bitfield {
    const field = new Bitfield(length)
    for (const index of indexes) field.set(index)
    return field
  }

  /** False for an index outside of the field. */
  has(index: number): boolean {
    return index >= 0 && index < this.length && (this.bytes[index >> 3]! & (0x80 >> (index & 7))) !== 0
  }

  set(index: number): void {
    this.#check(index)
    this.bytes[index >> 3]! |= 0x80 >> (index & 7)
  }

  clear(index: number): void {
    this.#check(index)
    this.bytes[index >> 3]! &= ~(0x80 >> (index & 7))
  }

  /** How many are set. */
  count(): number {
    let count = 0
    for (const byte of this.bytes) count += bitsSet(byte)
    return count
  }

  isEmpty(): boolean {
    return this.bytes.every((byte) => byte === 0)
  }

  isFull(): boolean {
    return this.count() === this.length
  }

  /** Calls back with each index that is set, ascending. */
  forEach(callback: (index: number) => void): void {
    for (let at = 0; at < this.bytes.length; at++) {
      let byte = this.bytes[at]!
      while (byte !== 0) {
        // clz32 counts from bit 31: the highest set bit of a byte is at 24 to 31.
        const bit = Math.clz32(byte) - 24
        callback(at * 8 + bit)
        byte &= ~(0x80 >> bit)
      }
    }
  }

  indexes(): number[] {
    const indexes: number[] = []
    this.forEach((index) => {
      indexes.push(index)
    })
    return indexes
  }

  /** In this one and not in `other`. */
  andNot(other: Bitfield): Bitfield {
    return this.#combine(other, (own, others) => own & ~others)
  }

  and(other: Bitfield): Bitfield {
    return this.#combine(other, (own, others) => own & others)
  }

  or(other: Bitfield): Bitfield {
    return this.#combine(other, (own, others) => own | others)
  }

  /** A copy with bytes of its own. */
  clone(): Bitfield {
    // Not `slice`: that of a `Buffer` is a view.
    return new Bitfield(this.length, new Uint8Array(this.bytes))
  }

  #combine(other: Bitfield, combine: (own: number, others: number) => number): Bitfield {
    assert.equal(other.length, this.length, 'bitfields of one model have one length')
    const result = new Bitfield(this.length)
    for (let at = 0; at < result.bytes.length; at++) result.bytes[at] = combine(this.bytes[at]!, other.bytes[at]!)
    return result
  }

  #check(index: number): void {
    assert(Number.isInteger(index) && index >= 0 && index < this.length, `bit ${index} of ${this.length}`)
  }
}

export function bitfieldBytesOf(length: number): number {
  return Math.ceil(length / 8)
}

function checkBytes(bytes: Uint8Array, length: number): void {
  const expected = bitfieldBytesOf(length)
  if (bytes.length !== expected) {
    throw new HartonomousError('ERR_DECODE', {
      what: 'bitfield',
      field: 'bytes',
      offset: Math.min(bytes.length, expected),
      reason: `${bytes.length} bytes for ${length} bits, expected ${expected}`,
    })
  }
  const spareMask = length % 8 === 0 ? 0 : 0xff >> (length % 8)
  if (expected > 0 && (bytes[expected - 1]! & spareMask) !== 0) {
    throw new HartonomousError('ERR_DECODE', {
      what: 'bitfield',
      field: 'spare bits',
      offset: expected - 1,
      reason: `bits after the first ${length} must be zero`,
    })
  }
}

function bitsSet(byte: number): number {
  let bits = byte - ((byte >> 1) & 0x55)
  bits = (bits & 0x33) + ((bits >> 2) & 0x33)
  return (bits + (bits >> 4)) & 0x0f
}
