/** The gossipsub service. Loaded only where gossip is on. */
import { type GossipSub, gossipsub, StrictSign } from '@libp2p/gossipsub'
import { KiB, MiB } from '#protocol/units.ts'

type GossipComponents = Parameters<ReturnType<typeof gossipsub>>[0]

export function createGossip(config: { allowPrivateAddresses: boolean }): (components: GossipComponents) => GossipSub {
  return gossipsub({
    globalSignaturePolicy: StrictSign,
    emitSelf: false,
    allowPublishToZeroTopicPeers: true,
    fallbackToFloodsub: false,
    // Leases of peers behind NAT travel through the relay too.
    runOnLimitedConnection: true,
    maxInboundDataLength: 256 * KiB,
    maxOutboundBufferSize: 4 * MiB,
    // Many peers behind one address are a fault on the internet, and the rule on one machine.
    scoreParams: config.allowPrivateAddresses ? { IPColocationFactorWeight: 0 } : {},
  })
}
