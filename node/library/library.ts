/** The models of this node as its owner sees them: ingest a file, pull from the swarm, remove, resolve a name. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Bitfield } from '#protocol/codec/bitfield.ts'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import { type ModelId, type PeerId, tryParseModelId } from '#protocol/ids.ts'
import type { ModelContent } from '#protocol/model/content.ts'
import { catalogueKey, loadContent } from '#protocol/model/index.ts'
import type { Release } from '#protocol/model/release.ts'
import { minute, second } from '#protocol/units.ts'
import type { ReleaseRow, TenantStore } from '#sql/store/types.ts'
import type { DataPlane } from '../chunks/types.ts'
import { groupComponents, type IngestProgress, ingestModel } from '../ingest/index.ts'
import type { Log } from '../log/index.ts'
import type { Network } from '../network/types.ts'
import {
  isLostUserFile,
  type LeaseTable,
  type ReleaseBook,
  type Shard,
  type ShardModel,
  Transfer,
  type TransferDependencies,
} from '../swarm/index.ts'
import { describeModel, headerChunks, isDescribed } from './describe.ts'

/** How long a pull looks for a release or a first holder before it says that there is none. */
const findTimeoutMs = 20 * second
const findPauseMs = second / 2
/** For the headers of one model: the largest take a second or two. */
const describeTimeoutMs = minute
/** Holders that are dialled at a time for the description of a model. */
const holdersMetMax = 8

export interface LibraryDependencies {
  store: TenantStore
  shard: Shard
  network: Network
  dataPlane: DataPlane
  leases: LeaseTable
  releases: ReleaseBook
  transfer: Omit<TransferDependencies, 'network' | 'dataPlane' | 'shard' | 'leases' | 'now' | 'log'>
  /** Hears of each one as it begins. */
  onTransfer?: (transfer: Transfer) => void
  now: () => number
  log: Log
}

/** What part of a model to fetch: everything, blocks of layers, or components by key. */
export interface PullSelection {
  layers?: { min: number; max: number }
  components?: string[]
}

export interface IngestOptions {
  path: string
  name?: string
  licence?: string
  onProgress?: (progress: IngestProgress) => void
  signal?: AbortSignal
}

export class Library {
  readonly #deps: LibraryDependencies
  readonly #transfers = new Map<ModelId, Transfer>()
  /** Who waits for each transfer: the last one to lose interest ends it. */
  readonly #waiting = new Map<Transfer, number>()
  /** Models whose content block is being loaded: two pulls of one model load it once. */
  readonly #opening = new Map<ModelId, Promise<ShardModel>>()

  /** Models whose header is being read. */
  readonly #describing = new Map<ModelId, Promise<void>>()
  /** Whose header cannot be read: it stays as it is, and is large enough not to be tried at every chunk that comes. */
  readonly #indescribable = new Set<ModelId>()

  constructor(deps: LibraryDependencies) {
    this.#deps = deps
    deps.shard.on('gained', (modelId) => void this.#describe(modelId))
    deps.shard.on('added', ({ modelId }) => void this.#describe(modelId))
    deps.shard.on('removed', (modelId) => this.#indescribable.delete(modelId))
  }

  transfers(): Transfer[] {
    return [...this.#transfers.values()]
  }

  transferOf(modelId: ModelId): Transfer | undefined {
    return this.#transfers.get(modelId)
  }

  /** Hashes a file in place, keeps its rows, signs a release and starts serving it. @throws {ERR_MODEL_FILE} {ERR_LICENCE_REQUIRED} */
  async ingest(options: IngestOptions): Promise<{ modelId: ModelId; release: Release }> {
    const { store, dataPlane, shard, releases } = this.#deps
    const { modelId, releaseDraft } = await ingestModel(
      {
        path: options.path,
        ...(options.name === undefined ? {} : { name: options.name }),
        ...(options.licence === undefined ? {} : { licence: options.licence }),
      },
      {
        hash: (job, hashOptions) => dataPlane.hashFile(job, hashOptions),
        store,
        now: this.#deps.now,
        ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
      },
      options.signal === undefined ? {} : { signal: options.signal },
    )
    await shard.adopt(modelId)
    const { release } = await releases.publish(releaseDraft)
    return { modelId, release }
  }

  /**
   * Fetches a model, or parts of it, and keeps it: an owner's wish is never evicted, and what is lost of it later is fetched
   * again. After the signal the transfer ends, unless someone else waits for it; the same pull goes on where it ended.
   */
  async pull(reference: string, selection: PullSelection, signal: AbortSignal): Promise<Transfer> {
    const { store } = this.#deps
    const release = await this.find(reference, signal)
    const model = await this.open(release.release, signal)
    const wanted = this.select(model, selection)
    await store.setPinned(model.modelId, true)
    model.row.isPinned = true
    const transfer = await this.fetch(model, wanted, signal)
    transfer.finished.then(
      () => this.#keep(model.modelId, wanted),
      () => undefined,
    )
    return transfer
  }

  /** Starts the fetch of chosen chunks, or widens the one that runs. Without a signal it runs to its end. */
  async fetch(model: ShardModel, wanted: Bitfield, signal?: AbortSignal): Promise<Transfer> {
    const running = this.#transfers.get(model.modelId)
    const transfer = running ?? this.#createTransfer(model.modelId, wanted)
    this.#waiting.set(transfer, (this.#waiting.get(transfer) ?? 0) + 1)
    const leave = () => {
      const others = (this.#waiting.get(transfer) ?? 1) - 1
      this.#waiting.set(transfer, others)
      if (others === 0) void transfer.stop('its owner stopped it; the same pull goes on where it ended')
    }
    if (running === undefined) await this.#start(transfer)
    else await running.widen(wanted)
    signal?.addEventListener('abort', leave, { once: true })
    if (signal?.aborted) leave()
    const forget = () => signal?.removeEventListener('abort', leave)
    transfer.finished.then(forget, forget)
    return transfer
  }

  /** Fetches the headers of a model, if need be: after it the metadata is in the store. */
  async describe(model: ShardModel, signal: AbortSignal): Promise<void> {
    if (isDescribed(model)) return
    const missing = Bitfield.of(model.places.length, headerChunks(model)).andNot(model.held)
    if (!missing.isEmpty()) await (await this.fetch(model, missing, signal)).finished
    await this.#describe(model.modelId)
  }

  #describe(modelId: ModelId): Promise<void> {
    const model = this.#deps.shard.get(modelId)
    if (model === undefined || model.row.origin !== 'fetch' || isDescribed(model)) return Promise.resolve()
    if (this.#indescribable.has(modelId)) return Promise.resolve()
    const running = this.#describing.get(modelId) ?? this.#readDescription(model)
    this.#describing.set(modelId, running)
    return running
  }

  async #readDescription(model: ShardModel): Promise<void> {
    const { store, log } = this.#deps
    try {
      for (;;) {
        try {
          const meta = await describeModel(model, store, AbortSignal.timeout(describeTimeoutMs))
          if (meta !== undefined) model.row.meta = meta
          return
        } catch (error) {
          if (!isHartonomousError(error, 'ERR_QUEUE_FULL')) throw error
          await sleep(error.fields.retryAfterMs, undefined, { ref: false })
        }
      }
    } catch (error) {
      this.#indescribable.add(model.modelId)
      log.warn('model-not-described', { modelId: model.modelId, error: String(error) })
    } finally {
      this.#describing.delete(model.modelId)
    }
  }

  #createTransfer(modelId: ModelId, wanted: Bitfield): Transfer {
    const { network, dataPlane, shard, leases, now, log } = this.#deps
    const parts = { ...this.#deps.transfer, network, dataPlane, shard, leases, now, log }
    const transfer = new Transfer(modelId, wanted, parts)
    this.#transfers.set(modelId, transfer)
    this.#deps.onTransfer?.(transfer)
    const forget = () => {
      this.#waiting.delete(transfer)
      if (this.#transfers.get(modelId) === transfer) this.#transfers.delete(modelId)
    }
    transfer.finished.then(forget, forget)
    return transfer
  }

  async #start(transfer: Transfer): Promise<void> {
    try {
      await transfer.start()
    } catch (error) {
      await transfer.stop(error instanceof Error ? error.message : String(error))
      throw error
    }
  }

  /** Remembers what the owner pulled, so that it is whole again after a loss. */
  async #keep(modelId: ModelId, wanted: Bitfield): Promise<void> {
    const { store, log } = this.#deps
    try {
      const all = (await this.#kept(modelId, wanted.length))?.or(wanted) ?? wanted
      await store.putSetting(keptSetting(modelId), Buffer.from(all.bytes).toString('base64'))
    } catch (error) {
      log.warn('pull-not-remembered', { modelId, error: String(error) })
    }
  }

  async #kept(modelId: ModelId, chunkCount: number): Promise<Bitfield | undefined> {
    const text = await this.#deps.store.getSetting(keptSetting(modelId))
    return typeof text === 'string' ? Bitfield.fromBytes(Buffer.from(text, 'base64'), chunkCount) : undefined
  }

  /** Fetches what the owner once had pulled and what has since been lost: a file deleted or damaged. */
  async heal(modelId: ModelId): Promise<void> {
    const model = this.#deps.shard.get(modelId)
    if (model === undefined || model.held.isFull() || this.#transfers.has(modelId)) return
    const kept = await this.#kept(modelId, model.places.length)
    if (kept === undefined || kept.andNot(model.held).isEmpty()) return
    await this.fetch(model, kept)
  }

  /** Chunks of a selection; the header always, because nothing can be read without it. @throws {ERR_USAGE} */
  select(model: ShardModel, selection: PullSelection): Bitfield {
    const wanted = new Bitfield(model.places.length)
    const { layers, components } = selection
    if (layers === undefined && components === undefined) return Bitfield.full(model.places.length)
    const grouped = groupComponents(model.content.files).components
    const chosen = grouped.filter(
      (component) =>
        component.key === 'header' ||
        components?.includes(component.key) ||
        (layers !== undefined &&
          component.layer !== undefined &&
          component.layer >= layers.min &&
          component.layer <= layers.max),
    )
    const unknown = components?.find((key) => !grouped.some((component) => component.key === key))
    if (unknown !== undefined)
      throw new HartonomousError('ERR_USAGE', {
        message: `model ${model.modelId} has no component ${unknown}; hart components lists them`,
      })
    for (const index of chunkIndexesOf(
      model,
      chosen.flatMap((component) => component.extents),
    ))
      wanted.set(index)
    return wanted
  }

  async stopTransfer(modelId: ModelId, reason: string): Promise<void> {
    await this.#transfers.get(modelId)?.stop(reason)
  }

  async remove(modelId: ModelId): Promise<boolean> {
    await this.stopTransfer(modelId, 'the model was removed')
    await this.#deps.store.putSetting(keptSetting(modelId), undefined)
    return this.#deps.shard.remove(modelId)
  }

  /** A release by model id or name: known already, or found by asking the swarm. @throws {ERR_NOT_FOUND} */
  async find(reference: string, signal: AbortSignal): Promise<ReleaseRow> {
    const { releases } = this.#deps
    try {
      return await releases.resolve(reference)
    } catch (error) {
      if (!isHartonomousError(error, 'ERR_NOT_FOUND')) throw error
      const modelId = tryParseModelId(reference)
      await this.crawl(AbortSignal.any([signal, AbortSignal.timeout(findTimeoutMs)]), modelId ?? catalogueKey())
      return releases.resolve(reference)
    }
  }

  /** Reads the catalogues of every provider of `key` and of every connected peer. */
  async crawl(signal: AbortSignal, key: string = catalogueKey()): Promise<number> {
    const { network, releases, log } = this.#deps
    const visited = new Set<PeerId>()
    let news = 0
    const visit = async (peerId: PeerId) => {
      if (visited.has(peerId)) return
      visited.add(peerId)
      try {
        news += await releases.visit(peerId, signal)
      } catch (error) {
        log.debug('catalogue-not-read', { peerId, error: String(error) })
      }
    }
    const visits = (await network.peers()).map(({ peerId }) => visit(peerId))
    try {
      for await (const { peerId } of network.findProviders(key, { signal })) visits.push(visit(peerId))
    } catch (error) {
      log.debug('catalogue-lookup-failed', { error: String(error) })
    }
    await Promise.all(visits)
    return news
  }

  /** The model with its content, ready to fetch into: from the store, else its blocks are read from the swarm. */
  async open(release: Release, signal: AbortSignal): Promise<ShardModel> {
    const { modelId } = release
    const known = this.#deps.shard.get(modelId)
    if (known !== undefined && !isLostUserFile(known)) return known
    const open = async () => this.#adopt(release, known?.content ?? (await this.#readContent(modelId, signal)))
    const opening = this.#opening.get(modelId) ?? open().finally(() => this.#opening.delete(modelId))
    this.#opening.set(modelId, opening)
    return opening
  }

  #adopt(release: Release, content: ModelContent): Promise<ShardModel> {
    const { components, edges } = groupComponents(content.files)
    return this.#deps.shard.addRemote({
      modelId: release.modelId,
      content,
      architecture: release.architecture,
      format: release.format,
      parameterCount: release.parameterCount,
      meta: {},
      components,
      edges,
    })
  }

  async #readContent(modelId: ModelId, signal: AbortSignal): Promise<ModelContent> {
    const { network } = this.#deps
    const limit = AbortSignal.any([signal, AbortSignal.timeout(findTimeoutMs)])
    let reason = 'nobody in the swarm announces it'
    try {
      // One that has just begun to hold it may not be announced yet: a single look is not enough to say that there is none.
      while (!(await this.#meetHolder(modelId, limit))) {
        await sleep(findPauseMs, undefined, { signal: limit })
      }
      reason = 'no holder sent its description'
      return await loadContent(modelId, (cid) => network.getBlock(cid, { signal: limit }))
    } catch (error) {
      signal.throwIfAborted()
      if (!limit.aborted) throw error
      throw new HartonomousError('ERR_NO_SOURCE', { subject: `model ${modelId}`, reason }, { cause: error })
    }
  }

  /**
   * Bitswap asks connected peers, so one must be connected: a lease comes by gossip from peers that are not, and a provider
   * may have gone long ago.
   */
  async #meetHolder(modelId: ModelId, signal: AbortSignal): Promise<boolean> {
    const { network, leases, log } = this.#deps
    const connect = (peerId: PeerId) => network.connect(peerId, { signal })
    const byLease = leases.holders(modelId).slice(0, holdersMetMax)
    const byLookup = async () => {
      const attempts: Promise<void>[] = []
      try {
        for await (const { peerId } of network.findProviders(modelId, { limit: holdersMetMax, signal })) {
          const attempt = connect(peerId)
          // Looked at below; until then a failure is nobody's.
          attempt.catch(() => undefined)
          attempts.push(attempt)
        }
      } catch (error) {
        log.debug('provider-lookup-failed', { modelId, error: String(error) })
      }
      await Promise.any(attempts)
    }
    try {
      await Promise.any([...byLease.map(({ lease }) => connect(lease.peerId)), byLookup()])
      return true
    } catch {
      return false
    }
  }
}

function keptSetting(modelId: ModelId): string {
  return `pulled/${modelId}`
}

/** Chunk indexes of extents named by [fileIndex, extentIndex]. */
function chunkIndexesOf(model: ShardModel, extents: readonly [number, number][]): number[] {
  const wanted = new Set(extents.map(([file, extent]) => `${file}/${extent}`))
  return model.places
    .filter((place) => wanted.has(`${place.fileIndex}/${place.extentIndex}`))
    .map((place) => place.chunkIndex)
}
