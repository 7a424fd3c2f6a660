/**
 * A model from an HTTP origin: its header is read and judged first, then the bytes come by ranges into a file of our own,
 * which is ingested in place. A download that was cut goes on where it ended, if the origin still has the same file.
 */
import { createHash } from 'node:crypto'
import { type FileHandle, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { HartonomousError } from '#protocol/errors.ts'
import { MiB } from '#protocol/units.ts'
import {
  type HttpSource,
  huggingFaceUrl,
  type IngestProgress,
  isHuggingFaceReference,
  openHttpSource,
  ProgressMeter,
  partNames,
  readModelHeader,
} from '../ingest/index.ts'

const pieceBytes = 4 * MiB
/** Ranges asked for ahead of the one being written: hides the round trip, and holds 4 x 4 MiB in memory. */
const piecesAhead = 4

export interface DownloadOptions {
  /** Folder for downloads. */
  folder: string
  /** `https://huggingface.co`, or a mirror. */
  huggingFaceOrigin: string
  /** Given by the owner, where the file itself names none. */
  licence?: string
  onProgress: (progress: IngestProgress) => void
  signal: AbortSignal
}

export function isUrlReference(reference: string): boolean {
  return isHuggingFaceReference(reference) || /^https?:\/\//.test(reference)
}

/** The path of the first file. @throws {ERR_USAGE} {ERR_MODEL_FILE} {ERR_LICENCE_REQUIRED} {ERR_IO} {ERR_DISK_FULL} */
export async function downloadModel(reference: string, options: DownloadOptions): Promise<string> {
  const url = isHuggingFaceReference(reference) ? huggingFaceUrl(reference, options.huggingFaceOrigin) : reference
  const urls = partNames(new URL(url).pathname).map((path) => Object.assign(new URL(url), { pathname: path }).href)
  const sources: HttpSource[] = []
  for (const part of urls) sources.push(await openHttpSource(part, { signal: options.signal }))
  // A file that could not be ingested is not worth its bytes.
  const header = await readModelHeader(sources)
  if (header.licence === undefined && options.licence === undefined)
    throw new HartonomousError('ERR_LICENCE_REQUIRED', { file: url })

  const folder = join(options.folder, createHash('sha256').update(url).digest('hex').slice(0, 16))
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const totalBytes = sources.reduce((sum, source) => sum + source.sizeBytes, 0)
  const meter = new ProgressMeter(totalBytes, 0, Date.now)
  let doneBytes = 0
  const add = (bytes: number) => {
    doneBytes += bytes
    options.onProgress(meter.at(doneBytes))
  }
  const paths: string[] = []
  for (const source of sources) paths.push(await downloadFile(source, folder, add, options.signal))
  return paths[0]!
}

async function downloadFile(
  source: HttpSource,
  folder: string,
  add: (bytes: number) => void,
  signal: AbortSignal,
): Promise<string> {
  const path = join(folder, basename(new URL(source.name).pathname))
  const part = `${path}.part`
  const note = `${path}.part.json`
  // A finished file of an earlier run, or the beginning of one: only if it is of the same version.
  const version = JSON.stringify({ url: source.name, sizeBytes: source.sizeBytes, version: source.version ?? null })
  const isSame = (await readFile(note, 'utf8').catch(() => '')) === version && source.version !== undefined
  if (!isSame) {
    await rm(part, { force: true })
    await rm(path, { force: true })
    await writeFile(note, version, { mode: 0o600 })
  }
  const done = await open(path, 'r').catch(() => undefined)
  if (done !== undefined) {
    await done.close()
    add(source.sizeBytes)
    return path
  }
  const file = await open(part, 'a+', 0o600)
  try {
    await fill(file, source, add, signal)
    await file.sync()
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOSPC' || code === 'EDQUOT')
      throw new HartonomousError('ERR_DISK_FULL', { path: part, neededBytes: source.sizeBytes }, { cause: error })
    if (code !== undefined && !code.startsWith('ERR_'))
      throw new HartonomousError('ERR_IO', { path: part, reason: message }, { cause: error })
    throw error
  } finally {
    await file.close()
  }
  await rename(part, path)
  return path
}

/** Appends what is missing, in order, asking a few pieces ahead. */
async function fill(
  file: FileHandle,
  source: HttpSource,
  add: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const { size } = await file.stat()
  add(size)
  let nextBytes = size
  const ahead: Promise<Uint8Array>[] = []
  for (let writtenBytes = size; writtenBytes < source.sizeBytes; ) {
    signal.throwIfAborted()
    while (ahead.length < piecesAhead && nextBytes < source.sizeBytes) {
      const lengthBytes = Math.min(pieceBytes, source.sizeBytes - nextBytes)
      const piece = source.read(nextBytes, lengthBytes)
      // It is awaited below; until then a failure is not unhandled.
      piece.catch(() => undefined)
      ahead.push(piece)
      nextBytes += lengthBytes
    }
    const bytes = await ahead.shift()!
    await file.appendFile(bytes)
    writtenBytes += bytes.length
    add(bytes.length)
  }
}
