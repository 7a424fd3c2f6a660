/** What is derived from a model's bytes and names: extent roots and the keys under which a node announces itself on the DHT. */
import assert from 'node:assert/strict'
import { blake3 } from '../codec/blake3.ts'
import { encodeCbor } from '../codec/cbor.ts'
import { cidOf, rawCidOf } from '../codec/cid.ts'
import { type ExtentRoot, extentRootFromBytes, type ModelId } from '../ids.ts'
import { chunkCountOf } from './content.ts'

export const leafBytes = 32
const extentDomain = new TextEncoder().encode('hartonomous/extent/1')

/**
 * BLAKE3(`hartonomous/extent/1` ‖ sizeBytes u64le ‖ leaves). The size is part of it, so that a short last chunk cannot be
 * taken for a longer one. `leaves` are the digests of all chunks of the extent, 32 bytes each.
 */
export function extentRoot(sizeBytes: number, leaves: Uint8Array): ExtentRoot {
  assert.equal(leaves.length, chunkCountOf({ sizeBytes }) * leafBytes, 'one leaf per chunk')
  // One buffer and one call: a hasher costs more than the hashing of the one to forty leaves that most extents have.
  const input = new Uint8Array(extentDomain.length + 8 + leaves.length)
  input.set(extentDomain)
  new DataView(input.buffer).setBigUint64(extentDomain.length, BigInt(sizeBytes), true)
  input.set(leaves, extentDomain.length + 8)
  return extentRootFromBytes(blake3(input))
}

/** Every holder of anything provides this key: the entry to a network whose keys cannot be listed. */
export function catalogueKey(): string {
  return rawCidOf(new TextEncoder().encode('hartonomous/catalogue/1'))
}

export interface ComponentKeyInput {
  /** Version of the rules by which tensors are grouped into components. */
  indexVersion: number
  modelId: ModelId
  /** `attention`, `ffn`, `expert`, ... */
  kind: string
  /** Absent for embedding, head and the like. */
  layer?: number
}

/** Provided by a node that holds this part of a model without holding all of it. */
export function componentKey({ indexVersion, modelId, kind, layer }: ComponentKeyInput): string {
  return cidOf(
    encodeCbor({ indexVersion, modelId, kind, layer: layer ?? null }, { what: 'component key', bytesMax: 512 }),
  )
}
