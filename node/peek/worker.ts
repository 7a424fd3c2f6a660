/** The thread of one look into tensors. */
import { parentPort, workerData } from 'node:worker_threads'
import { loadNative } from '#native/index.ts'
import { errorToWire } from '#protocol/errors.ts'
import { openFileSource, readModelHeader, storedMeta } from '../ingest/index.ts'
import { diffModels } from './diff-models.ts'
import type { PeekAnswer, PeekTask } from './peek-thread.ts'
import { showTensor } from './show-tensor.ts'
import { structureOf } from './structure.ts'

async function answer(task: PeekTask): Promise<PeekAnswer> {
  const { binding } = loadNative()
  try {
    if (task.kind === 'diff') return { view: await diffModels(binding, task.a, task.b) }
    if (task.kind === 'metadata') return { view: await metadataOf(task.paths) }
    if (task.kind === 'structure') return { view: await structureOf(binding, task.model, task.parts) }
    return { view: await showTensor(binding, task.model, task.tensor, task.options) }
  } catch (error) {
    return { error: errorToWire(error) }
  }
}

/** Of all files of a model; a header of a peer's may be as large as it likes to be, up to the limit. */
async function metadataOf(paths: readonly string[]): Promise<Record<string, unknown>> {
  const sources = await Promise.all(paths.map((path) => openFileSource(path)))
  try {
    return storedMeta(await readModelHeader(sources))
  } finally {
    await Promise.all(sources.map((source) => source.close()))
  }
}

parentPort?.postMessage(await answer(workerData as PeekTask))
