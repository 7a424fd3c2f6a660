/**
 * Announces the public addresses of this machine's own interfaces. libp2p does so only after AutoNAT heard from peers in
 * four different /8 networks: a young or small swarm has none, its first public node would never be found, and its DHT
 * would have no server. AutoNAT still withdraws an address that a firewall closes, after eight failed dials.
 */
import type { Startable } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { minute } from '#protocol/units.ts'

interface Components {
  events: EventTarget
  addressManager: {
    getAddressesWithMetadata(): { multiaddr: Multiaddr; verified: boolean; type: string }[]
    confirmObservedAddr(address: Multiaddr): void
  }
}

const checkEveryMs = minute

export function ownAddresses(): (components: Components) => Startable {
  return ({ addressManager, events }) => {
    // Once each: what AutoNAT withdrew must stay so.
    const told = new Set<string>()
    let timer: NodeJS.Timeout | undefined
    const tell = () => {
      for (const { multiaddr, verified, type } of addressManager.getAddressesWithMetadata()) {
        const text = multiaddr.toString()
        // `transport`: of an interface; others are what peers or a router say about us.
        if (type !== 'transport' || verified || told.has(text)) continue
        told.add(text)
        addressManager.confirmObservedAddr(multiaddr)
      }
    }
    return {
      start() {
        events.addEventListener('transport:listening', tell)
        // Addresses come and go with the provider.
        timer = setInterval(tell, checkEveryMs)
      },
      stop() {
        events.removeEventListener('transport:listening', tell)
        clearInterval(timer)
      },
    }
  }
}
