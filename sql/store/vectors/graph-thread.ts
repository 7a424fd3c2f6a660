/** The caller's side of the thread that makes graphs. It lives for one piece of work. */
import { Worker } from 'node:worker_threads'
import { workerPort } from '#protocol/port/adapters.ts'
import { PortClient } from '#protocol/port/index.ts'
import type { GraphMethods } from './worker.ts'

/** What of the thread its work may use. */
export type GraphThread = Pick<PortClient<GraphMethods>, 'call'>

/**
 * After an abort nothing new is begun, and what runs is waited for: a thread that is ended in the middle of native code may
 * take the process with it.
 * @throws the reason of the signal
 */
export async function withGraphThread<T>(signal: AbortSignal, work: (thread: GraphThread) => Promise<T>): Promise<T> {
  signal.throwIfAborted()
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { name: 'vectors' })
  const client = new PortClient<GraphMethods>(workerPort(worker), 'vectors')
  const call: GraphThread['call'] = (method, input, options) =>
    signal.aborted ? Promise.reject(signal.reason) : client.call(method, input, options)
  try {
    return await work({ call })
  } finally {
    // A thread that died has ended already.
    await client.call('settle', null).catch(() => undefined)
    await worker.terminate()
  }
}
