/** The data plane itself, as it runs in its worker: models, listener, serving sessions and fetches. */
import { randomBytes } from 'node:crypto'
import type { MessagePort } from 'node:worker_threads'
import { Bitfield } from '#protocol/codec/bitfield.ts'
import { PeerQuota } from '#protocol/codec/quota.ts'
import { paymentQuota } from '#protocol/descriptor.ts'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import type { ModelId, PeerId } from '#protocol/ids.ts'
import { bannedPeersMax, peerBanMs, sourcesPerFetchMax, unpaidWaitMs } from '#protocol/limits.ts'
import { byteChannel } from '#protocol/port/byte-channel.ts'
import { second } from '#protocol/units.ts'
import { Arrivals } from './arrivals.ts'
import { BlockBuffers } from './block-buffers.ts'
import { createDataCertificate, type DataCertificate } from './certificate.ts'
import { DownloadGate } from './download-gate.ts'
import { createFetchCore } from './fetch/index.ts'
import { FetchTask } from './fetch-task.ts'
import { type FrameChannel, StreamChannel } from './frame-channel.ts'
import { FrameConnection } from './frame-connection.ts'
import { FrameLink } from './frame-link.ts'
import { HttpLink } from './http-link.ts'
import { ModelShelf, requireOwnFiles, type ShelfModel } from './model-shelf.ts'
import { OfferTokens } from './offer-tokens.ts'
import { diskFiles, type FileOpener } from './own-file.ts'
import { Purchases } from './purchases.ts'
import { FairLimiter } from './rate-limit.ts'
import { type ServeContext, ServeSession } from './serve-session.ts'
import { ServeTally } from './serve-tally.ts'
import type { SourceLink } from './source-link.ts'
import { dialTls } from './tls-dial.ts'
import { type AcceptedConnection, TlsListener } from './tls-listener.ts'
import type {
  DataPlane,
  DataPlaneConfig,
  DataPlaneEvents,
  ReceivedFigures,
  Source,
  TlsSourceAddress,
  TransferModel,
} from './types.ts'
import { UploadMeter } from './upload-meter.ts'

const uploadReportMs = second

export type EmitDataPlaneEvent = <K extends keyof DataPlaneEvents>(event: K, payload: DataPlaneEvents[K]) => void

export interface DataPlaneCoreOptions {
  config: DataPlaneConfig
  emit: EmitDataPlaneEvent
  /** Replaced in tests: a full or failing disk. */
  files?: FileOpener
  /** Shorter in tests. */
  unpaidWaitMs?: number
}

const ignoring = { onFrame: () => {}, onData: () => {}, onEnd: () => {} }
const now = () => performance.now()

export class DataPlaneCore {
  readonly #emit: EmitDataPlaneEvent
  readonly #files: FileOpener
  readonly #certificate: DataCertificate
  readonly #tokens = new OfferTokens(now, randomBytes)
  readonly #arrivals = new Arrivals()
  readonly #shelf: ModelShelf
  readonly #limiter: FairLimiter
  readonly #gate: DownloadGate
  readonly #uploads = new UploadMeter(now)
  readonly #tally = new ServeTally()
  readonly #listener: TlsListener
  readonly #serveContext: ServeContext
  readonly #sessions = new Map<number, ServeSession>()
  readonly #purchases: Purchases
  readonly #fetches = new Map<ModelId, FetchTask>()
  /** Until when, by our clock. */
  readonly #banned = new Map<string, number>()
  readonly #uploadTimer: NodeJS.Timeout
  #nextSession = 1
  #isSelling = false
  #port = 0
  #isClosed = false

  private constructor({ config, emit, files = diskFiles, ...options }: DataPlaneCoreOptions) {
    this.#emit = emit
    this.#files = files
    this.#certificate = createDataCertificate(Date.now())
    this.#shelf = new ModelShelf((model, file, reason) => {
      emit('withdrawn', { modelId: model.modelId, path: file.path, reason })
    })
    this.#limiter = new FairLimiter(now, config.uploadBytesPerSecond)
    this.#gate = new DownloadGate(now, config.downloadBytesPerSecond)
    this.#serveContext = {
      shelf: this.#shelf,
      limiter: this.#limiter,
      buffers: new BlockBuffers(),
      now,
      onUploaded: (peerId, bytes) => this.#uploads.add(peerId, bytes),
      tally: this.#tally,
      onDamaged: (model, chunkIndex) => this.#onDamaged(model, chunkIndex),
      emit,
      payments: new PeerQuota(paymentQuota, { now }),
      unpaidWaitMs: options.unpaidWaitMs ?? unpaidWaitMs,
    }
    this.#purchases = new Purchases({
      now,
      emit,
      release: (modelId, peerId, link) => {
        const task = this.#fetches.get(modelId)
        if (task?.linkOf(peerId) === link) task.removeSource(peerId, 'its purchase was finished')
      },
    })
    this.#listener = new TlsListener(config.listenHost, this.#certificate, this.#tokens, (accepted) =>
      this.#onAccepted(accepted),
    )
    this.#uploadTimer = setInterval(() => {
      const report = this.#uploads.report()
      if (report !== undefined) emit('upload-progress', report)
      const counts = this.#tally.report()
      if (counts !== undefined) emit('served', counts)
    }, uploadReportMs)
    this.#uploadTimer.unref()
  }

  /** @throws {ERR_CONFIG} when the address cannot be listened on. */
  static async start(options: DataPlaneCoreOptions): Promise<DataPlaneCore> {
    const core = new DataPlaneCore(options)
    const { listenHost, listenPort } = options.config
    try {
      core.#port = await core.#listener.listen(listenPort)
    } catch (error) {
      clearInterval(core.#uploadTimer)
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE')
        throw new HartonomousError('ERR_PORT_IN_USE', { what: 'data plane', address: `${listenHost}:${listenPort}` })
      const reason = error instanceof Error ? error.message : String(error)
      throw new HartonomousError('ERR_CONFIG', { key: `data listener ${listenHost}:${listenPort}`, reason })
    }
    return core
  }

  get endpoint(): DataPlane['endpoint'] {
    const { certificateSha256 } = this.#certificate
    return { host: this.#listener.host, port: this.#port, certificateSha256 }
  }

  issueToken(peerId: PeerId, certificateSha256: string | undefined): Uint8Array {
    return this.#tokens.issue(peerId, certificateSha256?.toLowerCase())
  }

  async dialAndServe(peer: TlsSourceAddress): Promise<void> {
    const channel = await dialTls(peer, 'serve', this.#certificate)
    this.#serve(peer.peerId, channel)
  }

  attachChannel(peerId: PeerId, role: 'serve' | 'fetch', port: MessagePort): void {
    const channel = new StreamChannel(byteChannel(port, peerId))
    if (role === 'serve') this.#serve(peerId, channel)
    else {
      const connection = new FrameConnection(channel, 'fetch', ignoring)
      this.#arrivals.arrive(streamKey(peerId), { connection })
      connection.start()
    }
  }

  async addModel(model: TransferModel): Promise<void> {
    await this.stopFetch(model.modelId)
    await this.#shelf.add(model)
  }

  async removeModel(modelId: ModelId): Promise<void> {
    await this.stopFetch(modelId)
    await this.#shelf.remove(modelId)
  }

  async readChunk(modelId: ModelId, chunkIndex: number): Promise<Uint8Array<ArrayBuffer>> {
    const model = this.#shelf.require(modelId)
    const place = model.places[chunkIndex]
    if (place === undefined || !model.held.has(chunkIndex))
      throw new HartonomousError('ERR_CHUNK_NOT_HELD', {
        root: place?.root ?? modelId,
        offset: place?.offsetInExtentBytes ?? chunkIndex,
        length: place?.sizeBytes ?? 0,
      })
    const file = model.fileOf(place)
    const bytes = new Uint8Array(place.sizeBytes)
    try {
      await file.read(bytes, 0, place.sizeBytes, place.offsetInFileBytes)
    } catch (error) {
      if (isHartonomousError(error, 'ERR_WITHDRAWN')) this.#shelf.withdraw(model, file, error.fields.reason)
      throw error
    }
    if (model.isGood(chunkIndex, bytes)) return bytes
    if (file.identity === undefined) this.#onDamaged(model, chunkIndex)
    else this.#shelf.withdraw(model, file, `chunk ${chunkIndex} no longer has its hash`)
    throw new HartonomousError('ERR_CHUNK_MISMATCH', { root: place.root, chunk: chunkIndex })
  }

  held(modelId: ModelId): Uint8Array {
    return this.#shelf.require(modelId).held.bytes.slice()
  }

  async startFetch(modelId: ModelId, wantedBytes: Uint8Array): Promise<void> {
    const model = this.#shelf.require(modelId)
    const wanted = Bitfield.fromBytes(wantedBytes, model.places.length)
    requireOwnFiles(model, wanted)
    const running = this.#fetches.get(modelId)
    if (running !== undefined) {
      running.widen(wanted)
      return
    }
    const task = new FetchTask(model, wanted, {
      shelf: this.#shelf,
      files: this.#files,
      gate: this.#gate,
      createCore: createFetchCore,
      now,
      random: Math.random,
      emit: this.#emit,
      onBanned: (peerId) => this.#ban(peerId),
      onComplete: () => {
        this.#fetches.delete(modelId)
        void task.stop('everything was fetched')
      },
    })
    this.#fetches.set(modelId, task)
    await task.start()
  }

  async addSource(modelId: ModelId, source: Source, have: Uint8Array): Promise<void> {
    const task = this.#requireFetch(modelId)
    const { places } = this.#shelf.require(modelId)
    Bitfield.fromBytes(have, places.length)
    if (task.hasSource(source.peerId)) {
      task.updateSource(source.peerId, have)
      return
    }
    if ((this.#banned.get(source.peerId) ?? 0) > now()) {
      throw new HartonomousError('ERR_REFUSED_BY_POLICY', { subject: source.peerId, reason: 'it sent wrong bytes' })
    }
    if (task.sourceCount >= sourcesPerFetchMax) {
      const actual = task.sourceCount + 1
      throw new HartonomousError('ERR_LIMIT', { what: 'sources of one fetch', limit: sourcesPerFetchMax, actual })
    }
    const link = await this.#connect(modelId, source)
    // The fetch may have ended, or the source come twice, while this one connected.
    if (this.#fetches.get(modelId) !== task || task.hasSource(source.peerId)) {
      link.close('not needed any more')
      return
    }
    if (link instanceof FrameLink) this.#purchases.open(modelId, source.peerId as PeerId, link)
    task.addSource(source.peerId, link, have)
  }

  updateSource(modelId: ModelId, peerId: string, have: Uint8Array): void {
    Bitfield.fromBytes(have, this.#shelf.require(modelId).places.length)
    this.#fetches.get(modelId)?.updateSource(peerId, have)
  }

  removeSource(modelId: ModelId, peerId: string): void {
    this.#fetches.get(modelId)?.removeSource(peerId, 'it was removed')
  }

  async resumeFetch(modelId: ModelId): Promise<void> {
    await this.#fetches.get(modelId)?.resume()
  }

  async stopFetch(modelId: ModelId): Promise<void> {
    const task = this.#fetches.get(modelId)
    this.#fetches.delete(modelId)
    await task?.stop('the fetch was stopped')
  }

  setSelling(isSelling: boolean): void {
    this.#isSelling = isSelling
  }

  setCredit(sessionId: number, creditBytes: number): void {
    this.#sessions.get(sessionId)?.setCredit(creditBytes)
  }

  sendToBuyer(sessionId: number, body: Uint8Array): void {
    this.#sessions.get(sessionId)?.pay(body)
  }

  sendToSeller(linkId: number, body: Uint8Array): void {
    this.#purchases.send(linkId, body)
  }

  keepForReceipt(linkId: number): void {
    this.#purchases.keepForReceipt(linkId)
  }

  finishPurchase(linkId: number): Promise<ReceivedFigures> {
    return this.#purchases.finish(linkId)
  }

  closeLink(linkId: number): void {
    this.#purchases.close(linkId)
  }

  setCaps(caps: { uploadBytesPerSecond?: number; downloadBytesPerSecond?: number }): void {
    this.#limiter.setRate(caps.uploadBytesPerSecond)
    this.#gate.setRate(caps.downloadBytesPerSecond)
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    clearInterval(this.#uploadTimer)
    await Promise.all([...this.#fetches.keys()].map((modelId) => this.stopFetch(modelId)))
    this.#purchases.closeAll('shutting down')
    this.#arrivals.close()
    for (const session of [...this.#sessions.values()]) session.close('shutting down')
    this.#limiter.close()
    await this.#listener.close()
    await this.#shelf.close()
  }

  #onAccepted({ peerId, role, token, certificateSha256, connection }: AcceptedConnection): void {
    if (this.#isClosed) connection.close('shutting down')
    else if (role === 'fetch') this.#addSession(peerId, connection)
    else this.#arrivals.arrive(tokenKey(token), { connection, certificateSha256 })
  }

  #serve(peerId: PeerId, channel: FrameChannel): void {
    const connection = new FrameConnection(channel, 'serve', ignoring)
    this.#addSession(peerId, connection)
    connection.start()
  }

  #addSession(peerId: PeerId, connection: FrameConnection): void {
    if (connection.hasEnded) return
    const sessionId = this.#nextSession++
    const who = { sessionId, peerId, isSelling: this.#isSelling }
    const session = new ServeSession(who, connection, this.#serveContext, () => this.#sessions.delete(sessionId))
    this.#sessions.set(sessionId, session)
    session.start()
  }

  async #connect(modelId: ModelId, source: Source): Promise<SourceLink> {
    const { places, files } = this.#shelf.require(modelId)
    switch (source.transport) {
      case 'tls': {
        const connection = new FrameConnection(await dialTls(source, 'fetch', this.#certificate), 'fetch', ignoring)
        connection.start()
        return new FrameLink('tls', connection, places, now)
      }
      case 'tls-reverse': {
        const arrival = await this.#arrivals.take(tokenKey(source.token), `waiting for ${source.peerId} to dial`)
        if (arrival.certificateSha256 !== source.certificateSha256.toLowerCase()) {
          arrival.connection.close('another certificate')
          const reason = 'it presented another certificate than its answer named'
          throw new HartonomousError('ERR_PEER_PROTOCOL', { peer: source.peerId, reason })
        }
        return new FrameLink('tls-reverse', arrival.connection, places, now)
      }
      case 'libp2p': {
        const { connection } = await this.#arrivals.take(streamKey(source.peerId), `a stream to ${source.peerId}`)
        return new FrameLink('libp2p', connection, places, now)
      }
      case 'http':
        if (source.urls.length !== files.length) {
          throw new HartonomousError('ERR_USAGE', { message: `${source.urls.length} URLs for ${files.length} files` })
        }
        return new HttpLink(source.urls, places)
    }
  }

  #requireFetch(modelId: ModelId): FetchTask {
    const task = this.#fetches.get(modelId)
    if (task === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'fetch', id: modelId })
    return task
  }

  #ban(peerId: string): void {
    this.#banned.delete(peerId)
    this.#banned.set(peerId, now() + peerBanMs)
    if (this.#banned.size > bannedPeersMax) this.#banned.delete(this.#banned.keys().next().value!)
    // It is a source of other fetches too.
    for (const task of this.#fetches.values()) task.removeSource(peerId, 'it sent wrong bytes to another fetch')
  }

  #onDamaged(model: ShelfModel, chunkIndex: number): void {
    if (!model.held.has(chunkIndex)) return
    model.held.clear(chunkIndex)
    this.#emit('chunks-lost', { modelId: model.modelId, chunkIndexes: [chunkIndex] })
  }
}

function tokenKey(token: Uint8Array): string {
  return `token ${Buffer.from(token).toString('hex')}`
}

function streamKey(peerId: PeerId): string {
  return `stream ${peerId}`
}
