/** Measures the round trip to each connected peer, and lets go of peers that answer nothing any more. */
import type { Connection } from '@libp2p/interface'
import { second } from '#protocol/units.ts'
import type { Node } from './libp2p-node.ts'

const pingEveryMs = 15 * second
const pingTimeoutMs = 10 * second
/** A busy peer may miss one ping; three in a row are 45 s of silence. */
const failuresMax = 3

export class Liveness {
  readonly #node: Node
  readonly #peers = new Map<string, { rttMs?: number; failures: number }>()
  readonly #controller = new AbortController()
  #timer: NodeJS.Timeout | undefined

  constructor(node: Node) {
    this.#node = node
    node.addEventListener('peer:disconnect', ({ detail }) => this.#peers.delete(detail.toString()))
    node.addEventListener('connection:open', ({ detail }) => void this.#ping(detail))
  }

  start(): void {
    this.#timer = setInterval(() => {
      for (const connection of this.#node.getConnections()) void this.#ping(connection)
    }, pingEveryMs)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#controller.abort(new Error('stopped'))
  }

  rttMs(peerId: string): number | undefined {
    return this.#peers.get(peerId)?.rttMs
  }

  async #ping(connection: Connection): Promise<void> {
    const peerId = connection.remotePeer.toString()
    const state = this.#peers.get(peerId) ?? { failures: 0 }
    this.#peers.set(peerId, state)
    try {
      const signal = AbortSignal.any([this.#controller.signal, AbortSignal.timeout(pingTimeoutMs)])
      const rttMs = await this.#node.services.ping.ping(connection.remotePeer, { signal })
      state.rttMs = state.rttMs === undefined ? rttMs : 0.7 * state.rttMs + 0.3 * rttMs
      state.failures = 0
    } catch (error) {
      // A peer that does not speak ping still answered.
      if ((error as Error).name === 'UnsupportedProtocolError') return
      if (++state.failures < failuresMax || this.#controller.signal.aborted) return
      for (const each of this.#node.getConnections(connection.remotePeer)) each.abort(new Error('no answer to pings'))
    }
  }
}
