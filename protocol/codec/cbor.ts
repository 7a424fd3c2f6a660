/**
 * DAG-CBOR for everything that is signed, published or sent as a control frame.
 *
 * One value has one encoding: whatever is not exactly what we would have written is refused, so that a hash or a
 * signature names one value. Whole numbers are always integers, also where the field may hold a fraction.
 */
import * as dagCbor from '@ipld/dag-cbor'
import { HartonomousError, isHartonomousError } from '../errors.ts'
import { cborDepthMax } from '../limits.ts'

export interface CborOptions {
  /** For messages: `release`, `have frame`. */
  what: string
  bytesMax: number
}

/** @throws {ERR_LIMIT} when the encoding is larger than `bytesMax`. */
export function encodeCbor(value: unknown, { what, bytesMax }: CborOptions): Uint8Array {
  const bytes = plainBytes(dagCbor.encode(value))
  if (bytes.length > bytesMax) throw new HartonomousError('ERR_LIMIT', { what, limit: bytesMax, actual: bytes.length })
  return bytes
}

/** @throws {ERR_DECODE} @throws {ERR_LIMIT} */
export function decodeCbor(bytes: Uint8Array, { what, bytesMax }: CborOptions): unknown {
  if (bytes.length > bytesMax) throw new HartonomousError('ERR_LIMIT', { what, limit: bytesMax, actual: bytes.length })
  const input = plainBytes(bytes)
  scanStructure(input, what)
  try {
    const value: unknown = dagCbor.decode(input)
    const again = dagCbor.encode(value)
    const difference = firstDifference(input, again)
    if (difference !== undefined) throw decodeError(what, 'encoding', difference, 'not canonical DAG-CBOR')
    return value
  } catch (error) {
    if (isHartonomousError(error)) throw error
    const reason = error instanceof Error ? error.message : String(error)
    throw decodeError(what, 'cbor', 0, reason.slice(0, 200), error)
  }
}

export function decodeError(what: string, field: string, offset: number, reason: string, cause?: unknown) {
  return new HartonomousError(
    'ERR_DECODE',
    { what, field, offset, reason },
    cause === undefined ? undefined : { cause },
  )
}

const majorType = { uint: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, tag: 6, simple: 7 } as const

/**
 * Walks the heads of all items without building anything, so that the recursive decoder only sees what is bounded:
 * nesting, lengths within the input, definite lengths, the one allowed tag.
 */
function scanStructure(bytes: Uint8Array, what: string): void {
  /** Items still to come in each open array, map or tag. */
  const open: number[] = [1]
  let offset = 0
  while (open.length > 0) {
    if (open[open.length - 1] === 0) {
      open.pop()
      continue
    }
    open[open.length - 1]!--
    const head = readHead(bytes, offset, what)
    offset = head.nextOffset
    const remaining = bytes.length - offset
    if (head.major === majorType.bytes || head.major === majorType.text) {
      if (head.argument > remaining) throw decodeError(what, 'length', offset, 'past the end of the input')
      offset += head.argument
    } else if (head.major === majorType.array || head.major === majorType.map || head.major === majorType.tag) {
      const children = head.major === majorType.tag ? 1 : head.argument * (head.major === majorType.map ? 2 : 1)
      if (head.major === majorType.tag && head.argument !== 42)
        throw decodeError(what, 'tag', offset, `tag ${head.argument}; links (42) only`)
      if (children > remaining) throw decodeError(what, 'length', offset, 'more items than bytes')
      if (open.length > cborDepthMax) throw decodeError(what, 'nesting', offset, `deeper than ${cborDepthMax}`)
      open.push(children)
    }
  }
  if (offset !== bytes.length) throw decodeError(what, 'end', offset, `${bytes.length - offset} bytes too many`)
}

function readHead(bytes: Uint8Array, offset: number, what: string) {
  const first = bytes[offset]
  if (first === undefined) throw decodeError(what, 'item', offset, 'the input ends here')
  const major = first >> 5
  const info = first & 0x1f
  if (info > 27) throw decodeError(what, 'item', offset, 'indefinite or reserved length')
  const extraBytes = info < 24 ? 0 : 1 << (info - 24)
  if (offset + 1 + extraBytes > bytes.length) throw decodeError(what, 'item', offset, 'the input ends here')
  let argument = info < 24 ? info : 0
  for (let at = 1; at <= extraBytes; at++) argument = argument * 256 + bytes[offset + at]!
  return { major, argument, nextOffset: offset + 1 + extraBytes }
}

function firstDifference(a: Uint8Array, b: Uint8Array): number | undefined {
  if (Buffer.compare(a, b) === 0) return undefined
  const shorter = Math.min(a.length, b.length)
  for (let at = 0; at < shorter; at++) if (a[at] !== b[at]) return at
  return shorter
}

/** A plain view: from a `Buffer` the decoder would cut `Buffer`s, which compare and print differently. */
function plainBytes(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
