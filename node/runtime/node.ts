/**
 * One node: its parts, started in order and stopped in reverse. Bulk bytes stay in the data worker, libp2p in the network
 * worker, SQLite in the store worker, the engine in a child process; this thread only coordinates.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { NodeEvent, StampedEvent, TransferView } from '#protocol/api/control.ts'
import type { Lease } from '#protocol/heartbeat/message.ts'
import type { ModelId, PeerId } from '#protocol/ids.ts'
import { modelsPerHeartbeatMax, releasesKnownMax } from '#protocol/limits.ts'
import { second } from '#protocol/units.ts'
import type { DataPlaneEvents, FetchProgress } from '../chunks/types.ts'
import type { Config, SettingKey } from '../config/index.ts'
import type { Log } from '../log/index.ts'
import { serveHave, serveOffers } from '../swarm/index.ts'
import { noTracer, openTracer, otlpUrl, type Tracer } from '../telemetry/index.ts'
import { Activity } from './activity.ts'
import { Announcer } from './announcer.ts'
import { Answers } from './answers.ts'
import { serveChannels } from './channel.ts'
import { dataCaps, dataHosts, isDataReachable } from './endpoints.ts'
import { EventBus } from './event-bus.ts'
import { isOpenToOthers, lockDataDir } from './lock.ts'
import { NodeSettings, type SettingsSource } from './node-settings.ts'
import { type Close, openParts, type Parts, type PartsHost } from './parts.ts'
import { paymentEventOf } from './payment-event.ts'
import { localWeekClock, ScheduleKeeper } from './schedule-keeper.ts'
import { traceTransfer } from './trace-transfer.ts'
import { version } from './version.ts'

const catalogueFastMs = 2 * second
const catalogueSlowMs = 60 * second
/** A peer that has just started is connected before it serves its catalogue. */
const visitRetriesMs = [second, 5 * second]

export interface NodeOptions {
  dataDir: string
  /** Becomes the node's own: its owner may change some of it while it runs. */
  config: Config
  /** Where such changes are kept; without it they hold until the node stops. */
  settingsSource?: SettingsSource
  log: Log
  onEvent?: (event: StampedEvent) => void
  /** Leases of others that are kept: `leasesKnownMax`, unless given. */
  leasesMax?: number
}

export class HartonomousNode {
  readonly dataDir: string
  readonly config: Config
  readonly log: Log
  readonly events = new EventBus()
  readonly settings: NodeSettings
  readonly schedule: ScheduleKeeper
  readonly startedAtMs = Date.now()
  readonly activity = new Activity(Date.now)
  /** What went wrong that makes the node less than whole; shown in its state. */
  readonly failures = new Set<string>()
  readonly #closers: Close[] = []
  readonly #stopping = new AbortController()
  #parts: Parts | undefined
  #answers: Answers | undefined
  #tracer: Tracer = noTracer
  #isDraining = false
  #upload: DataPlaneEvents['upload-progress'] = { bytesPerSecond: 0, totalBytes: 0, peers: [] }
  #uploadAtMs = 0
  #addresses: readonly string[] = []
  #closed: Promise<void> | undefined
  /** Names of releases heard of since the start, for progress lines; as many as releases are kept. */
  readonly #names = new Map<ModelId, string>()

  readonly #leasesMax: number | undefined

  private constructor(options: NodeOptions) {
    this.#leasesMax = options.leasesMax
    this.dataDir = options.dataDir
    this.config = options.config
    this.log = options.log
    this.settings = new NodeSettings({
      config: this.config,
      source: options.settingsSource,
      apply: (keys) => this.#reconfigure(keys),
    })
    this.schedule = new ScheduleKeeper({
      spans: () => this.config.schedule,
      onChange: () => this.#takeWork(),
      now: Date.now,
      clock: localWeekClock,
    })
    if (options.onEvent !== undefined) this.events.subscribe(options.onEvent)
  }

  /** @throws {ERR_NODE_RUNNING} {ERR_STORE_MIGRATION} {ERR_STORE_CORRUPT} {ERR_IO} */
  static async start(options: NodeOptions): Promise<HartonomousNode> {
    const node = new HartonomousNode(options)
    try {
      await node.#open()
      return node
    } catch (error) {
      await node.close('it could not start')
      throw error
    }
  }

  get parts(): Parts {
    if (this.#parts === undefined) throw new Error('the node has not started')
    return this.#parts
  }

  get answers(): Answers {
    if (this.#answers === undefined) throw new Error('the node has not started')
    return this.#answers
  }

  get tracer(): Tracer {
    return this.#tracer
  }

  get isPaused(): boolean {
    return this.schedule.isPaused
  }

  get isDraining(): boolean {
    return this.#isDraining
  }

  /** What goes out to peers; zero again when nothing was reported for two seconds. */
  get upload(): DataPlaneEvents['upload-progress'] {
    const isOld = Date.now() - this.#uploadAtMs > 2 * second
    return isOld ? { bytesPerSecond: 0, totalBytes: this.#upload.totalBytes, peers: [] } : this.#upload
  }

  tell(event: NodeEvent): void {
    this.events.tell(event)
  }

  /** No new fetches, uploads or answers; what runs goes on. `drain` also waits for it. */
  async pause(): Promise<void> {
    this.schedule.setPaused(true)
  }

  async resume(): Promise<void> {
    this.#isDraining = false
    this.schedule.setPaused(false)
    for (const transfer of this.parts.library.transfers()) await transfer.resume()
  }

  async drain(): Promise<void> {
    this.#isDraining = true
    this.#takeWork()
    await this.answers.drain()
    await Promise.allSettled(this.parts.library.transfers().map((transfer) => transfer.finished))
    this.tell({ event: 'drained' })
  }

  /** As owner and schedule have it now; the schedule looks first while the parts are being opened. */
  #takeWork(): void {
    if (this.#parts === undefined || this.#answers === undefined) return
    const isTaken = !this.isPaused && !this.#isDraining
    this.#answers.setPaused(!isTaken)
    this.#parts.heartbeat.changed()
    if (isTaken) {
      this.#answers.resume()
      this.#parts.placement.consider()
      this.tell({ event: 'resumed' })
    } else {
      const reason = this.#isDraining ? 'finishing what runs' : this.schedule.reason
      this.tell({ event: this.#isDraining ? 'draining' : 'paused', reason })
    }
  }

  /** What does not read the settings each time is told that they are new. */
  async #reconfigure(keys: ReadonlySet<SettingKey>): Promise<void> {
    const { dataPlane, economy, heartbeat, placement } = this.parts
    if (keys.has('data.uploadRate') || keys.has('data.downloadRate')) await dataPlane.setCaps(dataCaps(this.config))
    if ([...keys].some((key) => key.startsWith('payment.'))) await economy.setPrices(this.config)
    if (keys.has('schedule')) this.schedule.changed()
    heartbeat.changed()
    placement.consider()
    this.tell({ event: 'settings', keys: [...keys] })
  }

  /** Orderly stop; the same promise for every caller. */
  close(reason: string): Promise<void> {
    this.#closed ??= this.#close(reason)
    return this.#closed
  }

  async #open(): Promise<void> {
    const lock = await lockDataDir(this.dataDir)
    this.#closers.push(() => lock.release())
    const { config, log, dataDir } = this
    if (await isOpenToOthers(dataDir))
      log.warn('data-folder-open-to-others', { dataDir, remedy: `chmod 700 ${dataDir}` })
    const host: PartsHost = {
      isActive: () => !this.isPaused && !this.#isDraining && !this.#stopping.signal.aborted,
      describeLease: () => this.#describeLease(),
      onRelease: ({ modelId, name, publisher, licence, sizeBytes }) => {
        this.#name(modelId, name)
        this.tell({ event: 'release', modelId, name, publisher, licence, sizeBytes })
        this.#parts?.placement.consider()
      },
      onLeaseChange: () => this.#parts?.placement.consider(),
      onDecision: ({ modelId, name, action, reason }) =>
        this.tell({ event: 'placement', modelId, name, action, reason }),
      onPayment: (event) => this.tell(paymentEventOf(event)),
      onTransfer: (transfer) => traceTransfer(this.#tracer, transfer),
    }
    const parts = await openParts({ dataDir, config, log, host, leasesMax: this.#leasesMax }, this.#closers)
    this.#parts = parts
    for (const { release } of await parts.releases.all()) this.#name(release.modelId, release.name)
    this.#tracer = await openTracer({
      url: otlpUrl(config['telemetry.otlp'], process.env),
      service: 'hartonomous-node',
      instance: parts.network.peerId,
      version,
      log,
    })
    this.#closers.push(() => this.#tracer.close())
    const { activity } = this
    this.#answers = new Answers({ config, log, parts, tracer: this.#tracer, activity })
    this.#closers.push(() => this.answers.close())
    this.schedule.start()
    this.#closers.push(async () => this.schedule.stop())
    this.#watch(parts)
    const { network, dataPlane, shard, releases, heartbeat, placement } = parts
    await shard.open()
    await serveHave(network, shard, {
      onInterest: (peerId, modelId) => parts.library.transferOf(modelId)?.suggest(peerId),
      onAbsent: () => activity.refused('chunks', 'absent'),
    })
    await parts.query.serve()
    await serveOffers(network, dataPlane, {
      hosts: () => dataHosts(config),
      isServing: host.isActive,
      // The policy by which it serves nobody is that of its owner: it is paused.
      onRefused: (reason) => activity.refused('chunks', reason === 'policy' ? 'paused' : reason),
    })
    await serveChannels(network, dataPlane, host.isActive, () => activity.refused('chunks', 'paused'))
    await releases.serve()
    await this.answers.serve()
    await parts.economy.start()
    await heartbeat.start()
    this.#closers.push(async () => heartbeat.stop())
    const announcer = new Announcer(network, shard, log)
    announcer.start()
    this.#closers.push(async () => announcer.stop())
    placement.start()
    this.#closers.push(async () => placement.stop())
    void this.#readCatalogues(parts)
  }

  async #close(reason: string): Promise<void> {
    this.tell({ event: 'stopping', reason })
    this.#stopping.abort(new Error(reason))
    await Promise.allSettled((this.#parts?.library.transfers() ?? []).map((transfer) => transfer.stop(reason)))
    await this.#parts?.shard.close().catch((error: unknown) => this.log.warn('close-failed', { error: String(error) }))
    for (const close of this.#closers.reverse()) {
      await close().catch((error: unknown) => this.log.warn('close-failed', { error: String(error) }))
    }
  }

  #watch(parts: Parts): void {
    const { network, dataPlane, shard, heartbeat, placement, releases, leases } = parts
    network.on('peer-connect', ({ peerId }) => {
      leases.setConnected(peerId, true)
      this.tell({ event: 'peer-connect', peerId })
      void this.#visit(parts, peerId)
    })
    network.on('peer-disconnect', ({ peerId }) => {
      this.tell({ event: 'peer-disconnect', peerId })
      releases.forget(peerId)
      leases.setConnected(peerId, false)
      leases.remove(peerId)
    })
    network.on('addresses-change', ({ addresses }) => {
      this.#addresses = addresses
      heartbeat.changed()
    })
    network.on('closed', ({ reason }) => this.#fail(`the network worker stopped: ${reason}`))
    dataPlane.onClose((reason) => this.#fail(`the data worker stopped: ${reason}`))
    dataPlane.on('fetch-progress', (progress) =>
      this.tell({ event: 'transfer-progress', ...this.transferView(progress) }),
    )
    dataPlane.on('fetch-complete', ({ modelId }) => void this.#tellComplete(parts, modelId))
    dataPlane.on('source-end', (end) => {
      if (end.banned) {
        void parts.standing.blame(end.peerId as PeerId, 'wrongBytes')
        parts.banned
          .add(end.peerId as PeerId)
          .catch((error: unknown) => this.log.warn('ban-not-kept', { error: String(error) }))
      }
      this.tell({ event: 'source-end', ...end })
    })
    dataPlane.on('fetch-paused', ({ modelId, error }) => this.tell({ event: 'transfer-paused', modelId, ...error }))
    dataPlane.on('served', (counts) => this.activity.served(counts))
    dataPlane.on('upload-progress', (upload) => {
      this.#upload = upload
      this.#uploadAtMs = Date.now()
      this.tell({ event: 'upload-progress', ...upload })
    })
    const counts = (modelId: ModelId) => {
      const model = shard.get(modelId)
      return { heldChunks: model?.held.count() ?? 0, chunkCount: model?.places.length ?? 0 }
    }
    shard.on('added', (model) => {
      const { modelId, sizeBytes, row } = model
      this.tell({ event: 'model-added', modelId, sizeBytes, origin: row.origin, ...counts(modelId) })
      heartbeat.changed()
    })
    shard.on('removed', (modelId) => {
      this.tell({ event: 'model-removed', modelId })
      heartbeat.changed()
      void this.answers.forget(modelId)
    })
    shard.on('gained', (modelId, chunkIndexes) => {
      this.tell({ event: 'chunks-gained', modelId, chunkIndexes, ...counts(modelId) })
      heartbeat.changed()
    })
    shard.on('lost', (modelId, chunkIndexes) => {
      this.tell({ event: 'chunks-lost', modelId, chunkIndexes, ...counts(modelId) })
      heartbeat.changed()
      placement.consider()
    })
  }

  /** A new peer: read its catalogue, and if we are fetching, it may be a source. */
  async #visit(parts: Parts, peerId: PeerId): Promise<void> {
    const { signal } = this.#stopping
    for (const waitMs of [0, ...visitRetriesMs]) {
      try {
        await sleep(waitMs, undefined, { signal })
        await parts.releases.visit(peerId, signal)
        break
      } catch (error) {
        this.log.debug('catalogue-not-read', { peerId, error: String(error) })
        if (signal.aborted) return
      }
    }
    parts.placement.consider()
  }

  /** Looks for catalogues in the DHT: often while nothing is known, then now and then. */
  async #readCatalogues(parts: Parts): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      await parts.library.crawl(signal).catch(() => 0)
      const { releases } = await parts.tenant.listReleases({ limit: 1 }).catch(() => ({ releases: [] }))
      await sleep(releases.length === 0 ? catalogueFastMs : catalogueSlowMs, undefined, { signal }).catch(
        () => undefined,
      )
    }
  }

  transferView(progress: FetchProgress): TransferView {
    const { modelId, wantedBytes, heldBytes, bytesPerSecond } = progress
    const leftBytes = wantedBytes - heldBytes
    const name = this.#names.get(modelId) ?? modelId
    const pausedBy = this.parts.library.transferOf(modelId)?.pausedBy
    const view = { ...progress, name, ...(pausedBy === undefined ? {} : { pausedBy }) }
    return bytesPerSecond > 0 && leftBytes > 0
      ? { ...view, etaMs: Math.round((leftBytes / bytesPerSecond) * 1000) }
      : view
  }

  async #tellComplete(parts: Parts, modelId: ModelId): Promise<void> {
    const transfer = parts.library.transferOf(modelId)
    if (transfer === undefined) return
    await transfer.finished.catch(() => undefined)
    if (transfer.progress === undefined) return
    const durationMs = Date.now() - transfer.startedAtMs
    this.tell({ event: 'transfer-complete', ...this.transferView(transfer.progress), durationMs })
    parts.heartbeat.changed()
  }

  #describeLease(): Omit<Lease, 'peerId' | 'epoch' | 'sequence' | 'issuedAtMs' | 'expiresAtMs'> {
    const { shard } = this.parts
    const { slots, slotsFree, load } = this.answers.capacity()
    const held = shard.list().reduce((sum, model) => sum + (model.row.origin === 'fetch' ? model.heldBytes : 0), 0)
    const isIdle = this.isPaused || this.#isDraining
    return {
      version,
      region: this.config.region,
      models: shard
        .list()
        .slice(0, modelsPerHeartbeatMax)
        .map((model) => ({
          modelId: model.modelId,
          heldChunks: model.held.count(),
          chunkCount: model.places.length,
          canInfer: !isIdle && this.answers.canInfer(model.modelId),
        })),
      load,
      inferenceSlots: slots,
      inferenceSlotsFree: isIdle ? 0 : slotsFree,
      uploadBytesPerSecond: this.upload.bytesPerSecond,
      diskFreeBytes: Math.max(0, this.config['pledge.disk'] - held),
      isDataReachable: isDataReachable(this.config, this.#addresses),
      isPaused: isIdle,
      payment: this.parts.economy.payment.terms,
    }
  }

  #name(modelId: ModelId, name: string): void {
    this.#names.delete(modelId)
    if (this.#names.size >= releasesKnownMax) this.#names.delete(this.#names.keys().next().value!)
    this.#names.set(modelId, name)
  }

  #fail(failure: string): void {
    if (this.#stopping.signal.aborted) return
    this.failures.add(failure)
    this.log.error('part-failed', { failure })
    this.tell({ event: 'state', state: 'degraded', reason: failure, help: 'hart doctor' })
  }
}
