/** Opens streams over connections that are there. */
import type { PeerId, Stream } from '@libp2p/interface'
import type { Node } from './libp2p-node.ts'

const closedUnderUs = new Set(['ConnectionClosedError', 'MuxerClosedError', 'StreamResetError', 'StreamClosedError'])

export interface OpenStreamOptions {
  signal: AbortSignal
  maxOutboundStreams?: number
  runOnLimitedConnection?: boolean
}

/**
 * Over a connection that is open, a direct one before a relayed one; libp2p itself would dial anew where it has only a
 * relayed one. A connection may close under us, most of all when both sides have just dialled: that is tried again.
 */
export async function openStream(
  node: Pick<Node, 'getConnections' | 'dialProtocol'>,
  peer: PeerId,
  protocol: string,
  options: OpenStreamOptions,
): Promise<Stream> {
  const open = node.getConnections(peer).filter((connection) => connection.status === 'open')
  const connection = open.find((each) => each.limits === undefined) ?? open[0]
  try {
    if (connection) return await connection.newStream(protocol, options)
    return await node.dialProtocol(peer, protocol, options)
  } catch (error) {
    if (options.signal.aborted || !closedUnderUs.has((error as Error).name)) throw error
    return node.dialProtocol(peer, protocol, options)
  }
}
