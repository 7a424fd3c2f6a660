/** A source at the other end of a frame connection. */
import {
  type ChunkControlFrame,
  type ChunkRange,
  chunkOp,
  chunkStatus,
  encodeCancel,
  encodePay,
  encodePing,
  encodeRecheck,
  encodeRequest,
  type RefuseStatus,
  type ServedSnapshot,
  ServedTranscript,
} from '#protocol/chunk/index.ts'
import { receiptWaitMs, sourceStallMs } from '#protocol/limits.ts'
import type { ChunkPlace } from '#protocol/model/content.ts'
import { second } from '#protocol/units.ts'
import type { BlockRange } from './fetch-types.ts'
import type { ConnectionHandler, FrameConnection } from './frame-connection.ts'
import type { LinkHandlers, RefusedStatus, SourceLink } from './source-link.ts'
import type { Source } from './types.ts'

const pingEveryMs = 2 * second
/** The least of so many pings is the round trip: 16 s, so that a changed route is noticed. */
const rttSamples = 8
/** Cancelled requests whose data may still come; older ones than these would break the connection. */
const cancelledMax = 1024

const refusedStatus: { readonly [status in RefuseStatus]: RefusedStatus } = {
  [chunkStatus.notHeld]: 'not-held',
  [chunkStatus.busy]: 'busy',
  [chunkStatus.withdrawn]: 'withdrawn',
  [chunkStatus.invalid]: 'invalid',
  [chunkStatus.internal]: 'internal',
  [chunkStatus.unpaid]: 'unpaid',
}

interface OpenRequest {
  ranges: readonly ChunkRange[]
  sizeBytes: number
  isCancelled: boolean
}

/** What a link is as a purchase: whoever pays for its bytes listens here. */
export interface LinkPayments {
  onMessage(body: Uint8Array): void
  onEnd(reason: string): void
}

export class FrameLink implements SourceLink, ConnectionHandler {
  readonly transport: Source['transport']
  readonly #connection: FrameConnection
  readonly #places: readonly ChunkPlace[]
  readonly #now: () => number
  readonly #requests = new Map<number, OpenRequest>()
  readonly #rechecks = new Map<number, (result: 'good' | 'withdrawn' | 'no-answer') => void>()
  readonly #pings = new Map<number, number>()
  readonly #rtts: number[] = []
  readonly #received = new ServedTranscript()
  #payments: LinkPayments | undefined
  #isKept = false
  #settling: { pingId: number; isSettled: PromiseWithResolvers<boolean> } | undefined
  #closing: NodeJS.Timeout | undefined
  #handlers: LinkHandlers | undefined
  #nextPing = 1
  #nextRecheck = 1
  #cancelled = 0
  #timer: NodeJS.Timeout | undefined
  #hasEnded = false

  constructor(
    transport: Source['transport'],
    connection: FrameConnection,
    places: readonly ChunkPlace[],
    now: () => number,
  ) {
    this.transport = transport
    this.#connection = connection
    this.#places = places
    this.#now = now
  }

  start(handlers: LinkHandlers): void {
    this.#handlers = handlers
    this.#connection.become('fetch', this)
    if (this.#hasEnded) return
    this.#ping()
    this.#timer = setInterval(() => this.#ping(), pingEveryMs)
    this.#timer.unref()
  }

  request(requestId: number, ranges: readonly BlockRange[]): void {
    if (this.#hasEnded) return
    const sizeBytes = ranges.reduce((sum, range) => sum + range.lengthBytes, 0)
    const joined = joinRanges(ranges, this.#places)
    this.#requests.set(requestId, { ranges: joined, sizeBytes, isCancelled: false })
    this.#connection.writer.small(encodeRequest(requestId, joined))
  }

  cancel(requestId: number): void {
    const request = this.#requests.get(requestId)
    if (request === undefined || request.isCancelled || this.#hasEnded) return
    request.isCancelled = true
    this.#cancelled++
    if (this.#cancelled > cancelledMax) this.#forgetOldestCancelled()
    this.#connection.writer.small(encodeCancel(requestId))
  }

  recheck(chunkIndex: number): Promise<'good' | 'withdrawn' | 'no-answer'> {
    if (this.#hasEnded) return Promise.resolve('no-answer')
    const { promise, resolve } = Promise.withResolvers<'good' | 'withdrawn' | 'no-answer'>()
    const requestId = 0x8000_0000 + this.#nextRecheck++
    const timer = setTimeout(() => settle('no-answer'), sourceStallMs)
    const settle = (result: 'good' | 'withdrawn' | 'no-answer') => {
      clearTimeout(timer)
      this.#rechecks.delete(requestId)
      resolve(result)
    }
    this.#rechecks.set(requestId, settle)
    const { root, offsetInExtentBytes, sizeBytes } = this.#places[chunkIndex]!
    const range = { root, offsetBytes: offsetInExtentBytes, lengthBytes: sizeBytes }
    this.#connection.writer.small(encodeRecheck(requestId, range))
    return promise
  }

  setReading(isReading: boolean): void {
    this.#connection.channel.setReading(isReading)
  }

  close(reason: string): void {
    this.#connection.close(reason)
  }

  leave(reason: string): void {
    if (!this.#isKept) {
      this.close(reason)
      return
    }
    this.#retire()
    this.#closeLater(reason)
  }

  /** Messages of payment go there from now on. Call it before `start`. */
  listenForPayments(payments: LinkPayments): void {
    this.#payments = payments
  }

  /** When the fetch leaves this link it stays open for as long as a receipt may take. */
  keepForReceipt(): void {
    this.#isKept = true
  }

  /** @throws {ERR_LIMIT} */
  pay(message: Uint8Array): void {
    if (!this.#hasEnded) this.#connection.writer.small(encodePay(message))
  }

  received(): ServedSnapshot {
    return this.#received.snapshot()
  }

  /**
   * Asks for nothing more; resolves when nothing is owed, so that both ends count the same, or with `false` where the
   * link ends before, or takes too long. Then it stays open for as long as a receipt may take.
   */
  async settle(): Promise<boolean> {
    if (this.#hasEnded) return false
    if (this.#settling !== undefined) return this.#settling.isSettled.promise
    const isSettled = Promise.withResolvers<boolean>()
    // A pong comes after all that was cancelled before its ping.
    this.#retire()
    const pingId = this.#nextPing++
    this.#settling = { pingId, isSettled }
    this.#connection.writer.small(encodePing(pingId))
    clearTimeout(this.#closing)
    const late = setTimeout(() => isSettled.resolve(false), sourceStallMs)
    try {
      return await isSettled.promise
    } finally {
      clearTimeout(late)
      this.#closeLater('no receipt came in time')
    }
  }

  onData(requestId: number, slice: Uint8Array, isLast: boolean, bodyBytes: number): void {
    const request = this.#requests.get(requestId)
    if (request === undefined || request.sizeBytes !== bodyBytes) {
      this.close(request === undefined ? 'data that nobody asked for' : 'data of another size than was asked for')
      return
    }
    if (isLast) {
      this.#forget(requestId, request)
      this.#received.add(request.ranges)
    }
    if (!request.isCancelled) this.#handlers?.onBytes(requestId, slice)
  }

  onFrame(frame: ChunkControlFrame): void {
    if (frame.op === chunkOp.pong) this.#onPong(frame.requestId)
    else if (frame.op === chunkOp.pay) this.#payments?.onMessage(frame.body)
    else if (frame.op === chunkOp.refuse) this.#onRefuse(frame.requestId, frame.status, frame.retryAfterMs)
    else if (frame.op === chunkOp.recheckResult) {
      this.#rechecks.get(frame.requestId)?.(frame.status === chunkStatus.ok ? 'good' : 'withdrawn')
    }
  }

  onEnd(reason: string): void {
    this.#hasEnded = true
    clearInterval(this.#timer)
    clearTimeout(this.#closing)
    this.#settling?.isSettled.resolve(false)
    for (const settle of [...this.#rechecks.values()]) settle('no-answer')
    this.#requests.clear()
    this.#handlers?.onEnd(reason)
    this.#payments?.onEnd(reason)
  }

  /** The fetch is done with it: what is still owed is cancelled, and what comes is only counted. */
  #retire(): void {
    this.#handlers = undefined
    this.setReading(true)
    for (const requestId of this.#requests.keys()) this.cancel(requestId)
  }

  #closeLater(reason: string): void {
    clearTimeout(this.#closing)
    if (!this.#hasEnded) this.#closing = setTimeout(() => this.close(reason), receiptWaitMs)
  }

  #onRefuse(requestId: number, status: RefuseStatus, retryAfterMs: number): void {
    // A recheck of a full queue is refused as well.
    this.#rechecks.get(requestId)?.('no-answer')
    const request = this.#requests.get(requestId)
    if (request === undefined) return
    this.#forget(requestId, request)
    if (!request.isCancelled) this.#handlers?.onRefused(requestId, refusedStatus[status], retryAfterMs)
  }

  #ping(): void {
    if (this.#pings.size >= rttSamples) return
    const id = this.#nextPing++
    this.#pings.set(id, this.#now())
    this.#connection.writer.small(encodePing(id))
  }

  #onPong(id: number): void {
    if (id === this.#settling?.pingId) this.#settling.isSettled.resolve(true)
    const sentAtMs = this.#pings.get(id)
    if (sentAtMs === undefined) return
    this.#pings.delete(id)
    this.#rtts.push(this.#now() - sentAtMs)
    if (this.#rtts.length > rttSamples) this.#rtts.shift()
    this.#handlers?.onRtt(Math.min(...this.#rtts))
  }

  #forget(requestId: number, request: OpenRequest): void {
    this.#requests.delete(requestId)
    if (request.isCancelled) this.#cancelled--
  }

  #forgetOldestCancelled(): void {
    for (const [requestId, request] of this.#requests) {
      if (!request.isCancelled) continue
      this.#forget(requestId, request)
      return
    }
  }
}

/** In terms of extents. Ranges that follow one another in one extent, across chunks, become one. */
function joinRanges(ranges: readonly BlockRange[], places: readonly ChunkPlace[]): ChunkRange[] {
  const joined: ChunkRange[] = []
  for (const { chunkIndex, offsetInChunkBytes, lengthBytes } of ranges) {
    const place = places[chunkIndex]!
    const offsetBytes = place.offsetInExtentBytes + offsetInChunkBytes
    const last = joined.at(-1)
    if (last?.root === place.root && last.offsetBytes + last.lengthBytes === offsetBytes)
      last.lengthBytes += lengthBytes
    else joined.push({ root: place.root, offsetBytes, lengthBytes })
  }
  return joined
}
