/** What a receipt for an answer names: hashes of the request and of its text, the same at both ends of a session. */
import { createHash } from 'node:crypto'
import { encodeCbor } from '../codec/cbor.ts'
import { parseShape } from '../codec/schema.ts'
import { inferFrameBytesMax } from '../limits.ts'
import { inferInputShape } from './codec.ts'
import type { InferInput } from './message.ts'

const inputDomain = 'hartonomous/infer-input/1'
const what = 'infer input'

/** SHA-256 over the domain and the canonical DAG-CBOR of exactly the three fields, 32 bytes. @throws {ERR_DECODE} {ERR_LIMIT} */
export function inferInputHash(input: InferInput): Uint8Array {
  const bytes = encodeCbor(parseShape(inferInputShape, input, what), { what, bytesMax: inferFrameBytesMax })
  return new Uint8Array(createHash('sha256').update(inputDomain).update(bytes).digest())
}

/** SHA-256 over the UTF-8 of all deltas joined, 32 bytes. */
export function textHash(text: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(text).digest())
}
