/** Models that this node holds, and files of its machine, as something to look into. */
import { isAbsolute } from 'node:path'
import { HartonomousError } from '#protocol/errors.ts'
import type { ModelId } from '#protocol/ids.ts'
import { openModelFile, type PeekModel, peekModelOf } from '../peek/index.ts'
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
