/**
 * The data plane as the main thread sees it: chunks are served and fetched in a worker thread of its own, which owns the
 * model files, the TLS sockets, the hashing and the scheduler. Nothing that passes through this interface is bulk.
 */
import type { MessagePort } from 'node:worker_threads'
import type { ExtentRoot, ModelId, PeerId } from '#protocol/ids.ts'
import type { ExtentLayout } from '#protocol/model/content.ts'
import type { ServedCounts } from './serve-tally.ts'

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
  /** From the answer to our offer. */
  certificateSha256: string
  /** The token that we issued for it. */
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

/** What went over one connection: bytes of whole data frames, and the hash of what they were asked as, 32 bytes. */
export interface ServedFigures {
  servedBytes: number
  transcript: Uint8Array
}

/** The same, as the other end counts it. The two agree once nothing is owed. */
export interface ReceivedFigures {
  receivedBytes: number
  transcript: Uint8Array
}

/** A frame connection (TLS either way, libp2p) that a fetch takes bytes from. */
export interface PurchaseNames {
  modelId: ModelId
  peerId: PeerId
  linkId: number
}

export interface DataPlaneEvents {
  'hash-progress': HashProgress
  /** Leaves of a finished run of chunks of a hash job. */
  'hash-leaves': { jobId: string; leaves: Uint8Array }
  /** Verified, written, flushed: now record them as held. `chunkIndexes` is one flush batch. */
  'chunks-held': { modelId: ModelId; chunkIndexes: number[] }
  /** About four times per second while a fetch runs, and at its end. */
  'fetch-progress': FetchProgress
  /** Chunks of our own file whose bytes on disk turned out to be damaged: no longer held, to be fetched again. */
  'chunks-lost': { modelId: ModelId; chunkIndexes: number[] }
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
  /** How requests ended since the last of these; once per second while anything is asked. */
  served: ServedCounts

  /** A session that serves a peer while we sell; where we do not, when its first message of payment comes. */
  'sale-open': { sessionId: number; peerId: PeerId }
  /** The figures are those of the moment at which the message came. `body` is opaque here. */
  'sale-message': { sessionId: number; peerId: PeerId; body: Uint8Array } & ServedFigures
  /**
   * Half of the credit that was left at the last `setCredit` has been served; or a request waits for more. Each is told
   * once until the credit is raised.
   */
  'sale-progress': { sessionId: number; servedBytes: number; creditBytes: number; isWaiting: boolean }
  /** Whatever was opened ends. A block that was being sent is counted. */
  'sale-end': { sessionId: number; peerId: PeerId; reason: string } & ServedFigures

  /** The fetch takes bytes over this link from now on. */
  'purchase-open': PurchaseNames
  'purchase-message': PurchaseNames & ReceivedFigures & { body: Uint8Array }
  'purchase-end': PurchaseNames & ReceivedFigures & { reason: string }
}

export interface DataPlane {
  /** Our listener: what a data offer says. */
  readonly endpoint: { host: string; port: number; certificateSha256: string }

  /**
   * A token that lets exactly `peerId` connect once, within `offerTokenTtlMs`, and only under this certificate (hex). Without
   * one where we ask the peer to dial us and serve: its certificate is known only from its answer.
   * @throws {ERR_PEER_BUSY}
   */
  issueToken(peerId: PeerId, certificateSha256?: string): Promise<Uint8Array>
  /** Seed behind NAT: dial `peer`'s listener and serve over that connection. @throws {ERR_PEER_UNREACHABLE} */
  dialAndServe(peer: TlsSourceAddress): Promise<void>
  /**
   * A libp2p `/chunk` stream behind a port (`protocol/port/byte-channel.ts`): `serve` answers the peer's requests on it,
   * `fetch` is what an `addSource` of transport `libp2p` for this peer takes. The port moves to the worker.
   */
  attachChannel(peerId: PeerId, role: 'serve' | 'fetch', port: MessagePort): Promise<void>

  /**
   * Hashes extents of a file in place. `skipChunks` chunks at the front are taken as done (resume after a kill); with
   * `identity` only if the file still is the one they were hashed from. Returns the leaves of the rest; `onLeaves` gets those
   * of each finished run of chunks (64 MiB). The job id must be unique among running jobs.
   * @throws {ERR_WITHDRAWN} when the file changes meanwhile. @throws {ERR_IO}
   */
  hashFile(
    job: { jobId: string; path: string; extents: ExtentLayout[]; skipChunks?: number; identity?: FileIdentity },
    options?: { signal?: AbortSignal; onLeaves?: (leaves: Uint8Array) => void },
  ): Promise<{ leaves: Uint8Array; identity: FileIdentity }>

  /** Starts serving the held chunks of a model. Chunks that a fetch adds are served as soon as they are held. */
  addModel(model: TransferModel): Promise<void>
  removeModel(modelId: ModelId): Promise<void>

  /**
   * One chunk that is held, checked against its hash.
   * @throws {ERR_NOT_FOUND} {ERR_CHUNK_NOT_HELD} {ERR_CHUNK_MISMATCH} its file is damaged {ERR_WITHDRAWN} {ERR_IO}
   */
  readChunk(modelId: ModelId, chunkIndex: number): Promise<Uint8Array>

  /** Bitfield of what is held now. */
  held(modelId: ModelId): Promise<Uint8Array>

  /**
   * Starts (or widens) the fetch of a model that was added. `wanted` is a bitfield. Files are preallocated at first use; what
   * another local file has is copied. `fetch-complete` follows also where nothing is missing.
   * @throws {ERR_NOT_FOUND} {ERR_DECODE}
   */
  startFetch(modelId: ModelId, wanted: Uint8Array): Promise<void>
  /**
   * Connects to a source; resolves when it is in use. A source that is in use already is updated.
   * @throws {ERR_PEER_UNREACHABLE} {ERR_PEER_PROTOCOL} {ERR_TIMEOUT} (it did not dial us) {ERR_LIMIT} (enough sources)
   * {ERR_REFUSED_BY_POLICY} (banned) {ERR_NOT_FOUND} (no such fetch)
   */
  addSource(modelId: ModelId, source: Source, have: Uint8Array): Promise<void>
  updateSource(modelId: ModelId, peerId: string, have: Uint8Array): Promise<void>
  removeSource(modelId: ModelId, peerId: string): Promise<void>
  resumeFetch(modelId: ModelId): Promise<void>
  stopFetch(modelId: ModelId): Promise<void>

  /** While we sell, sessions start with no credit; those that run go on as they began. Default: we do not. */
  setSelling(isSelling: boolean): Promise<void>
  /**
   * What a session may serve in all, so far included; `Infinity`: anything. A request beyond it waits; where this does not
   * grow for `unpaidWaitMs` it is refused as unpaid, as are all others beyond, until it grows. Ignored after the session's end.
   */
  setCredit(sessionId: number, creditBytes: number): Promise<void>
  /** Ignored after the session's end. @throws {ERR_LIMIT} */
  sendToBuyer(sessionId: number, body: Uint8Array): Promise<void>
  /** Ignored after the link's end. @throws {ERR_LIMIT} */
  sendToSeller(linkId: number, body: Uint8Array): Promise<void>
  /** When its fetch completes or leaves it, this link stays open for `receiptWaitMs`. Ignored after the link's end. */
  keepForReceipt(linkId: number): Promise<void>
  /**
   * Takes the link from its fetch, cancels what it owes, and waits until nothing is under way: then both ends count the
   * same. The link stays open for another `receiptWaitMs`, or until `closeLink`.
   * @throws {ERR_NOT_FOUND} it has ended {ERR_PEER_UNREACHABLE} it ended meanwhile, or took `sourceStallMs`
   */
  finishPurchase(linkId: number): Promise<ReceivedFigures>
  closeLink(linkId: number): Promise<void>

  setCaps(caps: { uploadBytesPerSecond?: number; downloadBytesPerSecond?: number }): Promise<void>
  /** The worker is gone: nothing of this works any more. */
  onClose(listener: (reason: string) => void): void
  on<K extends keyof DataPlaneEvents>(event: K, listener: (payload: DataPlaneEvents[K]) => void): () => void
  close(): Promise<void>
}
