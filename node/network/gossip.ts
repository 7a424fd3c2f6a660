/** Gossip: signed messages to everybody who subscribed to a topic, with a size limit per topic. */
import type { GossipSub, TopicValidatorResult } from '@libp2p/gossipsub'
import { HartonomousError } from '#protocol/errors.ts'
import type { PeerId } from '#protocol/ids.ts'
import { gossipInFlightMax } from '#protocol/limits.ts'
import type { WireNames } from './names.ts'

// The values of an enum whose module is loaded only where gossip is on.
const accept = 'accept' as TopicValidatorResult
const reject = 'reject' as TopicValidatorResult

export interface DeliveredMessage {
  topic: string
  from: PeerId
  bytes: Uint8Array
}

/** Subscriptions of this node. Without a service (gossip off) everything is accepted and nothing happens. */
export class Gossip {
  readonly #service: GossipSub | undefined
  readonly #names: WireNames
  readonly #topics = new Map<string, { name: string; bytesMax: number }>()
  #inFlight = 0

  constructor(service: GossipSub | undefined, names: WireNames, deliver: (message: DeliveredMessage) => void) {
    this.#service = service
    this.#names = names
    service?.addEventListener('message', ({ detail: message }) => {
      const topic = this.#topics.get(message.topic)
      if (!topic || message.type !== 'signed' || this.#inFlight >= gossipInFlightMax) return
      this.#inFlight++
      deliver({ topic: topic.name, from: message.from.toString() as PeerId, bytes: new Uint8Array(message.data) })
    })
  }

  taken(count: number): void {
    this.#inFlight = Math.max(0, this.#inFlight - count)
  }

  subscribe(name: string, bytesMax: number): void {
    const service = this.#service
    const wireTopic = this.#names.topic(name)
    this.#topics.set(wireTopic, { name, bytesMax })
    if (!service) return
    // 'reject' also lowers the score of whoever passed it on.
    service.topicValidators.set(wireTopic, (_peer, message) => (message.data.byteLength > bytesMax ? reject : accept))
    service.subscribe(wireTopic)
  }

  async publish(name: string, bytes: Uint8Array): Promise<void> {
    const wireTopic = this.#names.topic(name)
    const limit = this.#topics.get(wireTopic)?.bytesMax
    if (limit !== undefined && bytes.byteLength > limit) {
      throw new HartonomousError('ERR_LIMIT', { what: `gossip on ${name}`, limit, actual: bytes.byteLength })
    }
    await this.#service?.publish(wireTopic, bytes)
  }
}
