/** Models as rows: put, read, removed. */
import { createHash } from 'node:crypto'
import { Bitfield } from '#protocol/codec/bitfield.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { extentRootFromBytes, type ModelId } from '#protocol/ids.ts'
import { componentHistoryMax, leavesPerBlock } from '#protocol/limits.ts'
import type { Extent, ModelContent } from '#protocol/model/content.ts'
import { canonicalJson, parseJson } from './canonical-json.ts'
import { replaceComponents } from './components.ts'
import type { TenantSession } from './executor.ts'
import { heldBytesOfExtent } from './holdings.ts'
import { leafBytes, type ModelLayout } from './layout.ts'
import { emit } from './outbox.ts'
import { indexModel } from './search-index.ts'
import { modelTerms } from './search-terms.ts'
import type { ModelFields, StoredExtent, StoredFile, StoredModel } from './statements.ts'
import type { ModelFileRow, ModelRow, PutModel } from './types.ts'

export async function putModel(x: TenantSession, put: PutModel, layout: ModelLayout, atMs: number): Promise<void> {
  const fields: ModelFields = {
    architecture: put.architecture,
    format: put.format,
    parameterCount: put.parameterCount,
    origin: put.origin,
    meta: canonicalJson(put.meta),
    indexSha256: createHash('sha256')
      .update(canonicalJson([put.components, put.edges]))
      .digest(),
  }
  const known = await x.get('findModel', { modelId: put.modelId })
  if (known === undefined) await insertModel(x, put, layout, fields, atMs)
  else await updateModel(x, put, layout, fields, known, atMs)
}

async function insertModel(
  x: TenantSession,
  put: PutModel,
  layout: ModelLayout,
  fields: ModelFields,
  atMs: number,
): Promise<void> {
  const { chunkCount, sizeBytes } = layout
  const { modelPk } = (await x.get('insertModel', { ...fields, modelId: put.modelId, chunkCount, sizeBytes, atMs }))!
  await x.runMany(
    'insertFile',
    put.content.files.map((file, fileIndex) => ({
      modelPk,
      sizeBytes: file.sizeBytes,
      ...placeOf(put.files, fileIndex),
    })),
  )
  await x.runMany('insertExtent', withModelPk(layout.extents, modelPk))
  const { leaves } = put.content
  const blockBytes = leavesPerBlock * leafBytes
  for (let block = 0; block * blockBytes < leaves.length; block++) {
    const part = leaves.subarray(block * blockBytes, (block + 1) * blockBytes)
    await x.run('insertLeafBlock', { modelPk, block, leaves: part })
  }
  await x.run('insertHolding', { modelPk, ...holdingOf(Bitfield.fromBytes(put.held, chunkCount), layout.extents) })
  await replaceComponents(x, modelPk, put, atMs)
  await indexModel(x, put.modelId, termsOfModel(put))
  await emit(x, 'model-added', { modelId: put.modelId, origin: put.origin }, atMs)
}

/**
 * The content is the same by its id. The same files again: what is held is united. Other files: they and what is held in
 * them replace the old ones, unless chunks that are held now would be forgotten.
 */
async function updateModel(
  x: TenantSession,
  put: PutModel,
  layout: ModelLayout,
  fields: ModelFields,
  known: StoredModel,
  atMs: number,
): Promise<void> {
  const { modelPk } = known
  if (known.chunkCount !== layout.chunkCount || known.sizeBytes !== layout.sizeBytes) {
    throw new HartonomousError('ERR_USAGE', { message: `${put.modelId} is stored with another content` })
  }
  const places = put.content.files.map((_, fileIndex) => placeOf(put.files, fileIndex))
  const oldFiles = await x.all('listFiles', { modelPk })
  const hasMoved = oldFiles.some((file, index) => !isSamePlace(file, places[index]!))
  const holding = (await x.get('findHoldingByPk', { modelPk }))!
  const old = Bitfield.fromBytes(holding.bits, layout.chunkCount)
  const given = Bitfield.fromBytes(put.held, layout.chunkCount)
  if (hasMoved && !old.andNot(given).isEmpty()) {
    throw new HartonomousError('ERR_STORE_DUPLICATE', { what: `${put.modelId} in other files, with chunks held,` })
  }
  const { indexSha256 } = (await x.get('findModelIndex', { modelPk }))!
  await x.run('updateModel', { ...fields, origin: hasMoved ? put.origin : known.origin, modelPk })
  if (hasMoved) for (const place of places) await x.run('updateFile', { modelPk, ...place })
  const held = old.or(given)
  if (held.count() !== old.count()) await x.run('updateHolding', { modelPk, ...holdingOf(held, layout.extents) })
  const isRegrouped = !Buffer.from(indexSha256).equals(fields.indexSha256)
  if (isRegrouped) await replaceComponents(x, modelPk, put, atMs)
  if (isRegrouped || known.meta !== fields.meta || known.architecture !== fields.architecture)
    await indexModel(x, put.modelId, termsOfModel(put))
  if (hasMoved) await emit(x, 'model-added', { modelId: put.modelId, origin: put.origin }, atMs)
  else if (held.isFull() && !old.isFull()) await emit(x, 'model-complete', { modelId: put.modelId }, atMs)
}

export async function getModel(x: TenantSession, modelId: ModelId): Promise<ModelRow | undefined> {
  const model = await x.get('findModel', { modelId })
  return model && modelRow(model, await x.all('listFiles', { modelPk: model.modelPk }))
}

export async function listModels(x: TenantSession): Promise<ModelRow[]> {
  const files = Map.groupBy(await x.all('listAllFiles', {}), (file) => file.modelPk)
  return (await x.all('listModels', {})).map((model) => modelRow(model, files.get(model.modelPk) ?? []))
}

export async function getContent(x: TenantSession, modelId: ModelId): Promise<ModelContent | undefined> {
  const model = await x.get('findModel', { modelId })
  if (model === undefined) return undefined
  const { modelPk } = model
  const content: ModelContent = { files: [], leaves: new Uint8Array(model.chunkCount * leafBytes) }
  for (const { sizeBytes } of await x.all('listFiles', { modelPk })) content.files.push({ sizeBytes, extents: [] })
  for (const row of await x.all('listExtents', { modelPk })) content.files[row.fileIndex]!.extents.push(extentOf(row))
  let at = 0
  for (const { leaves } of await x.all('listLeafBlocks', { modelPk })) {
    if (at + leaves.length > content.leaves.length) throw wrongLeaves()
    content.leaves.set(leaves, at)
    at += leaves.length
  }
  if (at !== content.leaves.length) throw wrongLeaves()
  return content
}

export async function removeModel(x: TenantSession, modelId: ModelId, atMs: number): Promise<boolean> {
  const model = await x.get('findModel', { modelId })
  if (model === undefined) return false
  await x.run('deleteModel', { modelPk: model.modelPk })
  await x.run('trimComponentHistory', { keep: componentHistoryMax })
  await emit(x, 'model-removed', { modelId }, atMs)
  return true
}

export async function setPinned(x: TenantSession, modelId: ModelId, isPinned: boolean): Promise<void> {
  const changed = await x.run('setPinned', { modelId, isPinned: isPinned ? 1 : 0 })
  if (changed === 0) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'model', id: modelId })
}

export async function setFileIdentity(
  x: TenantSession,
  modelId: ModelId,
  fileIndex: number,
  identity: string,
): Promise<void> {
  const model = await x.get('findModel', { modelId })
  const files = model === undefined ? [] : await x.all('listFiles', { modelPk: model.modelPk })
  const file = files.find((each) => each.fileIndex === fileIndex)
  if (model === undefined || file === undefined)
    throw new HartonomousError('ERR_NOT_FOUND', { kind: 'file of model', id: modelId })
  const { path, origin } = file
  await x.run('updateFile', { modelPk: model.modelPk, fileIndex, path, origin, identity })
}

function termsOfModel(put: PutModel): string[] {
  return modelTerms({ ...put, extents: put.content.files.flatMap(({ extents }) => extents) })
}

function* withModelPk(
  extents: readonly StoredExtent[],
  modelPk: number,
): Generator<StoredExtent & { modelPk: number }> {
  for (const extent of extents) yield { ...extent, modelPk }
}

function holdingOf(held: Bitfield, extents: readonly StoredExtent[]) {
  const heldBytes = extents.reduce((sum, extent) => sum + heldBytesOfExtent(held, extent), 0)
  return { bits: held.bytes, heldChunks: held.count(), heldBytes }
}

function placeOf(files: readonly ModelFileRow[], fileIndex: number): Omit<StoredFile, 'sizeBytes'> {
  const file = files.find((candidate) => candidate.fileIndex === fileIndex)
  return { fileIndex, path: file?.path ?? null, origin: file?.origin ?? null, identity: file?.identity ?? null }
}

function isSamePlace(a: Omit<StoredFile, 'sizeBytes'>, b: Omit<StoredFile, 'sizeBytes'>): boolean {
  return a.path === b.path && a.origin === b.origin && a.identity === b.identity
}

function modelRow(model: StoredModel, files: readonly StoredFile[]): ModelRow {
  const { modelPk: _, meta, isPinned, modelId, ...rest } = model
  return {
    ...rest,
    modelId: modelId as ModelId,
    isPinned: isPinned === 1,
    meta: parseJson(meta),
    files: files.flatMap(({ fileIndex, sizeBytes, path, origin, identity }) => {
      if (path === null || origin === null) return []
      return [{ fileIndex, sizeBytes, path, origin, ...(identity === null ? {} : { identity }) }]
    }),
  }
}

function extentOf(row: StoredExtent): Extent {
  return {
    kind: row.kind,
    ...(row.name === null ? {} : { name: row.name }),
    ...(row.dtype === null ? {} : { dtype: row.dtype }),
    ...(row.shape === null ? {} : { shape: parseJson<number[]>(row.shape) }),
    offsetBytes: row.offsetBytes,
    sizeBytes: row.sizeBytes,
    root: extentRootFromBytes(row.root),
  }
}

function wrongLeaves(): HartonomousError {
  return new HartonomousError('ERR_STORE_CORRUPT', { reason: 'the leaves of a model do not fit its chunks' })
}
