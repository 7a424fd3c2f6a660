/** Components and the edges between them: found, mapped, and turned into byte ranges. */
import type { Bitfield } from '#protocol/codec/bitfield.ts'
import { HartonomousError } from '#protocol/errors.ts'
import type { ModelId } from '#protocol/ids.ts'
import { componentHistoryMax, keyPatternCharactersMax, keyPatternStarsMax } from '#protocol/limits.ts'
import { canonicalJson, parseJson } from './canonical-json.ts'
import type { TenantSession } from './executor.ts'
import { bitsOfModel, heldBytesOfExtent } from './holdings.ts'
import type { RowOf } from './statements.ts'
import type { ByteRange, ComponentFilter, ComponentHit, EdgeRow, PutModel } from './types.ts'

type Found = RowOf<'findComponents'>
type FoundExtent = RowOf<'listComponentExtents'>

export async function replaceComponents(
  x: TenantSession,
  modelPk: number,
  { components, edges }: PutModel,
  atMs: number,
): Promise<void> {
  await x.run('deleteComponents', { modelPk })
  await x.run('trimComponentHistory', { keep: componentHistoryMax })
  await x.runMany(
    'insertComponent',
    components.map(({ key, kind, layer, expert, sizeBytes, parameterCount, meta }) => ({
      modelPk,
      key,
      kind,
      layer: layer ?? null,
      expert: expert ?? null,
      sizeBytes,
      parameterCount,
      meta: canonicalJson(meta),
      atMs,
    })),
  )
  const rows = await x.all('listComponentKeys', { modelPk })
  const pks = new Map(rows.map(({ key, componentPk }) => [key, componentPk]))
  await x.runMany(
    'insertComponentExtent',
    components.flatMap(({ key, extents }) =>
      extents.map(([fileIndex, extentIndex], ordinal) => ({
        componentPk: pks.get(key)!,
        ordinal,
        fileIndex,
        extentIndex,
      })),
    ),
  )
  await x.runMany(
    'insertEdge',
    edges.map(({ from, to, kind }) => ({ src: pks.get(from)!, kind, dst: pks.get(to)! })),
  )
}

export async function findComponents(x: TenantSession, filter: ComponentFilter): Promise<ComponentHit[]> {
  const found = await x.all('findComponents', {
    modelId: filter.modelId ?? null,
    kinds: filter.kinds === undefined || filter.kinds.length === 0 ? null : JSON.stringify(filter.kinds),
    layerMin: filter.layers?.min ?? null,
    layerMax: filter.layers?.max ?? null,
    expertMin: filter.experts?.min ?? null,
    expertMax: filter.experts?.max ?? null,
    sizeMin: filter.sizeBytes?.min ?? null,
    sizeMax: filter.sizeBytes?.max ?? null,
    key: filter.key ?? null,
    keyPattern: checkPattern(filter.keyPattern),
    afterModelId: filter.after?.modelId ?? null,
    afterKey: filter.after?.key ?? null,
    limit: checkLimit(filter.limit),
  })
  const extents = await extentsOf(x, found)
  const fields = new Map<number, Bitfield>()
  for (const { modelPk } of found) if (!fields.has(modelPk)) fields.set(modelPk, await bitsOfModel(x, modelPk))
  return found.map((row) => componentHit(row, extents.get(row.componentPk) ?? [], fields.get(row.modelPk)!))
}

export async function listEdges(
  x: TenantSession,
  modelId: ModelId,
  keys: readonly string[],
  direction: 'out' | 'in',
): Promise<EdgeRow[]> {
  const model = await x.get('findModel', { modelId })
  if (model === undefined) return []
  const rows = await x.all(direction === 'out' ? 'listEdgesOut' : 'listEdgesIn', {
    modelPk: model.modelPk,
    keys: JSON.stringify([...new Set(keys)]),
  })
  return rows.map(({ from, to, kind }) => ({ from, to, kind }))
}

export async function rangesOf(x: TenantSession, modelId: ModelId, keys: readonly string[]): Promise<ByteRange[]> {
  const model = await x.get('findModel', { modelId })
  if (model === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'model', id: modelId })
  const wanted = new Set(keys)
  const found = await x.all('listComponentsByKey', { modelPk: model.modelPk, keys: JSON.stringify([...wanted]) })
  for (const { key } of found) wanted.delete(key)
  for (const id of wanted) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'component', id })
  return coalesce([...(await extentsOf(x, found)).values()].flat())
}

/** Sorted by place; touching and overlapping ranges become one, empty ones vanish. */
export function coalesce(ranges: readonly ByteRange[]): ByteRange[] {
  const result: ByteRange[] = []
  const sorted = ranges.toSorted((a, b) => a.fileIndex - b.fileIndex || a.offsetBytes - b.offsetBytes)
  for (const { fileIndex, offsetBytes, sizeBytes } of sorted) {
    if (sizeBytes === 0) continue
    const last = result.at(-1)
    if (last !== undefined && last.fileIndex === fileIndex && offsetBytes <= last.offsetBytes + last.sizeBytes) {
      last.sizeBytes = Math.max(last.sizeBytes, offsetBytes + sizeBytes - last.offsetBytes)
    } else {
      result.push({ fileIndex, offsetBytes, sizeBytes })
    }
  }
  return result
}

async function extentsOf(
  x: TenantSession,
  components: readonly { componentPk: number }[],
): Promise<Map<number, FoundExtent[]>> {
  const componentPks = JSON.stringify(components.map(({ componentPk }) => componentPk))
  return Map.groupBy(await x.all('listComponentExtents', { componentPks }), (extent) => extent.componentPk)
}

function componentHit(row: Found, extents: readonly FoundExtent[], bits: Bitfield): ComponentHit {
  return {
    modelId: row.modelId as ModelId,
    key: row.key,
    kind: row.kind,
    ...(row.layer === null ? {} : { layer: row.layer }),
    ...(row.expert === null ? {} : { expert: row.expert }),
    extents: extents.map(({ fileIndex, extentIndex }) => [fileIndex, extentIndex]),
    sizeBytes: row.sizeBytes,
    parameterCount: row.parameterCount,
    meta: parseJson(row.meta),
    heldBytes: extents.reduce((sum, extent) => sum + heldBytesOfExtent(bits, extent), 0),
    tensors: extents.flatMap(({ name, dtype, shape, sizeBytes }) =>
      name === null ? [] : [{ name, dtype: dtype ?? '', shape: shape === null ? [] : parseJson(shape), sizeBytes }],
    ),
  }
}

/** Matching takes time like (length of the key) ^ (number of stars), and a pattern may come from a peer's query. */
function checkPattern(pattern: string | undefined): string | null {
  if (pattern === undefined) return null
  const stars = pattern.split('*').length - 1
  if (stars > keyPatternStarsMax) {
    throw new HartonomousError('ERR_LIMIT', {
      what: 'stars of a key pattern',
      limit: keyPatternStarsMax,
      actual: stars,
    })
  }
  if (pattern.length > keyPatternCharactersMax) {
    const actual = pattern.length
    throw new HartonomousError('ERR_LIMIT', { what: 'length of a key pattern', limit: keyPatternCharactersMax, actual })
  }
  return pattern
}

function checkLimit(limit: number | undefined): number {
  if (limit === undefined) return Number.MAX_SAFE_INTEGER
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new HartonomousError('ERR_USAGE', { message: `a page of ${limit} components` })
  }
  return limit
}
