/** Peers that the owner named, as targets of the connector. */
import { parsePeerAddress } from './libp2p-node.ts'
import type { NetworkConfig } from './types.ts'

export interface DialTarget {
  peerId: string
  addresses: string[]
  /** `static`: always connected. Others: only while there are fewer than `connectionsWanted` peers. */
  kind: 'static' | 'bootstrap' | 'cache' | 'mdns'
}

/** One target per peer: a peer that is listed twice has two addresses. @throws {ERR_CONFIG} */
export function dialTargets(config: NetworkConfig): Map<string, DialTarget> {
  const targets = new Map<string, DialTarget>()
  const lists = { static: config.staticPeers, bootstrap: config.bootstrap } as const
  for (const kind of ['static', 'bootstrap'] as const) {
    for (const text of lists[kind]) {
      const { peerId } = parsePeerAddress(text, kind === 'static' ? 'staticPeers' : 'bootstrap')
      const target = targets.get(peerId)
      if (target) target.addresses.push(text)
      else targets.set(peerId, { peerId, addresses: [text], kind })
    }
  }
  return targets
}
