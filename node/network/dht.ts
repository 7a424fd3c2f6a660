/** What we ask of the DHT: announce a key, and find who announced one. */
import type { CID } from 'multiformats/cid'
import type { PeerId } from '#protocol/ids.ts'
import { addressesPerPeerMax, dhtLookupTimeoutMs, dhtProvideTimeoutMs } from '#protocol/limits.ts'
import { second } from '#protocol/units.ts'
import type { AnnouncerDht } from './announcer.ts'
import type { Node } from './libp2p-node.ts'

/** A node that has just started waits this long for its first DHT peer before a look-up comes back empty. */
const firstPeerWaitMs = 3 * second

export function announcerDht(node: Node): AnnouncerDht {
  const dht = node.services.dht
  return {
    size: () => dht.routingTable.size,
    async provide(key, signal) {
      // Also without any peer: our own record is stored here, for those who ask us.
      let stored = 0
      const options = { signal: AbortSignal.any([signal, AbortSignal.timeout(dhtProvideTimeoutMs)]) }
      for await (const event of dht.provide(key, options)) {
        if (event.name === 'PEER_RESPONSE' && event.messageName === 'ADD_PROVIDER') stored++
      }
      return stored
    },
    cancel: (key) => dht.cancelReprovide(key),
  }
}

export interface Provider {
  peerId: PeerId
  addresses: string[]
}

/** Calls `found` for each provider other than ourselves, at most `limit` times. Ends quietly after `dhtLookupTimeoutMs`. */
export async function findProviders(
  node: Node,
  key: CID,
  options: { limit: number; signal: AbortSignal; startedAtMs: number },
  found: (provider: Provider) => void,
): Promise<void> {
  const timeout = AbortSignal.timeout(dhtLookupTimeoutMs)
  const signal = AbortSignal.any([options.signal, timeout])
  await waitForFirstPeer(node, options.startedAtMs, signal)
  const seen = new Set<string>([node.peerId.toString()])
  try {
    for await (const event of node.services.dht.findProviders(key, { signal })) {
      if (event.name !== 'PROVIDER') continue
      for (const { id, multiaddrs } of event.providers) {
        const peerId = id.toString() as PeerId
        if (seen.has(peerId)) continue
        seen.add(peerId)
        const known = multiaddrs.slice(0, addressesPerPeerMax)
        // So that the peer can be dialled by its id from now on.
        if (known.length > 0) await node.peerStore.merge(id, { multiaddrs: known })
        found({ peerId, addresses: known.map((address) => address.toString()) })
        if (seen.size > options.limit) return
      }
    }
  } catch (error) {
    options.signal.throwIfAborted()
    if (!timeout.aborted) throw error
  }
}

async function waitForFirstPeer(node: Node, startedAtMs: number, signal: AbortSignal): Promise<void> {
  const { routingTable } = node.services.dht
  while (routingTable.size === 0 && Date.now() - startedAtMs < firstPeerWaitMs && !signal.aborted) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
