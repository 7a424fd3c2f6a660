/**
 * The control plane as the rest of the node sees it. The implementation runs libp2p and Helia in a worker thread; bulk
 * bytes never pass here (they go over the data plane in `node/chunks`).
 */
import type { MessagePort } from 'node:worker_threads'
import type { PeerId } from '#protocol/ids.ts'
import type { Block } from '#protocol/model/content.ts'

export interface NetworkConfig {
  /** Folder for the identity key (0600), the libp2p datastore and the block store. */
  dataDir: string
  /** Multiaddrs to listen on; default `/ip4/127.0.0.1/tcp/0`. Nothing beyond loopback unless asked. */
  listen: string[]
  /** Multiaddrs with peer ids, dialled at start and again in the background. */
  bootstrap: string[]
  /** Multiaddrs with peer ids that are kept connected. */
  staticPeers: string[]
  mdns: boolean
  gossip: boolean
  /** Relay, AutoNAT, UPnP: off for a loopback swarm. */
  natTraversal: boolean
  /**
   * Direct connections between two nodes behind NAT; needs `natTraversal`. At most one network of a process may have it:
   * the native library ends the process when a second thread loads it.
   */
  webrtc: boolean
  /** `stun:HOST:PORT`, asked for our public address before a WebRTC connection. */
  stunServers: string[]
  /** `undefined`: libp2p decides; set on loopback and LAN so that private addresses stay in the routing table. */
  allowPrivateAddresses: boolean
  /**
   * Empty for the public swarm, else a 32-byte key as hex. Its hash is part of every protocol and topic name, so that
   * nodes of different swarms find and serve only their own; it is no encryption.
   */
  swarm: string
}

/** An ordered stream of whole frames to one peer. */
export interface FrameStream {
  readonly peerId: PeerId
  readonly protocol: string
  /** Resolves when the frame was handed to the muxer (back-pressure). @throws {ERR_PEER_UNREACHABLE} {ERR_LIMIT} */
  send(frame: Uint8Array): Promise<void>
  /** Ends when the other side closes; throws when it resets. */
  frames(): AsyncIterable<Uint8Array>
  /** No more frames from us. */
  close(): Promise<void>
  abort(reason: string): void
}

export interface PeerSnapshot {
  peerId: PeerId
  addresses: string[]
  direction: 'inbound' | 'outbound'
  /** How this peer became known. */
  discoveredBy: string[]
  connectedAtMs: number
  rttMs?: number
}

/** Why a peer is not connected: each address tried with its error, newest last (for `hart peers --why`). */
export interface DialReport {
  peerId: PeerId
  attempts: { address: string; error: string; atMs: number }[]
}

export interface AnnounceStatus {
  key: string
  announcedAtMs?: number
  error?: string
}

export interface NetworkEvents {
  'peer-connect': { peerId: PeerId }
  'peer-disconnect': { peerId: PeerId }
  'addresses-change': { addresses: string[] }
  /** Something went wrong that the network survived. */
  warning: { reason: string }
  /** The worker is gone, by `close()` or by a crash. */
  closed: { reason: string }
}

export interface GossipMessage {
  from: PeerId
  bytes: Uint8Array
}

export interface Network {
  readonly peerId: PeerId
  addresses(): Promise<string[]>

  /** Signs with the node's identity key (Ed25519). */
  sign(bytes: Uint8Array): Promise<Uint8Array>

  /** The DHT keys (CIDs) to keep announced; the worker announces, repeats and retries them by itself. At most `dhtKeysMax`. */
  announce(keys: string[]): Promise<void>
  announceStatus(): Promise<AnnounceStatus[]>
  /** Ends after `limit` providers, or when the look-up is done. Never yields ourselves. */
  findProviders(
    key: string,
    options?: { limit?: number; signal?: AbortSignal },
  ): AsyncIterable<{ peerId: PeerId; addresses: string[] }>

  /** Blocks that we serve to any IPFS peer by bitswap. */
  putBlocks(blocks: Block[]): Promise<void>
  /** From the local block store, else by bitswap from the peers we are connected to. @throws {ERR_NO_SOURCE} {ERR_TIMEOUT} */
  getBlock(cid: string, options?: { signal?: AbortSignal }): Promise<Uint8Array>

  /** Serves a protocol. One handler each. */
  handle(protocol: string, options: { frameBytesMax: number }, handler: (stream: FrameStream) => void): Promise<void>
  openStream(
    peerId: PeerId,
    protocol: string,
    options: { frameBytesMax: number; signal?: AbortSignal },
  ): Promise<FrameStream>
  /**
   * Serves a protocol without framing: each inbound stream comes as a port that speaks `#protocol/port/byte-channel.ts`,
   * to be handed to another worker as it is, so that bulk never passes the main thread.
   */
  handleRaw(protocol: string, handler: (peerId: PeerId, port: MessagePort) => void): Promise<void>
  /** The other end of `handleRaw`: an outbound stream as such a port. */
  openRawStream(peerId: PeerId, protocol: string, options?: { signal?: AbortSignal }): Promise<MessagePort>
  /** One frame out, one frame back. @throws {ERR_PEER_UNREACHABLE} {ERR_TIMEOUT} {ERR_LIMIT} */
  request(
    peerId: PeerId,
    protocol: string,
    frame: Uint8Array,
    options: { frameBytesMax: number; signal?: AbortSignal },
  ): Promise<Uint8Array>

  /** A no-op where gossip is off. */
  publish(topic: string, bytes: Uint8Array): Promise<void>
  /** `validate` runs in the main thread; messages over `bytesMax` are rejected in the worker. */
  subscribe(topic: string, options: { bytesMax: number }, listener: (message: GossipMessage) => void): Promise<void>

  /** By what is known of its addresses, else by the DHT. @throws {ERR_PEER_UNREACHABLE} {ERR_TIMEOUT} */
  connect(peerId: PeerId, options?: { signal?: AbortSignal }): Promise<void>
  dial(address: string, options?: { signal?: AbortSignal }): Promise<PeerId>
  peers(): Promise<PeerSnapshot[]>
  dialReport(peerId: PeerId): Promise<DialReport>
  dhtMode(): Promise<{ mode: 'client' | 'server'; routingTableSize: number }>
  on<K extends keyof NetworkEvents>(event: K, listener: (payload: NetworkEvents[K]) => void): () => void
  close(): Promise<void>
}
