/** Connections that come to us to serve (a seed behind NAT, a libp2p stream), until a fetch takes them. */
import { HartonomousError } from '#protocol/errors.ts'
import { dataConnectionsMax, offerTokenTtlMs } from '#protocol/limits.ts'
import type { FrameConnection } from './frame-connection.ts'

export interface Arrival {
  connection: FrameConnection
  /** TLS only. */
  certificateSha256?: string
}

interface Waiting {
  resolve: (arrival: Arrival) => void
  reject: (error: Error) => void
  timer: NodeJS.Timeout
}

export class Arrivals {
  readonly #arrived = new Map<string, { arrival: Arrival; timer: NodeJS.Timeout }>()
  readonly #waiting = new Map<string, Waiting>()

  /** `key` says what the connection is for: a token, or a peer. */
  arrive(key: string, arrival: Arrival): void {
    const waiting = this.#waiting.get(key)
    if (waiting !== undefined) {
      this.#waiting.delete(key)
      clearTimeout(waiting.timer)
      waiting.resolve(arrival)
      return
    }
    const { connection } = arrival
    if (this.#arrived.size >= dataConnectionsMax || this.#arrived.has(key)) {
      connection.close('nobody waits for this connection')
      return
    }
    const timer = setTimeout(() => connection.close('nobody took this connection'), offerTokenTtlMs)
    this.#arrived.set(key, { arrival, timer })
    connection.become('fetch', {
      onFrame: () => {},
      onData: () => connection.close('data that nobody asked for'),
      onEnd: () => this.#forget(key, arrival),
    })
  }

  /** @throws {ERR_TIMEOUT} when nothing comes while a token is good. */
  async take(key: string, what: string): Promise<Arrival> {
    const here = this.#arrived.get(key)
    if (here !== undefined) {
      this.#forget(key, here.arrival)
      return here.arrival
    }
    const { promise, resolve, reject } = Promise.withResolvers<Arrival>()
    const timer = setTimeout(() => {
      this.#waiting.delete(key)
      reject(new HartonomousError('ERR_TIMEOUT', { what, timeoutMs: offerTokenTtlMs }))
    }, offerTokenTtlMs)
    this.#waiting.get(key)?.reject(new HartonomousError('ERR_TIMEOUT', { what, timeoutMs: 0 }))
    this.#waiting.set(key, { resolve, reject, timer })
    return promise
  }

  close(): void {
    for (const { arrival } of [...this.#arrived.values()]) arrival.connection.close('shutting down')
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer)
      reject(new HartonomousError('ERR_WORKER_GONE', { worker: 'data', reason: 'shutting down' }))
    }
    this.#waiting.clear()
  }

  #forget(key: string, arrival: Arrival): void {
    const here = this.#arrived.get(key)
    if (here?.arrival !== arrival) return
    clearTimeout(here.timer)
    this.#arrived.delete(key)
  }
}
