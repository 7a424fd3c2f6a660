/** Peers that are reached through a relay which both sides know. */
import type { Node } from './libp2p-node.ts'

/** https://github.com/libp2p/specs/blob/master/relay/circuit-v2.md */
const hopProtocol = '/libp2p/circuit/relay/0.2.0/hop'
const relaysTriedMax = 4

/**
 * A peer behind NAT tells its relayed addresses to those it is connected to, and they tell others; where that has not come
 * through yet, the relays that we are connected to are asked for it. False when none has it.
 */
export async function dialThroughRelays(node: Node, peerId: string, signal: AbortSignal): Promise<boolean> {
  let tried = 0
  for (const connection of node.getConnections()) {
    if (connection.limits !== undefined || tried >= relaysTriedMax || signal.aborted) continue
    const { protocols } = await node.peerStore.get(connection.remotePeer).catch(() => ({ protocols: [] as string[] }))
    if (!protocols.includes(hopProtocol)) continue
    tried++
    const relay = connection.remoteAddr.toString()
    const suffix = relay.includes('/p2p/') ? '' : `/p2p/${connection.remotePeer}`
    const address = connection.remoteAddr.encapsulate(`${suffix}/p2p-circuit/p2p/${peerId}`)
    const isOpen = await node.dial(address, { signal }).then(
      () => true,
      () => false,
    )
    if (isOpen) return true
  }
  return false
}
