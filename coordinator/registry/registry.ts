/** The swarm as this coordinator sees it: leases, DHT, chain and probes brought together, with the age of each figure. */

import type { Log } from '#node/log/index.ts'
import { followHave, type Parts } from '#node/runtime/index.ts'
import type {
  CoverageView,
  NetworkChanges,
  NetworkEvent,
  NetworkSnapshot,
  NetworkTotals,
  NodeDetail,
  NodeView,
  SwarmModelView,
} from '#protocol/api/network.ts'
import { HartonomousError } from '#protocol/errors.ts'
import type { Address, ModelId, PeerId } from '#protocol/ids.ts'
import { coverageAskedMax, leaseTtlMs, registryPageMax } from '#protocol/limits.ts'
import type { Release } from '#protocol/model/release.ts'
import { second } from '#protocol/units.ts'
import type { ReleaseRow } from '#sql/store/types.ts'
import type { Page, RegistryService } from '../service.ts'
import { countHolders, type Holding } from './coverage.ts'
import { NetworkLog, type NetworkLogQuery } from './network-log.ts'
import { type LiveLease, NodeTable } from './node-table.ts'
import { Prober } from './prober.ts'
import { type Answered, Speeds } from './speeds.ts'
import { type Counted, countTotals } from './totals.ts'

const roundMs = second
/** Names and licences change rarely; reading all releases of a large swarm takes a while. */
const releasesEveryMs = 5 * second
const pageDefault = 100
const coverageTimeoutMs = 10 * second
/** Counting asks nodes: however many look on, a model is counted once in this time. */
const coverageKeptMs = 5 * second
/** Models that pages look at. */
const coveragesMax = 256
/** Fewer holders than this, and one node that stops takes a part away. */
const safeHolders = 2

export interface RegistryDependencies {
  parts: Parts
  now: () => number
  log: Log
  /** What else a snapshot counts. */
  jobs: () => { running: number; today: number }
  probe: (peerId: PeerId, signal: AbortSignal) => Promise<void>
  /** Jobs of this coordinator run there now. */
  isWorking: (peerId: PeerId) => boolean
  /** After each look, whether something changed or not. */
  onRound: () => void
  onChange: (revision: number) => void
}

export class Registry implements RegistryService {
  readonly #deps: RegistryDependencies
  readonly #table: NodeTable
  readonly #prober: Prober
  readonly #rtts = new Map<PeerId, number>()
  readonly #log: NetworkLog
  readonly #speeds: Speeds
  /** As last counted, those that were asked for last at the end. */
  readonly #coverages = new Map<ModelId, { atMs: number; counted: Promise<CoverageView>; view?: CoverageView }>()
  /** Nodes that hold all of a model, as of the last look. */
  #copies = new Map<string, number>()
  #sizes: ReadonlyMap<string, number> = new Map()
  #releases = new Map<ModelId, ReleaseRow>()
  #releasesAtMs = 0
  #timer: NodeJS.Timeout | undefined
  #round: Promise<void> = Promise.resolve()
  #told = -1
  #encoded: { revision: number; atMs: number; json: Buffer } | undefined

  constructor(deps: RegistryDependencies) {
    this.#deps = deps
    const { now } = deps
    this.#log = new NetworkLog(now)
    this.#speeds = new Speeds(now)
    this.#table = new NodeTable({
      now,
      tell: (happening) => this.#log.add(happening),
      nameOf: (modelId) => this.#releases.get(modelId as ModelId)?.release.name,
      factsOf: (peerId) => this.#factsOf(peerId),
    })
    this.#prober = new Prober({ table: this.#table, now, probe: deps.probe, isWorking: deps.isWorking })
  }

  async start(): Promise<void> {
    await this.#look()
    this.#timer = setInterval(() => {
      this.#round = this.#round.then(() => this.#look())
    }, roundMs)
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#prober.close()
    await this.#round
  }

  /** A job was answered by that node, its first token after so long. */
  noteWork(peerId: PeerId, latencyMs: number): void {
    this.#prober.noteWork(peerId, latencyMs)
  }

  /** It ended well there. */
  noteAnswer(peerId: PeerId, answered: Answered): void {
    this.#speeds.add(peerId, answered)
  }

  /** Its last probe failed. */
  hasFailed(peerId: PeerId): boolean {
    return this.#table.probeOf(peerId)?.ok === false
  }

  /** A job, or its last probe. */
  hasAnswered(peerId: PeerId): boolean {
    return this.#table.probeOf(peerId)?.ok === true
  }

  nodes({ cursor, limit, modelId, state }: Parameters<RegistryService['nodes']>[0]): {
    nodes: NodeView[]
    nextCursor?: string
  } {
    const matching = this.#table
      .list()
      .filter((node) => state === undefined || node.state === state)
      .filter((node) => modelId === undefined || node.models.some((model) => model.modelId === modelId))
    const { rows, nextCursor } = pageOf(matching, ({ peerId }) => peerId, { cursor, limit })
    return { nodes: rows, ...(nextCursor === undefined ? {} : { nextCursor }) }
  }

  node(peerId: string): NodeDetail {
    const view = this.#table.get(peerId)
    if (view === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'node', id: peerId.slice(0, 200) })
    const { earned, evidence } = this.#deps.parts.standing.explain(view.peerId as PeerId)
    return { ...view, standing: { earned, evidence } }
  }

  /** Newest first. */
  events(query: NetworkLogQuery): NetworkEvent[] {
    return this.#log.list(query)
  }

  async models(page: Page): Promise<{ models: SwarmModelView[]; nextCursor?: string }> {
    const nodes = this.#table.list().filter(({ state }) => state !== 'stale')
    const ids = [...this.#releases.keys()].sort()
    const { rows, nextCursor } = pageOf(ids, (modelId) => modelId, page)
    const models = rows.map((modelId) => this.#modelView(this.#releases.get(modelId)!, nodes))
    return { models, ...(nextCursor === undefined ? {} : { nextCursor }) }
  }

  async coverage(reference: string): Promise<CoverageView> {
    const { release } = await this.#deps.parts.releases.resolve(reference)
    const { modelId } = release
    const atMs = this.#deps.now()
    const known = this.#coverages.get(modelId)
    if (known !== undefined && atMs - known.atMs < coverageKeptMs) return known.counted
    const counting: { atMs: number; counted: Promise<CoverageView>; view?: CoverageView } = {
      atMs,
      counted: this.#count(release).then((view) => {
        this.#tellRare(view, known?.view)
        counting.view = view
        return view
      }),
    }
    this.#coverages.delete(modelId)
    this.#coverages.set(modelId, counting)
    if (this.#coverages.size > coveragesMax) this.#coverages.delete(this.#coverages.keys().next().value!)
    counting.counted.catch(() => {
      if (this.#coverages.get(modelId) === counting) this.#coverages.delete(modelId)
    })
    return counting.counted
  }

  snapshot(): NetworkSnapshot {
    const nodes = this.#table.list()
    return {
      revision: this.#table.revision,
      takenAtMs: this.#deps.now(),
      leaseTtlMs,
      eventSeq: this.#log.seq,
      nodes,
      totals: this.#totals(nodes),
    }
  }

  changes(since: number): NetworkChanges {
    const changes = this.#table.changes(since)
    return {
      revision: this.#table.revision,
      takenAtMs: this.#deps.now(),
      eventSeq: this.#log.seq,
      isComplete: changes !== undefined,
      totals: this.#totals(this.#table.counted()),
      ...(changes ?? { nodes: [], ages: {}, gone: [] }),
    }
  }

  /** At most once a second, however many ask: ages are by `takenAtMs`. */
  snapshotJson(): Buffer {
    const { revision } = this.#table
    const nowMs = this.#deps.now()
    const known = this.#encoded
    if (
      known !== undefined &&
      (known.revision === revision || nowMs - known.atMs < second) &&
      nowMs - known.atMs < 5 * second
    )
      return known.json
    const json = Buffer.from(JSON.stringify(this.snapshot()))
    this.#encoded = { revision, atMs: nowMs, json }
    return json
  }

  /** Whom each live lease names as its payee on these contracts; what the chain says of it is not asked here. */
  payees({ chainId, escrow }: { chainId: number; escrow: Address }): Map<PeerId, Address> {
    const payees = new Map<PeerId, Address>()
    for (const { signed } of this.#deps.parts.leases.live()) {
      const { peerId, payment } = signed.lease
      if (payment?.chainId === chainId && payment.escrow === escrow) payees.set(peerId, payment.payee)
    }
    return payees
  }

  get revision(): number {
    return this.#table.revision
  }

  async #look(): Promise<void> {
    const { parts, now, log, onRound, onChange } = this.#deps
    try {
      const peers = await parts.network.peers()
      this.#rtts.clear()
      for (const { peerId, rttMs } of peers) if (rttMs !== undefined) this.#rtts.set(peerId, rttMs)
      if (now() - this.#releasesAtMs >= releasesEveryMs) await this.#readReleases()
      this.#table.observe(parts.leases.live().map(liveLease))
      this.#countCopies()
      this.#prober.round()
      onRound()
      if (this.#told === this.#table.revision) return
      this.#told = this.#table.revision
      onChange(this.#table.revision)
    } catch (error) {
      log.warn('registry-round-failed', { error: String(error) })
    }
  }

  async #readReleases(): Promise<void> {
    const rows = await this.#deps.parts.releases.all()
    const named = new Map<ModelId, ReleaseRow>()
    for (const row of rows) if (!named.has(row.release.modelId)) named.set(row.release.modelId, row)
    const renamed = new Set<string>()
    // What was known before the start has not appeared.
    const isFirst = this.#releasesAtMs === 0
    for (const [modelId, { release }] of named) {
      const known = this.#releases.get(modelId)
      if (known?.release.name !== release.name) renamed.add(modelId)
      if (known === undefined && !isFirst) this.#log.add({ type: 'model-appeared', modelId, name: release.name })
    }
    const hasGone = this.#releases.keys().some((modelId) => !named.has(modelId))
    this.#releases = named
    this.#sizes = new Map([...named].map(([modelId, { release }]) => [modelId, release.sizeBytes]))
    if (renamed.size > 0 || hasGone) this.#table.touch(renamed)
    this.#releasesAtMs = this.#deps.now()
  }

  #totals(nodes: Iterable<Counted>): NetworkTotals {
    return countTotals(nodes, {
      sizes: this.#sizes,
      isWhole: (modelId) => (this.#coverages.get(modelId as ModelId)?.view?.holdersMin ?? 0) > 0,
      tokensPerSecond: this.#speeds.perSecond(),
      jobs: this.#deps.jobs(),
    })
  }

  /** Whole copies of each model: that there are no two any more, or again, is news. */
  #countCopies(): void {
    const copies = new Map<string, number>()
    for (const { state, models } of this.#table.counted()) {
      if (state === 'stale') continue
      for (const { modelId, heldChunks, chunkCount } of models)
        if (heldChunks === chunkCount) copies.set(modelId, (copies.get(modelId) ?? 0) + 1)
    }
    for (const [modelId, { release }] of this.#releases) {
      const [from, to] = [this.#copies.get(modelId) ?? 0, copies.get(modelId) ?? 0]
      const isNews = from !== to && (from < safeHolders || to < safeHolders)
      if (isNews) this.#log.add({ type: 'model-copies', modelId, name: release.name, from, to })
    }
    this.#copies = copies
  }

  #tellRare({ modelId, name, parts }: CoverageView, before: CoverageView | undefined): void {
    const holdersBefore = new Map(before?.parts.map(({ key, holders }) => [key, holders]))
    for (const { key, layer, holders } of parts) {
      if (holders >= safeHolders || (holdersBefore.get(key) ?? 0) < safeHolders) continue
      this.#log.add({ type: 'part-rare', modelId, name, part: key, ...(layer === undefined ? {} : { layer }), holders })
    }
  }

  #factsOf(peerId: PeerId) {
    const { standing } = this.#deps.parts
    const { score, chain } = standing.explain(peerId)
    const rttMs = this.#rtts.get(peerId)
    const payee = this.#deps.parts.leases.get(peerId)?.signed.lease.payment?.payee
    const isStaked = chain?.state === 'bound' && payee !== undefined
    const stake = isStaked
      ? { payee, bondWei: String(chain.stakeWei), isBound: true, readAtMs: this.#deps.now() }
      : undefined
    const speed = this.#speeds.of(peerId)
    return {
      score,
      ...(rttMs === undefined ? {} : { rttMs }),
      ...(stake === undefined ? {} : { stake }),
      ...(speed === undefined ? {} : { speed }),
    }
  }

  #modelView({ release, receivedAtMs, isOwn }: ReleaseRow, nodes: readonly NodeView[]): SwarmModelView {
    const holders = nodes.flatMap((node) => {
      const model = node.models.find(({ modelId }) => modelId === release.modelId)
      return model === undefined || model.heldChunks === 0 ? [] : [{ node, model }]
    })
    const prices = holders
      .filter(({ model }) => model.canInfer)
      .map(({ node }) => BigInt(node.price?.weiPerKiloToken ?? '0'))
      .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
    return {
      modelId: release.modelId,
      name: release.name,
      publisher: release.publisher,
      licence: release.licence,
      sizeBytes: release.sizeBytes,
      source: isOwn ? 'own' : 'dht',
      ageMs: Math.max(0, this.#deps.now() - receivedAtMs),
      holders: holders.length,
      wholeHolders: holders.filter(({ model }) => model.heldChunks === model.chunkCount).length,
      answerers: prices.length,
      ...(prices.length === 0 ? {} : { weiPerKiloToken: { min: String(prices[0]), max: String(prices.at(-1)) } }),
    }
  }

  async #count(release: Release): Promise<CoverageView> {
    const { now } = this.#deps
    const signal = AbortSignal.timeout(coverageTimeoutMs)
    const counted = await this.#countParts(release, signal).catch((error: unknown) => {
      const what = `counting who holds the parts of ${release.name}`
      throw signal.aborted ? new HartonomousError('ERR_TIMEOUT', { what, timeoutMs: coverageTimeoutMs }) : error
    })
    return {
      modelId: release.modelId,
      name: release.name,
      parts: counted,
      holdersMin: counted.length === 0 ? 0 : Math.min(...counted.map(({ holders }) => holders)),
      source: 'lease',
      countedAtMs: now(),
    }
  }

  async #countParts(release: Release, signal: AbortSignal): Promise<CoverageView['parts']> {
    const { library, tenant } = this.#deps.parts
    const model = await library.open(release, signal)
    const [components, holdings] = await Promise.all([
      tenant.findComponents({ modelId: release.modelId }),
      this.#holdings(release.modelId, model.places.length, signal),
    ])
    return countHolders(components, model.places, holdings)
  }

  /** Who says that it holds all is believed; the others are asked which chunks. Who does not answer is not counted. */
  async #holdings(modelId: ModelId, chunkCount: number, signal: AbortSignal): Promise<Holding[]> {
    const { network, leases, shard } = this.#deps.parts
    const holders = leases.holders(modelId)
    const whole = holders.filter(({ share }) => share === 1).map((): Holding => 'all')
    const asked = holders.filter(({ share }) => share > 0 && share < 1).slice(0, coverageAskedMax)
    const parts = await Promise.all(
      asked.map(async ({ lease }): Promise<Holding[]> => {
        try {
          for await (const held of followHave(network, lease.peerId, modelId, chunkCount, signal)) return [held]
        } catch {
          signal.throwIfAborted()
        }
        return []
      }),
    )
    const own = shard.get(modelId)?.held
    return [...whole, ...parts.flat(), ...(own === undefined || own.count() === 0 ? [] : [own])]
  }
}

function liveLease({ signed, receivedAtMs, expiresAtMs }: ReturnType<Parts['leases']['live']>[number]): LiveLease {
  return { lease: signed.lease, receivedAtMs, expiresAtMs }
}

/** Rows behind the cursor, in their order, which is that of their keys. */
function pageOf<T>(
  rows: readonly T[],
  keyOf: (row: T) => string,
  { cursor, limit = pageDefault }: { cursor?: string | undefined; limit?: number | undefined },
): { rows: T[]; nextCursor?: string } {
  const size = Math.min(limit, registryPageMax)
  const behind = cursor === undefined ? rows : rows.filter((row) => keyOf(row) > cursor)
  const page = behind.slice(0, size)
  return behind.length > size ? { rows: page, nextCursor: keyOf(page.at(-1)!) } : { rows: page }
}
