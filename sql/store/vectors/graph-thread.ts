/** The caller's side of the thread that makes graphs. It lives for one piece of work. */
import { Worker } from 'node:worker_threads'
import { workerPort } from '#protocol/port/adapters.ts'
import { PortClient } from '#protocol/port/index.ts'
import type { GraphMethods } from './worker.ts'

export async function withGraphThread<T>(
  signal: AbortSignal,
  work: (thread: PortClient<GraphMethods>) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted()
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { name: 'vectors' })
  // Each call that is open then fails: the thread is gone.
  const stop = () => void worker.terminate()
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await work(new PortClient<GraphMethods>(workerPort(worker), 'vectors'))
  } finally {
    signal.removeEventListener('abort', stop)
    await worker.terminate()
  }
}
