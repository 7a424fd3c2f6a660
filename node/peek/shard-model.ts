/** A model of the shard as something to look into: of its tensors those whose bytes are all here. */
import type { ShardModel } from '../swarm/index.ts'
import { tensorsOf } from './open-file.ts'
import type { PeekModel } from './types.ts'

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
