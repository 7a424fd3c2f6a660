/** One model being fetched: carries out what the fetch core wants, hashes, writes, and tells what is held. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Bitfield } from '#protocol/codec/bitfield.ts'
import type { HartonomousError } from '#protocol/errors.ts'
import { ChunkTwins } from './chunk-twins.ts'
import { DiskWriter, type VerifiedChunk } from './disk-writer.ts'
import type { DownloadGate } from './download-gate.ts'
import type { FetchAction, FetchCore, FetchCoreInit, SourceId } from './fetch-types.ts'
import { ioError } from './file-identity.ts'
import { copyLocally } from './local-copy.ts'
import type { ModelShelf, ShelfModel } from './model-shelf.ts'
import type { FileOpener } from './own-file.ts'
import { RateMeter } from './rate-meter.ts'
import type { SourceLink } from './source-link.ts'
import type { DataPlaneEvents, FetchProgress, SourceStats } from './types.ts'

const tickMs = 50
const progressMs = 250
/** Sources that ended are remembered for the progress report, the oldest forgotten. */
const endedSourcesMax = 64

export interface FetchTaskContext {
  shelf: ModelShelf
  files: FileOpener
  gate: DownloadGate
  createCore: (init: FetchCoreInit) => FetchCore
  now: () => number
  random: () => number
  emit: <K extends keyof DataPlaneEvents>(event: K, payload: DataPlaneEvents[K]) => void
  onBanned: (peerId: string, evidence: string) => void
  /** The task is over: everything wanted is held. */
  onComplete: () => void
}

interface ActiveSource {
  link: SourceLink
  isEnding: boolean
}

export class FetchTask {
  readonly #context: FetchTaskContext
  readonly #model: ShelfModel
  readonly #core: FetchCore
  readonly #writer: DiskWriter
  readonly #twins: ChunkTwins
  readonly #wanted: Bitfield
  readonly #sources = new Map<SourceId, ActiveSource>()
  readonly #ended = new Map<SourceId, SourceStats>()
  readonly #rate: RateMeter
  readonly #actions: FetchAction[] = []
  readonly #leaveGate: () => void
  readonly #timers: NodeJS.Timeout[] = []
  /** Wanted, and not flushed by this task. Apart from what is held: a task that was stopped just before may still flush. */
  readonly #left: Bitfield
  #isApplying = false
  #pausedBy: HartonomousError | undefined
  #isReading = true
  /** Since the last tick: the clock is not asked for every record that arrives. */
  #arrivedBytes = 0
  #isStopped = false

  constructor(model: ShelfModel, wanted: Bitfield, context: FetchTaskContext) {
    this.#context = context
    this.#model = model
    this.#wanted = wanted.andNot(model.held)
    this.#left = this.#wanted.clone()
    this.#twins = new ChunkTwins(model)
    this.#rate = new RateMeter(context.now)
    const { leaders, local } = this.#plan(this.#wanted)
    this.#core = context.createCore({
      places: model.places,
      held: model.held.bytes.slice(),
      wanted: leaders.bytes,
      now: context.now,
      random: context.random,
    })
    this.#writer = new DiskWriter(model, context.files, {
      onFlushed: (chunkIndexes) => this.#onFlushed(chunkIndexes),
      onError: (error) => this.#pause(error),
    })
    this.#leaveGate = context.gate.join(() => this.#updateReading())
    this.#timers.push(
      setInterval(() => this.#tick(), tickMs),
      setInterval(() => this.#report(), progressMs),
    )
    void this.#copy(local)
  }

  /** Looks for room on the disk first: a clear message now is better than a full disk later. */
  async start(): Promise<void> {
    if (this.#left.isEmpty()) {
      this.#complete()
      return
    }
    await this.#checkRoom()
  }

  get wanted(): Bitfield {
    return this.#wanted
  }

  get sourceCount(): number {
    return this.#sources.size
  }

  hasSource(id: SourceId): boolean {
    return this.#sources.has(id)
  }

  linkOf(id: SourceId): SourceLink | undefined {
    return this.#sources.get(id)?.link
  }

  widen(wanted: Bitfield): void {
    const added = wanted.andNot(this.#model.held).andNot(this.#wanted)
    if (added.isEmpty()) return
    added.forEach((index) => {
      this.#wanted.set(index)
      this.#left.set(index)
    })
    const { leaders, local } = this.#plan(added)
    this.#apply(this.#core.widen(leaders.bytes))
    void this.#copy(local)
  }

  addSource(id: SourceId, link: SourceLink, have: Uint8Array): void {
    const source: ActiveSource = { link, isEnding: false }
    this.#sources.set(id, source)
    this.#ended.delete(id)
    const isLastResort = link.transport === 'http'
    this.#apply(this.#core.addSource(id, { have: this.#twins.spread(have), isLastResort }))
    link.start({
      onBytes: (requestId, bytes) => {
        if (this.#isStopped) return
        this.#arrivedBytes += bytes.length
        this.#context.gate.spend(bytes.length)
        this.#apply(this.#core.received(id, requestId, bytes))
      },
      onRefused: (requestId, status, retryAfterMs) => {
        this.#apply(this.#core.refused(id, requestId, status, retryAfterMs))
      },
      onRtt: (rttMs) => this.#core.setRtt(id, rttMs),
      onEnd: (reason) => {
        if (this.#sources.get(id) !== source || source.isEnding) return
        const stats = this.#statsOf(id)
        this.#sources.delete(id)
        this.#apply(this.#core.removeSource(id))
        this.#tellEnd(id, stats, reason, undefined)
      },
    })
    link.setReading(this.#isReading)
  }

  updateSource(id: SourceId, have: Uint8Array): void {
    if (this.#sources.has(id)) this.#apply(this.#core.updateHave(id, this.#twins.spread(have)))
  }

  removeSource(id: SourceId, reason: string): void {
    if (!this.#sources.has(id)) return
    this.#apply(this.#core.removeSource(id))
    this.#closeSource(id, reason, undefined)
  }

  async resume(): Promise<void> {
    if (this.#pausedBy === undefined) return
    this.#pausedBy = undefined
    await this.#checkRoom()
    if (this.#pausedBy !== undefined) return
    this.#writer.retry()
    this.#apply(this.#core.setPaused(false))
    this.#updateReading()
  }

  async stop(reason: string): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    for (const timer of this.#timers) clearInterval(timer)
    this.#leaveGate()
    for (const source of this.#sources.values()) {
      source.isEnding = true
      source.link.leave(reason)
    }
    this.#sources.clear()
    await this.#writer.close()
  }

  progress(): FetchProgress {
    const snapshot = this.#core.snapshot()
    const { places, held } = this.#model
    let wantedBytes = 0
    let heldBytes = 0
    let heldChunks = 0
    this.#wanted.forEach((index) => {
      const { sizeBytes } = places[index]!
      wantedBytes += sizeBytes
      if (!held.has(index)) return
      heldBytes += sizeBytes
      heldChunks++
    })
    const sources = [...this.#sources.keys()].map((id) => this.#statsOf(id, snapshot))
    return {
      modelId: this.#model.modelId,
      wantedChunks: this.#wanted.count(),
      heldChunks,
      wantedBytes,
      heldBytes,
      bytesPerSecond: this.#rate.bytesPerSecond(),
      chunksVerified: snapshot.chunksVerified,
      chunksRejected: snapshot.chunksRejected,
      duplicateBytes: snapshot.duplicateBytes,
      sources: [...sources, ...this.#ended.values()],
    }
  }

  /** Splits new chunks: those that another local file has, and of equal ones the one that is fetched for all. */
  #plan(added: Bitfield): { leaders: Bitfield; local: number[] } {
    const leaders = new Bitfield(added.length)
    const local: number[] = []
    added.forEach((index) => {
      const copies = this.#context.shelf.copiesOf(this.#model.places[index]!)
      if (copies.some((copy) => copy.model.held.has(copy.chunkIndex))) local.push(index)
      else if (this.#twins.lead(index)) leaders.set(index)
    })
    return { leaders, local }
  }

  async #copy(indexes: number[]): Promise<void> {
    for (const index of indexes) {
      while (this.#writer.isFull && !this.#isStopped) await sleep(tickMs)
      if (this.#isStopped) return
      const bytes = await copyLocally(this.#context.shelf, this.#model, index)
      if (this.#isStopped) return
      if (bytes !== undefined) this.#writer.add({ chunkIndex: index, bytes, release: () => {} })
      else if (this.#twins.lead(index)) {
        this.#apply(this.#core.widen(Bitfield.of(this.#model.places.length, [index]).bytes))
      }
    }
  }

  #apply(actions: FetchAction[]): void {
    if (actions.length > 0) this.#actions.push(...actions)
    if (this.#isApplying) return
    this.#isApplying = true
    try {
      for (let action = this.#actions.shift(); action !== undefined; action = this.#actions.shift()) {
        if (!this.#isStopped) this.#carryOut(action)
      }
    } finally {
      this.#isApplying = false
    }
  }

  #carryOut(action: FetchAction): void {
    switch (action.type) {
      case 'request':
        this.#sources.get(action.sourceId)?.link.request(action.requestId, action.ranges)
        return
      case 'cancel':
        this.#sources.get(action.sourceId)?.link.cancel(action.requestId)
        return
      case 'verify':
        this.#verify(action.chunkIndex, action.bytes)
        return
      case 'recheck':
        void this.#recheck(action.sourceId, action.chunkIndex)
        return
      case 'ban':
        this.#closeSource(action.sourceId, 'it sent wrong bytes', action.evidence)
        this.#context.onBanned(action.sourceId, action.evidence)
        return
      case 'drop':
        this.#closeSource(action.sourceId, action.reason, undefined)
        return
      case 'complete':
        this.#writer.flush()
    }
  }

  #verify(chunkIndex: number, bytes: Uint8Array): void {
    const isGood = this.#model.isGood(chunkIndex, bytes)
    if (isGood) {
      const chunkIndexes = [chunkIndex, ...this.#twins.take(chunkIndex)]
      let users = chunkIndexes.length
      const release = () => {
        users--
        if (users === 0) this.#core.release(bytes)
      }
      for (const index of chunkIndexes) this.#writer.add({ chunkIndex: index, bytes, release } satisfies VerifiedChunk)
      this.#updateReading()
    }
    this.#apply(this.#core.chunkVerified(chunkIndex, isGood))
  }

  async #recheck(id: SourceId, chunkIndex: number): Promise<void> {
    const source = this.#sources.get(id)
    const result = (await source?.link.recheck(chunkIndex)) ?? 'no-answer'
    if (!this.#isStopped) this.#apply(this.#core.rechecked(id, chunkIndex, result))
  }

  #onFlushed(chunkIndexes: number[]): void {
    for (const index of chunkIndexes) {
      this.#model.held.set(index)
      this.#left.clear(index)
    }
    this.#context.emit('chunks-held', { modelId: this.#model.modelId, chunkIndexes })
    this.#updateReading()
    if (this.#left.isEmpty() && !this.#isStopped) this.#complete()
  }

  #complete(): void {
    this.#report()
    this.#context.emit('fetch-complete', { modelId: this.#model.modelId })
    this.#context.onComplete()
  }

  async #checkRoom(): Promise<void> {
    const { files, places, held } = this.#model
    const neededBytes = new Map<number, number>()
    this.#wanted.forEach((index) => {
      const { fileIndex, sizeBytes } = places[index]!
      if (!held.has(index)) neededBytes.set(fileIndex, (neededBytes.get(fileIndex) ?? 0) + sizeBytes)
    })
    for (const [fileIndex, bytes] of neededBytes) {
      const { path } = files[fileIndex]!
      try {
        if ((await this.#context.files.freeBytes(path)) >= bytes) continue
        this.#pause(ioError(path, Object.assign(new Error('too little room'), { code: 'ENOSPC' }), bytes))
      } catch (error) {
        this.#pause(ioError(path, error, bytes))
      }
      return
    }
  }

  #pause(error: HartonomousError): void {
    if (this.#isStopped) return
    this.#pausedBy = error
    this.#apply(this.#core.setPaused(true))
    this.#updateReading()
    const { code, message } = error
    this.#context.emit('fetch-paused', { modelId: this.#model.modelId, error: { code, message } })
  }

  /** Where nothing can be written, or the cap is spent, the connections themselves hold the senders back. */
  #updateReading(): void {
    const isReading = this.#context.gate.isOpen && !this.#writer.isFull && this.#pausedBy === undefined
    if (isReading === this.#isReading) return
    this.#isReading = isReading
    for (const { link } of this.#sources.values()) link.setReading(isReading)
  }

  #tick(): void {
    this.#rate.add(this.#arrivedBytes)
    this.#arrivedBytes = 0
    // A source that we do not read from must not look stalled.
    if (this.#isReading) this.#apply(this.#core.tick())
  }

  #report(): void {
    this.#context.emit('fetch-progress', this.progress())
  }

  #closeSource(id: SourceId, reason: string, evidence: string | undefined): void {
    const source = this.#sources.get(id)
    if (source === undefined) return
    const stats = this.#statsOf(id)
    source.isEnding = true
    this.#sources.delete(id)
    if (evidence === undefined) source.link.leave(reason)
    else source.link.close(reason)
    this.#tellEnd(id, stats, reason, evidence)
  }

  #tellEnd(id: SourceId, stats: SourceStats, reason: string, evidence: string | undefined): void {
    const banned = evidence !== undefined
    this.#ended.set(id, { ...stats, state: banned ? 'banned' : 'gone', bytesPerSecond: 0, error: evidence ?? reason })
    if (this.#ended.size > endedSourcesMax) this.#ended.delete(this.#ended.keys().next().value!)
    const event = { modelId: this.#model.modelId, peerId: id, reason, banned }
    this.#context.emit('source-end', banned ? { ...event, evidence } : event)
  }

  /** The core counts what a source brought over all of its connections. */
  #statsOf(id: SourceId, snapshot = this.#core.snapshot()): SourceStats {
    const found = snapshot.sources.find((one) => one.sourceId === id)
    const stats: SourceStats = {
      peerId: id,
      transport: this.#sources.get(id)?.link.transport ?? 'tls',
      state: (found?.inFlight ?? 0) > 0 ? 'active' : 'idle',
      bytes: found?.bytes ?? 0,
      chunks: found?.chunks ?? 0,
      bytesPerSecond: found?.bytesPerSecond ?? 0,
    }
    return found?.rttMs === undefined ? stats : { ...stats, rttMs: found.rttMs }
  }
}
