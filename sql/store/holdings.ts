/** Which chunks of a model are on disk and verified: a bitfield per model, and its counters. */
import { Bitfield } from '#protocol/codec/bitfield.ts'
import { HartonomousError } from '#protocol/errors.ts'
import type { ExtentRoot, ModelId } from '#protocol/ids.ts'
import { extentRootToBytes, parseExtentRoot } from '#protocol/ids.ts'
import { chunkBytes, localExtentPlacesMax } from '#protocol/limits.ts'
import { chunkCountOf } from '#protocol/model/content.ts'
import type { TenantSession } from './executor.ts'
import { emit } from './outbox.ts'
import type { StoredHolding } from './statements.ts'
import type { ExtentPlace } from './types.ts'

export async function addHeld(
  x: TenantSession,
  modelId: ModelId,
  indexes: readonly number[],
  atMs: number,
): Promise<void> {
  const holding = await requireHolding(x, modelId)
  const bits = bitsOf(holding)
  checkIndexes(indexes, holding.chunkCount)
  const fresh = [...new Set(indexes)].filter((index) => !bits.has(index))
  if (fresh.length === 0) return
  for (const index of fresh) bits.set(index)
  const heldChunks = holding.heldChunks + fresh.length
  const heldBytes = holding.heldBytes + (await bytesOfChunks(x, holding.modelPk, fresh))
  await x.run('updateHolding', { modelPk: holding.modelPk, bits: bits.bytes, heldChunks, heldBytes })
  if (heldChunks === holding.chunkCount) await emit(x, 'model-complete', { modelId }, atMs)
}

export async function removeHeld(
  x: TenantSession,
  modelId: ModelId,
  indexes: readonly number[] | 'all',
  atMs: number,
): Promise<void> {
  const holding = await requireHolding(x, modelId)
  const bits = bitsOf(holding)
  if (indexes !== 'all') checkIndexes(indexes, holding.chunkCount)
  const gone = indexes === 'all' ? bits.indexes() : [...new Set(indexes)].filter((index) => bits.has(index))
  if (gone.length === 0) return
  const heldChunks = holding.heldChunks - gone.length
  const goneBytes = heldChunks === 0 ? holding.heldBytes : await bytesOfChunks(x, holding.modelPk, gone)
  for (const index of gone) bits.clear(index)
  await x.run('updateHolding', {
    modelPk: holding.modelPk,
    bits: bits.bytes,
    heldChunks,
    heldBytes: holding.heldBytes - goneBytes,
  })
  await emit(x, 'held-removed', { modelId, chunks: gone.length, heldChunks }, atMs)
}

export async function getHeld(x: TenantSession, modelId: ModelId): Promise<Uint8Array | undefined> {
  return (await x.get('findHolding', { modelId }))?.bits
}

export async function findExtent(x: TenantSession, root: ExtentRoot): Promise<ExtentPlace[]> {
  const rows = await x.all('findExtentsByRoot', {
    root: extentRootToBytes(parseExtentRoot(root)),
    limit: localExtentPlacesMax,
  })
  const fields = new Map<number, Bitfield>()
  const places: ExtentPlace[] = []
  for (const { modelPk, modelId, firstChunk, path, offsetBytes, sizeBytes } of rows) {
    const bits = fields.get(modelPk) ?? (await bitsOfModel(x, modelPk))
    fields.set(modelPk, bits)
    const heldBytes = heldBytesOfExtent(bits, { firstChunk, sizeBytes })
    if (heldBytes === sizeBytes) places.push({ modelId: modelId as ModelId, path, offsetBytes, sizeBytes })
  }
  return places
}

export async function bitsOfModel(x: TenantSession, modelPk: number): Promise<Bitfield> {
  const holding = await x.get('findHoldingByPk', { modelPk })
  return holding === undefined ? new Bitfield(0) : bitsOf(holding)
}

export function heldBytesOfExtent(bits: Bitfield, extent: { firstChunk: number; sizeBytes: number }): number {
  let heldBytes = 0
  const count = chunkCountOf(extent)
  for (let chunk = 0; chunk < count; chunk++) {
    if (bits.has(extent.firstChunk + chunk)) heldBytes += Math.min(chunkBytes, extent.sizeBytes - chunk * chunkBytes)
  }
  return heldBytes
}

function bitsOf(holding: StoredHolding): Bitfield {
  try {
    return Bitfield.fromBytes(holding.bits, holding.chunkCount)
  } catch (error) {
    const reason = 'a bitfield does not fit its model'
    throw new HartonomousError('ERR_STORE_CORRUPT', { reason }, { cause: error })
  }
}

async function requireHolding(x: TenantSession, modelId: ModelId): Promise<StoredHolding> {
  const holding = await x.get('findHolding', { modelId })
  if (holding === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'model', id: modelId })
  return holding
}

function checkIndexes(indexes: readonly number[], chunkCount: number): void {
  for (const index of indexes) {
    if (!Number.isInteger(index) || index < 0 || index >= chunkCount) {
      throw new HartonomousError('ERR_USAGE', { message: `the model has no chunk ${index}: it has ${chunkCount}` })
    }
  }
}

/** Asks for each extent once, however many of its chunks are named. */
async function bytesOfChunks(x: TenantSession, modelPk: number, indexes: readonly number[]): Promise<number> {
  let sum = 0
  let extent = { firstChunk: 0, sizeBytes: 0 }
  for (const chunkIndex of indexes.toSorted((a, b) => a - b)) {
    if (chunkIndex >= extent.firstChunk + chunkCountOf(extent)) {
      const found = await x.get('findExtentOfChunk', { modelPk, chunkIndex })
      if (found === undefined)
        throw new HartonomousError('ERR_STORE_CORRUPT', { reason: `no extent has chunk ${chunkIndex}` })
      extent = found
    }
    sum += Math.min(chunkBytes, extent.sizeBytes - (chunkIndex - extent.firstChunk) * chunkBytes)
  }
  return sum
}
