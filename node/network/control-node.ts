/** All parts of the control plane in one thread, behind the methods of `worker-api.ts`. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { MessagePort } from 'node:worker_threads'
import type { Connection, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { CID } from 'multiformats/cid'
import { chunkProtocol } from '#protocol/chunk/index.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { type PeerId, parsePeerId } from '#protocol/ids.ts'
import { addressesPerPeerMax, controlRequestTimeoutMs, dhtKeysMax, streamsPerPeerMax } from '#protocol/limits.ts'
import { second } from '#protocol/units.ts'
import { Announcer } from './announcer.ts'
import { BlockExchange } from './block-exchange.ts'
import { Connector } from './connector.ts'
import { announcerDht, findProviders } from './dht.ts'
import { DialPolicy } from './dial-policy.ts'
import { type DialTarget, dialTargets } from './dial-targets.ts'
import { DirectUpgrade } from './direct-upgrade.ts'
import { Gossip } from './gossip.ts'
import { type Identity, loadOrCreateIdentity } from './identity.ts'
import { createNode, dhtDatastorePrefix, type Node, parseAddress, peerIdOf } from './libp2p-node.ts'
import { Liveness } from './liveness.ts'
import { type WireNames, wireNames } from './names.ts'
import { openStream } from './open-stream.ts'
import { PeerCache } from './peer-cache.ts'
import { PeerLog } from './peer-log.ts'
import { QuotaDatastore } from './record-quota.ts'
import { dialThroughRelays } from './relays.ts'
import { bridgeStream } from './stream-bridge.ts'
import { TableKeeper } from './table-keeper.ts'
import type { DialReport, NetworkConfig, PeerSnapshot } from './types.ts'
import type { WorkerEvents } from './worker-api.ts'

export type Emit = <K extends keyof WorkerEvents>(name: K, payload: WorkerEvents[K], list?: MessagePort[]) => void

const cacheSaveEveryMs = 30 * second
/** Kept addresses of peers that are no bootstrap nodes; more cost dials that lead nowhere. */
const cachedPeersDialledMax = 16
/** A library that hangs while it stops must not keep the node from stopping. */
const stopTimeoutMs = 4 * second

interface LanPeers {
  onPeer: (peerId: string, addresses: string[]) => void
}

export class ControlNode {
  readonly peerId: PeerId
  readonly blocks: BlockExchange
  readonly gossip: Gossip
  readonly #node: Node
  readonly #identity: Identity
  readonly #names: WireNames
  readonly #log: PeerLog
  readonly #policy: DialPolicy
  readonly #cache: PeerCache
  readonly #datastore: QuotaDatastore
  readonly #announcer: Announcer
  readonly #connector: Connector
  readonly #liveness: Liveness
  readonly #tableKeeper: TableKeeper
  readonly #directUpgrade: DirectUpgrade | undefined
  readonly #emit: Emit
  /** Inbound streams that are open, by protocol and peer: libp2p's own limit counts per connection. */
  readonly #inbound = new Map<string, number>()
  readonly #startedAtMs = Date.now()
  #saveTimer: NodeJS.Timeout | undefined

  /** @throws {ERR_CONFIG} {ERR_IO} */
  static async start(config: NetworkConfig, emit: Emit): Promise<ControlNode> {
    const names = wireNames(config.swarm)
    const targets = dialTargets(config)
    await mkdir(config.dataDir, { recursive: true, mode: 0o700 })
    const identity = await loadOrCreateIdentity(config.dataDir)
    const log = new PeerLog()
    const datastore = new QuotaDatastore(join(config.dataDir, 'libp2p'), {
      dhtPrefix: dhtDatastorePrefix,
      exemptPeer: identity.peerId,
    })
    await openDatastore(datastore, config.dataDir)
    try {
      const policy = new DialPolicy({ isPublic: !config.allowPrivateAddresses })
      for (const peerId of targets.keys()) policy.allow(peerId)
      const found: LanPeers = { onPeer: () => {} }
      const onLanPeer: LanPeers['onPeer'] = (peerId, addresses) => {
        policy.allow(peerId)
        found.onPeer(peerId, addresses)
      }
      const node = await createNode(config, { identity, datastore, names, log, policy, onLanPeer })
      const cache = new PeerCache(config.dataDir)
      await cache.load()
      const control = new ControlNode({
        node,
        identity,
        names,
        log,
        policy,
        cache,
        datastore,
        targets,
        emit,
        dataDir: config.dataDir,
        webrtc: config.webrtc,
      })
      found.onPeer = (peerId, addresses) => control.#connector.found(peerId, addresses)
      await control.#start(config)
      return control
    } catch (error) {
      await datastore.close()
      throw error
    }
  }

  private constructor(parts: {
    node: Node
    identity: Identity
    names: WireNames
    log: PeerLog
    policy: DialPolicy
    cache: PeerCache
    datastore: QuotaDatastore
    targets: Map<string, DialTarget>
    emit: Emit
    dataDir: string
    webrtc: boolean
  }) {
    const { node, targets, cache, log } = parts
    this.#node = node
    this.#identity = parts.identity
    this.#names = parts.names
    this.#log = log
    this.#policy = parts.policy
    this.#cache = cache
    this.#datastore = parts.datastore
    this.#emit = parts.emit
    this.peerId = parts.identity.peerId
    this.blocks = new BlockExchange(node, parts.dataDir, parts.datastore)
    this.gossip = new Gossip(node.services.gossip, parts.names, (message) => this.#emit('gossip', message))
    this.#announcer = new Announcer(announcerDht(node))
    this.#liveness = new Liveness(node)
    this.#tableKeeper = new TableKeeper(node, parts.names.dht)
    if (parts.webrtc) this.#directUpgrade = new DirectUpgrade(node)
    for (const peer of cache.peers().slice(0, cachedPeersDialledMax)) {
      if (!targets.has(peer.peerId)) targets.set(peer.peerId, { ...peer, kind: 'cache' })
    }
    targets.delete(this.peerId)
    for (const target of targets.values()) log.discovered(target.peerId, target.kind)
    this.#connector = new Connector(
      {
        connectedPeers: () => new Set(node.getPeers().map((peer) => peer.toString())),
        dial: async (target, signal) => {
          // What a peer says about its addresses names no peer: without the id we would take anybody who answers there.
          const addresses = target.addresses.map((text) => {
            const address = parseAddress(text, target.kind)
            return peerIdOf(address) === undefined ? address.encapsulate(`/p2p/${target.peerId}`) : address
          })
          await node.dial(addresses, {
            signal: AbortSignal.any([signal, AbortSignal.timeout(controlRequestTimeoutMs)]),
          })
        },
      },
      [...targets.values()],
    )
  }

  async #start(config: NetworkConfig): Promise<void> {
    const node = this.#node
    node.addEventListener('peer:connect', ({ detail }) => {
      this.#emit('peer-connect', { peerId: detail.toString() as PeerId })
    })
    node.addEventListener('peer:disconnect', ({ detail }) => {
      this.#emit('peer-disconnect', { peerId: detail.toString() as PeerId })
    })
    node.addEventListener('connection:open', ({ detail }) => this.#connectionOpened(detail))
    node.addEventListener('peer:identify', ({ detail }) => {
      const addresses = detail.listenAddrs.slice(0, addressesPerPeerMax).map((address) => address.toString())
      this.#cache.seen({ peerId: detail.peerId.toString(), addresses, lastSeenMs: Date.now() })
    })
    let known = ''
    node.addEventListener('self:peer:update', () => {
      const addresses = this.addresses()
      if (addresses.join() === known) return
      known = addresses.join()
      this.#emit('addresses-change', { addresses })
    })
    const { dht } = node.services
    dht.addEventListener('peer', ({ detail }) => this.#log.discovered(detail.id.toString(), 'dht'))
    dht.routingTable.addEventListener('peer:add', () => this.#announcer.topologyChanged())
    try {
      await node.start()
      if (!this.addresses().some((address) => !address.includes('/p2p-circuit')))
        throw new Error('nothing to listen on')
    } catch (error) {
      throw listenError(config.listen.join(', '), error)
    }
    this.#connector.start()
    this.#liveness.start()
    this.#tableKeeper.start()
    this.#saveTimer = setInterval(() => this.#saveCache(), cacheSaveEveryMs)
    if (this.blocks.hasBlocks()) this.blocks.start().catch((error) => this.#warn(error))
  }

  addresses(): string[] {
    return this.#node.getMultiaddrs().map((address) => address.toString())
  }

  /** @throws {ERR_LIMIT} {ERR_ID} */
  announce(keys: string[]): void {
    if (keys.length > dhtKeysMax) {
      throw new HartonomousError('ERR_LIMIT', { what: 'DHT keys', limit: dhtKeysMax, actual: keys.length })
    }
    this.#announcer.setKeys(keys.map(parseKey))
  }

  announceStatus() {
    return this.#announcer.status()
  }

  async findProviders(input: { key: string; limit: number; lookupId: number }, signal: AbortSignal): Promise<void> {
    const { lookupId, limit } = input
    await findProviders(
      this.#node,
      parseKey(input.key),
      { limit, signal, startedAtMs: this.#startedAtMs },
      (provider) => this.#emit('provider', { lookupId, ...provider }),
    )
  }

  async sign(bytes: Uint8Array): Promise<Uint8Array> {
    return this.#identity.privateKey.sign(bytes)
  }

  /** Streams of this protocol come as `stream` events. */
  async handle(protocol: string): Promise<void> {
    const onStream = (stream: Stream, connection: Connection) => {
      const peerId = connection.remotePeer.toString() as PeerId
      const slot = `${protocol} ${peerId}`
      const open = this.#inbound.get(slot) ?? 0
      if (open >= streamsPerPeerMax) return stream.abort(new Error('too many streams'))
      this.#inbound.set(slot, open + 1)
      const port = bridgeStream(stream, peerId, () => {
        const left = (this.#inbound.get(slot) ?? 1) - 1
        if (left > 0) this.#inbound.set(slot, left)
        else this.#inbound.delete(slot)
      })
      this.#emit('stream', { peerId, protocol, port }, [port])
    }
    await this.#node.handle(this.#names.protocol(protocol), onStream, {
      force: true,
      maxInboundStreams: streamsPerPeerMax,
      maxOutboundStreams: 2 * streamsPerPeerMax,
      runOnLimitedConnection: true,
    })
  }

  /** @throws {ERR_PEER_UNREACHABLE} {ERR_PEER_PROTOCOL} {ERR_TIMEOUT} */
  async openStream(peerId: PeerId, protocol: string, signal: AbortSignal): Promise<MessagePort> {
    const timeout = AbortSignal.timeout(controlRequestTimeoutMs)
    // The relay's bytes are few: chunks are worth the wait for a direct connection.
    if (protocol === chunkProtocol.id) await this.#directUpgrade?.pending(peerId)
    await this.connect(peerId, signal)
    try {
      const stream = await openStream(this.#node, peerIdFromString(peerId), this.#names.protocol(protocol), {
        signal: AbortSignal.any([signal, timeout]),
        maxOutboundStreams: 2 * streamsPerPeerMax,
        runOnLimitedConnection: true,
      })
      return bridgeStream(stream, peerId, () => {})
    } catch (error) {
      signal.throwIfAborted()
      if (timeout.aborted) throw timeoutError(`${protocol} to ${peerId}`)
      throw this.#dialError(peerId, error)
    }
  }

  /** @throws {ERR_CONFIG} {ERR_PEER_UNREACHABLE} {ERR_TIMEOUT} */
  async dial(text: string, signal: AbortSignal): Promise<PeerId> {
    const address = parseAddress(text, 'address')
    const timeout = AbortSignal.timeout(controlRequestTimeoutMs)
    const expected = peerIdOf(address)
    if (expected !== undefined) {
      this.#log.discovered(expected, 'manual')
      this.#policy.allow(expected)
    }
    try {
      const connection = await this.#node.dial(address, { signal: AbortSignal.any([signal, timeout]) })
      return parsePeerId(connection.remotePeer.toString())
    } catch (error) {
      signal.throwIfAborted()
      if (timeout.aborted) throw timeoutError(`dialling ${text}`)
      throw this.#dialError(expected ?? text, error)
    }
  }

  /** @throws {ERR_PEER_UNREACHABLE} {ERR_TIMEOUT} */
  async connect(peerId: PeerId, signal: AbortSignal): Promise<void> {
    const peer = peerIdFromString(peerId)
    // A relayed connection will do, for which libp2p would dial anew.
    if (this.#node.getConnections(peer).some((connection) => connection.status === 'open')) return
    const timeout = AbortSignal.timeout(controlRequestTimeoutMs)
    const either = AbortSignal.any([signal, timeout])
    try {
      await this.#node.dial(peer, { signal: either })
    } catch (error) {
      if (!either.aborted && (await dialThroughRelays(this.#node, peerId, either))) return
      signal.throwIfAborted()
      if (timeout.aborted) throw timeoutError(`dialling ${peerId}`)
      throw this.#dialError(peerId, error)
    }
  }

  peers(): PeerSnapshot[] {
    const peers = new Map<string, PeerSnapshot>()
    for (const connection of this.#node.getConnections()) {
      const peerId = connection.remotePeer.toString() as PeerId
      const existing = peers.get(peerId)
      const address = connection.remoteAddr.toString()
      if (existing) {
        existing.addresses.push(address)
        continue
      }
      const rttMs = this.#liveness.rttMs(peerId)
      peers.set(peerId, {
        peerId,
        addresses: [address],
        direction: connection.direction,
        discoveredBy: this.#log.discoveredBy(peerId),
        connectedAtMs: connection.timeline.open,
        ...(rttMs === undefined ? {} : { rttMs }),
      })
    }
    return [...peers.values()]
  }

  dialReport(peerId: PeerId): DialReport {
    return { peerId, attempts: this.#log.attempts(peerId) }
  }

  dhtMode(): { mode: 'client' | 'server'; routingTableSize: number } {
    const { dht } = this.#node.services
    return { mode: dht.getMode(), routingTableSize: dht.routingTable.size }
  }

  async stop(): Promise<void> {
    clearInterval(this.#saveTimer)
    this.#connector.stop()
    this.#announcer.stop()
    this.#liveness.stop()
    this.#tableKeeper.stop()
    this.#directUpgrade?.stop()
    for (const peer of this.peers()) this.#touchCache(peer.peerId)
    await this.#cache.save().catch((error) => this.#warn(error))
    const stopping = (async () => {
      await this.blocks.stop()
      await this.#node.stop()
      await this.#datastore.close()
    })()
    await Promise.race([stopping, new Promise((resolve) => setTimeout(resolve, stopTimeoutMs))])
  }

  #connectionOpened(connection: Connection): void {
    const peerId = connection.remotePeer.toString()
    if (connection.direction === 'inbound') this.#log.discovered(peerId, 'inbound')
    else this.#cache.seen({ peerId, addresses: [connection.remoteAddr.toString()], lastSeenMs: Date.now() })
    // A swarm that was just joined is worth keeping even if we are killed in the next minute.
    setTimeout(() => this.#saveCache(), second).unref()
  }

  #touchCache(peerId: string): void {
    const cached = this.#cache.peers().find((peer) => peer.peerId === peerId)
    if (cached) this.#cache.seen({ ...cached, lastSeenMs: Date.now() })
  }

  #saveCache(): void {
    this.#cache.save().catch((error) => this.#warn(error))
  }

  #warn(error: unknown): void {
    this.#emit('warning', { reason: error instanceof Error ? error.message : String(error) })
  }

  #dialError(peer: string, error: unknown): HartonomousError {
    const { name, message } = error as Error
    if (name === 'UnsupportedProtocolError') {
      return new HartonomousError('ERR_PEER_PROTOCOL', { peer, reason: message }, { cause: error })
    }
    const inner = error instanceof AggregateError ? error.errors.map((each) => (each as Error).message).join('; ') : ''
    const reason = (inner || message || name).slice(0, 500)
    return new HartonomousError('ERR_PEER_UNREACHABLE', { peer, reason }, { cause: error })
  }
}

function timeoutError(what: string): HartonomousError {
  return new HartonomousError('ERR_TIMEOUT', { what, timeoutMs: controlRequestTimeoutMs })
}

/** @throws {ERR_ID} */
function parseKey(text: string): CID {
  try {
    if (text.length <= 128) return CID.parse(text)
  } catch {
    // Falls through to the one error below.
  }
  throw new HartonomousError('ERR_ID', { kind: 'DHT key', text: text.slice(0, 80) })
}

async function openDatastore(datastore: QuotaDatastore, dataDir: string): Promise<void> {
  try {
    await datastore.open()
  } catch (error) {
    const cause = (error as { cause?: unknown }).cause ?? error
    const code = (cause as { code?: unknown }).code
    const reason = code === 'LEVEL_LOCKED' ? 'another node is using this folder' : String((cause as Error).message)
    throw new HartonomousError('ERR_IO', { path: join(dataDir, 'libp2p'), reason }, { cause: error })
  }
}

/** libp2p puts the errors of all addresses, with their stacks, into one message. */
function listenError(addresses: string, error: unknown): HartonomousError {
  const text = error instanceof Error ? error.message : String(error)
  const inUse = /EADDRINUSE: address already in use (\S+)/.exec(text)?.[1]
  if (inUse !== undefined) return new HartonomousError('ERR_PORT_IN_USE', { what: 'swarm listener', address: inUse })
  const cause = /Error: (listen [^\n]+)/.exec(text)?.[1] ?? text.split('\n')[0]
  return new HartonomousError('ERR_CONFIG', { key: 'listen', reason: `${addresses}: ${cause}` })
}
