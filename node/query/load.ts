/** Executes a plan of Load: verified bytes in the order of the plan, from here or from peers as they arrive. */
import { once } from 'node:events'
import { Bitfield } from '#protocol/codec/bitfield.ts'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import type { ModelId } from '#protocol/ids.ts'
import type { DataPlane } from '../chunks/types.ts'
import type { Library } from '../library/index.ts'
import type { Shard, ShardModel } from '../swarm/index.ts'
import type { LoadPlan, LoadRange } from './load-plan.ts'

export interface LoadedChunk {
  range: LoadRange
  chunkIndex: number
  /** Of the file. */
  offsetBytes: number
  bytes: Uint8Array
}

export interface LoadDependencies {
  shard: Shard
  library: Pick<Library, 'fetch'>
  dataPlane: Pick<DataPlane, 'readChunk'>
}

/** Chunks that are read ahead of the consumer: one travels while the next one is read and checked. */
const readAhead = 2

/**
 * Every chunk is checked against its hash when it is read. A chunk that turns out to be damaged or gone is fetched once
 * more; what is fetched stays in the shard.
 * @throws {ERR_NOT_FOUND} the model was removed {ERR_CHUNK_MISMATCH} {ERR_WITHDRAWN} again after it was fetched anew
 */
export async function* load(plan: LoadPlan, deps: LoadDependencies, signal: AbortSignal): AsyncGenerator<LoadedChunk> {
  const { shard, library } = deps
  const model = shard.get(plan.modelId)
  if (model === undefined) throw gone(plan.modelId)
  const ended = new AbortController()
  const whole = AbortSignal.any([signal, ended.signal])
  const wanted = new Bitfield(model.places.length)
  for (const { firstChunk, chunkCount } of plan.ranges)
    for (let index = firstChunk; index < firstChunk + chunkCount; index++) wanted.set(index)
  try {
    const missing = wanted.andNot(model.held)
    // A failed transfer ends the waiting below.
    if (!missing.isEmpty())
      (await library.fetch(model, missing, whole)).finished.catch((error: unknown) => ended.abort(error))
    const ahead: Promise<LoadedChunk>[] = []
    for (const part of partsOf(plan)) {
      const next = loadChunk(model, part, deps, whole)
      next.catch(() => undefined)
      ahead.push(next)
      if (ahead.length > readAhead) yield await ahead.shift()!
    }
    for (const rest of ahead) yield await rest
  } finally {
    ended.abort(new Error('the load is over'))
  }
}

function* partsOf(plan: LoadPlan): Generator<{ range: LoadRange; chunkIndex: number }> {
  for (const range of plan.ranges)
    for (let at = 0; at < range.chunkCount; at++) yield { range, chunkIndex: range.firstChunk + at }
}

async function loadChunk(
  model: ShardModel,
  { range, chunkIndex }: { range: LoadRange; chunkIndex: number },
  deps: LoadDependencies,
  signal: AbortSignal,
): Promise<LoadedChunk> {
  const { modelId, places } = model
  const offsetBytes = places[chunkIndex]!.offsetInFileBytes
  for (let attempt = 0; ; attempt++) {
    await untilHeld(deps.shard, modelId, chunkIndex, signal)
    try {
      return { range, chunkIndex, offsetBytes, bytes: await deps.dataPlane.readChunk(modelId, chunkIndex) }
    } catch (error) {
      const isLost = isHartonomousError(error, 'ERR_CHUNK_MISMATCH') || isHartonomousError(error, 'ERR_CHUNK_NOT_HELD')
      if (!isLost || attempt > 0 || model.row.origin === 'ingest') throw error
      await deps.shard.settle()
      await deps.library.fetch(model, Bitfield.of(places.length, [chunkIndex]), signal)
    }
  }
}

async function untilHeld(shard: Shard, modelId: ModelId, chunkIndex: number, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted()
    const model = shard.get(modelId)
    if (model === undefined) throw gone(modelId)
    if (model.held.has(chunkIndex)) return
    const waiting = new AbortController()
    const either = { signal: AbortSignal.any([signal, waiting.signal]) }
    const changes = [once(shard, 'gained', either), once(shard, 'removed', either)]
    try {
      await Promise.race(changes)
    } finally {
      waiting.abort()
      await Promise.allSettled(changes)
    }
  }
}

function gone(modelId: ModelId): HartonomousError {
  return new HartonomousError('ERR_NOT_FOUND', { kind: 'model', id: modelId })
}
