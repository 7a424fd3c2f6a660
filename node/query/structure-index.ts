/** Puts the structural vectors of the components that are here into the store: each component's bytes are read once. */
import type { ComponentHit, TenantStore } from '#sql/store/types.ts'
import { groupComponents } from '../ingest/index.ts'
import {
  type PeekModel,
  peekModelOf,
  type StructurePart,
  type StructureView,
  structuralDimension,
  structuralSpace,
} from '../peek/index.ts'
import type { ShardModel } from '../swarm/index.ts'

/** Reads and reckons in a thread of its own. */
export type PeekStructure = (
  task: { kind: 'structure'; model: PeekModel; parts: readonly StructurePart[] },
  signal: AbortSignal,
) => Promise<StructureView>

type StructureStore = Pick<TenantStore, 'findComponents' | 'putSpace' | 'putEmbeddings' | 'getSetting' | 'putSetting'>

/** Components that are looked into at a time: what was done before an end stays done. */
const componentsPerLook = 200

/** @throws {ERR_QUEUE_FULL} while others are being looked into {ERR_IO} {ERR_WITHDRAWN} */
export async function indexStructure(
  model: ShardModel,
  store: StructureStore,
  peek: PeekStructure,
  signal: AbortSignal,
): Promise<void> {
  const { modelId } = model
  const setting = `${structuralSpace}/${modelId}`
  const done = new Set(((await store.getSetting(setting)) as string[] | undefined) ?? [])
  const missing = (await store.findComponents({ modelId })).filter((one) => isHere(one) && !done.has(one.key))
  if (missing.length === 0) return
  await store.putSpace(structuralSpace, structuralDimension)
  for (let at = 0; at < missing.length; at += componentsPerLook) {
    const batch = missing.slice(at, at + componentsPerLook)
    const found = await structureOf(model, batch, peek, signal)
    const vectors = found.flatMap((one) => ('vector' in one ? [{ modelId, key: one.key, vector: one.vector }] : []))
    await store.putEmbeddings(structuralSpace, vectors)
    // Those that cannot be read are not tried again and again.
    for (const { key } of found) done.add(key)
    await store.putSetting(setting, [...done])
  }
}

/** One entry for each component that is here whole. */
export async function structureOf(
  model: ShardModel,
  components: readonly ComponentHit[],
  peek: PeekStructure,
  signal: AbortSignal,
): Promise<({ key: string; vector: Float32Array } | { key: string; reason: string })[]> {
  const here = components.filter(isHere)
  if (here.length === 0) return []
  const last = groupComponents(model.content.files).components.reduce(
    (most, { layer }) => Math.max(most, layer ?? 0),
    1,
  )
  const parts = here.map(({ key, kind, layer }) => ({
    key,
    kind,
    ...(layer === undefined ? {} : { depth: layer / last }),
  }))
  const { vectors, skipped } = await peek(
    { kind: 'structure', model: peekModelOf(model, model.modelId), parts },
    signal,
  )
  return [...vectors, ...skipped]
}

function isHere({ sizeBytes, heldBytes, tensors }: ComponentHit): boolean {
  return tensors.length > 0 && heldBytes === sizeBytes
}
