/** The thread of one look into tensors. */
import { parentPort, workerData } from 'node:worker_threads'
import { loadNative } from '#native/index.ts'
import { errorToWire } from '#protocol/errors.ts'
import { diffModels } from './diff-models.ts'
import type { PeekAnswer, PeekTask } from './peek-thread.ts'
import { showTensor } from './show-tensor.ts'

async function answer(task: PeekTask): Promise<PeekAnswer> {
  const { binding } = loadNative()
  try {
    if (task.kind === 'diff') return { view: await diffModels(binding, task.a, task.b) }
    return { view: await showTensor(binding, task.model, task.tensor, task.options) }
  } catch (error) {
    return { error: errorToWire(error) }
  }
}

parentPort?.postMessage(await answer(workerData as PeekTask))
