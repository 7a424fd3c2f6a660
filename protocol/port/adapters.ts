/** Ports over `worker_threads` and `child_process`. Types only from Node: nothing is started here. */
import type { ChildProcess } from 'node:child_process'
import type { MessagePort, Worker } from 'node:worker_threads'
import type { Port, Transferable } from './index.ts'

/** The parent's end of a worker thread. */
export function workerPort(worker: Worker): Port {
  return {
    postMessage: (message, list) => worker.postMessage(message, (list ?? []) as never),
    on: (event, listener) => worker.on(event, listener),
    onClose: (listener) => {
      let failure: string | undefined
      worker.once('error', (error: unknown) => {
        failure = error instanceof Error ? error.message : String(error)
      })
      worker.once('exit', (code) => listener(failure ?? `exit ${code}`))
    },
  }
}

/** One end of a `MessageChannel`, or `parentPort` inside a worker. */
export function messagePort(port: MessagePort): Port {
  return {
    postMessage: (message, list) => port.postMessage(message, (list ?? []) as never),
    on: (event, listener) => port.on(event, listener),
    onClose: (listener) => port.once('close', () => listener('port closed')),
  }
}

/**
 * Either end of a parent and child process. Fork with `serialization: 'advanced'`, so that typed arrays survive; nothing
 * can be moved between processes, so transfer lists are ignored (the bytes are copied).
 */
export function processPort(end: ChildProcess | NodeJS.Process): Port {
  return {
    postMessage: (message, _list?: readonly Transferable[]) => {
      if (end.connected) end.send?.(message as never, undefined, undefined, () => {})
    },
    on: (event, listener) => end.on(event, listener as never),
    onClose: (listener) => {
      let closed = false
      const close = (reason: string) => {
        if (!closed) listener(reason)
        closed = true
      }
      end.once('disconnect', () => close('disconnected'))
      end.once('exit', (code: number | null, signal?: string | null) =>
        close(signal ? `killed by ${signal}` : `exit ${code ?? '?'}`),
      )
    },
  }
}
