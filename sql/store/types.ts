/**
 * The shard database: which models, extents and components this node knows, where their bytes lie, and which chunks it
 * holds. One interface, several engines, one compliance suite.
 */
import type { ExtentRoot, ModelId, PeerId } from '#protocol/ids.ts'
import type { ModelContent } from '#protocol/model/content.ts'
import type { SignedRelease } from '#protocol/model/release.ts'
import type { ComponentKind, NumberRange, QueryTensor } from '#protocol/query/message.ts'
import type { ApiKeyStore } from './api-key.ts'
import type { ChainBlock, ChainEventBatch, ChainEventFilter, ChainEventPage } from './chain-event.ts'
import type { CheckpointStore } from './checkpoint-row.ts'
import type { DocumentStore } from './document.ts'
import type { JobStore } from './job.ts'
import type { LedgerAppend, LedgerCheck, LedgerEntry, LedgerFilter, LedgerKind } from './ledger-entry.ts'

/** (issuer, subject), as text: the local owner is `local:owner`. */
export type TenantId = string

export interface StoreCapabilities {
  engine: 'embedded' | 'mssql'
  version: string
  isInMemory: boolean
}

export interface StoreStatistics {
  rows: Record<string, number>
  sizeBytes: number
}

export interface ShardStore {
  capabilities(): Promise<StoreCapabilities>
  /** Runs what is missing. @throws {ERR_STORE_MIGRATION} when the database is newer, or a recorded hash differs. */
  migrate(): Promise<{ applied: number[] }>
  forTenant(tenant: TenantId): TenantStore
  /** Who has ever written something, in order of the name. */
  listTenants(): Promise<TenantId[]>
  /** Row counts by table and file size, for status and doctor. */
  statistics(): Promise<StoreStatistics>
  /** The engine's own integrity check, for doctor: reads the whole database. Empty when all is well. */
  check(): Promise<string[]>
  close(): Promise<void>
}

export type EdgeKind = 'next' | 'contains' | 'uses'

/** A queryable part of a model: a list of extents. `key` is unique in its model: `blk.3.attention`. */
export interface ComponentRow {
  key: string
  kind: ComponentKind
  /** Block number; absent for embedding, head and the like. */
  layer?: number
  /** Expert number within its layer. */
  expert?: number
  /** Chunk-addressed extents: [fileIndex, extentIndex]. */
  extents: [fileIndex: number, extentIndex: number][]
  sizeBytes: number
  parameterCount: number
  meta: Record<string, unknown>
}

export interface EdgeRow {
  from: string
  to: string
  kind: EdgeKind
}

/** Where one file of a model lies on this machine. */
export interface ModelFileRow {
  fileIndex: number
  path: string
  sizeBytes: number
  /** `user`: used in place, watched, never written. `own`: preallocated and filled by us. */
  origin: 'user' | 'own'
  /** Of a user's file: what it looked like when hashed (device, inode, mtimeNs), canonical JSON. */
  identity?: string
}

export interface PutModel {
  modelId: ModelId
  content: ModelContent
  architecture: string
  format: string
  parameterCount: number
  /** Metadata of the file, bounded (long arrays replaced by their length), canonical JSON text. */
  meta: Record<string, unknown>
  components: ComponentRow[]
  edges: EdgeRow[]
  files: ModelFileRow[]
  /** Bitfield of the chunks that are held. */
  held: Uint8Array
  /** `fetch`: wanted by placement or pull; `ingest`: a user's file. */
  origin: 'ingest' | 'fetch'
}

export interface ModelRow {
  modelId: ModelId
  architecture: string
  format: string
  parameterCount: number
  sizeBytes: number
  chunkCount: number
  heldChunks: number
  heldBytes: number
  origin: 'ingest' | 'fetch'
  createdAtMs: number
  lastUsedAtMs: number
  isPinned: boolean
  files: ModelFileRow[]
  meta: Record<string, unknown>
}

export interface ReleaseRow extends SignedRelease {
  receivedFrom: PeerId
  receivedAtMs: number
  /** Signed by this node; never pushed out. */
  isOwn: boolean
}

export interface ReleaseFilter {
  modelId?: ModelId
  name?: string
  licence?: string
  /** Received then or later. */
  sinceMs?: number
  /** 100 unless given, 1000 at most. */
  limit?: number
  cursor?: string
}

export interface ReleasePage {
  releases: ReleaseRow[]
  /** Absent on the last page. */
  nextCursor?: string
}

/**
 * `model-added` {modelId, origin}: also when a known model was put with other files. `model-complete` {modelId}: the last
 * chunk of a model that was added incomplete is held. `held-removed` {modelId, chunks, heldChunks}: chunks are gone.
 * `model-removed` {modelId}.
 */
export type OutboxTopic = 'model-added' | 'model-complete' | 'held-removed' | 'model-removed'

export interface OutboxEvent {
  seq: number
  topic: OutboxTopic
  body: Record<string, unknown>
  atMs: number
}

export interface ComponentFilter {
  modelId?: ModelId
  /** One of these; empty or absent: any. */
  kinds?: readonly ComponentKind[]
  layers?: NumberRange
  experts?: NumberRange
  sizeBytes?: NumberRange
  /** Just this one. */
  key?: string
  /** `*` stands for any run of characters, `?` for any one. */
  keyPattern?: string
  /** All, unless given. */
  limit?: number
  /** Key of the last row of the previous page. */
  after?: { modelId: ModelId; key: string }
}

export interface ComponentHit extends ComponentRow {
  modelId: ModelId
  heldBytes: number
  /** In the order of `extents`, without headers and gaps. */
  tensors: QueryTensor[]
}

/** Models by their search terms (`search-terms.ts`). */
export interface ModelTermFilter {
  /** Each model has it: the rarest term of all that are asked for. */
  term: string
  /** Each model has all of these, too. */
  all: readonly string[]
  after?: ModelId
  limit: number
}

/** Where else on this machine the bytes of an extent lie. */
export interface ExtentPlace {
  modelId: ModelId
  path: string
  offsetBytes: number
  sizeBytes: number
}

export interface ByteRange {
  fileIndex: number
  offsetBytes: number
  sizeBytes: number
}

/** Vectors that can be compared with one another: of one embedding model, say. */
export interface SpaceRow {
  name: string
  /** Numbers in each vector. */
  dimension: number
  rowCount: number
  /** Absent where the rows themselves are searched: few of them, a store in memory, no binary for this platform. */
  index?: SpaceIndexRow
}

export interface SpaceIndexRow {
  segmentCount: number
  /** Vectors in the index, whether their rows are still there or not. */
  entryCount: number
  /** Of these, the ones whose rows are gone. */
  deadCount: number
  /** Rows that are newer than the index; they are searched one by one. */
  pendingCount: number
  /** Why these could not be taken in. It is tried again after the next ones. */
  problem?: string
}

export interface ComponentRef {
  modelId: ModelId
  key: string
}

export interface EmbeddingRow extends ComponentRef {
  /** Any length but 0: it is stored with length 1. */
  vector: Float32Array
}

export interface EmbeddingFilter {
  modelId?: ModelId
  /** One of these; empty or absent: any. */
  kinds?: readonly ComponentKind[]
  layers?: NumberRange
}

export interface NearestQuery {
  space: string
  vector: Float32Array
  /** How many at most. */
  k: number
  where?: EmbeddingFilter
  /** Every row is looked at. Otherwise the index may miss one in thirty of the nearest. */
  isExact?: boolean
}

export interface NearestHit extends ComponentRef {
  /** Cosine of the angle between both, from the stored row: 1 for the same direction. */
  score: number
}

export interface IngestCheckpoint {
  path: string
  /** Identity (device, inode, size, mtimeNs) that the leaves belong to, canonical JSON. */
  identity: string
  /** Leaves finished so far, 32 bytes each. */
  leaves: Uint8Array
}

/** Everything below sees one tenant's rows only. Methods that name a model throw ERR_NOT_FOUND unless said otherwise. */
export interface TenantStore extends JobStore, ApiKeyStore, DocumentStore, CheckpointStore {
  /**
   * All rows of a model in one transaction, with an outbox event `model-added`; durable when it resolves. Content that is
   * not whole (holes, wrong number of leaves, unknown extents in a component) is refused.
   *
   * Put again with the same files: what is held is united, components and edges are replaced where they differ. With other
   * files: these and `held` replace the old ones. `content` is not compared: equal ids mean equal content.
   * @throws {ERR_USAGE} {ERR_LIMIT} {ERR_STORE_DUPLICATE} other files that lack chunks which are held now
   */
  putModel(model: PutModel): Promise<void>
  /** `undefined` where it is unknown. */
  getModel(modelId: ModelId): Promise<ModelRow | undefined>
  listModels(): Promise<ModelRow[]>
  /** Extents and leaves, for serving and publishing; `undefined` where it is unknown. */
  getContent(modelId: ModelId): Promise<ModelContent | undefined>
  /** With all that belongs to it but its releases. False where it is unknown. */
  removeModel(modelId: ModelId): Promise<boolean>
  setPinned(modelId: ModelId, isPinned: boolean): Promise<void>
  /** What a file looks like now; its bytes are the same. @throws {ERR_NOT_FOUND} */
  setFileIdentity(modelId: ModelId, fileIndex: number, identity: string): Promise<void>
  /** Sets `lastUsedAtMs`; no error for a model that has gone. */
  touchModel(modelId: ModelId): Promise<void>

  /** Marks chunks held, in one transaction, durable when it resolves. @throws {ERR_USAGE} for an index out of range */
  addHeld(modelId: ModelId, chunkIndexes: number[]): Promise<void>
  removeHeld(modelId: ModelId, chunkIndexes: number[] | 'all'): Promise<void>
  /** One bit per chunk, most significant bit first; `undefined` where the model is unknown. */
  getHeld(modelId: ModelId): Promise<Uint8Array | undefined>
  /** Local places of the same extent, for copies instead of transfers. Only wholly held ones, `localExtentPlacesMax` at most. */
  findExtent(root: ExtentRoot): Promise<ExtentPlace[]>

  /**
   * False when it is known already, or older than what its publisher said of this model under this name. The caller has
   * checked the signature. The table is bounded (`releasesKnownMax`, `releasesPerPeerMax`, `releasesPerModelMax`), oldest
   * out; own ones and those of models that are here stay.
   */
  putRelease(release: SignedRelease, receivedFrom: PeerId, options?: { isOwn?: boolean }): Promise<boolean>
  /** In the order of arrival; pages are stable while others arrive. @throws {ERR_USAGE} for a cursor that is none */
  listReleases(filter?: ReleaseFilter): Promise<ReleasePage>

  /** In order of (model id, key). @throws {ERR_LIMIT} for a pattern that would take too long */
  findComponents(filter: ComponentFilter): Promise<ComponentHit[]>
  /** Structural edges out of (or into) components of one model, in order of (key, kind, other key); none where it is unknown. */
  edges(modelId: ModelId, keys: readonly string[], direction: 'out' | 'in'): Promise<EdgeRow[]>
  /** In order of the model id. Only models whose content is in the store. */
  findModels(filter: ModelTermFilter): Promise<ModelId[]>
  /** How many models have a term, known ones without content included: `searchTermCountMax` at most. */
  countTerm(term: string): Promise<number>
  /** Of these terms, those that a model has. */
  termsOf(modelId: ModelId, terms: readonly string[]): Promise<string[]>
  /** Brings the search index of models that an older version stored up to date, some at a time; returns how many it did. */
  indexModels(limit: number): Promise<number>
  /** Byte ranges of components in their files, sorted and coalesced: what Load reads. */
  ranges(modelId: ModelId, keys: string[]): Promise<ByteRange[]>

  /** Makes an empty one; nothing where it exists already. @throws {ERR_USAGE} with another dimension {ERR_LIMIT} */
  putSpace(name: string, dimension: number): Promise<void>
  /** `undefined` where it is unknown. */
  getSpace(name: string): Promise<SpaceRow | undefined>
  /**
   * In one transaction. A component has one vector in a space, the last one; it goes with the component.
   * @throws {ERR_NOT_FOUND} for a space or component {ERR_USAGE} for a vector that is none {ERR_LIMIT}
   */
  putEmbeddings(space: string, rows: EmbeddingRow[]): Promise<void>
  /** Returns how many were there. @throws {ERR_NOT_FOUND} for a space */
  removeEmbeddings(space: string, components: ComponentRef[]): Promise<number>
  /** Nearest first; what was put before is found. @throws {ERR_NOT_FOUND} for a space {ERR_USAGE} {ERR_LIMIT} */
  findNearest(query: NearestQuery): Promise<NearestHit[]>

  /** Leaves of the same identity must continue those saved before: only the new ones are written. */
  saveIngestCheckpoint(checkpoint: IngestCheckpoint): Promise<void>
  getIngestCheckpoint(path: string): Promise<IngestCheckpoint | undefined>
  removeIngestCheckpoint(path: string): Promise<void>

  /** Small durable settings of the node: pins, wishes, counters. Plain data; `undefined` removes it. */
  putSetting(key: string, value: unknown): Promise<void>
  getSetting(key: string): Promise<unknown>

  /**
   * The oldest events, theirs until the lease ends; not acknowledged by then, they are told again. While a claim is open
   * the next one gives nothing, so that events are told in order. Of events that nobody takes the newest `outboxEventsMax`
   * are kept.
   */
  claimOutbox(limit: number, leaseMs: number): Promise<OutboxEvent[]>
  ackOutbox(seqs: number[]): Promise<void>

  /**
   * Appends to the ledger, whose entries are bound to one another by their hashes and never change or go. In one
   * transaction, durable when it resolves.
   *
   * `isUnique`: where an entry of the same kind and subject exists, nothing is written, and the first such entry comes back
   * in its place: of one job there cannot be two receipts.
   * @throws {ERR_USAGE} {ERR_LIMIT}
   */
  appendLedger(entries: LedgerAppend[], options?: { isUnique?: boolean }): Promise<LedgerEntry[]>
  /** Oldest first, unless asked otherwise. @throws {ERR_USAGE} */
  listLedger(filter?: LedgerFilter): Promise<LedgerEntry[]>
  /** Walks the whole ledger, a page in memory at a time. What was cut off at its end shows in `head` only. */
  checkLedger(): Promise<LedgerCheck>
  /** The newest entry of each subject of a kind, in order of the subject; `limit` as with `listLedger`. */
  latestLedger(kind: LedgerKind, page?: { afterSubject?: string; limit?: number }): Promise<LedgerEntry[]>

  /**
   * How far the events of a chain's contracts are here; `undefined` before the first. `chain` is what an indexer calls it:
   * `eip155:ID:0xescrow`.
   */
  chainCursor(chain: string): Promise<ChainBlock | undefined>
  /** With the cursor, in one transaction. @throws {ERR_STORE_CONFLICT} unless the cursor is `from` {ERR_USAGE} {ERR_LIMIT} {ERR_ID} */
  addChainEvents(chain: string, batch: ChainEventBatch): Promise<void>
  /**
   * After a reorganisation: the cursor goes back to `to`, and all events behind it go, those of another block at its height
   * included; returns how many. @throws {ERR_USAGE} where the cursor is not that far
   */
  removeChainEvents(chain: string, to: ChainBlock | undefined): Promise<number>
  /** In the order of the chain; pages are stable while events come behind them. @throws {ERR_USAGE} {ERR_ID} */
  listChainEvents(chain: string, filter?: ChainEventFilter): Promise<ChainEventPage>
}
