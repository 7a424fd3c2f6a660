/** Made-up models and releases, the same for the same seed. Their hashes are of no bytes: the store does not look at bytes. */
import { createHash } from 'node:crypto'
import { Bitfield } from '#protocol/codec/bitfield.ts'
import { cidOf } from '#protocol/codec/cid.ts'
import { extentRootFromBytes, type ModelId, type PeerId, parseModelId, parsePeerId } from '#protocol/ids.ts'
import { chunkCountOf, type Extent, type ModelContent } from '#protocol/model/content.ts'
import type { SignedRelease } from '#protocol/model/release.ts'
import { MiB } from '#protocol/units.ts'
import type { ComponentRow, EdgeRow, PutModel } from '../types.ts'

export function bytesOf(seed: string, sizeBytes: number): Uint8Array {
  return new Uint8Array(createHash('shake256', { outputLength: sizeBytes }).update(seed).digest())
}

export function modelIdOf(seed: string): ModelId {
  return parseModelId(cidOf(Buffer.from(seed)))
}

/** Base58 digits, as a peer id has them. */
export function peerIdOf(seed: string): PeerId {
  const digits = createHash('sha256').update(seed).digest('hex').replaceAll('0', 'z').slice(0, 44)
  return parsePeerId(`12D3KooW${digits}`)
}

export interface SampleShape {
  /** Per file, the sizes of its extents. The first is the header. */
  fileExtentBytes?: number[][]
  held?: 'all' | 'none' | number[]
  path?: string
  /** Tensors with equal seeds have equal roots. */
  rootSeed?: string
}

/** Two files: 6 and 2 extents, with a gap, an empty extent, a chunk-aligned one and last chunks of one byte. */
const defaultExtentBytes = [
  [4096, 3 * MiB + 1, 0, 2 * MiB, 17, MiB - 1],
  [512, 5 * MiB],
]

export function sampleContent(seed: string, fileExtentBytes = defaultExtentBytes, rootSeed = seed): ModelContent {
  let chunkCount = 0
  const files = fileExtentBytes.map((sizes, fileIndex) => {
    let offsetBytes = 0
    const extents = sizes.map((sizeBytes, extentIndex): Extent => {
      const root = extentRootFromBytes(bytesOf(`${rootSeed}/${fileIndex}/${extentIndex}`, 32))
      const place = { offsetBytes, sizeBytes, root }
      offsetBytes += sizeBytes
      chunkCount += chunkCountOf(place)
      if (extentIndex === 0) return { kind: 'header', ...place }
      if (sizeBytes === 17) return { kind: 'gap', ...place }
      const name = `blk.${extentIndex}.übergröße_😀.weight`
      return { kind: 'tensor', name, dtype: 'Q4_K', shape: [sizeBytes, 1, extentIndex], ...place }
    })
    return { sizeBytes: offsetBytes, extents }
  })
  return { files, leaves: bytesOf(`${seed}/leaves`, chunkCount * 32) }
}

export function chunkCountOfContent(content: ModelContent): number {
  return content.leaves.length / 32
}

export function sampleModel(seed: string, shape: SampleShape = {}): PutModel {
  const content = sampleContent(seed, shape.fileExtentBytes, shape.rootSeed)
  const chunkCount = chunkCountOfContent(content)
  const held = shape.held ?? 'all'
  const components: ComponentRow[] = content.files.flatMap((file, fileIndex) =>
    file.extents.slice(1).map(
      (extent, index): ComponentRow => ({
        key: `file.${fileIndex}.blk.${index}`,
        kind: index === 0 ? 'embedding' : 'ffn',
        ...(index === 0 ? {} : { layer: index }),
        extents: [[fileIndex, index + 1]],
        sizeBytes: extent.sizeBytes,
        parameterCount: extent.sizeBytes,
        meta: { note: `“${index}” 😀`, 'with.dot': null },
      }),
    ),
  )
  const edges: EdgeRow[] = components
    .slice(1)
    .map(({ key }, index) => ({ from: components[index]!.key, to: key, kind: 'next' }))
  return {
    modelId: modelIdOf(seed),
    content,
    architecture: 'llama',
    format: 'gguf',
    parameterCount: 134_000_000,
    meta: { 'general.name': `Größe ${seed} 🦙`, 'llama.block_count': 4, nested: { list: [1, 'two', [true]] } },
    components,
    edges,
    files: content.files.map(({ sizeBytes }, fileIndex) => ({
      fileIndex,
      path: shape.path ?? `/models/${seed} 😀/${fileIndex}.gguf`,
      sizeBytes,
      origin: 'user',
      identity: `{"inode":"${fileIndex}"}`,
    })),
    held: held === 'all' ? Bitfield.full(chunkCount).bytes : Bitfield.of(chunkCount, held === 'none' ? [] : held).bytes,
    origin: 'ingest',
  }
}

export function sampleRelease(
  seed: string,
  {
    modelId = modelIdOf(seed),
    name = `model-${seed}`,
    publisher = peerIdOf(seed),
    createdAtMs = 1000,
    licence = 'MIT',
  } = {},
): SignedRelease {
  return {
    release: {
      modelId,
      publisher,
      name,
      licence,
      format: 'gguf',
      architecture: 'llama',
      sizeBytes: 1234,
      parameterCount: 99,
      tokenizer: 'gpt2 “😀”',
      createdAtMs,
    },
    bytes: bytesOf(`${seed}/${createdAtMs}/${licence}`, 200),
    signature: bytesOf(`${seed}/signature`, 64),
  }
}
