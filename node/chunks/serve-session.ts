/** The serving side of one connection: answers requests for held chunks, whatever the frames travel over. */
import {
  type ChunkControlFrame,
  type ChunkRange,
  chunkFrameHeaderBytes,
  chunkOp,
  chunkStatus,
  encodePay,
  encodeRecheckResult,
  encodeRefuse,
  type RefuseStatus,
  ServedTranscript,
  writeFrameHeader,
} from '#protocol/chunk/index.ts'
import type { PeerQuota } from '#protocol/codec/quota.ts'
import type { PeerId } from '#protocol/ids.ts'
import { queuedRequestsPerConnectionMax, sourceStallMs } from '#protocol/limits.ts'
import { KiB, second } from '#protocol/units.ts'
import type { BlockBuffers } from './block-buffers.ts'
import { reasonOf } from './file-identity.ts'
import type { ConnectionHandler, FrameConnection } from './frame-connection.ts'
import type { ModelShelf, ShelfModel } from './model-shelf.ts'
import type { FairLimiter } from './rate-limit.ts'
import type { ServeTally } from './serve-tally.ts'
import { findRuns, readChecked, readRuns } from './served-runs.ts'
import { SessionCredit } from './session-credit.ts'
import type { DataPlaneEvents, ServedFigures } from './types.ts'

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
/** And an unpaid one this: who pays then goes on within the second, and who does not asks for little. */
const unpaidRetryMs = second

export interface ServeContext {
  shelf: ModelShelf
  limiter: FairLimiter
  buffers: BlockBuffers
  now: () => number
  onUploaded: (peerId: PeerId, bytes: number) => void
  tally: ServeTally
  /** A chunk of our own file no longer has its hash. */
  onDamaged: (model: ShelfModel, chunkIndex: number) => void
  emit: <K extends keyof DataPlaneEvents>(event: K, payload: DataPlaneEvents[K]) => void
  /** Of messages of payment, by session. */
  payments: PeerQuota
  unpaidWaitMs: number
}

export interface ServedPeer {
  sessionId: number
  peerId: PeerId
  /** It starts without credit. */
  isSelling: boolean
}

type Job =
  | { type: 'request'; requestId: number; ranges: ChunkRange[]; sizeBytes: number; isCancelled: boolean }
  | { type: 'recheck'; requestId: number; range: ChunkRange; isCancelled: boolean }

export class ServeSession implements ConnectionHandler {
  readonly #sessionId: number
  readonly #peerId: PeerId
  readonly #context: ServeContext
  readonly #connection: FrameConnection
  readonly #onEnd: (reason: string) => void
  /** Waiting and running jobs by request id. */
  readonly #jobs = new Map<number, Job>()
  readonly #waiting: Job[] = []
  readonly #served = new ServedTranscript()
  readonly #credit: SessionCredit
  /** `sale-open` has been told, or will be. */
  #isSale: boolean
  /** Runs while the first request waits for credit. */
  #unpaidTimer: NodeJS.Timeout | undefined
  #isWaitTold = false
  /** Nothing came in that time: what is beyond the credit is refused at once. */
  #isUnpaid = false
  #lanesRunning = 0
  #sendingSinceMs: number | undefined
  #heardAtMs: number
  #watch: NodeJS.Timeout | undefined

  constructor(
    { sessionId, peerId, isSelling }: ServedPeer,
    connection: FrameConnection,
    context: ServeContext,
    onEnd: (reason: string) => void,
  ) {
    this.#sessionId = sessionId
    this.#peerId = peerId
    this.#isSale = isSelling
    this.#credit = new SessionCredit(isSelling ? 0 : Number.POSITIVE_INFINITY)
    this.#connection = connection
    this.#context = context
    this.#onEnd = onEnd
    this.#heardAtMs = context.now()
  }

  start(): void {
    this.#watch = setInterval(() => this.#check(), second)
    this.#watch.unref()
    if (this.#isSale) this.#tellSaleOpen()
    this.#connection.become('serve', this)
  }

  setCredit(totalBytes: number): void {
    if (totalBytes > this.#credit.totalBytes) {
      this.#isUnpaid = false
      this.#isWaitTold = false
      // Too little for the first request is a sign of life all the same.
      this.#endWait()
    }
    this.#credit.set(totalBytes, this.#served.bytes)
    this.#wake()
  }

  /** @throws {ERR_LIMIT} */
  pay(message: Uint8Array): void {
    if (!this.#connection.hasEnded) this.#connection.writer.small(encodePay(message))
  }

  onFrame(frame: ChunkControlFrame): void {
    this.#heardAtMs = this.#context.now()
    if (frame.op === chunkOp.cancel) this.#cancel(frame.requestId)
    else if (frame.op === chunkOp.request) {
      const { requestId, ranges } = frame
      const sizeBytes = ranges.reduce((sum, range) => sum + range.lengthBytes, 0)
      this.#enqueue({ type: 'request', requestId, ranges, sizeBytes, isCancelled: false })
    } else if (frame.op === chunkOp.recheck) {
      this.#enqueue({ type: 'recheck', requestId: frame.requestId, range: frame.range, isCancelled: false })
    } else if (frame.op === chunkOp.pay) this.#onPay(frame.body)
  }

  onData(): void {}

  onEnd(reason: string): void {
    clearInterval(this.#watch)
    this.#endWait()
    for (const job of this.#jobs.values()) job.isCancelled = true
    this.#waiting.length = 0
    this.#onEnd(reason)
    if (this.#isSale) this.#context.emit('sale-end', { ...this.#who(), ...this.#figures(), reason })
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
      this.#context.tally.refused(chunkStatus.busy)
      return
    }
    this.#jobs.set(job.requestId, job)
    this.#waiting.push(job)
    this.#wake()
  }

  #cancel(requestId: number): void {
    const job = this.#jobs.get(requestId)
    if (job === undefined) return
    job.isCancelled = true
    const at = this.#waiting.indexOf(job)
    if (at < 0) return
    this.#waiting.splice(at, 1)
    this.#jobs.delete(requestId)
    if (this.#unpaidTimer === undefined) return
    // A smaller request may be the first now.
    this.#endWait()
    this.#wake()
  }

  #wake(): void {
    while (this.#lanesRunning < lanes) {
      const job = this.#next()
      if (job === undefined) return
      void this.#runLane(job)
    }
  }

  /** Requests wait in their order, for lanes and for credit, and hold no buffer meanwhile. A recheck needs no credit. */
  #next(): Job | undefined {
    const first = this.#waiting[0]
    if (first === undefined) return undefined
    if (first.type === 'recheck' || this.#credit.take(first.sizeBytes)) {
      if (this.#unpaidTimer !== undefined && first.type === 'request') this.#endWait()
      return this.#waiting.shift()
    }
    if (this.#isUnpaid) this.#refuseWaiting()
    else this.#startWait()
    const at = this.#waiting.findIndex((job) => job.type === 'recheck')
    return at < 0 ? undefined : this.#waiting.splice(at, 1)[0]
  }

  #startWait(): void {
    this.#unpaidTimer ??= setTimeout(() => {
      this.#endWait()
      this.#isUnpaid = true
      this.#refuseWaiting()
    }, this.#context.unpaidWaitMs)
    if (this.#isWaitTold) return
    this.#isWaitTold = true
    this.#tellProgress(true)
  }

  #endWait(): void {
    clearTimeout(this.#unpaidTimer)
    this.#unpaidTimer = undefined
  }

  #refuseWaiting(): void {
    const unpaid = this.#waiting.filter((job) => job.type === 'request')
    const rest = this.#waiting.filter((job) => job.type === 'recheck')
    this.#waiting.splice(0, this.#waiting.length, ...rest)
    for (const { requestId } of unpaid) {
      this.#jobs.delete(requestId)
      this.#connection.writer.small(encodeRefuse(requestId, chunkStatus.unpaid, unpaidRetryMs))
      this.#context.tally.refused(chunkStatus.unpaid)
    }
  }

  async #runLane(first: Job): Promise<void> {
    this.#lanesRunning++
    try {
      for (let job: Job | undefined = first; job !== undefined; job = this.#next()) {
        if (job.type === 'recheck') await this.#recheck(job)
        else if (!(await this.#serve(job))) this.#credit.giveBack(job.sizeBytes)
        this.#jobs.delete(job.requestId)
      }
    } catch (error) {
      // Only the channel can fail here: reading has its own answer.
      this.close(reasonOf(error))
    } finally {
      this.#lanesRunning--
    }
  }

  /** Whether it was sent. */
  async #serve(job: Job & { type: 'request' }): Promise<boolean> {
    const { shelf, buffers } = this.#context
    const runs = findRuns(shelf, job.ranges)
    if (typeof runs === 'number') {
      this.#refuse(job, runs)
      return false
    }
    const buffer = buffers.take()
    try {
      const { sizeBytes } = job
      const status = await readRuns(shelf, runs, buffer)
      if (job.isCancelled) return false
      if (status !== undefined) {
        this.#refuse(job, status)
        return false
      }
      writeFrameHeader(buffer, 0, {
        op: chunkOp.data,
        status: chunkStatus.ok,
        requestId: job.requestId,
        bodyBytes: sizeBytes,
      })
      const isSent = await this.#connection.writer.exclusive(() =>
        this.#send(job, buffer.subarray(0, chunkFrameHeaderBytes + sizeBytes)),
      )
      if (isSent) this.#context.tally.served(sizeBytes)
      return isSent
    } finally {
      buffers.give(buffer)
    }
  }

  async #send(job: Job & { type: 'request' }, frame: Uint8Array): Promise<boolean> {
    const { limiter } = this.#context
    const sliceBytes = limiter.isLimited ? cappedSliceBytes : frame.length
    for (let at = 0; at < frame.length; at += sliceBytes) {
      const slice = frame.subarray(at, at + sliceBytes)
      await limiter.acquire(this.#peerId, slice.length)
      // Only before its first byte can a frame be dropped.
      if (this.#connection.hasEnded || (at === 0 && job.isCancelled)) return at > 0
      // Counted before it goes: the peer may speak of it before we hear that it has gone.
      if (at === 0) this.#count(job.ranges)
      this.#sendingSinceMs = this.#context.now()
      await this.#connection.channel.send(slice)
      this.#sendingSinceMs = undefined
      this.#context.onUploaded(this.#peerId, slice.length)
    }
    return true
  }

  #count(ranges: readonly ChunkRange[]): void {
    this.#served.add(ranges)
    if (this.#credit.passesHalf(this.#served.bytes)) this.#tellProgress(false)
  }

  #onPay(body: Uint8Array): void {
    const { payments, emit } = this.#context
    if (!payments.take(String(this.#sessionId)).isAllowed) {
      this.close('too many messages of payment')
      return
    }
    if (!this.#isSale) {
      this.#isSale = true
      this.#tellSaleOpen()
    }
    emit('sale-message', { ...this.#who(), body, ...this.#figures() })
  }

  #tellSaleOpen(): void {
    this.#context.emit('sale-open', this.#who())
  }

  #tellProgress(isWaiting: boolean): void {
    const { totalBytes: creditBytes } = this.#credit
    const servedBytes = this.#served.bytes
    this.#context.emit('sale-progress', { sessionId: this.#sessionId, servedBytes, creditBytes, isWaiting })
  }

  #who(): { sessionId: number; peerId: PeerId } {
    return { sessionId: this.#sessionId, peerId: this.#peerId }
  }

  #figures(): ServedFigures {
    const { bytes, transcript } = this.#served.snapshot()
    return { servedBytes: bytes, transcript }
  }

  async #recheck(job: Job & { type: 'recheck' }): Promise<void> {
    const isGood = await hashAgain(this.#context, job.range)
    const status = isGood ? chunkStatus.ok : chunkStatus.withdrawn
    if (!job.isCancelled) this.#connection.writer.small(encodeRecheckResult(job.requestId, status))
  }

  #refuse(job: Job, status: RefuseStatus): void {
    if (job.isCancelled) return
    this.#connection.writer.small(encodeRefuse(job.requestId, status, 0))
    this.#context.tally.refused(status)
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
