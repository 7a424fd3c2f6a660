/**
 * The models this node knows and the chunks it holds: the store's rows, the data plane's files and the published blocks,
 * kept in step. Everything that wants to know "what do we have" asks here.
 */
import { EventEmitter } from 'node:events'
import { mkdir, rm } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { Bitfield } from '#protocol/codec/bitfield.ts'
import { HartonomousError } from '#protocol/errors.ts'
import type { ModelId } from '#protocol/ids.ts'
import {
  type ChunkPlace,
  chunkPlaces,
  contentSizeBytes,
  type ModelContent,
  type PublishedContent,
} from '#protocol/model/content.ts'
import type { ModelFileRow, ModelRow, PutModel, TenantStore } from '#sql/store/types.ts'
import { identityText } from '../chunks/index.ts'
import type { DataPlane, FileIdentity, TransferModel } from '../chunks/types.ts'
import type { Log } from '../log/index.ts'
import type { Network } from '../network/types.ts'
import { findLostFiles, findUnchanged, stampFiles, type UnchangedFile } from './file-check.ts'

export interface ShardModel {
  modelId: ModelId
  content: ModelContent
  places: readonly ChunkPlace[]
  held: Bitfield
  heldBytes: number
  sizeBytes: number
  row: ModelRow
  /** Why a file of a person is no longer served; `undefined` while all is well. */
  problem: string | undefined
}

interface ShardEvents {
  added: [model: ShardModel]
  removed: [modelId: ModelId]
  gained: [modelId: ModelId, chunkIndexes: number[]]
  lost: [modelId: ModelId, chunkIndexes: number[]]
  /** The data plane was given the model anew: a fetch of it must be started again. */
  renewed: [modelId: ModelId]
}

export interface ShardDependencies {
  store: TenantStore
  dataPlane: DataPlane
  network: Network
  /** Splits content into the blocks that other IPFS peers can read. */
  encodeContent: (content: ModelContent) => Promise<PublishedContent>
  modelsDir: string
  log: Log
}

export class Shard extends EventEmitter<ShardEvents> {
  readonly #models = new Map<ModelId, ShardModel>()
  readonly #deps: ShardDependencies
  /** Held chunks are recorded one batch after the other, so that a later batch never becomes durable before an earlier one. */
  #recording: Promise<void> = Promise.resolve()

  constructor(deps: ShardDependencies) {
    super()
    this.setMaxListeners(0)
    this.#deps = deps
  }

  /** Loads every model from the store and starts serving it. */
  async open(): Promise<void> {
    const { store, dataPlane, log } = this.#deps
    dataPlane.on('chunks-held', ({ modelId, chunkIndexes }) =>
      this.#enqueue(() => this.#recordHeld(modelId, chunkIndexes)),
    )
    dataPlane.on('chunks-lost', ({ modelId, chunkIndexes }) =>
      this.#enqueue(() => this.#recordLost(modelId, chunkIndexes)),
    )
    dataPlane.on('withdrawn', ({ modelId, path, reason }) => this.#enqueue(() => this.#withdraw(modelId, path, reason)))
    for (const row of await store.listModels()) {
      const content = await store.getContent(row.modelId)
      const held = await store.getHeld(row.modelId)
      if (content === undefined || held === undefined) continue
      try {
        const checked = await this.#check(row, content, held)
        const model = await this.#serve(row, content, checked.held, checked.problem)
        for (const file of checked.lostFiles) this.#rehash(model, file)
      } catch (error) {
        log.warn('model-not-served', { modelId: row.modelId, error: String(error) })
      }
    }
  }

  list(): ShardModel[] {
    return [...this.#models.values()]
  }

  get(modelId: ModelId): ShardModel | undefined {
    return this.#models.get(modelId)
  }

  /** A model whose rows are in the store already: an ingested file. */
  async adopt(modelId: ModelId): Promise<ShardModel> {
    const { store } = this.#deps
    const [row, content, held] = await Promise.all([
      store.getModel(modelId),
      store.getContent(modelId),
      store.getHeld(modelId),
    ])
    if (row === undefined || content === undefined || held === undefined)
      throw new HartonomousError('ERR_NOT_FOUND', { kind: 'model', id: modelId })
    // Ingested again, or a fetched model whose file turned up: serve it from where it lies now.
    const known = this.#models.get(modelId)
    if (known !== undefined) {
      await this.#deps.dataPlane.removeModel(modelId)
      await this.#deleteOwnFiles(known.row, row.files)
    }
    return this.#serve(row, content, held)
  }

  /** A model of other nodes, about to be fetched into files of our own. */
  async addRemote(model: Omit<PutModel, 'files' | 'held' | 'origin'>): Promise<ShardModel> {
    const known = this.#models.get(model.modelId)
    // A person's file that is gone for good gives way to files of our own.
    if (known !== undefined && !isLostUserFile(known)) return known
    const files = ownFiles(this.#deps.modelsDir, model.modelId, model.content)
    await mkdir(dirname(files[0]!.path), { recursive: true, mode: 0o700 })
    const held = new Bitfield(chunkPlaces(model.content).length).bytes
    await this.#deps.store.putModel({ ...model, files, held, origin: 'fetch' })
    return this.adopt(model.modelId)
  }

  /** Forgets a model; files of our own are deleted, a user's file is never touched. */
  async remove(modelId: ModelId): Promise<boolean> {
    const model = this.#models.get(modelId)
    if (model === undefined) return false
    this.#models.delete(modelId)
    await this.#deps.dataPlane.removeModel(modelId)
    await this.#deps.store.removeModel(modelId)
    await this.#deps.store.putSetting(stampSetting(modelId), undefined)
    await this.#deleteOwnFiles(model.row, [])
    this.emit('removed', modelId)
    return true
  }

  /** Resolves when everything that the data plane reported so far is in the store. */
  async settle(): Promise<void> {
    await this.#recording
  }

  /** At an orderly stop, when nothing is written any more: what changes in our files from now on is noticed at the next start. */
  async close(): Promise<void> {
    await this.#recording
    for (const { modelId, row } of this.#models.values()) {
      if (row.origin !== 'fetch') continue
      await this.#deps.store.putSetting(stampSetting(modelId), await stampFiles(row.files))
    }
  }

  /** What of `heldBytes` is still there, after a time in which nobody watched the files. */
  async #check(
    row: ModelRow,
    content: ModelContent,
    heldBytes: Uint8Array,
  ): Promise<{ held: Uint8Array; problem: string | undefined; lostFiles: number[] }> {
    const { store, dataPlane, log } = this.#deps
    const { modelId } = row
    const places = chunkPlaces(content)
    const held = new Bitfield(places.length, heldBytes.slice())
    const stamps = ((await store.getSetting(stampSetting(modelId))) ?? {}) as Record<string, FileIdentity>
    // It holds for the stop before this start only: after a crash our files may have been written to.
    await store.putSetting(stampSetting(modelId), undefined)
    const lost = await findLostFiles({ modelId, content, places, held, files: row.files, stamps }, dataPlane)
    for (const { path, reason, chunkIndexes } of lost) {
      log.warn('model-withdrawn', { modelId, path, reason, chunks: chunkIndexes.length })
      if (chunkIndexes.length > 0) await store.removeHeld(modelId, chunkIndexes)
      for (const index of chunkIndexes) held.clear(index)
    }
    const mine = row.origin === 'ingest' ? lost : []
    const lostFiles = mine.map(({ path }) => row.files.findIndex((file) => file.path === path))
    return { held: held.bytes, problem: mine[0] && `${mine[0].path}: ${mine[0].reason}`, lostFiles }
  }

  /** Fetched from the swarm or downloaded: our files, in a folder of their own. Anything elsewhere is the owner's. */
  async #deleteOwnFiles(row: ModelRow, kept: readonly ModelFileRow[]): Promise<void> {
    const downloads = join(this.#deps.modelsDir, 'downloads', sep)
    for (const { path, origin } of row.files) {
      const folder = dirname(path)
      if (kept.some((file) => dirname(file.path) === folder)) continue
      const isFetched = origin === 'own' && folder === modelDir(this.#deps.modelsDir, row.modelId)
      const isDownloaded = folder.startsWith(downloads)
      if (isFetched || isDownloaded) await rm(folder, { recursive: true, force: true })
    }
  }

  async #serve(
    row: ModelRow,
    content: ModelContent,
    heldBytes: Uint8Array,
    problem: string | undefined = undefined,
  ): Promise<ShardModel> {
    const places = chunkPlaces(content)
    const held = new Bitfield(places.length, heldBytes.slice())
    const model: ShardModel = {
      modelId: row.modelId,
      content,
      places,
      held,
      heldBytes: held.indexes().reduce((sum, index) => sum + places[index]!.sizeBytes, 0),
      sizeBytes: contentSizeBytes(content),
      row,
      problem,
    }
    this.#models.set(row.modelId, model)
    await this.#deps.dataPlane.addModel(transferModel(row, content, held.bytes))
    await this.#deps.network.putBlocks((await this.#deps.encodeContent(content)).blocks)
    this.emit('added', model)
    return model
  }

  #enqueue(task: () => Promise<void>): void {
    this.#recording = this.#recording.then(task).catch((error: unknown) => {
      this.#deps.log.error('holdings-not-recorded', { error: String(error) })
    })
  }

  async #recordHeld(modelId: ModelId, chunkIndexes: number[]): Promise<void> {
    const model = this.#models.get(modelId)
    if (model === undefined) return
    await this.#deps.store.addHeld(modelId, chunkIndexes)
    const gained = chunkIndexes.filter((index) => !model.held.has(index))
    for (const index of gained) {
      model.held.set(index)
      model.heldBytes += model.places[index]!.sizeBytes
    }
    if (gained.length > 0) this.emit('gained', modelId, gained)
  }

  async #withdraw(modelId: ModelId, path: string, reason: string): Promise<void> {
    const model = this.#models.get(modelId)
    if (model === undefined) return
    const fileIndex = model.row.files.findIndex((file) => file.path === path)
    const lost = model.held.indexes().filter((index) => fileIndex < 0 || model.places[index]!.fileIndex === fileIndex)
    this.#deps.log.warn('model-withdrawn', { modelId, path, reason })
    if (model.row.origin === 'ingest') model.problem = `${path}: ${reason}`
    await this.#recordLost(modelId, lost)
    if (model.row.origin === 'ingest') {
      this.#rehash(model, fileIndex)
      return
    }
    // A file of ours was deleted under us: a new one takes its place, with what is left.
    await this.#deps.dataPlane.addModel(transferModel(model.row, model.content, model.held.bytes))
    this.emit('renewed', modelId)
  }

  /**
   * A person's file that was touched, or replaced by a copy of itself, is as good as before. Not awaited: it is read whole,
   * up to the first chunk that differs.
   */
  #rehash(model: ShardModel, fileIndex: number): void {
    const file = model.row.files[fileIndex]
    if (file === undefined) return
    const { dataPlane, log } = this.#deps
    findUnchanged(model, file, dataPlane).then(
      (found) => found && this.#enqueue(() => this.#restore(model, file, found)),
      (error: unknown) => log.warn('file-not-rehashed', { path: file.path, error: String(error) }),
    )
  }

  async #restore(model: ShardModel, file: ModelFileRow, { identity, chunkIndexes }: UnchangedFile): Promise<void> {
    const { modelId } = model
    // Removed or ingested anew meanwhile.
    if (this.#models.get(modelId) !== model) return
    const { store, dataPlane, log } = this.#deps
    file.identity = identityText(identity)
    await store.setFileIdentity(modelId, file.fileIndex, file.identity)
    await this.#recordHeld(modelId, chunkIndexes)
    model.problem = undefined
    await dataPlane.removeModel(modelId)
    await dataPlane.addModel(transferModel(model.row, model.content, model.held.bytes))
    log.info('file-unchanged', { modelId, path: file.path })
    this.emit('renewed', modelId)
  }

  async #recordLost(modelId: ModelId, chunkIndexes: number[]): Promise<void> {
    const model = this.#models.get(modelId)
    if (model === undefined) return
    await this.#deps.store.removeHeld(modelId, chunkIndexes)
    const lost = chunkIndexes.filter((index) => model.held.has(index))
    for (const index of lost) {
      model.held.clear(index)
      model.heldBytes -= model.places[index]!.sizeBytes
    }
    if (lost.length > 0) this.emit('lost', modelId, lost)
  }
}

/** Nothing is left of a person's file, so nothing is lost by fetching the model into files of our own. */
export function isLostUserFile(model: ShardModel): boolean {
  return model.row.origin === 'ingest' && model.held.isEmpty()
}

function stampSetting(modelId: ModelId): string {
  return `own-files/${modelId}`
}

function modelDir(modelsDir: string, modelId: ModelId): string {
  return join(modelsDir, modelId)
}

/** Split files keep the name pattern by which llama.cpp finds the others. */
function ownFiles(modelsDir: string, modelId: ModelId, content: ModelContent): ModelFileRow[] {
  const count = content.files.length
  const number = (n: number) => String(n).padStart(5, '0')
  return content.files.map((file, fileIndex) => ({
    fileIndex,
    path: join(
      modelDir(modelsDir, modelId),
      count === 1 ? 'model.gguf' : `model-${number(fileIndex + 1)}-of-${number(count)}.gguf`,
    ),
    sizeBytes: file.sizeBytes,
    origin: 'own',
  }))
}

function transferModel(row: ModelRow, content: ModelContent, held: Uint8Array): TransferModel {
  return {
    modelId: row.modelId,
    files: content.files.map((file, index) => {
      const stored = row.files.find((candidate) => candidate.fileIndex === index)
      if (stored === undefined)
        throw new HartonomousError('ERR_STORE_CORRUPT', { reason: `file ${index} of model ${row.modelId} has no row` })
      const base = {
        path: stored.path,
        sizeBytes: file.sizeBytes,
        extents: file.extents.map(({ root, offsetBytes, sizeBytes }) => ({ root, offsetBytes, sizeBytes })),
      }
      return stored.identity === undefined ? base : { ...base, identity: JSON.parse(stored.identity) as FileIdentity }
    }),
    leaves: content.leaves,
    held,
  }
}
