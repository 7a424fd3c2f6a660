/**
 * Cuts a byte stream into chunk frames. Bounded: it holds at most one control body (2.75 KiB), and `data` bodies pass
 * through as they come. This is the receiver's hot path: nothing is allocated for data but one view per piece.
 */
import { decodeError } from '../codec/cbor.ts'
import { controlBodyBytesMax, decodeControlBody, decodeFrameHeader } from './frame.ts'
import {
  type ChunkControlFrame,
  type ChunkFrameHeader,
  type ChunkOp,
  type ChunkRole,
  chunkFrameHeaderBytes,
  chunkOp,
} from './message.ts'

export interface ChunkFrameHandler {
  /** Nothing in it points into the pushed bytes. */
  onFrame(frame: ChunkControlFrame): void
  /**
   * The next bytes of the data frame for `requestId`; `slice` is a view of the pushed bytes and good only during the call.
   * `bodyBytes` is the size of the whole body: compare it with what was asked for at the first piece.
   */
  onData(requestId: number, slice: Uint8Array, isLast: boolean, bodyBytes: number): void
}

/** Ops that a side may receive. Until the role is known only a hello is accepted, afterwards it no longer is. */
const acceptedOps: { readonly [role in ChunkRole | 'undecided']: ReadonlySet<ChunkOp> } = {
  undecided: new Set<ChunkOp>([chunkOp.hello]),
  serve: new Set<ChunkOp>([chunkOp.request, chunkOp.cancel, chunkOp.recheck, chunkOp.ping, chunkOp.pong, chunkOp.pay]),
  fetch: new Set<ChunkOp>([
    chunkOp.data,
    chunkOp.refuse,
    chunkOp.recheckResult,
    chunkOp.ping,
    chunkOp.pong,
    chunkOp.pay,
  ]),
}

export class ChunkFrameParser {
  /** What this side does. A listener starts `undecided` and sets it in `onFrame` when the hello comes. */
  role: ChunkRole | 'undecided'
  readonly #handler: ChunkFrameHandler
  readonly #headerBytes = new Uint8Array(chunkFrameHeaderBytes)
  #headerFilled = 0
  #header: ChunkFrameHeader | undefined
  /** Made when a control body first comes in pieces. */
  #body: Uint8Array | undefined
  #bodyDone = 0
  #failure: unknown
  #isStopped = false

  constructor(handler: ChunkFrameHandler, role: ChunkRole | 'undecided') {
    this.#handler = handler
    this.role = role
  }

  /** True between two frames: a connection that ends elsewhere was cut. */
  get isAtBoundary(): boolean {
    return this.#headerFilled === 0 && this.#header === undefined
  }

  /** From now on pushed bytes are ignored, also the rest of those being worked on. */
  stop(): void {
    this.#isStopped = true
  }

  /**
   * Takes the next bytes of the stream, cut anywhere.
   * @throws {ERR_DECODE} @throws {ERR_LIMIT} and so does every later call: close the connection.
   */
  push(bytes: Uint8Array): void {
    if (this.#failure !== undefined) throw this.#failure
    try {
      let at = 0
      while (at < bytes.length && !this.#isStopped) {
        at = this.#header === undefined ? this.#takeHeader(bytes, at) : this.#takeBody(bytes, at, this.#header)
      }
    } catch (error) {
      this.#failure = error
      throw error
    }
  }

  #takeHeader(bytes: Uint8Array, at: number): number {
    let next = at
    if (this.#headerFilled === 0 && bytes.length - at >= chunkFrameHeaderBytes) {
      next += chunkFrameHeaderBytes
      this.#startFrame(decodeFrameHeader(bytes, at))
    } else {
      while (next < bytes.length && this.#headerFilled < chunkFrameHeaderBytes)
        this.#headerBytes[this.#headerFilled++] = bytes[next++]!
      if (this.#headerFilled === chunkFrameHeaderBytes) {
        this.#headerFilled = 0
        this.#startFrame(decodeFrameHeader(this.#headerBytes))
      }
    }
    return next
  }

  #startFrame(header: ChunkFrameHeader): void {
    if (!acceptedOps[this.role].has(header.op))
      throw decodeError('chunk frame', 'op', 0, `op ${header.op} is not for a side that is ${this.role}`)
    if (header.bodyBytes === 0) {
      this.#handler.onFrame(decodeControlBody(header, this.#headerBytes.subarray(0, 0)))
    } else {
      this.#header = header
      this.#bodyDone = 0
    }
  }

  #takeBody(bytes: Uint8Array, at: number, header: ChunkFrameHeader): number {
    const end = Math.min(bytes.length, at + header.bodyBytes - this.#bodyDone)
    // Nearly all that comes on the hot path is body from end to end: no view is made for it.
    const piece = at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end)
    const isWhole = this.#bodyDone === 0 && piece.length === header.bodyBytes
    const isLast = this.#bodyDone + piece.length === header.bodyBytes
    if (isLast) this.#header = undefined
    if (header.op === chunkOp.data) {
      this.#bodyDone += piece.length
      this.#handler.onData(header.requestId, piece, isLast, header.bodyBytes)
    } else if (isWhole) {
      this.#handler.onFrame(decodeControlBody(header, piece))
    } else {
      this.#body ??= new Uint8Array(controlBodyBytesMax)
      this.#body.set(piece, this.#bodyDone)
      this.#bodyDone += piece.length
      if (isLast) this.#handler.onFrame(decodeControlBody(header, this.#body.subarray(0, header.bodyBytes)))
    }
    return end
  }
}
