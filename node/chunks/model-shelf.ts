/** The models that the data plane knows: where each chunk lies, which ones are held, and which files were withdrawn. */
import assert from 'node:assert/strict'
import { type BigIntStats, fstatSync, read as readCallback, statSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { Bitfield } from '#protocol/codec/bitfield.ts'
import { blake3 } from '#protocol/codec/blake3.ts'
import { HartonomousError } from '#protocol/errors.ts'
import type { ExtentRoot, ModelId } from '#protocol/ids.ts'
import { chunkBytes } from '#protocol/limits.ts'
import { type ChunkPlace, chunkPlaces } from '#protocol/model/content.ts'
import { identityDifference, identityFromStat, ioError, isMissing } from './file-identity.ts'
import type { TransferModel } from './types.ts'

type ModelFile = TransferModel['files'][number]

/** One file of a model, opened at its first read. */
export class ShelfFile {
  readonly path: string
  readonly sizeBytes: number
  readonly identity: ModelFile['identity']
  withdrawnReason: string | undefined
  #handle: Promise<FileHandle> | undefined
  #readsRunning = 0
  #onIdle: (() => void) | undefined

  constructor(file: ModelFile) {
    this.path = file.path
    this.sizeBytes = file.sizeBytes
    this.identity = file.identity
  }

  async #open(): Promise<FileHandle> {
    this.#handle ??= open(this.path, 'r')
    try {
      return await this.#handle
    } catch (error) {
      this.#handle = undefined
      throw error
    }
  }

  /**
   * Reads, then looks whether a user's file is still what was hashed: the bytes may leave only if it is.
   * @throws {ERR_WITHDRAWN} when it changed or was deleted. @throws {ERR_IO}
   */
  async read(buffer: Uint8Array, at: number, sizeBytes: number, offsetBytes: number): Promise<void> {
    if (this.withdrawnReason !== undefined) throw this.#withdrawn(this.withdrawnReason)
    this.#readsRunning++
    try {
      const { fd } = await this.#open()
      for (let done = 0; done < sizeBytes; ) {
        const got = await readAt(fd, buffer, at + done, sizeBytes - done, offsetBytes + done)
        if (got === 0) throw this.#withdrawn(this.#change(fd) ?? 'it is shorter than it was')
        done += got
      }
      const change = this.#change(fd)
      if (change !== undefined) throw this.#withdrawn(change)
    } catch (error) {
      if (error instanceof HartonomousError) throw error
      if (isMissing(error)) throw this.#withdrawn('it was deleted')
      throw ioError(this.path, error)
    } finally {
      this.#readsRunning--
      if (this.#readsRunning === 0) this.#onIdle?.()
    }
  }

  /** Synchronous: 5 microseconds for a file that was just read, where a thread-pool round trip costs several times that. */
  #change(fd: number): string | undefined {
    const { identity } = this
    if (identity === undefined) return undefined
    const opened = identityDifference(identity, identityFromStat(fstatSync(fd, { bigint: true })))
    if (opened !== undefined) return opened
    const named = statSync(this.path, { bigint: true, throwIfNoEntry: false }) as BigIntStats | undefined
    return named === undefined ? 'it was deleted' : identityDifference(identity, identityFromStat(named))
  }

  /** Waits for running reads: a closed descriptor's number may at once stand for another file. */
  async close(): Promise<void> {
    this.withdrawnReason ??= 'it was removed'
    if (this.#readsRunning > 0) {
      const idle = Promise.withResolvers<void>()
      this.#onIdle = idle.resolve
      await idle.promise
    }
    const handle = this.#handle
    this.#handle = undefined
    await handle?.then(
      (opened) => opened.close(),
      () => {},
    )
  }

  #withdrawn(reason: string): HartonomousError {
    return new HartonomousError('ERR_WITHDRAWN', { file: this.path, reason })
  }
}

function readAt(fd: number, buffer: Uint8Array, at: number, length: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    readCallback(fd, buffer, at, length, position, (error, bytesRead) => (error ? reject(error) : resolve(bytesRead)))
  })
}

export class ShelfModel {
  readonly modelId: ModelId
  readonly files: ShelfFile[]
  readonly places: ChunkPlace[]
  readonly leaves: Uint8Array
  readonly held: Bitfield

  constructor(model: TransferModel) {
    this.modelId = model.modelId
    this.files = model.files.map((file) => new ShelfFile(file))
    this.places = chunkPlaces(model)
    assert.equal(model.leaves.length, this.places.length * 32, 'a model has one leaf for each chunk')
    this.leaves = model.leaves
    this.held = new Bitfield(this.places.length, model.held.slice())
  }

  fileOf(place: ChunkPlace): ShelfFile {
    return this.files[place.fileIndex]!
  }

  isGood(chunkIndex: number, bytes: Uint8Array): boolean {
    const leaf = this.leaves.subarray(chunkIndex * 32, chunkIndex * 32 + 32)
    return Buffer.compare(blake3(bytes), leaf) === 0
  }
}

/** A run of bytes of one file. */
export interface FileRun {
  model: ShelfModel
  file: ShelfFile
  /** Of the chunk in which the run starts. */
  chunkIndex: number
  offsetBytes: number
  lengthBytes: number
}

interface ExtentRef {
  model: ShelfModel
  firstChunk: number
  sizeBytes: number
}

export class ModelShelf {
  readonly #models = new Map<ModelId, ShelfModel>()
  /** An extent can stand in several models, and several times in one. */
  readonly #extents = new Map<ExtentRoot, ExtentRef[]>()
  readonly #onWithdrawn: (model: ShelfModel, file: ShelfFile, reason: string) => void

  constructor(onWithdrawn: (model: ShelfModel, file: ShelfFile, reason: string) => void) {
    this.#onWithdrawn = onWithdrawn
  }

  async add(model: TransferModel): Promise<ShelfModel> {
    await this.remove(model.modelId)
    const added = new ShelfModel(model)
    this.#models.set(model.modelId, added)
    let firstChunk = 0
    for (const file of model.files) {
      for (const { root, sizeBytes } of file.extents) {
        const ref = { model: added, firstChunk, sizeBytes }
        const refs = this.#extents.get(root)
        if (refs) refs.push(ref)
        else this.#extents.set(root, [ref])
        firstChunk += Math.ceil(sizeBytes / chunkBytes)
      }
    }
    return added
  }

  get(modelId: ModelId): ShelfModel | undefined {
    return this.#models.get(modelId)
  }

  models(): Iterable<ShelfModel> {
    return this.#models.values()
  }

  /** @throws {ERR_NOT_FOUND} */
  require(modelId: ModelId): ShelfModel {
    const model = this.#models.get(modelId)
    if (model === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'model', id: modelId })
    return model
  }

  async remove(modelId: ModelId): Promise<void> {
    const model = this.#models.get(modelId)
    if (model === undefined) return
    this.#models.delete(modelId)
    for (const root of new Set(model.places.map((place) => place.root))) {
      const rest = this.#extents.get(root)?.filter((ref) => ref.model !== model) ?? []
      if (rest.length > 0) this.#extents.set(root, rest)
      else this.#extents.delete(root)
    }
    await Promise.all(model.files.map((file) => file.close()))
  }

  /** Where a range of an extent can be read now. */
  find(root: ExtentRoot, offsetBytes: number, lengthBytes: number): FileRun | 'not-held' | 'withdrawn' | 'invalid' {
    const refs = this.#extents.get(root)
    if (refs === undefined) return 'not-held'
    const endBytes = offsetBytes + lengthBytes
    let result: 'not-held' | 'withdrawn' | 'invalid' = 'invalid'
    for (const { model, firstChunk, sizeBytes } of refs) {
      if (lengthBytes <= 0 || endBytes > sizeBytes) continue
      if (result === 'invalid') result = 'not-held'
      const first = firstChunk + Math.floor(offsetBytes / chunkBytes)
      const last = firstChunk + Math.floor((endBytes - 1) / chunkBytes)
      let isHeld = true
      for (let index = first; index <= last && isHeld; index++) isHeld = model.held.has(index)
      if (!isHeld) continue
      const place = model.places[first]!
      const file = model.fileOf(place)
      if (file.withdrawnReason !== undefined) {
        result = 'withdrawn'
        continue
      }
      const offsetInFileBytes = place.offsetInFileBytes + (offsetBytes % chunkBytes)
      return { model, file, chunkIndex: first, offsetBytes: offsetInFileBytes, lengthBytes }
    }
    return result
  }

  /** Every known copy of one chunk, held or not. */
  copiesOf(place: ChunkPlace): { model: ShelfModel; chunkIndex: number }[] {
    const step = place.offsetInExtentBytes / chunkBytes
    return (this.#extents.get(place.root) ?? []).map(({ model, firstChunk }) => ({
      model,
      chunkIndex: firstChunk + step,
    }))
  }

  /** Nothing of this file is served from now on; told once. */
  withdraw(model: ShelfModel, file: ShelfFile, reason: string): void {
    if (file.withdrawnReason !== undefined) return
    file.withdrawnReason = reason
    this.#onWithdrawn(model, file, reason)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#models.keys()].map((modelId) => this.remove(modelId)))
  }
}

/** A user's file is never written to, whatever is asked for. */
export function requireOwnFiles(model: ShelfModel, wanted: Bitfield): void {
  const missing = wanted.andNot(model.held)
  const foreign = new Set(model.files.flatMap((file, index) => (file.identity === undefined ? [] : [index])))
  if (foreign.size === 0) return
  missing.forEach((index) => {
    const { fileIndex } = model.places[index]!
    if (!foreign.has(fileIndex)) return
    const reason = 'it is used in place and never written to'
    throw new HartonomousError('ERR_REFUSED_BY_POLICY', { subject: model.files[fileIndex]!.path, reason })
  })
}
