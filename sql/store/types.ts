/**
 * The shard database: which models, extents and components this node knows, where their bytes lie, and which chunks it
 * holds. One interface, several engines, one compliance suite.
 */
import type { ExtentRoot, ModelId, PeerId } from '#protocol/ids.ts'
import type { ModelContent } from '#protocol/model/content.ts'
import type { SignedRelease } from '#protocol/model/release.ts'

/** (issuer, subject), as text: the local owner is `local:owner`. */
export type TenantId = string

export interface StoreCapabilities {
  engine: 'embedded' | 'mssql'
  version: string
  isInMemory: boolean
}

export interface ShardStore {
  capabilities(): Promise<StoreCapabilities>
  /** Runs what is missing. @throws {ERR_STORE_MIGRATION} when the database is newer, or a recorded hash differs. */
  migrate(): Promise<{ applied: number[] }>
  forTenant(tenant: TenantId): TenantStore
  /** Row counts by table and file size, for status and doctor. */
  statistics(): Promise<{ rows: Record<string, number>; sizeBytes: number }>
  close(): Promise<void>
}

export type ComponentKind = 'embedding' | 'attention' | 'ffn' | 'expert' | 'router' | 'norm' | 'head' | 'other'
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
}

export interface OutboxEvent {
  seq: number
  topic: string
  body: Record<string, unknown>
  atMs: number
}

export interface ComponentFilter {
  modelId?: ModelId
  kind?: ComponentKind
  layerMin?: number
  layerMax?: number
  keyPattern?: string
  limit?: number
  /** Key of the last row of the previous page. */
  after?: { modelId: ModelId; key: string }
}

export interface ComponentHit extends ComponentRow {
  modelId: ModelId
  heldBytes: number
}

export interface IngestCheckpoint {
  path: string
  /** Identity (device, inode, size, mtimeNs) that the leaves belong to, canonical JSON. */
  identity: string
  /** Leaves finished so far, 32 bytes each. */
  leaves: Uint8Array
}

/** Everything below sees one tenant's rows only. */
export interface TenantStore {
  /** All rows of a model in one transaction, with an outbox event `model-added`. Idempotent for the same id and files. */
  putModel(model: PutModel): Promise<void>
  getModel(modelId: ModelId): Promise<ModelRow | undefined>
  listModels(): Promise<ModelRow[]>
  /** Extents and leaves, for serving and publishing. */
  getContent(modelId: ModelId): Promise<ModelContent | undefined>
  removeModel(modelId: ModelId): Promise<boolean>
  setPinned(modelId: ModelId, isPinned: boolean): Promise<void>
  touchModel(modelId: ModelId): Promise<void>

  /** Marks chunks held, in one transaction, durable when it resolves. */
  addHeld(modelId: ModelId, chunkIndexes: number[]): Promise<void>
  removeHeld(modelId: ModelId, chunkIndexes: number[] | 'all'): Promise<void>
  getHeld(modelId: ModelId): Promise<Uint8Array | undefined>
  /** Other local places of the same extent, for copies instead of transfers. Only wholly held ones. */
  findExtent(root: ExtentRoot): Promise<{ modelId: ModelId; path: string; offsetBytes: number; sizeBytes: number }[]>

  putRelease(release: SignedRelease, receivedFrom: PeerId): Promise<boolean>
  listReleases(filter?: {
    modelId?: ModelId
    name?: string
    sinceMs?: number
    limit?: number
    cursor?: string
  }): Promise<{ releases: ReleaseRow[]; nextCursor?: string }>

  findComponents(filter: ComponentFilter): Promise<ComponentHit[]>
  /** Structural edges out of (or into) components of one model. */
  edges(modelId: ModelId, key: string, direction: 'out' | 'in'): Promise<EdgeRow[]>
  /** Byte ranges of components in their files, sorted and coalesced: what Load reads. */
  ranges(modelId: ModelId, keys: string[]): Promise<{ fileIndex: number; offsetBytes: number; sizeBytes: number }[]>

  saveIngestCheckpoint(checkpoint: IngestCheckpoint): Promise<void>
  getIngestCheckpoint(path: string): Promise<IngestCheckpoint | undefined>
  removeIngestCheckpoint(path: string): Promise<void>

  /** Small durable settings of the node: pins, wishes, counters. */
  putSetting(key: string, value: unknown): Promise<void>
  getSetting(key: string): Promise<unknown>

  claimOutbox(limit: number, leaseMs: number): Promise<OutboxEvent[]>
  ackOutbox(seqs: number[]): Promise<void>
}
