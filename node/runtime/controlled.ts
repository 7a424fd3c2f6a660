/** The control API's view of a node: reads the parts, carries the owner's wishes out. */
import type { ActivityView } from '#protocol/api/activity.ts'
import type {
  ComponentView,
  DiffView,
  IngestRequest,
  ModelView,
  NodeEvent,
  PeerDetailView,
  PeerView,
  PullRequest,
  ScheduleView,
  SqlRequest,
  SqlSchemaView,
  SqlView,
  StampedEvent,
  StatusView,
  TensorDetailView,
  TensorView,
} from '#protocol/api/control.ts'
import { describeActivity, refusalsOf } from '#protocol/api/refusals.ts'
import type { SettingsChangeView, SettingsRequest, SettingsView } from '#protocol/api/settings.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { type ModelId, parsePeerId } from '#protocol/ids.ts'
import { type ShardConsole, shardViews } from '#sql/console/index.ts'
import type { ReleaseRow } from '#sql/store/types.ts'
import { policyOf } from '../config/index.ts'
import type { ComponentQuery, ControlledNode, HealthCheck, TensorQuery } from '../control/index.ts'
import { peekInThread, viewTensor } from '../peek/index.ts'
import { policyRefusal } from '../placement/index.ts'
import { helpfulAction } from './activity-help.ts'
import { openNodeConsole } from './console.ts'
import { PaymentController } from './controlled-payment.ts'
import { QueryController } from './controlled-queries.ts'
import { EconomyStatus } from './economy-status.ts'
import { isLoopbackOnly } from './endpoints.ts'
import { renderMetrics } from './metrics.ts'
import type { HartonomousNode } from './node.ts'
import type { Parts } from './parts.ts'
import { peekable } from './peeked.ts'
import { ingestFile, pullModel } from './pull-model.ts'
import type { ScheduleKeeper } from './schedule-keeper.ts'
import { viewStanding } from './standing-view.ts'
import { describeState, type StateView } from './state.ts'
import { version } from './version.ts'

const componentsMax = 10_000

export class NodeController implements ControlledNode {
  readonly version = version
  readonly #node: HartonomousNode
  readonly #requestStop: (reason: string) => void
  apiUrl = ''
  #lastState: StateView = { state: 'starting', reason: '' }
  #sinceMs = Date.now()
  #economy: EconomyStatus | undefined
  readonly #console: ShardConsole
  readonly queries: QueryController
  readonly payment: PaymentController

  constructor(node: HartonomousNode, requestStop: (reason: string) => void) {
    this.#node = node
    this.#requestStop = requestStop
    this.queries = new QueryController(() => node.parts)
    this.payment = new PaymentController(() => node.parts)
    this.#console = openNodeConsole(node.config, node.dataDir, process.env, () => this.peers())
  }

  async status(): Promise<StatusView> {
    const { parts, config, upload } = this.#node
    const [peers, addresses, dht, announced] = await Promise.all([
      parts.network.peers(),
      parts.network.addresses(),
      parts.network.dhtMode(),
      parts.network.announceStatus(),
    ])
    const models = parts.shard.list()
    const fetchedBytes = models.reduce((sum, model) => sum + (model.row.origin === 'fetch' ? model.heldBytes : 0), 0)
    const activity = this.#activity()
    const { state, reason, help } = await this.#state(peers.length, activity)
    const engine = this.#node.answers.status()
    this.#economy ??= new EconomyStatus(parts.economy)
    const economy = await this.#economy.read()
    const { host, port } = parts.dataPlane.endpoint
    return {
      version,
      peerId: parts.network.peerId,
      pid: process.pid,
      dataDir: this.#node.dataDir,
      state,
      reason,
      ...(help === undefined ? {} : { help }),
      sinceMs: this.#sinceMs,
      ...viewSchedule(config.schedule, this.#node.schedule),
      uptimeMs: Date.now() - this.#node.startedAtMs,
      addresses,
      apiUrl: this.apiUrl,
      dataEndpoint: `${host}:${port}`,
      pledge: { diskBytes: config['pledge.disk'], usedBytes: fetchedBytes },
      caps: { uploadBytesPerSecond: config['data.uploadRate'], downloadBytesPerSecond: config['data.downloadRate'] },
      peersConnected: peers.length,
      leasesLive: parts.leases.live().length,
      dht: {
        ...dht,
        keysAnnounced: announced.filter((key) => key.announcedAtMs !== undefined).length,
        keysWaiting: announced.filter((key) => key.announcedAtMs === undefined).length,
      },
      models: models.length,
      heldBytes: models.reduce((sum, model) => sum + model.heldBytes, 0),
      upload,
      transfers: parts.library
        .transfers()
        .flatMap(({ progress }) => (progress === undefined ? [] : [this.#node.transferView(progress)])),
      placement: parts.placement
        .decisions()
        .map(({ modelId, name, action, reason: why }) => ({ modelId, name, action, reason: why })),
      activity,
      ...(engine === undefined ? {} : { engine }),
      ...(economy === undefined ? {} : { economy }),
    }
  }

  settings(): Promise<SettingsView> {
    return this.#node.settings.view()
  }

  changeSettings(request: SettingsRequest): Promise<SettingsChangeView> {
    return this.#node.settings.change(request)
  }

  async peers(): Promise<PeerView[]> {
    const { network, leases, standing } = this.#node.parts
    return (await network.peers()).map((peer) => {
      const lease = leases.get(peer.peerId)?.signed.lease
      const { peerId, addresses, direction, discoveredBy, rttMs } = peer
      return {
        peerId,
        addresses,
        direction,
        discoveredBy,
        connectedForMs: Date.now() - peer.connectedAtMs,
        ...(rttMs === undefined ? {} : { rttMs }),
        ...(lease === undefined ? {} : { version: lease.version, region: lease.region, load: lease.load }),
        models: lease?.models ?? [],
        score: standing.scoreOf(peerId),
      }
    })
  }

  async peer(text: string): Promise<PeerDetailView> {
    const peerId = parsePeerId(text)
    const { network, standing } = this.#node.parts
    const [report, peers] = await Promise.all([network.dialReport(peerId), network.peers()])
    const connected = peers.some((peer) => peer.peerId === peerId)
    return { peerId, connected, attempts: report.attempts, standing: viewStanding(standing, peerId) }
  }

  async models(): Promise<ModelView[]> {
    const { parts } = this.#node
    const releases = await parts.releases.all()
    const named = new Map<ModelId, ReleaseRow>()
    for (const row of releases) if (!named.has(row.release.modelId)) named.set(row.release.modelId, row)
    const ids = new Set<ModelId>([...parts.shard.list().map((model) => model.modelId), ...named.keys()])
    return [...ids].map((modelId) => this.#modelView(modelId, named.get(modelId)))
  }

  async model(reference: string): Promise<ModelView> {
    const modelId = await this.#resolve(reference)
    return this.#modelView(modelId, await this.#node.parts.releases.releaseOf(modelId))
  }

  async components(reference: string, query: ComponentQuery): Promise<ComponentView[]> {
    const modelId = await this.#resolve(reference)
    const { kind, layerMin: min, layerMax: max } = query
    const hits = await this.#node.parts.tenant.findComponents({
      modelId,
      limit: componentsMax,
      ...(kind === undefined ? {} : { kinds: [kind] }),
      layers: { ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) },
    })
    return hits.map(({ key, kind, layer, expert, sizeBytes, heldBytes, parameterCount }) => ({
      key,
      kind,
      ...(layer === undefined ? {} : { layer }),
      ...(expert === undefined ? {} : { expert }),
      sizeBytes,
      heldBytes,
      parameterCount,
    }))
  }

  async tensors(reference: string): Promise<TensorView[]> {
    return (await peekable(this.#node.parts, reference)).tensors.map(viewTensor)
  }

  async tensor(reference: string, tensor: string, query: TensorQuery, signal: AbortSignal): Promise<TensorDetailView> {
    const model = await peekable(this.#node.parts, reference)
    return peekInThread({ kind: 'show', model, tensor, options: query }, signal)
  }

  async diff(first: string, second: string, signal: AbortSignal): Promise<DiffView> {
    const { parts } = this.#node
    const [a, b] = await Promise.all([peekable(parts, first), peekable(parts, second)])
    return peekInThread({ kind: 'diff', a, b }, signal)
  }

  ingest(
    request: IngestRequest,
    emit: (event: NodeEvent) => void,
    signal: AbortSignal,
  ): Promise<{ modelId: string; name: string }> {
    return ingestFile(this.#node, request, emit, signal)
  }

  pull(
    request: PullRequest,
    emit: (event: NodeEvent) => void,
    signal: AbortSignal,
  ): Promise<{ modelId: string; name: string }> {
    return pullModel(this.#node, request, emit, signal)
  }

  async remove(reference: string): Promise<void> {
    const modelId = await this.#resolve(reference)
    if (!(await this.#node.parts.library.remove(modelId)))
      throw new HartonomousError('ERR_NOT_FOUND', { kind: 'model', id: reference })
  }

  async sql(request: SqlRequest, signal: AbortSignal): Promise<SqlView> {
    const { sql, rowsMax, timeoutMs } = request
    const limits = { ...(rowsMax === undefined ? {} : { rowsMax }), ...(timeoutMs === undefined ? {} : { timeoutMs }) }
    return this.#console.run({ sql, ...limits }, signal)
  }

  sqlSchema(): SqlSchemaView[] {
    return shardViews.map(({ name, meaning, columns }) => ({ name, meaning, columns: [...columns] }))
  }

  async dial(address: string, signal: AbortSignal): Promise<string> {
    return this.#node.parts.network.dial(address, { signal })
  }

  pause(): Promise<void> {
    return this.#node.pause()
  }

  resume(): Promise<void> {
    return this.#node.resume()
  }

  drain(): Promise<void> {
    return this.#node.drain()
  }

  stop(reason: string): void {
    this.#requestStop(reason)
  }

  async health(): Promise<HealthCheck[]> {
    const { parts, failures } = this.#node
    const check = async (name: string, run: () => Promise<unknown>): Promise<HealthCheck> => {
      try {
        await run()
        return { name, ok: true }
      } catch (error) {
        return { name, ok: false, reason: error instanceof Error ? error.message : String(error) }
      }
    }
    return Promise.all([
      check('store', () => parts.store.capabilities()),
      check('network', () => parts.network.addresses()),
      check('parts', async () => {
        if (failures.size > 0) throw new Error([...failures].join('; '))
      }),
    ])
  }

  async metrics(): Promise<string> {
    return renderMetrics(this.#node, await this.status())
  }

  subscribe(listener: (event: StampedEvent) => void): () => void {
    return this.#node.events.subscribe(listener)
  }

  #activity(): ActivityView {
    const { parts, config, schedule, activity } = this.#node
    const view = activity.view()
    const help = helpfulAction({
      activity: view,
      pausedBy: schedule.isPaused ? schedule.reason : '',
      slots: config['inference.slots'],
      pledgeBytes: config['pledge.disk'],
      uploadCapBytesPerSecond: config['data.uploadRate'],
      isLoopbackOnly: isLoopbackOnly(config),
      cheaperHolders: cheaperHolders(parts),
    })
    return help === undefined ? view : { ...view, help }
  }

  async #state(peersConnected: number, activity: ActivityView): Promise<StateView> {
    const { parts, config, upload, failures, isPaused, isDraining } = this.#node
    const releases = await parts.releases.all()
    const policy = policyOf(config)
    const view = describeState({
      isStarting: false,
      isPaused,
      pausedBy: isPaused ? this.#node.schedule.reason : '',
      isDraining,
      failures: [...failures],
      peersConnected,
      peersConfigured: config['network.bootstrap'].length + config['network.staticPeers'].length > 0,
      pledgeBytes: config['pledge.disk'],
      heldBytes: parts.shard.list().reduce((sum, model) => sum + model.heldBytes, 0),
      releasesKnown: releases.length,
      problems: parts.shard.list().flatMap(({ problem }) => problem ?? []),
      releasesRefused: releases.filter(({ release }) => policyRefusal(release, policy) !== undefined).length,
      transfers: parts.library.transfers().flatMap(({ progress, pausedBy }) =>
        progress === undefined
          ? []
          : [
              {
                name: this.#node.transferView(progress).name,
                pausedBy,
                bytesPerSecond: progress.bytesPerSecond,
                sources: progress.sources.filter((source) => source.state === 'active').length,
                heldChunks: progress.heldChunks,
                wantedChunks: progress.wantedChunks,
              },
            ],
      ),
      uploadBytesPerSecond: upload.bytesPerSecond,
      uploadPeers: upload.peers.length,
      answersRunning: this.#node.answers.running(),
      refusals: refusalsOf(activity).length > 0 ? describeActivity(activity) : '',
      action: activity.help,
    })
    if (view.state !== this.#lastState.state) this.#sinceMs = Date.now()
    this.#lastState = view
    return view
  }

  #modelView(modelId: ModelId, named: ReleaseRow | undefined): ModelView {
    const { shard, leases } = this.#node.parts
    const held = shard.get(modelId)
    const holders = leases.holders(modelId).filter(({ share }) => share > 0)
    const release = named?.release
    return {
      modelId,
      name: release?.name ?? modelId,
      licence: release?.licence ?? '',
      publisher: release?.publisher ?? '',
      architecture: held?.row.architecture ?? release?.architecture ?? '',
      format: held?.row.format ?? release?.format ?? '',
      parameterCount: held?.row.parameterCount ?? release?.parameterCount ?? 0,
      sizeBytes: held?.sizeBytes ?? release?.sizeBytes ?? 0,
      heldBytes: held?.heldBytes ?? 0,
      chunkCount: held?.places.length ?? 0,
      heldChunks: held?.held.count() ?? 0,
      origin: held?.row.origin ?? 'known',
      isPinned: held?.row.isPinned ?? false,
      holders: holders.length,
      copies: Number(holders.reduce((sum, { share }) => sum + share, 0).toFixed(2)),
      files: held?.row.files.map((file) => file.path) ?? [],
      ...(held?.problem === undefined ? {} : { problem: held.problem }),
    }
  }

  async #resolve(reference: string): Promise<ModelId> {
    const held = this.#node.parts.shard.get(reference as ModelId)
    if (held !== undefined) return held.modelId
    return (await this.#node.parts.releases.resolve(reference)).release.modelId
  }
}

function viewSchedule(spans: readonly string[], keeper: ScheduleKeeper): { schedule?: ScheduleView } {
  if (spans.length === 0) return {}
  const { isOpen, nextChangeAtMs, override } = keeper
  return {
    schedule: {
      spans: [...spans],
      isOpen,
      ...(nextChangeAtMs === undefined ? {} : { nextChangeAtMs }),
      ...(override === undefined ? {} : { override }),
    },
  }
}

/** Other holders of what is here that ask less for a GiB of it than this node does. */
function cheaperHolders({ shard, leases, economy }: Parts): number {
  const asked = economy.payment.terms.prices.weiPerGiB
  if (asked === 0n) return 0
  const cheaper = shard
    .list()
    .flatMap(({ modelId }) => leases.holders(modelId))
    .filter(({ share, lease }) => share > 0 && (lease.payment?.prices.weiPerGiB ?? 0n) < asked)
  return new Set(cheaper.map(({ lease }) => lease.peerId)).size
}
