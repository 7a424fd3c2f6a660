/** The indexes of a store's spaces: opened when first searched, grown in the background, one at a time. */
import { mkdirSync } from 'node:fs'
import { HartonomousError } from '#protocol/errors.ts'
import { openSpacesMax, vectorCacheBytesMax, vectorCachesBytesMax } from '#protocol/limits.ts'
import type { StoredSpace } from '../statements.ts'
import type { TenantId } from '../types.ts'
import { type GraphThread, withGraphThread } from './graph-thread.ts'
import { growIndex, type SpaceTransactions } from './grow-index.ts'
import { IndexFiles } from './manifest.ts'
import { growServerVectors } from './server-vectors.ts'
import { type IndexBounds, indexBounds, openSegments, SpaceIndex } from './space-index.ts'
import { loadVectorEngine, type VectorEngine } from './usearch.ts'

export interface VectorIndexOptions {
  /** For the files; without it there are none, and small spaces are searched quickly only. */
  folder?: string | undefined
  /** Off: as on a platform for which there is no binary. */
  isEngineUsed?: boolean | undefined
  bounds?: IndexBounds
}

interface Opened {
  index: SpaceIndex
  /** Rows written since it was last looked whether the index should grow. */
  writtenCount: number
  isGrowing: boolean
}

export class VectorIndexes {
  readonly #options: VectorIndexOptions
  readonly #bounds: IndexBounds
  /** So seldom it is looked whether an index should grow: that counts its rows. */
  readonly #writtenRows: number
  /** By tenant and name; the one searched last stands last. */
  readonly #opened = new Map<string, Opened>()
  readonly #opening = new Map<string, Promise<Opened | undefined>>()
  readonly #closing = new AbortController()
  #engine: Promise<VectorEngine | undefined> | undefined
  /** Graphs are made one after another. */
  #growing: Promise<void> = Promise.resolve()

  constructor(options: VectorIndexOptions = {}) {
    this.#options = options
    this.#bounds = options.bounds ?? indexBounds
    this.#writtenRows = this.#bounds.pendingRows / 4
  }

  /** Undefined where the space is unknown. Not inside of a transaction: it may need some, and a second for large files. */
  async of(tenant: TenantId, name: string, transactions: SpaceTransactions): Promise<SpaceIndex | undefined> {
    const opened = await this.#openedOf(tenant, name, transactions)
    if (opened?.index.isStale) this.#grow(opened, name, transactions)
    this.#makeRoom()
    return opened?.index
  }

  /** After rows of a space were written or removed: they are, whatever becomes of the index. */
  noteWritten(tenant: TenantId, name: string, count: number, transactions: SpaceTransactions): void {
    this.#note(tenant, name, count, transactions).catch(() => {})
  }

  async #note(tenant: TenantId, name: string, count: number, transactions: SpaceTransactions): Promise<void> {
    const opened = await this.#openedOf(tenant, name, transactions)
    if (opened === undefined) return
    opened.writtenCount += count
    if (opened.writtenCount >= this.#writtenRows) this.#grow(opened, name, transactions)
  }

  /** Nothing is written any more when it resolves. */
  async close(): Promise<void> {
    this.#closing.abort(new HartonomousError('ERR_STORE_UNAVAILABLE', { reason: 'it is closed' }))
    await Promise.allSettled([...this.#opening.values()])
    await this.#growing
    this.#opened.clear()
  }

  async #openedOf(tenant: TenantId, name: string, transactions: SpaceTransactions): Promise<Opened | undefined> {
    const key = `${tenant}\n${name}`
    const known = this.#opened.get(key)
    if (known !== undefined) {
      this.#opened.delete(key)
      this.#opened.set(key, known)
      return known
    }
    let opening = this.#opening.get(key)
    if (opening === undefined) {
      opening = this.#open(name, transactions)
      this.#opening.set(key, opening)
      try {
        const opened = await opening
        if (opened !== undefined) {
          this.#opened.set(key, opened)
          this.#grow(opened, name, transactions)
        }
      } finally {
        this.#opening.delete(key)
      }
    }
    return opening
  }

  async #open(name: string, transactions: SpaceTransactions): Promise<Opened | undefined> {
    this.#closing.signal.throwIfAborted()
    let tenantId = 0
    const space = await transactions.run('read', (x) => {
      tenantId = x.tenantId
      return x.get('findSpace', { name })
    })
    if (space === undefined) return undefined
    const engine = await this.#vectorEngine()
    // What cannot be used is left for who can.
    const files = engine && this.#filesOf(tenantId, space)
    const index = new SpaceIndex(space, engine, files, this.#bounds)
    if (files?.read() !== undefined) {
      const open = (thread: GraphThread) => openSegments(index, space, (path) => thread.call('sha256', path))
      index.replace(await withGraphThread(this.#closing.signal, open))
    }
    files?.removeOthers(index.segments)
    return { index, writtenCount: 0, isGrowing: false }
  }

  #vectorEngine(): Promise<VectorEngine | undefined> {
    if (this.#options.isEngineUsed === false) return Promise.resolve(undefined)
    this.#engine ??= loadVectorEngine()
    return this.#engine
  }

  #filesOf(tenantId: number, { spacePk }: StoredSpace): IndexFiles | undefined {
    const { folder } = this.#options
    if (folder === undefined) return undefined
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
    } catch {
      // The rows are searched as they are: slower, and as well.
      return undefined
    }
    return new IndexFiles(folder, tenantId, spacePk)
  }

  #grow(opened: Opened, name: string, transactions: SpaceTransactions): void {
    const { index } = opened
    if (opened.isGrowing) return
    opened.isGrowing = true
    const grow = async () => {
      opened.writtenCount = 0
      index.isStale = false
      try {
        await growIndex(transactions, name, index, this.#closing.signal)
        await growServerVectors(transactions, name, this.#bounds.pendingRows, this.#closing.signal)
        index.problem = undefined
      } catch (error) {
        // A full disk, say. It is tried again after the next rows; until then these are searched one by one.
        index.problem = error instanceof Error ? error.message : String(error)
        opened.writtenCount = 0
      }
      opened.isGrowing = false
      if (opened.writtenCount >= this.#writtenRows) this.#grow(opened, name, transactions)
    }
    this.#growing = this.#growing.then(grow)
  }

  /** Of those that were not searched for the longest time: first what can be read again, then the rest. */
  #makeRoom(): void {
    if (this.#opened.size * vectorCacheBytesMax <= vectorCachesBytesMax) return
    let bytes = 0
    for (const { index } of this.#opened.values()) bytes += index.cacheBytes
    for (const [key, { index, isGrowing }] of this.#opened) {
      const isOver = this.#opened.size > openSpacesMax
      if (bytes <= vectorCachesBytesMax && !isOver) return
      bytes -= index.cacheBytes
      index.dropCache()
      if (isOver && !isGrowing) this.#opened.delete(key)
    }
  }
}
