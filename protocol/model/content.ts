/**
 * What a model consists of, byte for byte: files cut into extents, extents cut into chunks.
 *
 * Every byte of every file belongs to exactly one extent (the header, one tensor, or a gap), in file order. An extent is
 * cut into chunks of 1 MiB, the last one shorter. The **chunk index** counts chunks through all extents of all files in
 * order; it is how bitfields, leaf lists and progress address a chunk.
 */
import type { ExtentRoot, ModelId } from '../ids.ts'
import { chunkBytes } from '../limits.ts'

export type ExtentKind = 'header' | 'tensor' | 'gap'

/** A run of a model file's bytes before it has been hashed. */
export interface ExtentLayout {
  kind: ExtentKind
  /** Tensors only. */
  name?: string
  /** Tensors only: `F32`, `Q4_K`, ... as the format names it. */
  dtype?: string
  /** Tensors only: row-major, slowest dimension first (the reverse of GGUF's order). */
  shape?: number[]
  offsetBytes: number
  sizeBytes: number
}

export interface Extent extends ExtentLayout {
  root: ExtentRoot
}

export interface ContentFile {
  sizeBytes: number
  extents: Extent[]
}

export interface ModelContent {
  files: ContentFile[]
  /** BLAKE3 of every chunk in chunk-index order, 32 bytes each. */
  leaves: Uint8Array
}

/** A published block: DAG-CBOR bytes under their sha2-256 CIDv1. */
export interface Block {
  cid: string
  bytes: Uint8Array
}

/** `ModelContent` with its identity and the blocks that publish it; `blocks[0]` is the root, whose CID is the model id. */
export interface PublishedContent {
  modelId: ModelId
  blocks: Block[]
}

export interface ChunkPlace {
  chunkIndex: number
  fileIndex: number
  /** Index in `files[fileIndex].extents`. */
  extentIndex: number
  root: ExtentRoot
  /** Of the chunk within its extent. */
  offsetInExtentBytes: number
  offsetInFileBytes: number
  sizeBytes: number
}

export function chunkCountOf(extent: { sizeBytes: number }): number {
  return Math.ceil(extent.sizeBytes / chunkBytes)
}

export function contentSizeBytes(content: { files: readonly { sizeBytes: number }[] }): number {
  return content.files.reduce((sum, file) => sum + file.sizeBytes, 0)
}

/** The place of every chunk, in chunk-index order. */
export function chunkPlaces(content: {
  files: readonly { extents: readonly Pick<Extent, 'root' | 'offsetBytes' | 'sizeBytes'>[] }[]
}): ChunkPlace[] {
  const places: ChunkPlace[] = []
  content.files.forEach((file, fileIndex) => {
    file.extents.forEach((extent, extentIndex) => {
      for (let offset = 0; offset < extent.sizeBytes; offset += chunkBytes) {
        places.push({
          chunkIndex: places.length,
          fileIndex,
          extentIndex,
          root: extent.root,
          offsetInExtentBytes: offset,
          offsetInFileBytes: extent.offsetBytes + offset,
          sizeBytes: Math.min(chunkBytes, extent.sizeBytes - offset),
        })
      }
    })
  })
  return places
}
