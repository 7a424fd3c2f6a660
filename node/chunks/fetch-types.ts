/** Between the pure fetch core (`fetch/`: scheduler, assembly, blame) and the I/O around it (sockets, disk, hashing). */
import type { ChunkPlace } from '#protocol/model/content.ts'

export type SourceId = string

/** A run of bytes inside one chunk. */
export interface BlockRange {
  chunkIndex: number
  offsetInChunkBytes: number
  lengthBytes: number
}

/** What the core wants done. The I/O side carries actions out in order. */
export type FetchAction =
  /** At most `blockBytesMax` bytes and `rangesPerRequestMax` ranges. */
  | { type: 'request'; sourceId: SourceId; requestId: number; ranges: BlockRange[] }
  | { type: 'cancel'; sourceId: SourceId; requestId: number }
  /** All bytes of the chunk are in `bytes`: hash them, then call `chunkVerified` with the outcome. */
  | { type: 'verify'; chunkIndex: number; bytes: Uint8Array }
  /** A whole chunk from one source failed its hash: ask that source to hash its copy again, then `rechecked`. */
  | { type: 'recheck'; sourceId: SourceId; chunkIndex: number }
  /** Shown by evidence to have sent wrong bytes. Close it; it has been removed from the core. */
  | { type: 'ban'; sourceId: SourceId; evidence: string }
  /** Given up without blame (stalled, withdrew its file, left). Close it; it has been removed from the core. */
  | { type: 'drop'; sourceId: SourceId; reason: string }
  | { type: 'complete' }

export interface FetchCoreInit {
  places: readonly ChunkPlace[]
  /** One bit per chunk, most significant bit first. */
  held: Uint8Array
  wanted: Uint8Array
  /** Monotonic milliseconds. */
  now: () => number
  /** [0, 1). */
  random: () => number
}

export interface FetchSourceInit {
  have: Uint8Array
  rttMs?: number
  /** HTTP origins: used only for chunks that no other source has, or when nothing else moves. */
  isLastResort?: boolean
}

/** Each call may bring actions; `tick` is called every 50 ms or so. */
export interface FetchCore {
  addSource(id: SourceId, source: FetchSourceInit): FetchAction[]
  updateHave(id: SourceId, have: Uint8Array): FetchAction[]
  /** The connection ended: what it owed goes back to the queue. */
  removeSource(id: SourceId): FetchAction[]
  setRtt(id: SourceId, rttMs: number): void
  /** Bytes of a request as they arrive, in range order; the core copies them out. Unknown or cancelled ids are ignored. */
  received(id: SourceId, requestId: number, bytes: Uint8Array): FetchAction[]
  refused(
    id: SourceId,
    requestId: number,
    status: 'not-held' | 'busy' | 'withdrawn' | 'invalid' | 'internal' | 'unpaid',
    retryAfterMs: number,
  ): FetchAction[]
  /** `bytes` of a good chunk belong to the caller from the `verify` action until it calls `release`. */
  chunkVerified(chunkIndex: number, isGood: boolean): FetchAction[]
  rechecked(id: SourceId, chunkIndex: number, result: 'good' | 'withdrawn' | 'no-answer'): FetchAction[]
  /** Gives a chunk buffer back for reuse once it has been written. */
  release(bytes: Uint8Array): void
  widen(wanted: Uint8Array): FetchAction[]
  /** Stops and restarts the handing out of requests (disk full, download cap, paused). */
  setPaused(isPaused: boolean): FetchAction[]
  tick(): FetchAction[]
  snapshot(): {
    wantedChunks: number
    heldChunks: number
    chunksVerified: number
    chunksRejected: number
    /** Received, and of no use: end-game copies, replies to cancelled requests. */
    duplicateBytes: number
    /** Those that have left (`isConnected` false) keep their totals. `bytes` counts verified ones: the sum is what was fetched. */
    sources: {
      sourceId: SourceId
      bytes: number
      chunks: number
      bytesPerSecond: number
      rttMs?: number | undefined
      inFlight: number
      depth: number
      isConnected: boolean
    }[]
  }
}
