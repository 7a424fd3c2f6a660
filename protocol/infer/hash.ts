/** What a receipt for an answer names: hashes of the request and of what came of it, the same at both ends of a session. */
import { createHash } from 'node:crypto'
import { encodeCbor } from '../codec/cbor.ts'
import { parseShape } from '../codec/schema.ts'
import { inferFrameBytesMax } from '../limits.ts'
import { embedInputShape, inferInputShape } from './codec.ts'
import type { EmbedInput, InferInput } from './message.ts'

const inferDomain = 'hartonomous/infer-input/1'
const embedDomain = 'hartonomous/embed-input/1'
const vectorsDomain = 'hartonomous/embed-vectors/1'

/** SHA-256 over the domain and the canonical DAG-CBOR of exactly the fields of the input, 32 bytes. @throws {ERR_DECODE} {ERR_LIMIT} */
export function inputHash(input: InferInput | EmbedInput): Uint8Array {
  const isEmbed = 'inputs' in input
  const what = isEmbed ? 'embed input' : 'infer input'
  const fields = isEmbed ? parseShape(embedInputShape, input, what) : parseShape(inferInputShape, input, what)
  const bytes = encodeCbor(fields, { what, bytesMax: inferFrameBytesMax })
  const hash = createHash('sha256').update(isEmbed ? embedDomain : inferDomain)
  return new Uint8Array(hash.update(bytes).digest())
}

/** Of an answer as it goes by, so that nobody has to keep all of it. */
export interface OutputHash {
  add(frame: { type: 'delta'; text: string } | { type: 'embedding'; vector: Uint8Array }): void
  /** SHA-256, 32 bytes. Once. */
  digest(): Uint8Array
}

/** Text: over the UTF-8 of all deltas joined. Vectors: over the domain and the bytes of all, in the order of the inputs. */
export function outputHash(input: InferInput | EmbedInput): OutputHash {
  const hash = createHash('sha256')
  if ('inputs' in input) hash.update(vectorsDomain)
  return {
    add: (frame) => void hash.update(frame.type === 'delta' ? frame.text : frame.vector),
    digest: () => new Uint8Array(hash.digest()),
  }
}
