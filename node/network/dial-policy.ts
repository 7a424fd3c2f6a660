/**
 * What may be dialled on the public network. Anybody can say that a peer lives at 192.168.1.1 or 127.0.0.1: dialling it
 * would knock on doors inside the home of whoever believes it. Private addresses are dialled only for peers that the
 * owner named, or that were seen on the local network.
 */
import type { PeerInfo } from '@libp2p/interface'
import { removePrivateAddressesMapper } from '@libp2p/kad-dht'
import type { Multiaddr } from '@multiformats/multiaddr'
import { lanPeersMax } from '#protocol/limits.ts'

export class DialPolicy {
  readonly #isPublic: boolean
  /** Oldest out. */
  readonly #near = new Set<string>()

  constructor(options: { isPublic: boolean }) {
    this.#isPublic = options.isPublic
  }

  /** Private addresses of this peer, also as a relay, are to be dialled from now on. */
  allow(peerId: string): void {
    this.#near.delete(peerId)
    this.#near.add(peerId)
    const oldest = this.#near.size > 2 * lanPeersMax ? this.#near.values().next().value : undefined
    if (oldest !== undefined) this.#near.delete(oldest)
  }

  denies(address: Multiaddr): boolean {
    if (!this.#isPublic || !isPrivate(address)) return false
    // Of a relayed address the first is the relay, which is who would be dialled.
    const dialled = address.getComponents().find((component) => component.name === 'p2p')?.value
    return dialled === undefined || !this.#near.has(dialled)
  }
}

/** By the rule that the DHT itself uses. */
function isPrivate(address: Multiaddr): boolean {
  return removePrivateAddressesMapper({ multiaddrs: [address] } as unknown as PeerInfo).multiaddrs.length === 0
}
