/** The thread of one look into tensors. */
import { parentPort, workerData } from 'node:worker_threads'
import { loadNative } from '#native/index.ts'
import { errorToWire } from '#protocol/errors.ts'
import { diffModels } from './diff-models.ts'
import type { PeekAnswer, PeekTask } from './peek-thread.ts'
import { showTensor } from './show-tensor.ts'
import { structureOf } from './structure.ts'

async function answer(task: PeekTask): Promise<PeekAnswer> {
  const { binding } = loadNative()
  try {
    if (task.kind === 'diff') return { view: await diffModels(binding, task.a, task.b) }
    if (task.kind === 'structure') return { view: await structureOf(binding, task.model, task.parts) }
    return { view: await showTensor(binding, task.model, task.tensor, task.options) }
  } catch (error) {
    return { error: errorToWire(error) }
  }
}

parentPort?.postMessage(await answer(workerData as PeekTask))
