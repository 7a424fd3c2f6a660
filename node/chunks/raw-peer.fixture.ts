/** For tests: a client that says exactly what a test wants, to a real data plane. */
import { connect, type TLSSocket } from 'node:tls'
import { expect } from 'vitest'
import {
  type ChunkControlFrame,
  ChunkFrameParser,
  type ChunkRange,
  chunkOp,
  encodeHello,
  encodePing,
  encodeRequest,
  ServedTranscript,
} from '#protocol/chunk/index.ts'
import { createDataCertificate, type DataCertificate } from './certificate.ts'
import type { TestModel, TestNode } from './swarm.fixture.ts'
import { tlsOptions } from './tls-listener.ts'

export const rawCertificate = createDataCertificate(Date.now())

const peers = new Set<RawPeer>()

export function closeRawPeers(): void {
  for (const peer of peers) peer.socket.destroy()
  peers.clear()
}

export class RawPeer {
  readonly socket: TLSSocket
  readonly frames: ChunkControlFrame[] = []
  readonly data = new Map<number, Buffer[]>()
  readonly closed: Promise<void>
  /** What came of the requests that `ask` sent. */
  readonly received = new ServedTranscript()
  /** Called after each whole data frame. */
  onBlock = () => {}
  readonly #asked = new Map<number, ChunkRange[]>()

  constructor(node: TestNode, certificate: DataCertificate | undefined) {
    const { port } = node.core.endpoint
    const keys = certificate && { key: certificate.privateKeyPem, cert: certificate.certificatePem }
    this.socket = connect({ ...tlsOptions, host: '127.0.0.1', port, ...keys })
    const parser = new ChunkFrameParser(
      {
        onFrame: (frame) => this.frames.push(frame),
        onData: (requestId, slice, isLast) => {
          const parts = this.data.get(requestId) ?? []
          this.data.set(requestId, parts)
          parts.push(Buffer.from(slice))
          if (!isLast) return
          this.received.add(this.#asked.get(requestId) ?? [])
          this.onBlock()
        },
      },
      'fetch',
    )
    this.socket.on('data', (bytes) => parser.push(bytes))
    this.socket.on('error', () => {})
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve()))
    peers.add(this)
  }

  ask(requestId: number, ranges: ChunkRange[]): void {
    this.#asked.set(requestId, ranges)
    this.socket.write(encodeRequest(requestId, ranges))
  }

  bytesOf(requestId: number): Buffer {
    return Buffer.concat(this.data.get(requestId) ?? [])
  }

  /** Requests that were answered with their data, in the order of the answers. */
  answered(): number[] {
    return [...this.data.keys()]
  }

  refusals(): number[] {
    return this.frames.flatMap((frame) => (frame.op === chunkOp.refuse ? [frame.status] : []))
  }

  payments(): Uint8Array[] {
    return this.frames.flatMap((frame) => (frame.op === chunkOp.pay ? [frame.body] : []))
  }

  /** Sends a ping, and waits for its pong. */
  async pong(requestId: number): Promise<void> {
    this.socket.write(encodePing(requestId))
    const isPong = (frame: ChunkControlFrame) => frame.op === chunkOp.pong && frame.requestId === requestId
    await expect.poll(() => this.frames.some(isPong), { timeout: 5000, interval: 5 }).toBe(true)
  }

  async isAlive(): Promise<boolean> {
    this.socket.write(encodePing(77))
    const pong = expect.poll(() => this.frames.some((frame) => frame.op === chunkOp.pong), { timeout: 2000 }).toBe(true)
    return Promise.race([
      this.closed.then(() => false),
      pong.then(
        () => true,
        () => false,
      ),
    ])
  }
}

/** A peer that has shown a good token and fetches. */
export function enter(node: TestNode, peerId = 'stranger', own = rawCertificate): RawPeer {
  const peer = new RawPeer(node, own)
  const token = node.core.issueToken(peerId as never, own.certificateSha256)
  peer.socket.write(encodeHello({ version: 1, role: 'fetch', token }))
  return peer
}

export function range(model: TestModel, offsetBytes: number, lengthBytes: number, extent = 0): ChunkRange {
  return { root: model.extents[extent]!.root, offsetBytes, lengthBytes }
}
