/** The fetching side of one source, whatever it is: a TLS connection, a libp2p stream, or an HTTP origin. */
import type { BlockRange } from './fetch-types.ts'
import type { Source } from './types.ts'

export type RefusedStatus = 'not-held' | 'busy' | 'withdrawn' | 'invalid' | 'internal' | 'unpaid'

export interface LinkHandlers {
  /** In range order. The bytes are only good during the call. */
  onBytes(requestId: number, bytes: Uint8Array): void
  onRefused(requestId: number, status: RefusedStatus, retryAfterMs: number): void
  /** The least round trip of late: queueing is not part of it. */
  onRtt(rttMs: number): void
  /** Called once; nothing follows. */
  onEnd(reason: string): void
}

export interface SourceLink {
  readonly transport: Source['transport']
  start(handlers: LinkHandlers): void
  request(requestId: number, ranges: readonly BlockRange[]): void
  cancel(requestId: number): void
  /** Never rejects. */
  recheck(chunkIndex: number): Promise<'good' | 'withdrawn' | 'no-answer'>
  /** `false`: take no more bytes for now. */
  setReading(isReading: boolean): void
  /** Nothing more is wanted of it: closes, at once or when the receipt has had time to come. Its handlers hear nothing more. */
  leave(reason: string): void
  close(reason: string): void
}
