/** Metadata of a fetched model: read from its own files, once the chunks of their headers are here. */
import type { ModelId } from '#protocol/ids.ts'
import type { TenantStore } from '#sql/store/types.ts'
import { groupComponents, openFileSource, readModelHeader, storedMeta } from '../ingest/index.ts'
import type { ShardModel } from '../swarm/index.ts'

/** Chunks of the extents that say how the rest is to be read. */
export function headerChunks(model: ShardModel): number[] {
  return model.places
    .filter(({ fileIndex, extentIndex }) => model.content.files[fileIndex]!.extents[extentIndex]!.kind === 'header')
    .map(({ chunkIndex }) => chunkIndex)
}

/** A model of which only the content block is known has none yet. */
export function isDescribed(model: ShardModel): boolean {
  return Object.keys(model.row.meta).length > 0
}

/** The new metadata; `undefined` where the headers are not here yet. @throws {ERR_MODEL_FILE} */
export async function describeModel(
  model: ShardModel,
  store: Pick<TenantStore, 'putModel'>,
): Promise<{ modelId: ModelId; meta: Record<string, unknown> } | undefined> {
  if (!headerChunks(model).every((index) => model.held.has(index))) return undefined
  const { modelId, content, row } = model
  const sources = await Promise.all(row.files.map(({ path }) => openFileSource(path)))
  try {
    const meta = storedMeta(await readModelHeader(sources))
    const { components, edges } = groupComponents(content.files)
    const { architecture, format, parameterCount, files, origin } = row
    const held = model.held.bytes.slice()
    await store.putModel({
      modelId,
      content,
      architecture,
      format,
      parameterCount,
      meta,
      components,
      edges,
      files,
      held,
      origin,
    })
    return { modelId, meta }
  } finally {
    await Promise.all(sources.map((source) => source.close()))
  }
}
