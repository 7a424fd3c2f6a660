/** From the ranges of a request to the bytes of held files. */
import { type ChunkRange, chunkFrameHeaderBytes, chunkStatus, type RefuseStatus } from '#protocol/chunk/index.ts'
import { isHartonomousError } from '#protocol/errors.ts'
import type { FileRun, ModelShelf } from './model-shelf.ts'

/** Neighbouring ranges become one read. */
export function findRuns(shelf: ModelShelf, ranges: readonly ChunkRange[]): FileRun[] | RefuseStatus {
  const runs: FileRun[] = []
  for (const { root, offsetBytes, lengthBytes } of ranges) {
    const run = shelf.find(root, offsetBytes, lengthBytes)
    if (run === 'not-held') return chunkStatus.notHeld
    if (run === 'withdrawn') return chunkStatus.withdrawn
    if (run === 'invalid') return chunkStatus.invalid
    const last = runs.at(-1)
    if (last?.file === run.file && last.offsetBytes + last.lengthBytes === run.offsetBytes) {
      last.lengthBytes += run.lengthBytes
    } else runs.push(run)
  }
  return runs
}

/** Reads into `buffer` behind the header; a file that changed is withdrawn, and its bytes are not sent. */
export async function readRuns(shelf: ModelShelf, runs: FileRun[], buffer: Buffer): Promise<RefuseStatus | undefined> {
  let at = chunkFrameHeaderBytes
  for (const run of runs) {
    const failure = await readChecked(shelf, run, buffer, at)
    if (failure !== undefined) return failure
    at += run.lengthBytes
  }
  return undefined
}

export async function readChecked(
  shelf: ModelShelf,
  run: FileRun,
  buffer: Uint8Array,
  at: number,
): Promise<RefuseStatus | undefined> {
  const { model, file } = run
  try {
    await file.read(buffer, at, run.lengthBytes, run.offsetBytes)
    return undefined
  } catch (error) {
    if (!isHartonomousError(error, 'ERR_WITHDRAWN')) return chunkStatus.internal
    shelf.withdraw(model, file, error.fields.reason)
    return chunkStatus.withdrawn
  }
}
