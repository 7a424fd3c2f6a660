/** Looks into tensors in a thread of its own: it reads and reckons for seconds where a tensor is large. */
import { Worker } from 'node:worker_threads'
import type { DiffView, TensorDetailView } from '#protocol/api/control.ts'
import { errorFromWire, HartonomousError, type WireError } from '#protocol/errors.ts'
import { peeksMax } from '#protocol/limits.ts'
import { second } from '#protocol/units.ts'
import type { ShowOptions } from './show-tensor.ts'
import type { StructurePart, StructureView } from './structure.ts'
import type { PeekModel } from './types.ts'

export type PeekTask =
  | { kind: 'show'; model: PeekModel; tensor: string; options: Omit<ShowOptions, 'signal'> }
  | { kind: 'diff'; a: PeekModel; b: PeekModel }
  | { kind: 'metadata'; paths: string[] }
  | { kind: 'structure'; model: PeekModel; parts: readonly StructurePart[] }

/** As the store keeps it. */
export type MetadataView = Record<string, unknown>

type PeekView = TensorDetailView | DiffView | StructureView | MetadataView
export type PeekAnswer = { view: PeekView } | { error: WireError }

const running = new Set<Worker>()

export async function peekInThread(task: PeekTask & { kind: 'show' }, signal: AbortSignal): Promise<TensorDetailView>
export async function peekInThread(task: PeekTask & { kind: 'diff' }, signal: AbortSignal): Promise<DiffView>
export async function peekInThread(task: PeekTask & { kind: 'metadata' }, signal: AbortSignal): Promise<MetadataView>
export async function peekInThread(task: PeekTask & { kind: 'structure' }, signal: AbortSignal): Promise<StructureView>
/** @throws what the work threw, {ERR_QUEUE_FULL}, or the reason of the signal */
export async function peekInThread(task: PeekTask, signal: AbortSignal): Promise<PeekView> {
  signal.throwIfAborted()
  if (running.size >= peeksMax) throw new HartonomousError('ERR_QUEUE_FULL', { depth: peeksMax, retryAfterMs: second })
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: task, name: 'peek' })
  running.add(worker)
  try {
    const answer = await new Promise<PeekAnswer>((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
      worker.once('exit', () => reject(new HartonomousError('ERR_WORKER_GONE', { worker: 'peek', reason: 'it ended' })))
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
    })
    if ('error' in answer) throw errorFromWire(answer.error)
    return answer.view
  } finally {
    running.delete(worker)
    await worker.terminate()
  }
}
