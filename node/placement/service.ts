/** Carries placement decisions out: fetches what was chosen, evicts what gives way, and remembers why. */
import { Bitfield } from '#protocol/codec/bitfield.ts'
import { PeerQuota } from '#protocol/codec/quota.ts'
import type { ModelId } from '#protocol/ids.ts'
import { releasesKnownMax } from '#protocol/limits.ts'
import { minute, second } from '#protocol/units.ts'
import type { ReleaseRow, TenantStore } from '#sql/store/types.ts'
import { groupComponents } from '../ingest/index.ts'
import type { Library } from '../library/index.ts'
import type { Log } from '../log/index.ts'
import type { Network } from '../network/types.ts'
import {
  followHave,
  isLostUserFile,
  type LeaseTable,
  type Shard,
  type ShardModel,
  type Transfer,
} from '../swarm/index.ts'
import { fairShare, Patience } from './patience.ts'
import {
  chooseComponents,
  copiesFloor,
  decidePlacement,
  type PlacementComponent,
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
const releasesPageMax = 1000
/** A fetch that gains nothing for this long is given up, and its place goes to another model. */
const stallMs = 2 * minute
const stallCheckMs = 5 * second
/** Deciding takes at most a tenth of the time, however much news there is: peers make the news. */
const decidePauseFactor = 10
/** Look-ups of all rounds together. */
const lookupQuota = { requests: 64, windowMs: minute }
/**
 * Parts of a model are chosen in this many steps, with a look at what others hold before each: nodes that start together
 * would otherwise choose alike, because none of them holds anything yet.
 */
const stepsPerBudget = 6
/** Components named in a reason. */
const namedComponentsMax = 4
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
  readonly #patience = new Patience(Date.now)
  readonly #lookups = new PeerQuota(lookupQuota, { now: () => performance.now() })
  #decideTookMs = 0

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
    this.#soon ??= setTimeout(
      () => {
        this.#soon = undefined
        void this.#decide()
      },
      Math.max(decideDelayMs, decidePauseFactor * this.#decideTookMs),
    )
  }

  /** The latest decision about each model, for `status`. */
  decisions(): PlacementDecision[] {
    return this.#decisions
  }

  async #decide(): Promise<void> {
    const { pledgeBytes, policy, random, isActive, log } = this.#deps
    if (this.#isDeciding || this.#stop.signal.aborted || !isActive()) return
    this.#isDeciding = true
    const beganAtMs = performance.now()
    try {
      const decisions = decidePlacement(await this.#survey(), { pledgeBytes: pledgeBytes(), policy: policy(), random })
      // Carried out in order of urgency, but first what makes room.
      this.#decisions = decisions.map((decision) => this.#explain(decision))
      const isEviction = ({ action }: PlacementDecision) => action === 'evict'
      for (const decision of this.#decisions.toSorted((a, b) => Number(isEviction(b)) - Number(isEviction(a))))
        await this.#carryOut(decision)
    } catch (error) {
      log.warn('placement-failed', { error: String(error) })
    } finally {
      this.#isDeciding = false
      this.#decideTookMs = performance.now() - beganAtMs
    }
  }

  async #survey(): Promise<PlacementModel[]> {
    const { shard } = this.#deps
    const releases = await this.#considered()
    const models = new Map<ModelId, PlacementModel>()
    for (const { release } of releases) {
      if (models.has(release.modelId)) continue
      const held = shard.get(release.modelId)
      const isWaiting = this.#patience.isWaiting(release.modelId)
      models.set(release.modelId, {
        modelId: release.modelId,
        name: release.name,
        publisher: release.publisher,
        licence: release.licence,
        // What a release says of its size is a claim; the content block proves it.
        sizeBytes: held?.sizeBytes ?? release.sizeBytes,
        holderShares: isWaiting ? [] : this.#sharesOf(release.modelId),
        heldBytes: held?.row.origin === 'fetch' ? held.heldBytes : 0,
        isPinned: held?.row.isPinned ?? false,
        isOwnFile: held?.row.origin === 'ingest' && !isLostUserFile(held),
        lastUsedAtMs: held?.row.lastUsedAtMs ?? 0,
      })
    }
    await this.#countProviders([...models.values()])
    return [...models.values()]
  }

  #sharesOf(modelId: ModelId): number[] {
    const holders = this.#deps.leases.holders(modelId)
    return holders.map(({ share }) => share).filter((share) => share > 0)
  }

  /** Of all known releases a number that can be looked at, from each peer that told us some in turn. */
  async #considered(): Promise<ReleaseRow[]> {
    const { store, shard } = this.#deps
    const rows: ReleaseRow[] = []
    let cursor: string | undefined
    do {
      const page = await store.listReleases({ limit: releasesPageMax, ...(cursor === undefined ? {} : { cursor }) })
      rows.push(...page.releases)
      cursor = page.nextCursor
    } while (cursor !== undefined && rows.length < releasesKnownMax)
    const isHere = ({ release }: ReleaseRow) => shard.get(release.modelId) !== undefined
    return [
      ...rows.filter(isHere),
      ...fairShare(
        rows.filter((row) => !isHere(row)),
        (row) => row.receivedFrom,
        releasesConsideredMax,
      ),
    ]
  }

  /** A model that no lease names may still be announced in the DHT: each provider counts as a holder of unknown share. */
  async #countProviders(models: readonly PlacementModel[]): Promise<void> {
    const unknown = models.filter(
      (model) =>
        model.holderShares.length === 0 &&
        model.heldBytes === 0 &&
        !model.isOwnFile &&
        !this.#patience.isWaiting(model.modelId),
    )
    await Promise.all(
      unknown.slice(0, lookupsPerRoundMax).map(async (model) => {
        if (!this.#lookups.take('').isAllowed) return
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
      // Of what gave way a smaller part may fit; it is decided anew with the room that there is now.
      this.consider()
    }
    if (decision.action === 'keep' && shard.get(modelId)?.row.isPinned) await library.heal(modelId)
    if (decision.action !== 'fetch' || this.#fetching.has(modelId) || library.transferOf(modelId) !== undefined) return
    if (this.#fetching.size >= parallelFetchesMax) return
    this.#fetching.add(modelId)
    onDecision(decision)
    this.#fetch(modelId, decision.budgetBytes)
      .then(() => this.#patience.succeeded(modelId))
      .catch(async (error: unknown) => {
        log.info('placement-fetch-failed', { modelId, error: String(error) })
        this.#patience.failed(modelId)
        await this.#forgetEmpty(modelId)
      })
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
    if (model.sizeBytes <= budgetBytes) {
      await this.#finish(model, await library.fetch(model, Bitfield.full(model.places.length)))
      return
    }
    const stepBytes = budgetBytes / stepsPerBudget
    while (!this.#stop.signal.aborted) {
      const holders = await this.#countHolders(model)
      const chosen = chooseComponents(componentsOf(model), holders, budgetBytes - model.heldBytes, this.#deps.random)
      if (chosen.length === 0) return
      let bytes = 0
      const step = chosen.filter((component) => {
        const isWithin = bytes < stepBytes
        bytes += component.sizeBytes - component.heldBytes
        return isWithin
      })
      const indexes = step.flatMap((component) => component.chunkIndexes)
      await this.#finish(model, await library.fetch(model, Bitfield.of(model.places.length, indexes)))
    }
  }

  /** Says of a model that is here in part what was chosen of it; a grant into which no further component fits is none. */
  #explain(decision: PlacementDecision): PlacementDecision {
    const model = this.#deps.shard.get(decision.modelId)
    if (model === undefined || model.held.isEmpty() || model.held.isFull()) return decision
    if (decision.action !== 'fetch' && decision.action !== 'keep') return decision
    const components = componentsOf(model)
    const held = components.filter(({ heldBytes, sizeBytes }) => heldBytes === sizeBytes)
    const keys = held.slice(0, namedComponentsMax).map(({ key }) => key)
    const more = held.length > keys.length ? ' …' : ''
    const part = `holds ${held.length} of ${components.length} components (${keys.join(', ')}${more})`
    const reason = `${decision.reason}; ${part}`
    if (decision.action === 'keep' || decision.budgetBytes >= model.sizeBytes) return { ...decision, reason }
    const roomBytes = decision.budgetBytes - model.heldBytes
    if (chooseComponents(components, new Uint16Array(model.places.length), roomBytes, () => 0).length > 0)
      return { ...decision, reason }
    const { modelId, name } = decision
    return { action: 'keep', modelId, name, reason: `${reason}; no further one fits the pledge` }
  }

  /** Waits for a fetch as long as it gains something. One that the owner asked for, or that waits for the disk, is left alone. */
  async #finish(model: ShardModel, transfer: Transfer): Promise<void> {
    let gainedAtMs = performance.now()
    let { heldBytes } = model
    const timer = setInterval(() => {
      const nowMs = performance.now()
      if (model.heldBytes !== heldBytes || model.row.isPinned || transfer.pausedBy !== undefined) gainedAtMs = nowMs
      heldBytes = model.heldBytes
      if (nowMs - gainedAtMs >= stallMs) void transfer.stop('nobody sent anything of it')
    }, stallCheckMs)
    try {
      await transfer.finished
    } finally {
      clearInterval(timer)
    }
  }

  /** Of a release that nobody serves nothing stays behind. */
  async #forgetEmpty(modelId: ModelId): Promise<void> {
    const { shard, library } = this.#deps
    const model = shard.get(modelId)
    if (model === undefined || !model.held.isEmpty() || model.row.isPinned || model.row.origin !== 'fetch') return
    if (!this.#stop.signal.aborted && library.transferOf(modelId) === undefined) await library.remove(modelId)
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

function componentsOf(model: ShardModel): PlacementComponent[] {
  const { components } = groupComponents(model.content.files)
  const parts = components.map(
    ({ key, kind, sizeBytes }): PlacementComponent => ({ key, kind, chunkIndexes: [], sizeBytes, heldBytes: 0 }),
  )
  const owners = new Map<string, PlacementComponent>()
  for (const [index, { extents }] of components.entries())
    for (const [file, extent] of extents) owners.set(`${file}/${extent}`, parts[index]!)
  for (const { fileIndex, extentIndex, chunkIndex, sizeBytes } of model.places) {
    const part = owners.get(`${fileIndex}/${extentIndex}`)
    part?.chunkIndexes.push(chunkIndex)
    if (part !== undefined && model.held.has(chunkIndex)) part.heldBytes += sizeBytes
  }
  return parts
}
