/** Carries placement decisions out: fetches what was chosen, evicts what gives way, and remembers why. */
import { Bitfield } from '#protocol/codec/bitfield.ts'
import type { ModelId } from '#protocol/ids.ts'
import { second } from '#protocol/units.ts'
import type { TenantStore } from '#sql/store/types.ts'
import { groupComponents } from '../ingest/index.ts'
import { chunkIndexesOf, type Library } from '../library/index.ts'
import type { Log } from '../log/index.ts'
import type { Network } from '../network/types.ts'
import { followHave, type LeaseTable, type Shard, type ShardModel } from '../swarm/index.ts'
import {
  chooseComponents,
  copiesFloor,
  decidePlacement,
  type PlacementDecision,
  type PlacementModel,
  type PlacementPolicy,
} from './place.ts'

/** News (a release, a lease) are collected this long before deciding again. */
const decideDelayMs = second / 2
const decideIntervalMs = 30 * second
/** Holders asked for their bitfields when only parts of a model fit. */
const surveyPeersMax = 8
const surveyTimeoutMs = 3 * second
/** Models that placement fetches at the same time. */
const parallelFetchesMax = 4
const releasesConsideredMax = 500
/** Look-ups of models that no lease names, per round: each costs some ten messages. */
const lookupsPerRoundMax = 8

export interface PlacementServiceDependencies {
  store: TenantStore
  shard: Shard
  library: Library
  leases: LeaseTable
  network: Network
  pledgeBytes: () => number
  policy: () => PlacementPolicy
  isActive: () => boolean
  random: () => number
  log: Log
  onDecision: (decision: PlacementDecision) => void
}

export class PlacementService {
  readonly #deps: PlacementServiceDependencies
  readonly #stop = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #soon: NodeJS.Timeout | undefined
  #isDeciding = false
  #decisions: PlacementDecision[] = []
  readonly #fetching = new Set<ModelId>()

  constructor(deps: PlacementServiceDependencies) {
    this.#deps = deps
  }

  start(): void {
    this.#timer = setInterval(() => void this.#decide(), decideIntervalMs)
    this.consider()
  }

  stop(): void {
    this.#stop.abort(new Error('placement stopped'))
    clearInterval(this.#timer)
    clearTimeout(this.#soon)
  }

  /** Something that placement looks at has changed. */
  consider(): void {
    if (this.#stop.signal.aborted) return
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined
      void this.#decide()
    }, decideDelayMs)
  }

  /** The latest decision about each model, for `status`. */
  decisions(): PlacementDecision[] {
    return this.#decisions
  }

  async #decide(): Promise<void> {
    const { pledgeBytes, policy, random, isActive, log } = this.#deps
    if (this.#isDeciding || this.#stop.signal.aborted || !isActive()) return
    this.#isDeciding = true
    try {
      this.#decisions = decidePlacement(await this.#survey(), { pledgeBytes: pledgeBytes(), policy: policy(), random })
      for (const decision of this.#decisions) await this.#carryOut(decision)
    } catch (error) {
      log.warn('placement-failed', { error: String(error) })
    } finally {
      this.#isDeciding = false
    }
  }

  async #survey(): Promise<PlacementModel[]> {
    const { store, shard, leases } = this.#deps
    const { releases } = await store.listReleases({ limit: releasesConsideredMax })
    const models = new Map<ModelId, PlacementModel>()
    for (const { release } of releases) {
      if (models.has(release.modelId)) continue
      const held = shard.get(release.modelId)
      models.set(release.modelId, {
        modelId: release.modelId,
        name: release.name,
        publisher: release.publisher,
        licence: release.licence,
        sizeBytes: release.sizeBytes,
        holderShares: leases
          .holders(release.modelId)
          .map(({ share }) => share)
          .filter((share) => share > 0),
        heldBytes: held?.row.origin === 'fetch' ? held.heldBytes : 0,
        isPinned: held?.row.isPinned ?? false,
        isOwnFile: held?.row.origin === 'ingest',
        lastUsedAtMs: held?.row.lastUsedAtMs ?? 0,
      })
    }
    await this.#countProviders([...models.values()])
    return [...models.values()]
  }

  /** A model that no lease names may still be announced in the DHT: each provider counts as a holder of unknown share. */
  async #countProviders(models: readonly PlacementModel[]): Promise<void> {
    const unknown = models.filter(
      (model) => model.holderShares.length === 0 && model.heldBytes === 0 && !model.isOwnFile,
    )
    await Promise.all(
      unknown.slice(0, lookupsPerRoundMax).map(async (model) => {
        const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(surveyTimeoutMs)])
        try {
          const providers = this.#deps.network.findProviders(model.modelId, { limit: copiesFloor, signal })
          for await (const _provider of providers) model.holderShares.push(0)
        } catch {
          // Not found in time: the next round looks again.
        }
      }),
    )
  }

  async #carryOut(decision: PlacementDecision): Promise<void> {
    const { library, shard, onDecision, log } = this.#deps
    const { modelId } = decision
    if (decision.action === 'evict' && shard.get(modelId) !== undefined) {
      onDecision(decision)
      await library.remove(modelId)
    }
    if (decision.action !== 'fetch' || this.#fetching.has(modelId) || library.transferOf(modelId) !== undefined) return
    if (this.#fetching.size >= parallelFetchesMax) return
    this.#fetching.add(modelId)
    onDecision(decision)
    this.#fetch(modelId, decision.budgetBytes)
      .catch((error: unknown) => log.info('placement-fetch-failed', { modelId, error: String(error) }))
      .finally(() => {
        this.#fetching.delete(modelId)
        this.consider()
      })
  }

  async #fetch(modelId: ModelId, budgetBytes: number): Promise<void> {
    const { library, store } = this.#deps
    const { releases } = await store.listReleases({ modelId, limit: 1 })
    const release = releases[0]?.release
    if (release === undefined) return
    const model = await library.open(release, this.#stop.signal)
    const wanted =
      model.sizeBytes <= budgetBytes ? Bitfield.full(model.places.length) : await this.#choosePart(model, budgetBytes)
    if (wanted.andNot(model.held).isEmpty()) return
    const transfer = await library.fetch(model, wanted)
    await transfer.finished
  }

  async #choosePart(model: ShardModel, budgetBytes: number): Promise<Bitfield> {
    const holders = await this.#countHolders(model)
    const components = groupComponents(model.content.files).components.map((component) => ({
      key: component.key,
      kind: component.kind,
      chunkIndexes: chunkIndexesOf(model, component.extents),
      sizeBytes: component.sizeBytes,
    }))
    const chosen = chooseComponents(components, holders, budgetBytes, this.#deps.random)
    return Bitfield.of(
      model.places.length,
      chosen.flatMap((component) => component.chunkIndexes),
    )
  }

  async #countHolders(model: ShardModel): Promise<Uint16Array> {
    const counts = new Uint16Array(model.places.length)
    const { leases, network } = this.#deps
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(surveyTimeoutMs)])
    await Promise.all(
      leases
        .holders(model.modelId)
        .slice(0, surveyPeersMax)
        .map(async ({ lease }) => {
          try {
            for await (const have of followHave(network, lease.peerId, model.modelId, model.places.length, signal)) {
              for (const index of have.indexes()) counts[index]!++
              break
            }
          } catch {
            // A holder that does not answer counts as none.
          }
        }),
    )
    return counts
  }
}
