/** A control message as DAG-CBOR with a checked shape, the same both ways: we never send what we would refuse. */
import type { z } from 'zod'
import { type CborOptions, decodeCbor, encodeCbor } from './cbor.ts'
import { parseShape } from './schema.ts'

export interface MessageCodec<T> {
  /** @throws {ERR_DECODE} for a field that is not allowed @throws {ERR_LIMIT} */
  encode(message: T): Uint8Array
  /** Fields that are not known are left out. @throws {ERR_DECODE} @throws {ERR_LIMIT} */
  decode(bytes: Uint8Array): T
}

export function messageCodec<T>(shape: z.ZodType<T>, options: CborOptions): MessageCodec<T> {
  return {
    encode: (message) => encodeCbor(parseShape(shape, message, options.what), options),
    decode: (bytes) => parseShape(shape, decodeCbor(bytes, options), options.what),
  }
}
