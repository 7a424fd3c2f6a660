/** Bytes that another local file already has need no network. */
import { isHartonomousError } from '#protocol/errors.ts'
import type { ModelShelf, ShelfModel } from './model-shelf.ts'

/** The verified bytes of a chunk from any local file that holds them, or `undefined`. */
export async function copyLocally(
  shelf: ModelShelf,
  model: ShelfModel,
  chunkIndex: number,
): Promise<Uint8Array | undefined> {
  const { root, offsetInExtentBytes, sizeBytes } = model.places[chunkIndex]!
  const run = shelf.find(root, offsetInExtentBytes, sizeBytes)
  if (typeof run === 'string') return undefined
  const bytes = new Uint8Array(sizeBytes)
  try {
    await run.file.read(bytes, 0, sizeBytes, run.offsetBytes)
  } catch (error) {
    if (isHartonomousError(error, 'ERR_WITHDRAWN')) shelf.withdraw(run.model, run.file, error.fields.reason)
    return undefined
  }
  return model.isGood(chunkIndex, bytes) ? bytes : undefined
}
