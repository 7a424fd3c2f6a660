/** The swarm as this coordinator sees it: leases, DHT, chain and probes brought together, with the age of each figure. */

import type { Log } from '#node/log/index.ts'
import { followHave, type Parts } from '#node/runtime/index.ts'
import type { CoverageView, NetworkSnapshot, NodeView, SwarmModelView } from '#protocol/api/network.ts'
import { HartonomousError } from '#protocol/errors.ts'
import type { Address, ModelId, PeerId } from '#protocol/ids.ts'
import { coverageAskedMax, leaseTtlMs, registryPageMax } from '#protocol/limits.ts'
import { second } from '#protocol/units.ts'
import type { ReleaseRow } from '#sql/store/types.ts'
import type { Page, RegistryService } from '../service.ts'
import { countHolders, type Holding } from './coverage.ts'
import { type LiveLease, NodeTable } from './node-table.ts'
import { Prober } from './prober.ts'

const roundMs = second
/** Names and licences change rarely; reading all releases of a large swarm takes a while. */
const releasesEveryMs = 5 * second
const pageDefault = 100
const coverageTimeoutMs = 10 * second

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
  #releases = new Map<ModelId, ReleaseRow>()
  #releasesAtMs = 0
  #timer: NodeJS.Timeout | undefined
  #round: Promise<void> = Promise.resolve()
  #told = -1
  #encoded: { revision: number; atMs: number; json: Buffer } | undefined

  constructor(deps: RegistryDependencies) {
    this.#deps = deps
    const { now } = deps
    this.#table = new NodeTable({
      now,
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

  node(peerId: string): NodeView {
    const view = this.#table.get(peerId)
    if (view === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'node', id: peerId.slice(0, 200) })
    return view
  }

  async models(page: Page): Promise<{ models: SwarmModelView[]; nextCursor?: string }> {
    const nodes = this.#table.list().filter(({ state }) => state !== 'stale')
    const ids = [...this.#releases.keys()].sort()
    const { rows, nextCursor } = pageOf(ids, (modelId) => modelId, page)
    const models = rows.map((modelId) => this.#modelView(this.#releases.get(modelId)!, nodes))
    return { models, ...(nextCursor === undefined ? {} : { nextCursor }) }
  }

  async coverage(reference: string): Promise<CoverageView> {
    const { parts, now } = this.#deps
    const { release } = await parts.releases.resolve(reference)
    const signal = AbortSignal.timeout(coverageTimeoutMs)
    const model = await parts.library.open(release, signal)
    const [components, holdings] = await Promise.all([
      parts.tenant.findComponents({ modelId: release.modelId }),
      this.#holdings(release.modelId, model.places.length, signal),
    ])
    const counted = countHolders(components, model.places, holdings)
    return {
      modelId: release.modelId,
      name: release.name,
      parts: counted,
      holdersMin: counted.length === 0 ? 0 : Math.min(...counted.map(({ holders }) => holders)),
      source: 'lease',
      countedAtMs: now(),
    }
  }

  snapshot(): NetworkSnapshot {
    const nodes = this.#table.list()
    const live = nodes.filter(({ state }) => state !== 'stale')
    const sum = (of: (node: NodeView) => number) => live.reduce((total, node) => total + of(node), 0)
    const jobs = this.#deps.jobs()
    return {
      revision: this.#table.revision,
      takenAtMs: this.#deps.now(),
      leaseTtlMs,
      nodes,
      totals: {
        nodes: live.length,
        nodesReady: live.filter(({ state }) => state === 'ready').length,
        models: this.#releases.size,
        inferenceSlots: sum((node) => node.inferenceSlots),
        inferenceSlotsFree: sum((node) => node.inferenceSlotsFree),
        uploadBytesPerSecond: sum((node) => node.uploadBytesPerSecond),
        jobsRunning: jobs.running,
        jobsToday: jobs.today,
      },
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

  /** By payee: nodes whose live lease and the chain name each other. */
  boundPeers(): Map<Address, PeerId> {
    const { leases, standing } = this.#deps.parts
    const bound = new Map<Address, PeerId>()
    for (const { signed } of leases.live()) {
      const { peerId, payment } = signed.lease
      if (payment !== undefined && standing.explain(peerId).chain?.state === 'bound') bound.set(payment.payee, peerId)
    }
    return bound
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
    this.#releases = named
    this.#releasesAtMs = this.#deps.now()
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
    return { score, ...(rttMs === undefined ? {} : { rttMs }), ...(stake === undefined ? {} : { stake }) }
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
