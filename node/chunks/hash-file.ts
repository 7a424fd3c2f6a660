/** One hashing pass over a model file, in place: large sequential reads into two buffers that take turns. */
import { type FileHandle, open } from 'node:fs/promises'
import { blake3 } from '#protocol/codec/blake3.ts'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import { chunkBytes } from '#protocol/limits.ts'
import { MiB } from '#protocol/units.ts'
import { identityChange, identityDifference, identityOfHandle, ioError } from './file-identity.ts'
import type { FileIdentity } from './types.ts'

/** 4 MiB per read: beyond that neither a page-cached file nor a disk gets faster, and two of them are all we hold. */
const windowBytes = 4 * MiB
/** Leaves are handed out after each so many hashed bytes, so that a killed ingest repeats at most that. */
const leavesEveryBytes = 64 * MiB

export interface HashRange {
  offsetBytes: number
  sizeBytes: number
}

export interface HashFileOptions {
  /** Chunks at the front that are taken as done. */
  skipChunks?: number
  /** The identity under which the skipped chunks were hashed: if the file is another one now, ERR_WITHDRAWN. */
  identity?: FileIdentity
  /** The leaves of each finished run of chunks, in order and without overlap. */
  onLeaves?: (leaves: Uint8Array) => void
  onProgress?: (doneBytes: number, totalBytes: number) => void
  signal?: AbortSignal
}

interface Piece {
  offsetBytes: number
  sizeBytes: number
}

/** Neighbouring chunks that are read at once. */
interface Window {
  offsetBytes: number
  sizeBytes: number
  chunkSizes: number[]
}

/**
 * Hashes the chunks of `extents`, which stand in chunk-index order. Returns the leaves of all chunks but the skipped ones,
 * and the identity under which they hold.
 * @throws {ERR_WITHDRAWN} when the file changes meanwhile. @throws {ERR_IO}
 */
export async function hashFileExtents(
  path: string,
  extents: readonly HashRange[],
  options: HashFileOptions = {},
): Promise<{ leaves: Uint8Array; identity: FileIdentity }> {
  options.signal?.throwIfAborted()
  let handle: FileHandle
  try {
    handle = await open(path, 'r')
  } catch (error) {
    throw ioError(path, error)
  }
  try {
    const identity = await identityOfHandle(handle)
    const before = options.identity && identityDifference(options.identity, identity)
    if (before !== undefined) throw new HartonomousError('ERR_WITHDRAWN', { file: path, reason: before })
    const leaves = await hashWindows(path, handle, extents, options)
    const after = await identityChange(path, handle, identity)
    if (after !== undefined) throw new HartonomousError('ERR_WITHDRAWN', { file: path, reason: after })
    return { leaves, identity }
  } catch (error) {
    if (isHartonomousError(error) || options.signal?.aborted) throw error
    throw ioError(path, error)
  } finally {
    await handle.close()
  }
}

async function hashWindows(
  path: string,
  handle: FileHandle,
  extents: readonly HashRange[],
  options: HashFileOptions,
): Promise<Uint8Array> {
  const skipChunks = options.skipChunks ?? 0
  const totalBytes = extents.reduce((sum, extent) => sum + extent.sizeBytes, 0)
  const chunks = extents.reduce((sum, extent) => sum + Math.ceil(extent.sizeBytes / chunkBytes), 0)
  const leaves = new Uint8Array(Math.max(0, chunks - skipChunks) * 32)
  const buffers = [Buffer.allocUnsafeSlow(windowBytes), Buffer.allocUnsafeSlow(windowBytes)] as const
  let filled = 0
  let handedOut = 0
  let bytesSinceLeaves = 0
  let doneBytes = 0
  const handOut = () => {
    if (filled > handedOut) options.onLeaves?.(leaves.slice(handedOut, filled))
    handedOut = filled
    bytesSinceLeaves = 0
  }
  const skipped = { bytes: 0 }
  const windows = readWindows(extents, skipChunks, skipped)
  let turn = 0
  const startRead = () => {
    const next = windows.next()
    if (next.done) return undefined
    const buffer = buffers[turn++ % 2]!
    const read = readFully(path, handle, buffer, next.value)
    // A failure is noticed when its turn comes; until then it must not count as unhandled.
    read.catch(() => {})
    return { window: next.value, buffer, read }
  }
  let current = startRead()
  doneBytes += skipped.bytes
  while (current !== undefined) {
    await current.read
    const following = startRead()
    let offset = 0
    for (const size of current.window.chunkSizes) {
      leaves.set(blake3(current.buffer.subarray(offset, offset + size)), filled)
      filled += 32
      offset += size
    }
    doneBytes += offset
    bytesSinceLeaves += offset
    options.onProgress?.(doneBytes, totalBytes)
    if (bytesSinceLeaves >= leavesEveryBytes) handOut()
    if (options.signal?.aborted) {
      await following?.read.catch(() => {})
      handOut()
      options.signal.throwIfAborted()
    }
    current = following
  }
  handOut()
  return leaves
}

function* chunkPieces(extents: readonly HashRange[]): Generator<Piece> {
  for (const extent of extents) {
    for (let offset = 0; offset < extent.sizeBytes; offset += chunkBytes) {
      yield { offsetBytes: extent.offsetBytes + offset, sizeBytes: Math.min(chunkBytes, extent.sizeBytes - offset) }
    }
  }
}

/** Joins neighbouring chunks up to a window: thousands of tiny extents cost a few reads. */
function* readWindows(
  extents: readonly HashRange[],
  skipChunks: number,
  skipped: { bytes: number },
): Generator<Window, undefined> {
  let window: Window | undefined
  let index = 0
  for (const piece of chunkPieces(extents)) {
    if (index++ < skipChunks) {
      skipped.bytes += piece.sizeBytes
      continue
    }
    const isNext = window !== undefined && window.offsetBytes + window.sizeBytes === piece.offsetBytes
    if (window !== undefined && isNext && window.sizeBytes + piece.sizeBytes <= windowBytes) {
      window.sizeBytes += piece.sizeBytes
      window.chunkSizes.push(piece.sizeBytes)
      continue
    }
    if (window !== undefined) yield window
    window = { ...piece, chunkSizes: [piece.sizeBytes] }
  }
  if (window !== undefined) yield window
  return undefined
}

async function readFully(path: string, handle: FileHandle, buffer: Buffer, window: Window): Promise<void> {
  let done = 0
  while (done < window.sizeBytes) {
    const { bytesRead } = await handle.read(buffer, done, window.sizeBytes - done, window.offsetBytes + done)
    if (bytesRead === 0) {
      throw new HartonomousError('ERR_WITHDRAWN', { file: path, reason: 'it ends before its last tensor' })
    }
    done += bytesRead
  }
}
