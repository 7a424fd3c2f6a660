/** The control plane: starts the network worker and speaks for it in the main thread. */
import { type MessagePort, Worker } from 'node:worker_threads'
import { HartonomousError } from '#protocol/errors.ts'
import type { PeerId } from '#protocol/ids.ts'
import { controlRequestTimeoutMs, providersPerLookupMax } from '#protocol/limits.ts'
import { workerPort } from '#protocol/port/adapters.ts'
import { PortClient } from '#protocol/port/index.ts'
import { second } from '#protocol/units.ts'
import { frameStream } from './frame-stream.ts'
import type { FrameStream, GossipMessage, Network, NetworkConfig, NetworkEvents } from './types.ts'
import type { WorkerEvents, WorkerMethods } from './worker-api.ts'

export * from './identity.ts'
export type * from './types.ts'
export { loadWebRtc } from './webrtc.ts'

type StreamHandler = (peerId: PeerId, port: MessagePort) => void

/** The worker is told of taken gossip messages in batches. */
const gossipBatch = 16
/** After its one answer a stream should end by itself; else it is reset. */
const requestEndTimeoutMs = 5 * second
const terminateAfterMs = 6 * second

/** Returns when the node listens; peers are found in the background. @throws {ERR_CONFIG} {ERR_IO} */
export async function startNetwork(config: NetworkConfig): Promise<Network> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { name: 'network' })
  const client = new PortClient<WorkerMethods, WorkerEvents>(workerPort(worker), 'network')
  try {
    const { peerId } = await client.call('start', config)
    return new WorkerNetwork(worker, client, peerId)
  } catch (error) {
    await worker.terminate()
    throw error
  }
}

class WorkerNetwork implements Network {
  readonly peerId: PeerId
  readonly #worker: Worker
  readonly #client: PortClient<WorkerMethods, WorkerEvents>
  readonly #handlers = new Map<string, StreamHandler>()
  readonly #topics = new Map<string, (message: GossipMessage) => void>()
  readonly #lookups = new Map<number, (provider: { peerId: PeerId; addresses: string[] }) => void>()
  readonly #closedListeners = new Set<(payload: NetworkEvents['closed']) => void>()
  #nextLookupId = 1
  #gossipTaken = 0
  #closing: Promise<void> | undefined

  constructor(worker: Worker, client: PortClient<WorkerMethods, WorkerEvents>, peerId: PeerId) {
    this.#worker = worker
    this.#client = client
    this.peerId = peerId
    client.on('stream', ({ protocol, peerId: from, port }) => this.#handlers.get(protocol)?.(from, port))
    client.on('gossip', ({ topic, from, bytes }) => this.#deliver(topic, { from, bytes }))
    client.on('provider', ({ lookupId, ...provider }) => this.#lookups.get(lookupId)?.(provider))
    client.onClose((reason) => {
      const payload = { reason: this.#closing ? 'closed' : reason }
      for (const listener of this.#closedListeners) listener(payload)
    })
  }

  addresses(): Promise<string[]> {
    return this.#client.call('addresses', null)
  }

  sign(bytes: Uint8Array): Promise<Uint8Array> {
    return this.#client.call('sign', new Uint8Array(bytes))
  }

  announce(keys: string[]): Promise<void> {
    return this.#client.call('announce', keys)
  }

  announceStatus() {
    return this.#client.call('announceStatus', null)
  }

  async *findProviders(
    key: string,
    options: { limit?: number; signal?: AbortSignal } = {},
  ): AsyncGenerator<{ peerId: PeerId; addresses: string[] }> {
    const lookupId = this.#nextLookupId++
    const limit = Math.min(options.limit ?? providersPerLookupMax, providersPerLookupMax)
    const found: { peerId: PeerId; addresses: string[] }[] = []
    const early = new AbortController()
    const signal = options.signal ? AbortSignal.any([options.signal, early.signal]) : early.signal
    let wake = () => {}
    let over = false
    this.#lookups.set(lookupId, (provider) => {
      found.push(provider)
      wake()
    })
    const call = this.#client.call('findProviders', { key, limit, lookupId }, { signal }).finally(() => {
      over = true
      wake()
    })
    // Awaited below, unless the caller leaves early.
    call.catch(() => {})
    try {
      for (;;) {
        const provider = found.shift()
        if (provider) yield provider
        else if (over) break
        else
          await new Promise<void>((resolve) => {
            wake = resolve
          })
      }
      await call
    } finally {
      this.#lookups.delete(lookupId)
      early.abort(new Error('the caller left'))
    }
  }

  async putBlocks(blocks: { cid: string; bytes: Uint8Array }[]): Promise<void> {
    await this.#client.call('putBlocks', blocks)
  }

  getBlock(cid: string, options: { signal?: AbortSignal } = {}): Promise<Uint8Array> {
    return this.#client.call('getBlock', cid, options)
  }

  handle(protocol: string, options: { frameBytesMax: number }, handler: (stream: FrameStream) => void): Promise<void> {
    return this.handleRaw(protocol, (peerId, port) => handler(frameStream(port, { peerId, protocol, ...options })))
  }

  async handleRaw(protocol: string, handler: StreamHandler): Promise<void> {
    this.#handlers.set(protocol, handler)
    await this.#client.call('handle', protocol)
  }

  async openRawStream(peerId: PeerId, protocol: string, options: { signal?: AbortSignal } = {}): Promise<MessagePort> {
    const { port } = await this.#client.call('openStream', { peerId, protocol }, { signal: options.signal })
    return port
  }

  async openStream(
    peerId: PeerId,
    protocol: string,
    options: { frameBytesMax: number; signal?: AbortSignal },
  ): Promise<FrameStream> {
    const port = await this.openRawStream(peerId, protocol, options)
    return frameStream(port, { peerId, protocol, frameBytesMax: options.frameBytesMax })
  }

  async request(
    peerId: PeerId,
    protocol: string,
    frame: Uint8Array,
    options: { frameBytesMax: number; signal?: AbortSignal },
  ): Promise<Uint8Array> {
    const timeout = AbortSignal.timeout(controlRequestTimeoutMs)
    const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout
    const timedOut = () =>
      new HartonomousError('ERR_TIMEOUT', { what: `${protocol} from ${peerId}`, timeoutMs: controlRequestTimeoutMs })
    let stream: FrameStream | undefined
    const onAbort = () => stream?.abort('the request was given up')
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      stream = await this.openStream(peerId, protocol, { frameBytesMax: options.frameBytesMax, signal })
      await stream.send(frame)
      void stream.close().catch(() => {})
      const frames = stream.frames()[Symbol.asyncIterator]()
      const answer = await frames.next()
      if (answer.done) {
        throw new HartonomousError('ERR_PEER_PROTOCOL', { peer: peerId, reason: `no answer to ${protocol}` })
      }
      void awaitEnd(stream, frames)
      return answer.value
    } catch (error) {
      options.signal?.throwIfAborted()
      throw timeout.aborted ? timedOut() : error
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  async publish(topic: string, bytes: Uint8Array): Promise<void> {
    await this.#client.call('publish', { topic, bytes: new Uint8Array(bytes) })
  }

  async subscribe(
    topic: string,
    options: { bytesMax: number },
    listener: (message: GossipMessage) => void,
  ): Promise<void> {
    this.#topics.set(topic, listener)
    await this.#client.call('subscribe', { topic, bytesMax: options.bytesMax })
  }

  dial(address: string, options: { signal?: AbortSignal } = {}): Promise<PeerId> {
    return this.#client.call('dial', address, options)
  }

  async connect(peerId: PeerId, options: { signal?: AbortSignal } = {}): Promise<void> {
    await this.#client.call('connect', peerId, options)
  }

  peers() {
    return this.#client.call('peers', null)
  }

  dialReport(peerId: PeerId) {
    return this.#client.call('dialReport', peerId)
  }

  dhtMode() {
    return this.#client.call('dhtMode', null)
  }

  on<K extends keyof NetworkEvents>(event: K, listener: (payload: NetworkEvents[K]) => void): () => void {
    if (event === 'closed') {
      const closed = listener as (payload: NetworkEvents['closed']) => void
      this.#closedListeners.add(closed)
      return () => this.#closedListeners.delete(closed)
    }
    return this.#client.on(event as Exclude<K, 'closed'>, listener as never)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const timer = AbortSignal.timeout(terminateAfterMs)
    // A worker that is gone or hangs has nothing left to close in order.
    await this.#client.call('close', null, { signal: timer }).catch(() => {})
    await this.#worker.terminate()
  }

  #deliver(topic: string, message: GossipMessage): void {
    if (++this.#gossipTaken >= gossipBatch) {
      this.#client.call('gossipTaken', this.#gossipTaken).catch(() => {})
      this.#gossipTaken = 0
    }
    this.#topics.get(topic)?.(message)
  }
}

/** Reads on until the other side ends, so that the stream closes cleanly; more frames than one are a fault. */
async function awaitEnd(stream: FrameStream, frames: AsyncIterator<Uint8Array>): Promise<void> {
  const timer = setTimeout(() => stream.abort('no end after the answer'), requestEndTimeoutMs)
  timer.unref()
  try {
    const { done } = await frames.next()
    if (!done) stream.abort('more than one answer')
  } catch {
    // The answer is here; how the stream ended does not matter.
  }
  clearTimeout(timer)
}
