/**
 * Offers connected DHT peers to the routing table again. kad-dht tries a new peer once, with a ping that must be answered
 * soon; on a busy machine it is missed, and the peer would stay unknown until it connects anew. In a small swarm that is
 * enough for a node never to be found.
 */
import { second } from '#protocol/units.ts'
import type { Node } from './libp2p-node.ts'

const everyMs = 2 * second
/** A bucket holds 20: below that no peer has to leave for another, above it a missed one does not matter. */
const smallTable = 20

export class TableKeeper {
  readonly #node: Node
  readonly #protocol: string
  #timer: NodeJS.Timeout | undefined

  constructor(node: Node, protocol: string) {
    this.#node = node
    this.#protocol = protocol
  }

  start(): void {
    this.#timer = setInterval(() => {
      // A peer that left meanwhile is no loss.
      this.#offer().catch(() => {})
    }, everyMs)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async #offer(): Promise<void> {
    const { dht } = this.#node.services
    for (const id of this.#node.getPeers()) {
      if (dht.routingTable.size >= smallTable) return
      if ((await dht.routingTable.find(id)) !== undefined) continue
      const peer = await this.#node.peerStore.get(id)
      if (!peer.protocols.includes(this.#protocol)) continue
      await dht.onPeerConnect({ id, multiaddrs: peer.addresses.map(({ multiaddr }) => multiaddr) })
    }
  }
}
