/** What the parts of the fetch core share: chunks, sources, requests on the way. */
import { fetchBufferBytesMax, sourcesPerFetchMax } from '#protocol/limits.ts'
import type { ChunkPlace } from '#protocol/model/content.ts'
import type { FetchAction, FetchCoreInit, SourceId } from '../fetch-types.ts'
import type { BlameCase } from './blame-case.ts'
import { ChunkBuffers } from './chunk-buffers.ts'
import { RarityQueue } from './rarity-queue.ts'
import type { Source } from './source.ts'

/** Where a chunk stands. */
export const chunkStatus = {
  unwanted: 0,
  queued: 1,
  /** Has an `Assembly` with bytes missing. */
  begun: 2,
  verifying: 3,
  held: 4,
  /** Failed its hash: waits for one source that sends it whole. */
  disputed: 5,
} as const

export interface Span {
  startBytes: number
  endBytes: number
}

/** Who sent which bytes of a chunk. */
export interface Contribution extends Span {
  sourceId: SourceId
}

export interface Assembly {
  chunkIndex: number
  sizeBytes: number
  bytes: Uint8Array
  /** Neither received nor asked for. */
  gaps: Span[]
  parts: Part[]
  contributions: Contribution[]
  missingBytes: number
  begunAtMs: number
  starter: SourceId
  /** A disputed chunk comes whole from this source. */
  only?: Source | undefined
}

/** The piece of one request that falls into one chunk. */
export interface Part extends Span {
  request: FetchRequest
  assembly: Assembly
  /** Offset in the chunk of the next byte to come. */
  atBytes: number
  /** A duplicate's bytes wait here; the first owner writes into the chunk itself. */
  buffer?: Uint8Array | undefined
  twin?: Part | undefined
  /** Done, or no longer wanted. */
  isOver: boolean
}

export interface FetchRequest {
  id: number
  source: Source
  parts: Part[]
  cursor: number
  totalBytes: number
  remainingBytes: number
  liveParts: number
}

export interface FetchState {
  readonly places: readonly ChunkPlace[]
  readonly now: () => number
  readonly random: () => number
  readonly status: Uint8Array
  readonly queue: RarityQueue
  readonly sources: Map<SourceId, Source>
  readonly slots: (Source | undefined)[]
  readonly requests: Map<number, FetchRequest>
  readonly assemblies: Map<number, Assembly>
  /** Those of `assemblies` that have gaps. */
  readonly open: Set<Assembly>
  readonly verifying: Map<number, Assembly>
  readonly cases: Map<number, BlameCase>
  /** Disputed chunks that nobody has been asked for. */
  readonly disputed: Set<number>
  /** Totals of sources that are gone. */
  readonly departed: Map<SourceId, { bytes: number; chunks: number }>
  /** Proven lies of sources that were gone when they came out. */
  readonly strikes: Map<SourceId, number>
  readonly buffers: ChunkBuffers
  /** Chunks below the block size in index order, and where in it a chunk stands. */
  readonly small: Int32Array
  actions: FetchAction[]
  /** Of all begun chunks. */
  missingBytes: number
  disputedBytes: number
  duplicateBytes: number
  nextRequestId: number
  isPaused: boolean
  lastNormalByteMs: number
}

export function createState(init: FetchCoreInit, smallBytes: number): FetchState {
  const sizes = init.places.map((place) => place.sizeBytes)
  return {
    places: init.places,
    now: init.now,
    random: init.random,
    status: new Uint8Array(sizes.length),
    queue: new RarityQueue(sizes, init.random),
    sources: new Map(),
    slots: new Array<Source | undefined>(sourcesPerFetchMax).fill(undefined),
    requests: new Map(),
    assemblies: new Map(),
    open: new Set(),
    verifying: new Map(),
    cases: new Map(),
    disputed: new Set(),
    departed: new Map(),
    strikes: new Map(),
    buffers: new ChunkBuffers(fetchBufferBytesMax),
    small: Int32Array.from(sizes.flatMap((size, index) => (size < smallBytes ? [index] : []))),
    actions: [],
    missingBytes: 0,
    disputedBytes: 0,
    duplicateBytes: 0,
    nextRequestId: 1,
    isPaused: false,
    lastNormalByteMs: init.now(),
  }
}

/** Bytes that are wanted and not here yet. */
export function leftBytes(state: FetchState): number {
  return state.queue.queuedBytes + state.missingBytes + state.disputedBytes
}
