/** Writes verified chunks in batches. A chunk is told as held only after its batch was flushed to the disk. */
import type { HartonomousError } from '#protocol/errors.ts'
import { flushBatchBytes } from '#protocol/limits.ts'
import type { ChunkPlace } from '#protocol/model/content.ts'
import { MiB } from '#protocol/units.ts'
import { ioError } from './file-identity.ts'
import type { ShelfModel } from './model-shelf.ts'
import type { FileOpener, WritableFile } from './own-file.ts'

/**
 * A flush begins with this much; while one runs the next batch grows, up to `flushBatchBytes`: a slow disk gets large
 * batches, and a fast one small ones that are still in the cache. What fills and what is flushed is what a kill may cost.
 */
const batchBytes = 2 * MiB
const flushAfterMs = 250
/** One system call for neighbouring chunks; tiny tensors come in hundreds. Both below what a writev takes anywhere. */
const runBytesMax = 8 * MiB
const runBuffersMax = 512

export interface VerifiedChunk {
  chunkIndex: number
  bytes: Uint8Array
  /** Gives the buffer back; called once, after the flush. */
  release: () => void
}

export interface DiskWriterEvents {
  onFlushed(chunkIndexes: number[]): void
  /** Nothing was lost: the chunks wait for `retry`. */
  onError(error: HartonomousError): void
}

interface WriteRun {
  fileIndex: number
  position: number
  sizeBytes: number
  buffers: Uint8Array[]
}

export class DiskWriter {
  readonly #model: ShelfModel
  readonly #files: FileOpener
  readonly #events: DiskWriterEvents
  readonly #open = new Map<number, Promise<WritableFile>>()
  #pending: VerifiedChunk[] = []
  #pendingBytes = 0
  #flushingBytes = 0
  #running: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #hasFailed = false
  #isClosed = false

  constructor(model: ShelfModel, files: FileOpener, events: DiskWriterEvents) {
    this.#model = model
    this.#files = files
    this.#events = events
  }

  /** More than one flush batch waits: whoever brings chunks should stop. */
  get isFull(): boolean {
    return this.#pendingBytes + this.#flushingBytes >= flushBatchBytes
  }

  add(chunk: VerifiedChunk): void {
    this.#pending.push(chunk)
    this.#pendingBytes += chunk.bytes.length
    if (this.#pendingBytes >= batchBytes) this.flush()
    else this.#timer ??= setTimeout(() => this.flush(), flushAfterMs)
  }

  /** Starts writing what waits, now. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#running !== undefined || this.#hasFailed || this.#isClosed || this.#pending.length === 0) return
    this.#running = this.#flushBatch().finally(() => {
      this.#running = undefined
      if (this.#pendingBytes >= batchBytes) this.flush()
      else if (this.#pending.length > 0) this.#timer ??= setTimeout(() => this.flush(), flushAfterMs)
    })
  }

  retry(): void {
    this.#hasFailed = false
    this.flush()
  }

  /** Writes what waits, unless the disk fails; then closes the files. */
  async close(): Promise<void> {
    while (!this.#hasFailed && (this.#running !== undefined || this.#pending.length > 0)) {
      this.flush()
      await this.#running
    }
    this.#isClosed = true
    clearTimeout(this.#timer)
    for (const chunk of this.#pending.splice(0)) chunk.release()
    await this.#closeFiles()
  }

  async #flushBatch(): Promise<void> {
    const batch = this.#pending
    this.#pending = []
    this.#flushingBytes = this.#pendingBytes
    this.#pendingBytes = 0
    let path = ''
    try {
      const touched = new Set<number>()
      for (const run of writeRuns(this.#model.places, batch)) {
        path = this.#model.files[run.fileIndex]!.path
        await (await this.#file(run.fileIndex)).write(run.buffers, run.position)
        touched.add(run.fileIndex)
      }
      for (const fileIndex of touched) {
        path = this.#model.files[fileIndex]!.path
        await (await this.#file(fileIndex)).sync()
      }
    } catch (error) {
      // A failed flush may have dropped written pages: everything of the batch is written again.
      this.#hasFailed = true
      this.#pending.unshift(...batch)
      this.#pendingBytes += this.#flushingBytes
      this.#flushingBytes = 0
      await this.#closeFiles()
      this.#events.onError(ioError(path, error, this.#pendingBytes))
      return
    }
    this.#flushingBytes = 0
    for (const chunk of batch) chunk.release()
    this.#events.onFlushed(batch.map((chunk) => chunk.chunkIndex))
  }

  #file(fileIndex: number): Promise<WritableFile> {
    let file = this.#open.get(fileIndex)
    if (file === undefined) {
      const { path, sizeBytes } = this.#model.files[fileIndex]!
      file = this.#files.open(path, sizeBytes)
      this.#open.set(fileIndex, file)
      file.catch(() => this.#open.delete(fileIndex))
    }
    return file
  }

  async #closeFiles(): Promise<void> {
    const files = [...this.#open.values()]
    this.#open.clear()
    await Promise.allSettled(files.map(async (file) => (await file).close()))
  }
}

/** In file order, neighbours joined. */
function writeRuns(places: readonly ChunkPlace[], batch: readonly VerifiedChunk[]): WriteRun[] {
  const runs: WriteRun[] = []
  for (const { chunkIndex, bytes } of batch.toSorted((a, b) => a.chunkIndex - b.chunkIndex)) {
    const { fileIndex, offsetInFileBytes } = places[chunkIndex]!
    const last = runs.at(-1)
    const isNext = last?.fileIndex === fileIndex && last.position + last.sizeBytes === offsetInFileBytes
    if (isNext && last.sizeBytes + bytes.length <= runBytesMax && last.buffers.length < runBuffersMax) {
      last.buffers.push(bytes)
      last.sizeBytes += bytes.length
    } else runs.push({ fileIndex, position: offsetInFileBytes, sizeBytes: bytes.length, buffers: [bytes] })
  }
  return runs
}
