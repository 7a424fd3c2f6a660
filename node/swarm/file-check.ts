/** What happened to the files of a model while nobody watched: looked at before its chunks are served or shown as held. */
import { stat } from 'node:fs/promises'
import type { Bitfield } from '#protocol/codec/bitfield.ts'
import { isHartonomousError } from '#protocol/errors.ts'
import type { ModelId } from '#protocol/ids.ts'
import type { ChunkPlace, ModelContent } from '#protocol/model/content.ts'
import type { ModelFileRow } from '#sql/store/types.ts'
import { type DataPlane, type FileIdentity, identityDifference, identityFromStat } from '../chunks/index.ts'

const leafBytes = 32

export interface CheckedModel {
  modelId: ModelId
  content: ModelContent
  places: readonly ChunkPlace[]
  held: Bitfield
  files: readonly ModelFileRow[]
  /** What our own files looked like when this node last stopped in order, by path; none after a crash. */
  stamps: Readonly<Record<string, FileIdentity>>
}

export interface LostFile {
  path: string
  reason: string
  /** Chunks that were held in it and are not there any more. */
  chunkIndexes: number[]
}

/**
 * The files whose held chunks can no longer be vouched for. A user's file must be what was hashed. A file of our own must be
 * there in its size; where it was touched since our last orderly stop, what is held of it is hashed again.
 */
export async function findLostFiles(model: CheckedModel, dataPlane: DataPlane): Promise<LostFile[]> {
  const lost: LostFile[] = []
  for (const file of model.files) {
    const held = model.held.indexes().filter((index) => model.places[index]!.fileIndex === file.fileIndex)
    if (file.origin === 'own' && held.length === 0) continue
    const reason = await differenceOf(file, model.stamps[file.path])
    if (reason === undefined) continue
    const isTouched = file.origin === 'own' && reason === 'it was modified'
    const chunkIndexes = isTouched ? await findDamaged(model, file, held, dataPlane) : held
    if (chunkIndexes.length > 0 || file.origin === 'user') lost.push({ path: file.path, reason, chunkIndexes })
  }
  return lost
}

/** What files of our own look like now: those that are there. */
export async function stampFiles(files: readonly ModelFileRow[]): Promise<Record<string, FileIdentity>> {
  const stamps: Record<string, FileIdentity> = {}
  for (const { path, origin } of files) {
    if (origin !== 'own') continue
    const found = await stat(path, { bigint: true }).catch(() => undefined)
    if (found !== undefined) stamps[path] = identityFromStat(found)
  }
  return stamps
}

async function differenceOf(file: ModelFileRow, stamp: FileIdentity | undefined): Promise<string | undefined> {
  let actual: FileIdentity
  try {
    actual = identityFromStat(await stat(file.path, { bigint: true }))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return code === 'ENOENT' || code === 'ENOTDIR' ? 'it was deleted' : `it cannot be read: ${message}`
  }
  if (file.origin === 'user') {
    return file.identity === undefined
      ? undefined
      : identityDifference(JSON.parse(file.identity) as FileIdentity, actual)
  }
  if (actual.sizeBytes !== file.sizeBytes) {
    return `its size changed from ${file.sizeBytes} to ${actual.sizeBytes} bytes`
  }
  // Copied to another disk it is as good as before, if its bytes are: they are looked at.
  return stamp === undefined || identityDifference(stamp, actual) === undefined ? undefined : 'it was modified'
}

async function findDamaged(
  { modelId, content, places }: CheckedModel,
  file: ModelFileRow,
  held: readonly number[],
  dataPlane: DataPlane,
): Promise<number[]> {
  const { extents } = content.files[file.fileIndex]!
  try {
    const jobId = `check ${modelId} ${file.fileIndex}`
    const { leaves } = await dataPlane.hashFile({ jobId, path: file.path, extents })
    const first = places.findIndex((place) => place.fileIndex === file.fileIndex)
    return held.filter((index) => {
      const actual = leaves.subarray((index - first) * leafBytes, (index - first + 1) * leafBytes)
      return Buffer.compare(actual, content.leaves.subarray(index * leafBytes, (index + 1) * leafBytes)) !== 0
    })
  } catch (error) {
    if (!isHartonomousError(error)) throw error
    return [...held]
  }
}

export interface UnchangedFile {
  identity: FileIdentity
  chunkIndexes: number[]
}

/** Reads a file again and compares each chunk, up to the first that differs; `undefined` where the bytes are others. */
export async function findUnchanged(
  model: { modelId: ModelId; content: ModelContent; places: readonly ChunkPlace[] },
  file: ModelFileRow,
  dataPlane: DataPlane,
): Promise<UnchangedFile | undefined> {
  const { modelId, content, places } = model
  const { extents } = content.files[file.fileIndex]!
  const chunkIndexes = places.flatMap((place, index) => (place.fileIndex === file.fileIndex ? [index] : []))
  const startBytes = (chunkIndexes[0] ?? 0) * leafBytes
  const expected = content.leaves.subarray(startBytes, startBytes + chunkIndexes.length * leafBytes)
  const differs = new AbortController()
  let at = 0
  const onLeaves = (leaves: Uint8Array) => {
    if (Buffer.compare(leaves, expected.subarray(at, at + leaves.length)) !== 0) differs.abort(new Error('it differs'))
    at += leaves.length
  }
  try {
    const job = { jobId: `rehash ${modelId} ${file.fileIndex}`, path: file.path, extents }
    const { leaves, identity } = await dataPlane.hashFile(job, { signal: differs.signal, onLeaves })
    return Buffer.compare(leaves, expected) === 0 ? { identity, chunkIndexes } : undefined
  } catch (error) {
    if (differs.signal.aborted || isHartonomousError(error)) return undefined
    throw error
  }
}
