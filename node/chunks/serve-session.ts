/** The serving side of one connection: answers requests for held chunks, whatever the frames travel over. */
import {
  type ChunkControlFrame,
  type ChunkRange,
  chunkFrameHeaderBytes,
  chunkOp,
  chunkStatus,
  encodeRecheckResult,
  encodeRefuse,
  type RefuseStatus,
  writeFrameHeader,
} from '#protocol/chunk/index.ts'
import { isHartonomousError } from '#protocol/errors.ts'
import type { PeerId } from '#protocol/ids.ts'
import { queuedRequestsPerConnectionMax, sourceStallMs } from '#protocol/limits.ts'
import { KiB, second } from '#protocol/units.ts'
import type { BlockBuffers } from './block-buffers.ts'
import { reasonOf } from './file-identity.ts'
import type { ConnectionHandler, FrameConnection } from './frame-connection.ts'
import type { FileRun, ModelShelf, ShelfModel } from './model-shelf.ts'
import type { FairLimiter } from './rate-limit.ts'

/** Blocks read or being sent at once: one is read while the other is sent. See `dataConnectionsMax`. */
const lanes = 2
/** Under a cap a block goes out in pieces, so that a rate measured over a fraction of a second is the cap. */
const cappedSliceBytes = 64 * KiB
/** A connection on which nothing is asked for this long is closed; fetchers ping more often. */
const idleMs = 60 * second
/** A peer that takes nothing for this long holds our buffers for nothing. */
const sendStallMs = 2 * sourceStallMs
/** A busy refusal asks for this pause: the time in which a full queue of blocks leaves at 100 Mbit/s is 1.3 s. */
const busyRetryMs = 500

export interface ServeContext {
  shelf: ModelShelf
  limiter: FairLimiter
  buffers: BlockBuffers
  now: () => number
  onUploaded: (peerId: PeerId, bytes: number) => void
  /** A chunk of our own file no longer has its hash. */
  onDamaged: (model: ShelfModel, chunkIndex: number) => void
}

type Job =
  | { type: 'request'; requestId: number; ranges: ChunkRange[]; isCancelled: boolean }
  | { type: 'recheck'; requestId: number; range: ChunkRange; isCancelled: boolean }

export class ServeSession implements ConnectionHandler {
  readonly peerId: PeerId
  readonly #context: ServeContext
  readonly #connection: FrameConnection
  readonly #onEnd: (reason: string) => void
  /** Waiting and running jobs by request id. */
  readonly #jobs = new Map<number, Job>()
  readonly #waiting: Job[] = []
  #lanesRunning = 0
  #sendingSinceMs: number | undefined
  #heardAtMs: number
  readonly #watch: NodeJS.Timeout

  constructor(peerId: PeerId, connection: FrameConnection, context: ServeContext, onEnd: (reason: string) => void) {
    this.peerId = peerId
    this.#connection = connection
    this.#context = context
    this.#onEnd = onEnd
    this.#heardAtMs = context.now()
    this.#watch = setInterval(() => this.#check(), second)
    this.#watch.unref()
    connection.become('serve', this)
  }

  onFrame(frame: ChunkControlFrame): void {
    this.#heardAtMs = this.#context.now()
    if (frame.op === chunkOp.cancel) this.#cancel(frame.requestId)
    else if (frame.op === chunkOp.request) {
      this.#enqueue({ type: 'request', requestId: frame.requestId, ranges: frame.ranges, isCancelled: false })
    } else if (frame.op === chunkOp.recheck) {
      this.#enqueue({ type: 'recheck', requestId: frame.requestId, range: frame.range, isCancelled: false })
    }
  }

  onData(): void {}

  onEnd(reason: string): void {
    clearInterval(this.#watch)
    for (const job of this.#jobs.values()) job.isCancelled = true
    this.#waiting.length = 0
    this.#onEnd(reason)
  }

  close(reason: string): void {
    this.#connection.close(reason)
  }

  #enqueue(job: Job): void {
    if (this.#connection.hasEnded) return
    if (this.#jobs.has(job.requestId)) {
      this.close('the same request id twice')
      return
    }
    if (this.#waiting.length >= queuedRequestsPerConnectionMax) {
      this.#connection.writer.small(encodeRefuse(job.requestId, chunkStatus.busy, busyRetryMs))
      return
    }
    this.#jobs.set(job.requestId, job)
    this.#waiting.push(job)
    if (this.#lanesRunning < lanes) void this.#runLane()
  }

  #cancel(requestId: number): void {
    const job = this.#jobs.get(requestId)
    if (job === undefined) return
    job.isCancelled = true
    const at = this.#waiting.indexOf(job)
    if (at < 0) return
    this.#waiting.splice(at, 1)
    this.#jobs.delete(requestId)
  }

  async #runLane(): Promise<void> {
    this.#lanesRunning++
    try {
      for (let job = this.#waiting.shift(); job !== undefined; job = this.#waiting.shift()) {
        if (job.type === 'request') await this.#serve(job)
        else await this.#recheck(job)
        this.#jobs.delete(job.requestId)
      }
    } catch (error) {
      // Only the channel can fail here: reading has its own answer.
      this.close(reasonOf(error))
    } finally {
      this.#lanesRunning--
    }
  }

  async #serve(job: Job & { type: 'request' }): Promise<void> {
    const { shelf, buffers } = this.#context
    const runs = findRuns(shelf, job.ranges)
    if (typeof runs === 'number') {
      this.#refuse(job, runs)
      return
    }
    const buffer = buffers.take()
    try {
      const sizeBytes = job.ranges.reduce((sum, range) => sum + range.lengthBytes, 0)
      const status = await readRuns(shelf, runs, buffer)
      if (job.isCancelled) return
      if (status !== undefined) {
        this.#refuse(job, status)
        return
      }
      writeFrameHeader(buffer, 0, {
        op: chunkOp.data,
        status: chunkStatus.ok,
        requestId: job.requestId,
        bodyBytes: sizeBytes,
      })
      await this.#connection.writer.exclusive(() =>
        this.#send(job, buffer.subarray(0, chunkFrameHeaderBytes + sizeBytes)),
      )
    } finally {
      buffers.give(buffer)
    }
  }

  async #send(job: Job, frame: Uint8Array): Promise<void> {
    const { limiter } = this.#context
    const sliceBytes = limiter.isLimited ? cappedSliceBytes : frame.length
    for (let at = 0; at < frame.length; at += sliceBytes) {
      const slice = frame.subarray(at, at + sliceBytes)
      await limiter.acquire(this.peerId, slice.length)
      // Only before its first byte can a frame be dropped.
      if (this.#connection.hasEnded || (at === 0 && job.isCancelled)) return
      this.#sendingSinceMs = this.#context.now()
      await this.#connection.channel.send(slice)
      this.#sendingSinceMs = undefined
      this.#context.onUploaded(this.peerId, slice.length)
    }
  }

  async #recheck(job: Job & { type: 'recheck' }): Promise<void> {
    const isGood = await hashAgain(this.#context, job.range)
    const status = isGood ? chunkStatus.ok : chunkStatus.withdrawn
    if (!job.isCancelled) this.#connection.writer.small(encodeRecheckResult(job.requestId, status))
  }

  #refuse(job: Job, status: RefuseStatus): void {
    if (!job.isCancelled) this.#connection.writer.small(encodeRefuse(job.requestId, status, 0))
  }

  #check(): void {
    const now = this.#context.now()
    if (this.#sendingSinceMs !== undefined && now - this.#sendingSinceMs > sendStallMs) {
      this.close('the peer takes no bytes')
    } else if (this.#jobs.size === 0 && now - this.#heardAtMs > idleMs) {
      this.close('nothing was asked for a minute')
    }
  }
}

/** Neighbouring ranges become one read. */
function findRuns(shelf: ModelShelf, ranges: readonly ChunkRange[]): FileRun[] | RefuseStatus {
  const runs: FileRun[] = []
  for (const { root, offsetBytes, lengthBytes } of ranges) {
    const run = shelf.find(root, offsetBytes, lengthBytes)
    if (run === 'not-held') return chunkStatus.notHeld
    if (run === 'withdrawn') return chunkStatus.withdrawn
    if (run === 'invalid') return chunkStatus.invalid
    const last = runs.at(-1)
    if (last?.file === run.file && last.offsetBytes + last.lengthBytes === run.offsetBytes) {
      last.lengthBytes += run.lengthBytes
    } else runs.push(run)
  }
  return runs
}

/** Reads into `buffer` behind the header; a file that changed is withdrawn, and its bytes are not sent. */
async function readRuns(shelf: ModelShelf, runs: FileRun[], buffer: Buffer): Promise<RefuseStatus | undefined> {
  let at = chunkFrameHeaderBytes
  for (const run of runs) {
    const failure = await readChecked(shelf, run, buffer, at)
    if (failure !== undefined) return failure
    at += run.lengthBytes
  }
  return undefined
}

async function readChecked(
  shelf: ModelShelf,
  run: FileRun,
  buffer: Uint8Array,
  at: number,
): Promise<RefuseStatus | undefined> {
  const { model, file } = run
  try {
    await file.read(buffer, at, run.lengthBytes, run.offsetBytes)
    return undefined
  } catch (error) {
    if (!isHartonomousError(error, 'ERR_WITHDRAWN')) return chunkStatus.internal
    shelf.withdraw(model, file, error.fields.reason)
    return chunkStatus.withdrawn
  }
}

/** A peer says that this chunk came with a wrong hash: is it ours that is wrong? */
async function hashAgain(context: ServeContext, range: ChunkRange): Promise<boolean> {
  const run = context.shelf.find(range.root, range.offsetBytes, range.lengthBytes)
  if (typeof run === 'string') return false
  const { model, file, chunkIndex } = run
  if (model.places[chunkIndex]!.sizeBytes !== range.lengthBytes) return false
  const bytes = Buffer.allocUnsafeSlow(range.lengthBytes)
  if ((await readChecked(context.shelf, run, bytes, 0)) !== undefined) return false
  if (model.isGood(chunkIndex, bytes)) return true
  if (file.identity === undefined) context.onDamaged(model, chunkIndex)
  else context.shelf.withdraw(model, file, `chunk ${chunkIndex} no longer has its hash`)
  return false
}
