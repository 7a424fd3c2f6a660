/**
 * Turns relayed connections into direct ones: both sides are behind NAT, WebRTC finds a way between them, and the relay
 * carries no more than the signalling.
 */
import type { IdentifyResult, PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { minute, second } from '#protocol/units.ts'
import type { Node } from './libp2p-node.ts'

const attemptTimeoutMs = 15 * second
/** A NAT that let nothing through will most likely not do so soon. */
const againAfterMs = 10 * minute
const attemptsMax = 8
const peersRememberedMax = 1000

export class DirectUpgrade {
  readonly #node: Node
  readonly #now: () => number
  readonly #attempts = new Map<string, Promise<void>>()
  readonly #notBeforeMs = new Map<string, number>()
  readonly #controller = new AbortController()
  readonly #onIdentify = (event: CustomEvent<IdentifyResult>) => this.#identified(event.detail)

  constructor(node: Node, now: () => number = Date.now) {
    this.#node = node
    this.#now = now
    node.addEventListener('peer:identify', this.#onIdentify)
  }

  /** Resolves when an attempt that is under way for this peer is over, however it ended; `undefined` where there is none. */
  pending(peerId: string): Promise<void> | undefined {
    return this.#attempts.get(peerId)
  }

  stop(): void {
    this.#node.removeEventListener('peer:identify', this.#onIdentify)
    this.#controller.abort(new Error('stopped'))
  }

  /** Who dialled the relayed connection dials the direct one, so that not both do. */
  #identified({ peerId, connection, listenAddrs }: IdentifyResult): void {
    if (connection.limits === undefined || connection.direction !== 'outbound') return
    const key = peerId.toString()
    const addresses = listenAddrs.filter(isWebRtc)
    if (addresses.length === 0 || this.#attempts.has(key) || this.#attempts.size >= attemptsMax) return
    if ((this.#notBeforeMs.get(key) ?? 0) > this.#now()) return
    const attempt = this.#dial(peerId, addresses)
      .catch(() => this.#failed(key))
      .finally(() => this.#attempts.delete(key))
    this.#attempts.set(key, attempt)
  }

  async #dial(peerId: PeerId, addresses: Multiaddr[]): Promise<void> {
    const signal = AbortSignal.any([this.#controller.signal, AbortSignal.timeout(attemptTimeoutMs)])
    const suffix = `/p2p/${peerId}`
    const whole = addresses.map((address) =>
      address.toString().endsWith(suffix) ? address : address.encapsulate(suffix),
    )
    // `force`: libp2p would be content with the connection that is there.
    await this.#node.dial(whole, { signal, force: true })
  }

  /** The reason is in the peer log: the transport tells it about every dial. */
  #failed(peerId: string): void {
    if (this.#controller.signal.aborted) return
    this.#notBeforeMs.delete(peerId)
    if (this.#notBeforeMs.size >= peersRememberedMax) this.#notBeforeMs.delete(this.#notBeforeMs.keys().next().value!)
    this.#notBeforeMs.set(peerId, this.#now() + againAfterMs)
  }
}

/** `…/p2p-circuit/webrtc`, not the `webrtc-direct` of public servers. */
function isWebRtc(address: Multiaddr): boolean {
  return address.getComponents().some((component) => component.name === 'webrtc')
}
