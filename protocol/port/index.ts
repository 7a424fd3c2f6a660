/**
 * Typed calls and events over a message port: between the main thread and a worker, two workers, or a parent and a
 * child process. Each part of a node sits behind one, so that a worker becomes a process by one line.
 *
 * One call: `{ call, method, input }` -> `{ done, value }` or `{ failed, error }`; an abort sends `{ cancel }`.
 * Errors cross as `WireError`s and come out as `HartonomousError`s; an abort comes out as the signal's reason.
 */
import { errorFromWire, errorToWire, HartonomousError, type WireError } from '../errors.ts'

/** What `worker_threads` ports, workers and (through `processPort`) child processes have in common. */
export interface Port {
  postMessage(message: unknown, transfer?: readonly Transferable[]): void
  on(event: 'message', listener: (message: unknown) => void): unknown
  /** Called once, when nothing more will come. */
  onClose(listener: (reason: string) => void): void
}

/** Buffers and ports that move instead of being copied. */
export type Transferable = ArrayBuffer | object

export interface CallContext {
  /** Aborted when the caller aborts or the port closes. */
  signal: AbortSignal
}

/** One input value, one result. Both must be structured-cloneable. */
// biome-ignore lint/suspicious/noExplicitAny: the shapes are given by each user's method table
export type Methods = { readonly [name: string]: (input: any, context: CallContext) => unknown }
export type Events = { readonly [name: string]: unknown }

/** A method without parameters is called with `null`. */
type Input<M extends Methods, K extends keyof M> = Parameters<M[K]> extends [] ? null : Parameters<M[K]>[0]
type Output<M extends Methods, K extends keyof M> = Awaited<ReturnType<M[K]>>

const transferLists = new WeakMap<object, readonly Transferable[]>()

/** Marks what of a method's result moves to the caller instead of being copied. */
export function transfer<T extends object>(value: T, list: readonly Transferable[]): T {
  transferLists.set(value, list)
  return value
}

type PortMessage =
  | { type: 'call'; id: number; method: string; input: unknown }
  | { type: 'cancel'; id: number }
  | { type: 'done'; id: number; value: unknown }
  | { type: 'failed'; id: number; error: WireError; aborted: boolean }
  | { type: 'event'; name: string; payload: unknown }

export interface PortServer<E extends Events> {
  emit<K extends keyof E & string>(name: K, payload: E[K], list?: readonly Transferable[]): void
}

/** Answers calls on `port` with `methods`. */
export function servePort<M extends Methods, E extends Events = Events>(port: Port, methods: M): PortServer<E> {
  const running = new Map<number, AbortController>()
  const answer = async (id: number, method: string, input: unknown) => {
    const controller = new AbortController()
    running.set(id, controller)
    try {
      const fn = Object.hasOwn(methods, method) ? methods[method] : undefined
      if (fn === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'method', id: method })
      const value = await fn(input, { signal: controller.signal })
      const list = typeof value === 'object' && value !== null ? transferLists.get(value) : undefined
      port.postMessage({ type: 'done', id, value } satisfies PortMessage, list)
    } catch (error) {
      const aborted = controller.signal.aborted
      port.postMessage({ type: 'failed', id, error: errorToWire(error), aborted } satisfies PortMessage)
    } finally {
      running.delete(id)
    }
  }
  port.on('message', (raw) => {
    const message = raw as PortMessage
    if (message.type === 'call') void answer(message.id, message.method, message.input)
    else if (message.type === 'cancel') running.get(message.id)?.abort(new Error('cancelled by the caller'))
  })
  port.onClose((reason) => {
    for (const controller of running.values()) controller.abort(new Error(reason))
  })
  return {
    emit: (name, payload, list) => port.postMessage({ type: 'event', name, payload } satisfies PortMessage, list),
  }
}

export interface CallOptions {
  signal?: AbortSignal | undefined
  transfer?: readonly Transferable[]
}

/** The calling side. `name` is for errors: `the network worker is gone`. */
export class PortClient<M extends Methods, E extends Events = Events> {
  readonly #port: Port
  readonly #name: string
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: unknown) => void }>()
  readonly #listeners = new Map<string, Set<(payload: never) => void>>()
  readonly #closeListeners = new Set<(reason: string) => void>()
  #nextId = 1
  #gone: string | undefined

  constructor(port: Port, name: string) {
    this.#port = port
    this.#name = name
    port.on('message', (raw) => this.#receive(raw as PortMessage))
    port.onClose((reason) => this.#close(reason))
  }

  /** @throws {ERR_WORKER_GONE} and whatever the method throws. */
  async call<K extends keyof M & string>(
    method: K,
    input: Input<M, K>,
    options: CallOptions = {},
  ): Promise<Output<M, K>> {
    const { signal } = options
    signal?.throwIfAborted()
    if (this.#gone !== undefined) throw this.#goneError()
    const id = this.#nextId++
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    this.#waiting.set(id, { resolve, reject })
    const onAbort = () => {
      if (this.#waiting.delete(id)) {
        if (this.#gone === undefined) this.#port.postMessage({ type: 'cancel', id } satisfies PortMessage)
        reject(signal?.reason)
      }
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      this.#port.postMessage({ type: 'call', id, method, input } satisfies PortMessage, options.transfer)
      return (await promise) as Output<M, K>
    } finally {
      this.#waiting.delete(id)
      signal?.removeEventListener('abort', onAbort)
    }
  }

  /** Returns the function that ends the subscription. */
  on<K extends keyof E & string>(name: K, listener: (payload: E[K]) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners)
    listeners.add(listener as (payload: never) => void)
    return () => listeners.delete(listener as (payload: never) => void)
  }

  onClose(listener: (reason: string) => void): void {
    if (this.#gone === undefined) this.#closeListeners.add(listener)
    else listener(this.#gone)
  }

  #receive(message: PortMessage): void {
    if (message.type === 'event') {
      for (const listener of this.#listeners.get(message.name) ?? []) listener(message.payload as never)
      return
    }
    if (message.type !== 'done' && message.type !== 'failed') return
    const waiting = this.#waiting.get(message.id)
    if (message.type === 'done') waiting?.resolve(message.value)
    else waiting?.reject(errorFromWire(message.error))
  }

  #close(reason: string): void {
    if (this.#gone !== undefined) return
    this.#gone = reason
    for (const { reject } of this.#waiting.values()) reject(this.#goneError())
    this.#waiting.clear()
    for (const listener of this.#closeListeners) listener(reason)
  }

  #goneError(): HartonomousError {
    return new HartonomousError('ERR_WORKER_GONE', { worker: this.#name, reason: this.#gone ?? 'closed' })
  }
}
