/** Metadata of a fetched model: read from its own files, once the chunks of their headers are here. */
import type { TenantStore } from '#sql/store/types.ts'
import { groupComponents } from '../ingest/index.ts'
import { peekInThread } from '../peek/index.ts'
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

/**
 * The new metadata; `undefined` where the headers are not here yet. Read in a thread of its own: nobody has looked at the
 * header of a peer's model before.
 * @throws {ERR_MODEL_FILE} {ERR_QUEUE_FULL} while others are looked at
 */
export async function describeModel(
  model: ShardModel,
  store: Pick<TenantStore, 'putModel'>,
  signal: AbortSignal,
): Promise<Record<string, unknown> | undefined> {
  if (!headerChunks(model).every((index) => model.held.has(index))) return undefined
  const { modelId, content, row } = model
  const meta = await peekInThread({ kind: 'metadata', paths: row.files.map(({ path }) => path) }, signal)
  const { components, edges } = groupComponents(content.files)
  const { architecture, format, parameterCount, files, origin } = row
  const held = model.held.bytes.slice()
  const kept = { modelId, content, architecture, format, parameterCount, components, edges, files, held, origin }
  await store.putModel({ ...kept, meta })
  return meta
}
