/**
 * The data plane as the main thread sees it: chunks are served and fetched in a worker thread of its own, which owns the
 * model files, the TLS sockets, the hashing and the scheduler. Nothing that passes through this interface is bulk.
 */
import type { ExtentRoot, ModelId, PeerId } from '#protocol/ids.ts'
import type { ExtentLayout } from '#protocol/model/content.ts'

export interface DataPlaneConfig {
  /** Address of the TLS listener; `127.0.0.1` unless the owner asked for more. */
  listenHost: string
  /** 0: any free port. */
  listenPort: number
  /** `undefined`: no cap. */
  uploadBytesPerSecond?: number
  downloadBytesPerSecond?: number
}

/** What a local file must still look like for its hashes to hold. */
export interface FileIdentity {
  device: string
  inode: string
  sizeBytes: number
  /** Nanoseconds, as a decimal string: it does not fit a number. */
  mtimeNs: string
}

export interface HashProgress {
  jobId: string
  doneBytes: number
  totalBytes: number
}

/** A model as the data plane needs it: where each extent lies, and the hash of each chunk. */
export interface TransferModel {
  modelId: ModelId
  files: {
    path: string
    sizeBytes: number
    /** A user's file, used in place and watched; `undefined` for our own preallocated file. */
    identity?: FileIdentity
    extents: { root: ExtentRoot; offsetBytes: number; sizeBytes: number }[]
  }[]
  /** 32 bytes per chunk, in chunk-index order. */
  leaves: Uint8Array
  /** One bit per chunk, most significant bit first: which chunks are on disk and verified. */
  held: Uint8Array
}

/** Where a source's data plane listens, from its data offer. */
export interface TlsSourceAddress {
  transport: 'tls'
  peerId: PeerId
  host: string
  port: number
  /** SHA-256 of the source's certificate, hex. */
  certificateSha256: string
  /** One-time token from the offer. */
  token: Uint8Array
}

/** The source dials us (it is behind NAT): we wait for a connection that presents this token and certificate. */
export interface ReverseTlsSource {
  transport: 'tls-reverse'
  peerId: PeerId
  certificateSha256: string
  token: Uint8Array
}

/** The libp2p `/chunk` protocol, same frames, over the network worker. */
export interface StreamSource {
  transport: 'libp2p'
  peerId: PeerId
}

/** An HTTP origin that has the whole file; used as a last resort for a known model. One URL per file. */
export interface HttpSource {
  transport: 'http'
  peerId: string
  urls: string[]
}

export type Source = TlsSourceAddress | ReverseTlsSource | StreamSource | HttpSource

export interface SourceStats {
  peerId: string
  transport: Source['transport']
  state: 'connecting' | 'active' | 'idle' | 'gone' | 'banned'
  bytes: number
  /** Accepted chunks that came wholly or mostly from this source. */
  chunks: number
  bytesPerSecond: number
  rttMs?: number
  error?: string
}

export interface FetchProgress {
  modelId: ModelId
  wantedChunks: number
  heldChunks: number
  wantedBytes: number
  heldBytes: number
  bytesPerSecond: number
  chunksVerified: number
  chunksRejected: number
  duplicateBytes: number
  sources: SourceStats[]
}

export interface DataPlaneEvents {
  'hash-progress': HashProgress
  /** Verified, written, flushed: now record them as held. `chunkIndexes` is one flush batch. */
  'chunks-held': { modelId: ModelId; chunkIndexes: number[] }
  /** About four times per second while a fetch runs, and at its end. */
  'fetch-progress': FetchProgress
  /** All wanted chunks are held. */
  'fetch-complete': { modelId: ModelId }
  /** A source left, failed or was banned; `evidence` where a ban was decided. */
  'source-end': { modelId: ModelId; peerId: string; reason: string; banned: boolean; evidence?: string }
  /** A disk error or a full disk paused the fetch; it goes on when `resumeFetch` is called. */
  'fetch-paused': { modelId: ModelId; error: { code: string; message: string } }
  /** A user's file changed or disappeared: it is no longer served. */
  withdrawn: { modelId: ModelId; path: string; reason: string }
  /** Once per second while anything is uploaded. */
  'upload-progress': { bytesPerSecond: number; totalBytes: number; peers: { peerId: string; bytesPerSecond: number }[] }
}

export interface DataPlane {
  /** Our listener: what a data offer says. */
  readonly endpoint: { host: string; port: number; certificateSha256: string }

  /** A token that lets exactly `peerId` connect once, within `offerTokenTtlMs`. */
  issueToken(peerId: PeerId): Promise<Uint8Array>
  /** Seed behind NAT: dial `source`'s listener and serve over that connection. */
  dialAndServe(peer: TlsSourceAddress): Promise<void>

  /**
   * Hashes extents of a file in place. `skipChunks` chunks at the front are taken as done (resume after a kill). Returns the
   * leaves of the rest; `checkpoint` events are the `hash-leaves` of each finished run of chunks.
   * @throws {ERR_WITHDRAWN} when the file changes meanwhile. @throws {ERR_IO}
   */
  hashFile(
    job: { jobId: string; path: string; extents: ExtentLayout[]; skipChunks?: number },
    options?: { signal?: AbortSignal; onLeaves?: (leaves: Uint8Array) => void },
  ): Promise<{ leaves: Uint8Array; identity: FileIdentity }>

  /** Starts serving the held chunks of a model. Chunks that a fetch adds are served as soon as they are held. */
  addModel(model: TransferModel): Promise<void>
  removeModel(modelId: ModelId): Promise<void>

  /** Bitfield of what is held now. */
  held(modelId: ModelId): Promise<Uint8Array>

  /**
   * Starts (or widens) the fetch of a model that was added. `wanted` is a bitfield; `priority` chunks come first, else
   * rarest first. Files are preallocated at first use.
   */
  startFetch(modelId: ModelId, wanted: Uint8Array): Promise<void>
  addSource(modelId: ModelId, source: Source, have: Uint8Array): Promise<void>
  updateSource(modelId: ModelId, peerId: string, have: Uint8Array): Promise<void>
  removeSource(modelId: ModelId, peerId: string): Promise<void>
  resumeFetch(modelId: ModelId): Promise<void>
  stopFetch(modelId: ModelId): Promise<void>

  setCaps(caps: { uploadBytesPerSecond?: number; downloadBytesPerSecond?: number }): Promise<void>
  on<K extends keyof DataPlaneEvents>(event: K, listener: (payload: DataPlaneEvents[K]) => void): () => void
  close(): Promise<void>
}
