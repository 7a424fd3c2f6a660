/** Encodes and decodes single chunk frames. Everything is little-endian; the byte tables stand in README.md. */
import assert from 'node:assert/strict'
import { decodeError } from '../codec/cbor.ts'
import { HartonomousError } from '../errors.ts'
import { extentRootFromBytes } from '../ids.ts'
import {
  blockBytesMax,
  chunkBytes,
  modelBytesMax,
  paymentMessageBytesMax,
  pingBodyBytesMax,
  rangesPerRequestMax,
} from '../limits.ts'
import {
  type ChunkControlFrame,
  type ChunkFrameHeader,
  type ChunkHello,
  type ChunkOp,
  type ChunkRange,
  type ChunkStatus,
  chunkFrameHeaderBytes,
  chunkOp,
  chunkProtocolVersion,
  chunkRole,
  chunkStatus,
  type RecheckStatus,
  type RefuseStatus,
} from './message.ts'

const what = 'chunk frame'
/** Root 32, offset u64, length u32. */
export const chunkRangeBytes = 44
/** Version u16, role u8, reserved u8, token 32. */
const helloBytes = 36
const tokenBytes = 32

/** Body sizes by op; whoever reads a header knows the most that can follow before it waits for it. */
const bodyLimits: { readonly [op in ChunkOp]: { min: number; max: number } } = {
  [chunkOp.hello]: { min: helloBytes, max: helloBytes },
  [chunkOp.request]: { min: chunkRangeBytes, max: rangesPerRequestMax * chunkRangeBytes },
  [chunkOp.data]: { min: 1, max: blockBytesMax },
  [chunkOp.refuse]: { min: 4, max: 4 },
  [chunkOp.cancel]: { min: 0, max: 0 },
  [chunkOp.ping]: { min: 0, max: pingBodyBytesMax },
  [chunkOp.pong]: { min: 0, max: pingBodyBytesMax },
  [chunkOp.recheck]: { min: chunkRangeBytes, max: chunkRangeBytes },
  [chunkOp.recheckResult]: { min: 0, max: 0 },
  [chunkOp.pay]: { min: 1, max: paymentMessageBytesMax },
}

/** Largest body of any frame but `data`: what a parser has to hold. */
export const controlBodyBytesMax = rangesPerRequestMax * chunkRangeBytes

const lastOp = chunkOp.pay
const lastStatus = chunkStatus.unpaid

/** Writes the 12 bytes at `offset`: for senders that keep one buffer. */
export function writeFrameHeader(target: Uint8Array, offset: number, header: ChunkFrameHeader): void {
  const view = viewOf(target)
  view.setUint8(offset, header.op)
  view.setUint8(offset + 1, header.status)
  view.setUint16(offset + 2, 0, true)
  view.setUint32(offset + 4, header.requestId, true)
  view.setUint32(offset + 8, header.bodyBytes, true)
}

export function encodeFrameHeader(header: ChunkFrameHeader): Uint8Array {
  const bytes = new Uint8Array(chunkFrameHeaderBytes)
  writeFrameHeader(bytes, 0, header)
  return bytes
}

/** Header of a `data` frame; the ranges' bytes follow it. */
export function encodeDataHeader(requestId: number, bodyBytes: number): Uint8Array {
  return encodeFrameHeader({ op: chunkOp.data, status: chunkStatus.ok, requestId, bodyBytes })
}

/**
 * Reads the 12 bytes at `offset` and checks that the body they promise fits its op.
 * @throws {ERR_DECODE} @throws {ERR_LIMIT}
 */
export function decodeFrameHeader(bytes: Uint8Array, offset = 0): ChunkFrameHeader {
  if (bytes.length - offset < chunkFrameHeaderBytes) throw decodeError(what, 'header', bytes.length, 'cut off')
  const view = viewOf(bytes)
  const op = view.getUint8(offset)
  const status = view.getUint8(offset + 1)
  if (op < 1 || op > lastOp) throw decodeError(what, 'op', 0, `unknown op ${op}`)
  checkStatus(op as ChunkOp, status)
  if (view.getUint16(offset + 2, true) !== 0) throw decodeError(what, 'reserved', 2, 'must be zero')
  const bodyBytes = view.getUint32(offset + 8, true)
  const limits = bodyLimits[op as ChunkOp]
  if (bodyBytes > limits.max)
    throw new HartonomousError('ERR_LIMIT', { what: `body of ${what} ${op}`, limit: limits.max, actual: bodyBytes })
  if (bodyBytes < limits.min) throw decodeError(what, 'bodyBytes', 8, `${bodyBytes}, expected at least ${limits.min}`)
  return { op: op as ChunkOp, status: status as ChunkStatus, requestId: view.getUint32(offset + 4, true), bodyBytes }
}

function checkStatus(op: ChunkOp, status: number): void {
  const isFine =
    op === chunkOp.refuse
      ? status !== chunkStatus.ok && status <= lastStatus
      : status === chunkStatus.ok || (op === chunkOp.recheckResult && status === chunkStatus.withdrawn)
  if (!isFine) throw decodeError(what, 'status', 1, `status ${status} does not go with op ${op}`)
}

// ---- whole frames ------------------------------------------------------------------------------------------------

export function encodeHello(hello: ChunkHello): Uint8Array {
  assert.equal(hello.token.length, tokenBytes, 'a token has 32 bytes')
  const { frame, view } = newFrame(chunkOp.hello, chunkStatus.ok, 0, helloBytes)
  view.setUint16(chunkFrameHeaderBytes, hello.version, true)
  view.setUint8(chunkFrameHeaderBytes + 2, chunkRole[hello.role])
  frame.set(hello.token, chunkFrameHeaderBytes + 4)
  return frame
}

/** @throws {ERR_LIMIT} for more ranges or bytes than one request may name. */
export function encodeRequest(requestId: number, ranges: readonly ChunkRange[]): Uint8Array {
  checkRequestSize(ranges)
  return encodeRanges(chunkOp.request, requestId, ranges)
}

export function encodeRefuse(requestId: number, status: RefuseStatus, retryAfterMs: number): Uint8Array {
  const { frame, view } = newFrame(chunkOp.refuse, status, requestId, 4)
  view.setUint32(chunkFrameHeaderBytes, Math.min(Math.max(0, Math.ceil(retryAfterMs)), 0xffff_ffff), true)
  return frame
}

export function encodeCancel(requestId: number): Uint8Array {
  return newFrame(chunkOp.cancel, chunkStatus.ok, requestId, 0).frame
}

export function encodePing(requestId: number, body: Uint8Array = new Uint8Array()): Uint8Array {
  return encodeEcho(chunkOp.ping, requestId, body)
}

export function encodePong(requestId: number, body: Uint8Array): Uint8Array {
  return encodeEcho(chunkOp.pong, requestId, body)
}

/** `range` is a whole chunk. */
export function encodeRecheck(requestId: number, range: ChunkRange): Uint8Array {
  return encodeRanges(chunkOp.recheck, requestId, [range])
}

export function encodeRecheckResult(requestId: number, status: RecheckStatus): Uint8Array {
  return newFrame(chunkOp.recheckResult, status, requestId, 0).frame
}

/** @throws {ERR_LIMIT} for a message that is larger than a payment message may be. */
export function encodePay(message: Uint8Array): Uint8Array {
  assert(message.length > 0, 'a payment message is not empty')
  if (message.length > paymentMessageBytesMax)
    throw new HartonomousError('ERR_LIMIT', {
      what: 'payment message',
      limit: paymentMessageBytesMax,
      actual: message.length,
    })
  const { frame } = newFrame(chunkOp.pay, chunkStatus.ok, 0, message.length)
  frame.set(message, chunkFrameHeaderBytes)
  return frame
}

// ---- bodies ------------------------------------------------------------------------------------------------------

/**
 * The body of any frame but `data`. `body` has exactly `header.bodyBytes` bytes; nothing in the result points into it.
 * @throws {ERR_DECODE} @throws {ERR_LIMIT}
 */
export function decodeControlBody(header: ChunkFrameHeader, body: Uint8Array): ChunkControlFrame {
  const { op, requestId } = header
  if (body.length !== header.bodyBytes)
    throw decodeError(what, 'body', body.length, `${body.length} bytes, the header says ${header.bodyBytes}`)
  switch (op) {
    case chunkOp.hello:
      return { op, requestId, hello: decodeHelloBody(body) }
    case chunkOp.request:
      return { op, requestId, ranges: decodeRequestBody(body) }
    case chunkOp.refuse:
      return { op, requestId, status: header.status as RefuseStatus, retryAfterMs: viewOf(body).getUint32(0, true) }
    case chunkOp.cancel:
      return { op, requestId }
    case chunkOp.ping:
    case chunkOp.pong:
    case chunkOp.pay:
      return { op, requestId, body: copyOf(body) }
    case chunkOp.recheck:
      return { op, requestId, range: decodeRecheckBody(body) }
    case chunkOp.recheckResult:
      return { op, requestId, status: header.status as RecheckStatus }
    case chunkOp.data:
      throw decodeError(what, 'op', 0, 'the body of a data frame is a stream of bytes')
  }
}

/** @throws {ERR_DECODE} for another role; the version is the caller's to compare with `chunkProtocolVersion`. */
export function decodeHelloBody(body: Uint8Array): ChunkHello {
  checkBodySize(chunkOp.hello, body)
  const view = viewOf(body)
  const role = view.getUint8(2)
  if (role > chunkRole.serve) throw decodeError(what, 'hello.role', 2, `unknown role ${role}`)
  if (view.getUint8(3) !== 0) throw decodeError(what, 'hello.reserved', 3, 'must be zero')
  const version = view.getUint16(0, true)
  if (version < chunkProtocolVersion) throw decodeError(what, 'hello.version', 0, `unknown version ${version}`)
  return { version, role: role === chunkRole.fetch ? 'fetch' : 'serve', token: copyOf(body.subarray(4)) }
}

/** @throws {ERR_DECODE} @throws {ERR_LIMIT} when the ranges add up to more than one block. */
export function decodeRequestBody(body: Uint8Array): ChunkRange[] {
  checkBodySize(chunkOp.request, body)
  if (body.length % chunkRangeBytes !== 0)
    throw decodeError(what, 'request', body.length, `not a whole number of ${chunkRangeBytes}-byte ranges`)
  const view = viewOf(body)
  const ranges: ChunkRange[] = []
  for (let at = 0; at < body.length; at += chunkRangeBytes) ranges.push(readRange(body, view, at))
  checkRequestSize(ranges)
  return ranges
}

function decodeRecheckBody(body: Uint8Array): ChunkRange {
  checkBodySize(chunkOp.recheck, body)
  const range = readRange(body, viewOf(body), 0)
  if (range.offsetBytes % chunkBytes !== 0 || range.lengthBytes > chunkBytes)
    throw decodeError(what, 'recheck', 32, 'not a whole chunk')
  return range
}

function checkBodySize(op: ChunkOp, body: Uint8Array): void {
  const { min, max } = bodyLimits[op]
  if (body.length > max) throw new HartonomousError('ERR_LIMIT', { what, limit: max, actual: body.length })
  if (body.length < min) throw decodeError(what, 'body', body.length, `cut off, expected at least ${min} bytes`)
}

function checkRequestSize(ranges: readonly ChunkRange[]): void {
  if (ranges.length > rangesPerRequestMax)
    throw new HartonomousError('ERR_LIMIT', {
      what: 'ranges of one request',
      limit: rangesPerRequestMax,
      actual: ranges.length,
    })
  let totalBytes = 0
  for (const range of ranges) totalBytes += range.lengthBytes
  if (totalBytes > blockBytesMax)
    throw new HartonomousError('ERR_LIMIT', { what: 'bytes of one request', limit: blockBytesMax, actual: totalBytes })
}

function readRange(body: Uint8Array, view: DataView, at: number): ChunkRange {
  const offsetBytes = view.getUint32(at + 32, true) + view.getUint32(at + 36, true) * 2 ** 32
  const lengthBytes = view.getUint32(at + 40, true)
  if (lengthBytes === 0) throw decodeError(what, 'range.length', at + 40, 'an empty range')
  if (offsetBytes + lengthBytes > modelBytesMax)
    throw decodeError(what, 'range.offset', at + 32, 'past the largest possible extent')
  return { root: extentRootFromBytes(body.subarray(at, at + 32)), offsetBytes, lengthBytes }
}

function encodeRanges(op: ChunkOp, requestId: number, ranges: readonly ChunkRange[]): Uint8Array {
  assert(ranges.length > 0, 'a request names at least one range')
  const { frame } = newFrame(op, chunkStatus.ok, requestId, ranges.length * chunkRangeBytes)
  const target = Buffer.from(frame.buffer)
  let at = chunkFrameHeaderBytes
  for (const range of ranges) {
    writeRange(target, at, range)
    at += chunkRangeBytes
  }
  return frame
}

/** Writes the 44 bytes at `at`. */
export function writeRange(target: Buffer, at: number, { root, offsetBytes, lengthBytes }: ChunkRange): void {
  assert(Number.isSafeInteger(offsetBytes) && offsetBytes >= 0 && lengthBytes > 0, 'a range has a place and a length')
  target.write(root, at, 'hex')
  target.writeUInt32LE(offsetBytes % 2 ** 32, at + 32)
  target.writeUInt32LE(Math.floor(offsetBytes / 2 ** 32), at + 36)
  target.writeUInt32LE(lengthBytes, at + 40)
}

function encodeEcho(op: ChunkOp, requestId: number, body: Uint8Array): Uint8Array {
  assert(body.length <= pingBodyBytesMax, `a ping carries at most ${pingBodyBytesMax} bytes`)
  const { frame } = newFrame(op, chunkStatus.ok, requestId, body.length)
  frame.set(body, chunkFrameHeaderBytes)
  return frame
}

function newFrame(op: ChunkOp, status: ChunkStatus, requestId: number, bodyBytes: number) {
  const frame = new Uint8Array(chunkFrameHeaderBytes + bodyBytes)
  writeFrameHeader(frame, 0, { op, status, requestId, bodyBytes })
  return { frame, view: viewOf(frame) }
}

/** Not `slice`: that of a `Buffer`, which is what sockets give, is a view. */
function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
