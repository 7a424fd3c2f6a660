/** What the network worker answers and tells: the typed port between `index.ts` (main thread) and `worker.ts`. */
import type { MessagePort } from 'node:worker_threads'
import type { PeerId } from '#protocol/ids.ts'
import type { Block } from '#protocol/model/content.ts'
import type { CallContext } from '#protocol/port/index.ts'
import type { AnnounceStatus, DialReport, NetworkConfig, PeerSnapshot } from './types.ts'

export type WorkerMethods = {
  start: (config: NetworkConfig) => Promise<{ peerId: PeerId }>
  addresses: () => string[]
  sign: (bytes: Uint8Array) => Promise<Uint8Array>
  announce: (keys: string[]) => void
  announceStatus: () => AnnounceStatus[]
  /** Providers come as `provider` events with this id; the call returns when the look-up is over. */
  findProviders: (input: { key: string; limit: number; lookupId: number }, context: CallContext) => Promise<void>
  putBlocks: (blocks: Block[]) => Promise<void>
  getBlock: (cid: string, context: CallContext) => Promise<Uint8Array>
  handle: (protocol: string) => Promise<void>
  openStream: (
    input: { peerId: PeerId; protocol: string },
    context: CallContext,
  ) => Promise<{ peerId: PeerId; port: MessagePort }>
  publish: (input: { topic: string; bytes: Uint8Array }) => Promise<void>
  subscribe: (input: { topic: string; bytesMax: number }) => void
  /** So many gossip messages were taken by the main thread. */
  gossipTaken: (count: number) => void
  dial: (address: string, context: CallContext) => Promise<PeerId>
  connect: (peerId: PeerId, context: CallContext) => Promise<void>
  peers: () => Promise<PeerSnapshot[]>
  dialReport: (peerId: PeerId) => DialReport
  dhtMode: () => { mode: 'client' | 'server'; routingTableSize: number }
  close: () => Promise<void>
}

export type WorkerEvents = {
  'peer-connect': { peerId: PeerId }
  'peer-disconnect': { peerId: PeerId }
  'addresses-change': { addresses: string[] }
  warning: { reason: string }
  provider: { lookupId: number; peerId: PeerId; addresses: string[] }
  gossip: { topic: string; from: PeerId; bytes: Uint8Array }
  /** A peer opened a stream; `port` is a byte channel (`#protocol/port/byte-channel.ts`). */
  stream: { peerId: PeerId; protocol: string; port: MessagePort }
}
