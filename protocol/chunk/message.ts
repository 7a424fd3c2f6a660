/**
 * Chunk frames: the same bytes on a TLS data connection and on a libp2p `/chunk` stream. Little-endian. Byte tables: README.
 *
 * Every frame starts with 12 bytes: op u8, status u8, reserved u16 = 0, requestId u32, bodyBytes u32; then the body.
 */
import type { ExtentRoot } from '../ids.ts'

export const chunkOp = {
  /** First frame of the dialler on TLS: version u16, role u8 (0 fetch, 1 serve), reserved u8, token 32 bytes. */
  hello: 1,
  /** Fetcher -> server: 1 to `rangesPerRequestMax` ranges, each root 32, offset u64, length u32. At most `blockBytesMax` bytes in all. */
  request: 2,
  /** Server -> fetcher: the bytes of all ranges of one request, concatenated in order. */
  data: 3,
  /** Server -> fetcher: the request is not answered; status says why, body = retryAfterMs u32. */
  refuse: 4,
  /** Fetcher -> server: forget this request if it has not been sent yet. No answer if it worked, else the data comes. */
  cancel: 5,
  /** Either way; the body, at most `pingBodyBytesMax`, is echoed in a pong. Measures the round trip. */
  ping: 6,
  pong: 7,
  /** Fetcher -> server: one range, a whole chunk, arrived with a wrong hash. Hash your copy again; answer is `recheck-result`. */
  recheck: 8,
  /** Server -> fetcher: status `ok`, the bytes on disk are good, or `withdrawn`. */
  recheckResult: 9,
  /** Either way: a message of `protocol/payment`, which nothing here looks into. No answer by itself. */
  pay: 10,
} as const
export type ChunkOp = (typeof chunkOp)[keyof typeof chunkOp]

export const chunkStatus = {
  ok: 0,
  notHeld: 1,
  busy: 2,
  withdrawn: 3,
  invalid: 4,
  internal: 5,
  /** The bytes are beyond what is paid. */
  unpaid: 6,
} as const
export type ChunkStatus = (typeof chunkStatus)[keyof typeof chunkStatus]

export const chunkFrameHeaderBytes = 12
export const chunkProtocolVersion = 1

export interface ChunkRange {
  root: ExtentRoot
  /** Of the range within its extent. */
  offsetBytes: number
  lengthBytes: number
}

export interface ChunkFrameHeader {
  op: ChunkOp
  status: ChunkStatus
  requestId: number
  bodyBytes: number
}

export const chunkRole = {
  /** The dialler fetches: the listener serves. */
  fetch: 0,
  /** The dialler serves (a seed behind NAT): the listener fetches. */
  serve: 1,
} as const
export type ChunkRole = keyof typeof chunkRole

export interface ChunkHello {
  version: number
  /** What the dialler does on this connection. */
  role: ChunkRole
  /** From the data offer, 32 bytes. */
  token: Uint8Array
}

export type RefuseStatus = Exclude<ChunkStatus, typeof chunkStatus.ok>
export type RecheckStatus = typeof chunkStatus.ok | typeof chunkStatus.withdrawn

/** Every frame but `data`, whose body is never held in one piece. */
export type ChunkControlFrame =
  | { op: typeof chunkOp.hello; requestId: number; hello: ChunkHello }
  | { op: typeof chunkOp.request; requestId: number; ranges: ChunkRange[] }
  | { op: typeof chunkOp.refuse; requestId: number; status: RefuseStatus; retryAfterMs: number }
  | { op: typeof chunkOp.cancel; requestId: number }
  /** `body` is a copy. */
  | { op: typeof chunkOp.ping | typeof chunkOp.pong; requestId: number; body: Uint8Array }
  | { op: typeof chunkOp.recheck; requestId: number; range: ChunkRange }
  | { op: typeof chunkOp.recheckResult; requestId: number; status: RecheckStatus }
  /** `body` is a copy. */
  | { op: typeof chunkOp.pay; requestId: number; body: Uint8Array }
