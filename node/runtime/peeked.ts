/** Models that this node holds, and files of its machine, as something to look into. */
import { isAbsolute } from 'node:path'
import { HartonomousError } from '#protocol/errors.ts'
import type { ModelId } from '#protocol/ids.ts'
import { openModelFile, type PeekModel, tensorsOf } from '../peek/index.ts'
import type { ShardModel } from '../swarm/index.ts'
import type { Parts } from './parts.ts'

/** @param reference model id, release name, or absolute path. @throws {ERR_NOT_FOUND} {ERR_NOT_HELD} {ERR_MODEL_FILE} {ERR_IO} */
export async function peekable(parts: Parts, reference: string): Promise<PeekModel> {
  if (isAbsolute(reference)) return openModelFile(reference)
  const modelId =
    parts.shard.get(reference as ModelId)?.modelId ?? (await parts.releases.resolve(reference)).release.modelId
  const model = parts.shard.get(modelId)
  // Known in the swarm, with nothing of it here.
  if (model === undefined) throw new HartonomousError('ERR_NOT_HELD', { what: `model ${reference}`, model: reference })
  const release = await parts.releases.releaseOf(modelId)
  return peekModelOf(model, release?.release.name ?? modelId)
}

export function peekModelOf({ content, places, held, row }: ShardModel, name: string): PeekModel {
  const missing = new Set<string>()
  for (const { chunkIndex, fileIndex, extentIndex } of places)
    if (!held.has(chunkIndex)) missing.add(`${fileIndex}/${extentIndex}`)
  const files = row.files.toSorted((a, b) => a.fileIndex - b.fileIndex)
  return {
    name,
    files: files.map(({ path, identity }) => (identity === undefined ? { path } : { path, identity })),
    tensors: tensorsOf(content.files, (fileIndex, extentIndex) => !missing.has(`${fileIndex}/${extentIndex}`)),
  }
}
