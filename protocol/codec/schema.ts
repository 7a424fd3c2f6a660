/** Shapes that several messages share, and the bridge from zod's findings to `ERR_DECODE`. */
import { z } from 'zod'
import type { HartonomousError } from '../errors.ts'
import { type ExtentRoot, extentRootFromBytes, type ModelId, type PeerId, tryParseModelId } from '../ids.ts'
import { decodeError } from './cbor.ts'
import { peerIdPublicKey } from './signature.ts'

/** @throws {ERR_DECODE} naming the first field that does not fit. */
export function parseShape<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw shapeError(result.error, what)
}

/** The wire form of a value whose schema has codecs. @throws {ERR_DECODE} naming the first field that does not fit. */
export function encodeShape<T>(schema: z.ZodType<T, unknown>, value: T, what: string): unknown {
  const result = z.safeEncode(schema, value)
  if (result.success) return result.data
  throw shapeError(result.error, what)
}

function shapeError(error: z.ZodError, what: string): HartonomousError {
  const issue = error.issues[0]
  const field = issue === undefined || issue.path.length === 0 ? 'message' : issue.path.map(String).join('.')
  return decodeError(what, field.slice(0, 200), 0, (issue?.message ?? 'does not fit').slice(0, 200))
}

export const uint = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER)

/** Milliseconds since 1970; the upper end is what `Date` can hold. */
export const timeMs = uint.max(8.64e15)

export function bytesOf(length: number) {
  return z.instanceof(Uint8Array).refine((bytes) => bytes.length === length, `expected ${length} bytes`)
}

export function bytesUpTo(max: number) {
  return z.instanceof(Uint8Array).refine((bytes) => bytes.length <= max, `expected at most ${max} bytes`)
}

/** Text bounded by its UTF-8 size, without lone surrogates (they have no UTF-8 form and would not survive the wire). */
export function textUpTo(bytesMax: number) {
  return z
    .string()
    .max(bytesMax)
    .refine(isWellFormed, 'lone surrogate')
    .refine((text) => Buffer.byteLength(text) <= bytesMax, `expected at most ${bytesMax} bytes of UTF-8`)
}

/** Text that may be printed on a terminal or a page as it is: no control, direction or invisible characters. */
export function lineUpTo(bytesMax: number) {
  return textUpTo(bytesMax).refine((text) => !unprintable.test(text), 'control or invisible character')
}

/** Cc: control; Cf: format, among them the direction marks that reorder a line; Zl, Zp: line and paragraph separators. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u

function isWellFormed(text: string): boolean {
  return text.isWellFormed()
}

export const modelId = z.custom<ModelId>(
  (value) => typeof value === 'string' && tryParseModelId(value) !== undefined,
  'not a model id',
)

/** Only ids that carry their key, so that signatures can be checked. */
export const peerId = z.custom<PeerId>(
  (value) => typeof value === 'string' && hasPublicKey(value),
  'not an Ed25519 peer id',
)

function hasPublicKey(text: string): boolean {
  try {
    return peerIdPublicKey(text).length > 0
  } catch {
    return false
  }
}

/** 32 bytes on the wire, hexadecimal text in memory. */
export const extentRootBytes = bytesOf(32).transform((bytes): ExtentRoot => extentRootFromBytes(bytes))
