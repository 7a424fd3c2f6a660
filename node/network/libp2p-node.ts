/** The libp2p instance: which transports and services, with which limits. */
import type { GossipSub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import { FaultTolerance, type Libp2p, type PeerId, type PeerInfo, type Transport } from '@libp2p/interface'
import { type KadDHT, kadDHT, passthroughMapper, removePrivateAddressesMapper } from '@libp2p/kad-dht'
import { noise } from '@libp2p/noise'
import { type Ping, ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { HartonomousError } from '#protocol/errors.ts'
import { addressesPerPeerMax, connectionsMax } from '#protocol/limits.ts'
import { hour, MiB, second } from '#protocol/units.ts'
import type { DialPolicy } from './dial-policy.ts'
import type { Identity } from './identity.ts'
import type { WireNames } from './names.ts'
import { ownAddresses } from './own-addresses.ts'
import type { PeerLog } from './peer-log.ts'
import type { NetworkConfig } from './types.ts'
import { loadWebRtc } from './webrtc.ts'

export type DhtService = KadDHT & {
  routingTable: {
    size: number
    find(peer: PeerId): Promise<PeerId | undefined>
    addEventListener(type: 'peer:add', listener: (event: unknown) => void): void
  }
  /** Pings the peer, and puts it into the table where it answers. */
  onPeerConnect(peer: PeerInfo): Promise<void>
  addEventListener(type: 'peer', listener: (event: { detail: { id: PeerId } }) => void): void
}

export type Datastore = NonNullable<Libp2pOptions['datastore']>
export type Node = Libp2p<{ dht: DhtService; ping: Ping; gossip?: GossipSub }>

/** Factories of libp2p services; each checks the components that it gets. */
interface Services {
  identify: unknown
  ping: unknown
  dht: unknown
  gossip?: unknown
  autonat?: unknown
  upnp?: unknown
  relay?: unknown
  ownAddresses?: unknown
}

const pingStreamsMax = 16
/**
 * kad-dht keeps a provider record for 48 h and tells it with the addresses that it remembers, while libp2p forgets
 * addresses after 1 h and peers after 6 h: a provider without addresses is left out of the answer, and one forgotten
 * provider makes the whole answer fail. Cleaning up runs each hour, hence more than 48 h.
 */
const rememberPeersMs = 50 * hour

export const dhtDatastorePrefix = '/hartonomous-dht'

/** A peer id must be part of it, so that nobody else can answer there. @throws {ERR_CONFIG} */
export function parsePeerAddress(text: string, key: string): { address: Multiaddr; peerId: string } {
  const address = parseAddress(text, key)
  const peerId = peerIdOf(address)
  if (peerId === undefined) {
    throw new HartonomousError('ERR_CONFIG', { key, reason: `${text} does not end with /p2p/PEER-ID` })
  }
  return { address, peerId }
}

/** @throws {ERR_CONFIG} */
export function parseAddress(text: string, key: string): Multiaddr {
  try {
    return multiaddr(text)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new HartonomousError('ERR_CONFIG', { key, reason: `${text} is no multiaddr: ${reason}` })
  }
}

export function peerIdOf(address: Multiaddr): string | undefined {
  return address.getComponents().findLast((component) => component.name === 'p2p')?.value
}

export async function createNode(
  config: NetworkConfig,
  parts: {
    identity: Identity
    datastore: Datastore
    names: WireNames
    log: PeerLog
    policy: DialPolicy
    onLanPeer: (peerId: string, addresses: string[]) => void
  },
): Promise<Node> {
  const { names, log } = parts
  const services: Services = {
    identify: identify(),
    // kad-dht pings a peer before it takes it into its table, `Liveness` pings each connection. With the default of one
    // stream at a time most of these fail ("too many streams"), and the peer stays out of the table.
    ping: ping({ maxInboundStreams: pingStreamsMax, maxOutboundStreams: pingStreamsMax }),
    dht: kadDHT({
      protocol: names.dht,
      datastorePrefix: dhtDatastorePrefix,
      logPrefix: 'hartonomous:dht',
      metricsPrefix: 'hartonomous_dht',
      peerInfoMapper: config.allowPrivateAddresses ? passthroughMapper : removePrivateAddressesMapper,
      // Our own announcer and look-ups wait for peers where that helps; a query without any must end at once.
      allowQueryWithZeroPeers: true,
      initialQuerySelfInterval: 500,
      // Without a public address the automatic mode would stay a client for ever.
      ...(config.allowPrivateAddresses ? { clientMode: false } : {}),
    }),
  }
  const options: Libp2pOptions = {
    start: false,
    privateKey: parts.identity.privateKey,
    datastore: parts.datastore,
    peerStore: { maxAddressAge: rememberPeersMs, maxPeerAge: rememberPeersMs },
    nodeInfo: { name: 'hartonomous', version: '0.1.0' },
    addresses: { listen: config.listen.map((text) => parseAddress(text, 'listen').toString()) },
    transports: [watched(tcp(), log)],
    connectionGater: { denyDialMultiaddr: (address) => parts.policy.denies(address) },
    connectionEncrypters: [noise()],
    // A stream whose unread bytes pass maxReadBufferLength is reset: it must be larger than the window.
    streamMuxers: [yamux({ streamOptions: { maxStreamWindowSize: 4 * MiB, maxReadBufferLength: 8 * MiB } })],
    // It kills connections that are merely busy; `Liveness` looks after them.
    connectionMonitor: { enabled: false },
    connectionManager: {
      maxConnections: connectionsMax,
      maxPeerAddrsToDial: addressesPerPeerMax,
      dialTimeout: 8 * second,
      addressDialTimeout: 4 * second,
      // Defaults of 5 per second and 10 pending break offices behind one address, and swarms on one machine.
      inboundConnectionThreshold: 100,
      maxIncomingPendingConnections: 50,
    },
    peerDiscovery: [],
  }
  if (config.mdns) options.peerDiscovery?.push(await lanDiscovery(names.mdns, log, parts.onLanPeer))
  await addOptional(config, options, services, log)
  return (await createLibp2p({ ...options, services: services as never })) as unknown as Node
}

/** Modules that cost start time are loaded only where they are asked for. */
async function addOptional(
  config: NetworkConfig,
  options: Libp2pOptions,
  services: Services,
  log: PeerLog,
): Promise<void> {
  if (config.gossip) {
    const { createGossip } = await import('./gossip-service.ts')
    services.gossip = createGossip(config)
  }
  if (!config.natTraversal) return
  const [relay, autonat, upnp] = await Promise.all([
    import('@libp2p/circuit-relay-v2'),
    import('@libp2p/autonat-v2'),
    import('@libp2p/upnp-nat'),
  ])
  // A place at the relays that we were told of. The address `/p2p-circuit` alone, which means any relay, makes libp2p walk
  // the DHT without a pause until it finds one: a small swarm would spin.
  const relays = [...config.bootstrap, ...config.staticPeers].map((address) => `${address}/p2p-circuit`)
  options.addresses?.listen?.push(...relays)
  // A relay that is down must not keep the node from starting.
  options.transportManager = { faultTolerance: FaultTolerance.NO_FATAL }
  options.transports?.push(watched(relay.circuitRelayTransport(), log))
  services.autonat = autonat.autoNATv2()
  services.ownAddresses = ownAddresses()
  // The router's word is taken: the four networks that AutoNAT wants to hear from are not there in a small swarm.
  services.upnp = upnp.uPnPNAT({ autoConfirmAddress: true })
  if (config.webrtc) await addWebRtc(config, options, log)
  // The defaults of 128 KiB and two minutes cut control streams and the fallback for chunks in the middle.
  services.relay = relay.circuitRelayServer({
    reservations: { maxReservations: 64, defaultDurationLimit: 600 * second, defaultDataLimit: BigInt(64 * MiB) },
  })
}

/** A platform without the native part does without. */
async function addWebRtc(config: NetworkConfig, options: Libp2pOptions, log: PeerLog): Promise<void> {
  const module = await loadWebRtc()
  if (module === undefined) return
  const iceServers = config.stunServers.map((urls) => ({ urls }))
  options.transports?.push(watched(module.webRTC({ rtcConfiguration: { iceServers } }), log))
  options.addresses?.listen?.push('/webrtc')
}

/** Each swarm has a service type of its own: others on this network neither see nor dial us. */
async function lanDiscovery(
  serviceTag: string,
  log: PeerLog,
  onPeer: (peerId: string, addresses: string[]) => void,
): Promise<NonNullable<Libp2pOptions['peerDiscovery']>[number]> {
  const { mdns } = await import('@libp2p/mdns')
  const create = mdns({ serviceTag })
  return (components) => {
    const discovery = create(components)
    discovery.addEventListener('peer', ({ detail }) => {
      const peerId = detail.id.toString()
      if (peerId === components.peerId.toString()) return
      log.discovered(peerId, 'mdns')
      const addresses = detail.multiaddrs.map((address) => address.toString())
      // Loopback is the same machine, or nobody: of use only where there is nothing else.
      const beyond = addresses.filter((address) => !/^\/ip4\/127\.|^\/ip6\/::1\//.test(address))
      onPeer(peerId, beyond.length > 0 ? beyond : addresses)
    })
    return discovery
  }
}

/** Tells the log about each address that could not be dialled: libp2p's own error names no address. */
function watched<C>(create: (components: C) => Transport, log: PeerLog): (components: C) => Transport {
  return (components) => {
    const transport = create(components)
    const dial = transport.dial.bind(transport)
    transport.dial = async (address, options) => {
      try {
        return await dial(address, options)
      } catch (error) {
        const peerId = peerIdOf(address)
        const reason = error instanceof Error ? error.message || error.name : String(error)
        if (peerId !== undefined) log.dialFailed(peerId, address.toString(), reason)
        throw error
      }
    }
    return transport
  }
}
