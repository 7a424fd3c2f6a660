/**
 * Fetches a whole file from an HTTP origin: a few ranges in flight, written in place, resumable after a kill as long as
 * the server still has the same version.
 */
import { type FileHandle, open, readFile, rename, rm, stat, statfs, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import { MiB } from '#protocol/units.ts'
import type { HttpSource } from './http-source.ts'

/** Four of 8 MiB: enough to hide a round trip of 100 ms at 1 Gbit/s, and all that is held in memory. */
const rangeBytes = 8 * MiB
const rangesInFlight = 4
/** After a kill at most this much, and what was in flight, is fetched again. */
const recordEveryBytes = 64 * MiB

export interface DownloadOptions {
  signal?: AbortSignal
  onProgress?: (doneBytes: number, totalBytes: number) => void
}

/** How much of which version is here: in `path.part`, or in `path` once all is. */
interface OriginRecord {
  url: string
  version: string
  sizeBytes: number
  doneBytes: number
}

/**
 * Until it is whole the file is `path.part`; `path.origin.json` says what is in it, and stays. A whole file of the same
 * version is not fetched again.
 * @throws {ERR_IO} {ERR_DISK_FULL} {ERR_WITHDRAWN} when the file changes on the server
 */
export async function downloadFile(source: HttpSource, path: string, options: DownloadOptions = {}): Promise<void> {
  const partPath = `${path}.part`
  const recordPath = `${path}.origin.json`
  const recordedBytes = await readRecord(source, recordPath)
  if (recordedBytes === source.sizeBytes && (await sizeOf(path)) === source.sizeBytes) return
  const fromBytes = recordedBytes <= (await sizeOf(partPath)) ? recordedBytes : 0
  await checkRoom(path, source.sizeBytes - fromBytes)
  let handle: FileHandle | undefined
  try {
    handle = await open(partPath, fromBytes > 0 ? 'r+' : 'w')
    await fetchRanges(source, handle, recordPath, fromBytes, options)
    await record(source, handle, recordPath, source.sizeBytes)
    await handle.sync()
    await handle.close()
    handle = undefined
    await rename(partPath, path)
  } catch (error) {
    if (isHartonomousError(error, 'ERR_WITHDRAWN')) await rm(recordPath, { force: true })
    throw asOurs(path, source.sizeBytes, error)
  } finally {
    await handle?.close()
  }
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0
}

/** How many bytes of this very version are recorded. */
async function readRecord(source: HttpSource, recordPath: string): Promise<number> {
  try {
    const record = JSON.parse(await readFile(recordPath, 'utf8')) as Partial<OriginRecord>
    const isSame =
      source.version !== undefined &&
      record.url === source.name &&
      record.version === source.version &&
      record.sizeBytes === source.sizeBytes
    const doneBytes = record.doneBytes ?? 0
    return isSame && Number.isSafeInteger(doneBytes) && doneBytes >= 0 && doneBytes <= source.sizeBytes ? doneBytes : 0
  } catch {
    return 0
  }
}

async function checkRoom(path: string, neededBytes: number): Promise<void> {
  const room = await statfs(dirname(path)).catch(() => undefined)
  if (room !== undefined && room.bavail * room.bsize < neededBytes) {
    throw new HartonomousError('ERR_DISK_FULL', { path, neededBytes })
  }
}

async function fetchRanges(
  source: HttpSource,
  handle: FileHandle,
  recordPath: string,
  fromBytes: number,
  { signal, onProgress }: DownloadOptions,
): Promise<void> {
  const totalBytes = source.sizeBytes
  const inFlight: { offset: number; endBytes: number; written: Promise<void> }[] = []
  let nextBytes = fromBytes
  let recordedBytes = fromBytes
  const start = () => {
    const offset = nextBytes
    const length = Math.min(rangeBytes, totalBytes - offset)
    nextBytes += length
    const written = source.read(offset, length).then((bytes) => writeFully(handle, bytes, offset))
    // A failure is noticed when its turn comes; until then it must not count as unhandled.
    written.catch(() => {})
    inFlight.push({ offset, endBytes: nextBytes, written })
  }
  try {
    onProgress?.(fromBytes, totalBytes)
    while (nextBytes < totalBytes || inFlight.length > 0) {
      signal?.throwIfAborted()
      while (nextBytes < totalBytes && inFlight.length < rangesInFlight) start()
      const oldest = inFlight[0]!
      await oldest.written
      inFlight.shift()
      onProgress?.(oldest.endBytes, totalBytes)
      if (oldest.endBytes - recordedBytes >= recordEveryBytes) {
        recordedBytes = oldest.endBytes
        await record(source, handle, recordPath, recordedBytes)
      }
    }
  } catch (error) {
    await Promise.allSettled(inFlight.map(({ written }) => written))
    await record(source, handle, recordPath, inFlight[0]?.offset ?? nextBytes).catch(() => {})
    throw error
  }
}

/** The data first: the record must never promise what a power cut could take. */
async function record(source: HttpSource, handle: FileHandle, recordPath: string, doneBytes: number): Promise<void> {
  if (source.version === undefined) return
  await handle.datasync()
  const value: OriginRecord = { url: source.name, version: source.version, sizeBytes: source.sizeBytes, doneBytes }
  await writeFile(`${recordPath}.new`, JSON.stringify(value))
  await rename(`${recordPath}.new`, recordPath)
}

async function writeFully(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0
  while (done < bytes.length) {
    done += (await handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten
  }
}

function asOurs(path: string, neededBytes: number, error: unknown): unknown {
  const { code, syscall, message } = error as { code?: unknown; syscall?: unknown; message?: string }
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new HartonomousError('ERR_DISK_FULL', { path, neededBytes }, { cause: error })
  if (syscall === undefined) return error
  return new HartonomousError('ERR_IO', { path, reason: message ?? String(code) }, { cause: error })
}
