/** The models of this node as its owner sees them: ingest a file, pull from the swarm, remove, resolve a name. */
import { Bitfield } from '#protocol/codec/bitfield.ts'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import { type ModelId, type PeerId, tryParseModelId } from '#protocol/ids.ts'
import { catalogueKey, loadContent } from '#protocol/model/index.ts'
import type { Release } from '#protocol/model/release.ts'
import { second } from '#protocol/units.ts'
import type { ReleaseRow, TenantStore } from '#sql/store/types.ts'
import type { DataPlane } from '../chunks/types.ts'
import { groupComponents, type IngestProgress, ingestModel } from '../ingest/index.ts'
import type { Log } from '../log/index.ts'
import type { Network } from '../network/types.ts'
import {
  type LeaseTable,
  type ReleaseBook,
  type Shard,
  type ShardModel,
  Transfer,
  type TransferDependencies,
} from '../swarm/index.ts'

/** How long a pull looks for a release or a first holder before it says that there is none. */
const findTimeoutMs = 20 * second

export interface LibraryDependencies {
  store: TenantStore
  shard: Shard
  network: Network
  dataPlane: DataPlane
  leases: LeaseTable
  releases: ReleaseBook
  transfer: Omit<TransferDependencies, 'network' | 'dataPlane' | 'shard' | 'leases' | 'now' | 'log'>
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
  /** Models whose content block is being loaded: two pulls of one model load it once. */
  readonly #opening = new Map<ModelId, Promise<ShardModel>>()

  constructor(deps: LibraryDependencies) {
    this.#deps = deps
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

  /** Fetches a model, or parts of it, and keeps it: an owner's wish is never evicted. */
  async pull(reference: string, selection: PullSelection, signal: AbortSignal): Promise<Transfer> {
    const release = await this.find(reference, signal)
    const model = await this.open(release.release, signal)
    await this.#deps.store.setPinned(model.modelId, true)
    return this.fetch(model, this.select(model, selection))
  }

  /** Starts the fetch of chosen chunks, or widens the one that runs. */
  async fetch(model: ShardModel, wanted: Bitfield): Promise<Transfer> {
    const running = this.#transfers.get(model.modelId)
    if (running !== undefined) {
      await running.widen(wanted)
      return running
    }
    const { network, dataPlane, shard, leases, now, log } = this.#deps
    const transfer = new Transfer(model.modelId, wanted, {
      ...this.#deps.transfer,
      network,
      dataPlane,
      shard,
      leases,
      now,
      log,
    })
    this.#transfers.set(model.modelId, transfer)
    const forget = () => {
      if (this.#transfers.get(model.modelId) === transfer) this.#transfers.delete(model.modelId)
    }
    transfer.finished.then(forget, forget)
    await transfer.start()
    return transfer
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
    if (known !== undefined) return known
    const opening =
      this.#opening.get(modelId) ?? this.#openRemote(release, signal).finally(() => this.#opening.delete(modelId))
    this.#opening.set(modelId, opening)
    return opening
  }

  async #openRemote(release: Release, signal: AbortSignal): Promise<ShardModel> {
    const { network, shard, leases } = this.#deps
    const { modelId } = release
    const limit = AbortSignal.any([signal, AbortSignal.timeout(findTimeoutMs)])
    let holders = leases.holders(modelId).length
    // Bitswap asks connected peers: being connected to one holder is enough.
    if (holders === 0)
      for await (const _provider of network.findProviders(modelId, { limit: 3, signal: limit })) holders++
    if (holders === 0)
      throw new HartonomousError('ERR_NO_SOURCE', {
        subject: `model ${modelId}`,
        reason: 'nobody in the swarm announces it',
      })
    const content = await loadContent(modelId, (cid) => network.getBlock(cid, { signal: limit }))
    const { components, edges } = groupComponents(content.files)
    return shard.addRemote({
      modelId,
      content,
      architecture: release.architecture,
      format: release.format,
      parameterCount: release.parameterCount,
      meta: {},
      components,
      edges,
    })
  }
}

/** Chunk indexes of extents named by [fileIndex, extentIndex]. */
export function chunkIndexesOf(model: ShardModel, extents: readonly [number, number][]): number[] {
  const wanted = new Set(extents.map(([file, extent]) => `${file}/${extent}`))
  return model.places
    .filter((place) => wanted.has(`${place.fileIndex}/${place.extentIndex}`))
    .map((place) => place.chunkIndex)
}
