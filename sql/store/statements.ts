/**
 * The statements that every engine provides, by name: what goes in, and the shape of the rows that come out. Each engine
 * has one module with their texts; the logic above knows only these names.
 *
 * Every statement of `TenantStatements` also takes `tenantId` and must have it in its predicate: `TenantSession` binds it,
 * and the embedded engine refuses a parameter that the text does not use.
 */
import type { ExtentKind } from '#protocol/model/content.ts'
import type { ComponentKind } from '#protocol/query/message.ts'
import type { TenantTotal } from './job.ts'
import type { EdgeKind } from './types.ts'

interface Statement<Parameters, Row = never> {
  parameters: Parameters
  row: Row
}

type None = Record<never, never>
type ModelKey = { modelPk: number }

export interface ModelFields {
  architecture: string
  format: string
  parameterCount: number
  origin: 'ingest' | 'fetch'
  /** JSON. */
  meta: string
  indexSha256: Uint8Array
}

export interface StoredModel extends Omit<ModelFields, 'indexSha256'> {
  modelPk: number
  modelId: string
  sizeBytes: number
  chunkCount: number
  heldChunks: number
  heldBytes: number
  createdAtMs: number
  lastUsedAtMs: number
  isPinned: number
}

export interface StoredFile {
  fileIndex: number
  sizeBytes: number
  path: string | null
  origin: 'user' | 'own' | null
  identity: string | null
}

export interface StoredExtent {
  fileIndex: number
  extentIndex: number
  firstChunk: number
  kind: ExtentKind
  name: string | null
  dtype: string | null
  /** JSON. */
  shape: string | null
  offsetBytes: number
  sizeBytes: number
  root: Uint8Array
}

export interface StoredHolding {
  modelPk: number
  chunkCount: number
  bits: Uint8Array
  heldChunks: number
  heldBytes: number
}

export interface StoredComponent {
  key: string
  kind: ComponentKind
  layer: number | null
  expert: number | null
  sizeBytes: number
  parameterCount: number
  /** JSON. */
  meta: string
}

export interface StoredRelease {
  releasePk: number
  /** JSON. */
  body: string
  bytes: Uint8Array
  signature: Uint8Array
  receivedFrom: string
  receivedAtMs: number
  isOwn: number
}

type ReleasePage<Filter> = Statement<Filter & { afterPk: number; sinceMs: number | null; limit: number }, StoredRelease>
type CheckpointKey = { path: string }

export interface StoredSpace {
  spacePk: number
  dimension: number
  rowCount: number
  /** Indexes of it that were written; the newest has this number, or a lower one after a crash. */
  indexNumber: number
  /** Of the shard: of the newest vector of any tenant. */
  rev: number
  shardUid: string
}

export interface StoredVector {
  rev: number
  /** f32, little endian, of length 1. */
  vector: Uint8Array
}

export interface StoredLedgerEntry {
  seq: number
  kind: string
  subject: string
  bytes: Uint8Array
  /** JSON. */
  fields: string | null
  atMs: number
  previous: Uint8Array
  hash: Uint8Array
}

/** Oldest first, behind an entry. */
type LedgerPage<Filter> = Statement<Filter & { afterSeq: number; limit: number }, StoredLedgerEntry>
/** Newest first, before an entry. */
type LedgerPageBack<Filter> = Statement<Filter & { beforeSeq: number; limit: number }, StoredLedgerEntry>
type LedgerKindKey = { kind: string }
type LedgerSubjectKey = { kind: string; subject: string }

type ChainKey = { chainPk: number }
/** Both null: nothing has been read of the chain. */
type ChainPlace = { blockNumber: number | null; blockHash: string | null }
export type StoredChain = ChainKey & ChainPlace

export interface StoredChainEvent {
  blockNumber: number
  blockHash: string
  logIndex: number
  transactionHash: string
  contract: string
  name: string
  /** JSON. */
  args: string
  /** JSON. */
  addresses: string
}

/** In order of (block, index), behind both. */
type ChainEventPage<Filter> = Statement<
  ChainKey & Filter & { afterBlock: number; afterIndex: number; limit: number },
  StoredChainEvent
>

type JobKey = { jobId: string }

/** Of a job, what never changes but its request. */
interface StoredJobHead extends JobKey {
  kind: string
  idempotencyKey: string | null
  requestHash: Uint8Array
  parentJobId: string | null
  createdAtMs: number
}

export interface StoredJobBody extends JobKey {
  state: string
  reason: string
  revision: number
  owner: string | null
  /** 0 where nobody owns it. */
  ownerUntilMs: number
  isCancelRequested: number
  updatedAtMs: number
  finishedAtMs: number | null
  /** JSON. */
  detail: string
  /** JSON. */
  result: string | null
  /** JSON. */
  error: string | null
  chargedWei: string
  /** Of request, detail, result and error. */
  sizeBytes: number
  /** The number of its last event. */
  eventCount: number
}

export interface StoredJob extends StoredJobHead, StoredJobBody {
  /** JSON. */
  request: string
}

export interface StoredAttempt extends JobKey {
  attempt: number
  peerId: string
  isHedge: number
  startedAtMs: number
  endedAtMs: number | null
  outcome: string | null
  /** JSON. */
  detail: string
  paidWei: string
  receiptHash: Uint8Array | null
}

export interface StoredJobEvent {
  seq: number
  atMs: number
  /** JSON. */
  body: string
}

export interface FoundJob extends JobKey {
  sizeBytes: number
}
/** In order of the id, behind a job. */
type JobPage<Filter> = Statement<Filter & { afterJobId: string; limit: number }, FoundJob>
/** The other way, before a job. */
type JobPageBack<Filter> = Statement<Filter & { beforeJobId: string; limit: number }, FoundJob>
type JobStateKey = { state: string }
type JobKindKey = JobStateKey & { kind: string }
/** `states`: JSON array. */
type JobParentKey = { parentJobId: string; kind: string | null; states: string | null }

export interface StoredApiKey {
  keyId: string
  hash: Uint8Array
  holder: string
  label: string
  /** JSON array. */
  scopes: string
  createdAtMs: number
  expiresAtMs: number | null
  revokedAtMs: number | null
  lastUsedAtMs: number | null
}

type ThreadKey = { thread: string; namespace: string }
type ThreadCheckpointKey = ThreadKey & { checkpointId: string }
export interface StoredThreadCheckpoint extends ThreadCheckpointKey {
  parentId: string | null
  checkpoint: Uint8Array
  metadata: Uint8Array
}
export interface StoredCheckpointWrite {
  taskId: string
  ordinal: number
  channel: string
  bytes: Uint8Array
}
/** Newest first, before a checkpoint. */
type ThreadPage<Filter> = Statement<
  Filter & { thread: string; beforeCheckpointId: string; limit: number },
  { namespace: string; checkpointId: string; sizeBytes: number }
>

type SpaceKey = { spacePk: number }
type RevRange = { afterRev: number; untilRev: number }
/** `kinds`: JSON array. */
type NeighbourFilter = {
  modelId: string | null
  kinds: string | null
  layerMin: number | null
  layerMax: number | null
}

/** Only of engines whose sessions have vectors. `size`: one of `serverVectorSizes`; `numbers`: JSON array of that length. */
export interface VectorStatements {
  /** Vectors up to this row are there. */
  findVectorProgress: Statement<SpaceKey, { rev: number }>
  putVectorProgress: Statement<SpaceKey & { rev: number }>
  /** `vectors`: JSON object of arrays of numbers, by rev. */
  insertServerVectors: Statement<SpaceKey & { size: number; vectors: string }>
  /** Nearest first, by the server's measure. */
  listNearest: Statement<SpaceKey & { size: number; numbers: string; afterRev: number; limit: number }, { rev: number }>
  listNearestOf: Statement<
    SpaceKey & NeighbourFilter & { size: number; numbers: string; afterRev: number; limit: number },
    { rev: number }
  >
}

export interface TenantStatements extends VectorStatements {
  findModel: Statement<{ modelId: string }, StoredModel>
  listModels: Statement<None, StoredModel>
  findModelIndex: Statement<ModelKey, { indexSha256: Uint8Array }>
  insertModel: Statement<
    ModelFields & { modelId: string; sizeBytes: number; chunkCount: number; atMs: number },
    { modelPk: number }
  >
  updateModel: Statement<ModelFields & ModelKey>
  deleteModel: Statement<ModelKey>
  setPinned: Statement<{ modelId: string; isPinned: number }>
  touchModel: Statement<{ modelId: string; atMs: number }>

  listFiles: Statement<ModelKey, StoredFile>
  listAllFiles: Statement<None, StoredFile & ModelKey>
  insertFile: Statement<StoredFile & ModelKey>
  updateFile: Statement<Omit<StoredFile, 'sizeBytes'> & ModelKey>

  insertExtent: Statement<StoredExtent & ModelKey>
  listExtents: Statement<ModelKey, StoredExtent>
  /** The extent that has a chunk. */
  findExtentOfChunk: Statement<ModelKey & { chunkIndex: number }, { firstChunk: number; sizeBytes: number }>
  /** Places of an extent, those in complete models first. */
  findExtentsByRoot: Statement<
    { root: Uint8Array; limit: number },
    { modelPk: number; modelId: string; firstChunk: number; offsetBytes: number; sizeBytes: number; path: string }
  >
  insertLeafBlock: Statement<ModelKey & { block: number; leaves: Uint8Array }>
  listLeafBlocks: Statement<ModelKey, { leaves: Uint8Array }>

  findHolding: Statement<{ modelId: string }, StoredHolding>
  findHoldingByPk: Statement<ModelKey, StoredHolding>
  insertHolding: Statement<ModelKey & { bits: Uint8Array; heldChunks: number; heldBytes: number }>
  updateHolding: Statement<ModelKey & { bits: Uint8Array; heldChunks: number; heldBytes: number }>

  insertComponent: Statement<StoredComponent & ModelKey & { atMs: number }>
  deleteComponents: Statement<ModelKey>
  listComponentKeys: Statement<ModelKey, { key: string; kind: ComponentKind; componentPk: number }>
  trimComponentHistory: Statement<{ keep: number }>
  insertComponentExtent: Statement<{ componentPk: number; ordinal: number; fileIndex: number; extentIndex: number }>
  insertEdge: Statement<{ src: number; kind: EdgeKind; dst: number }>
  /** In order of (model id, key). `keyPattern`: `*` any run of characters, `?` any one. */
  findComponents: Statement<
    {
      modelId: string | null
      /** JSON array. */
      kinds: string | null
      layerMin: number | null
      layerMax: number | null
      expertMin: number | null
      expertMax: number | null
      sizeMin: number | null
      sizeMax: number | null
      key: string | null
      keyPattern: string | null
      afterModelId: string | null
      afterKey: string | null
      limit: number
    },
    StoredComponent & { componentPk: number; modelPk: number; modelId: string }
  >
  /** `componentPks`: JSON array. In the order of each component's list. */
  listComponentExtents: Statement<
    { componentPks: string },
    {
      componentPk: number
      fileIndex: number
      extentIndex: number
      firstChunk: number
      offsetBytes: number
      sizeBytes: number
      name: string | null
      dtype: string | null
      /** JSON. */
      shape: string | null
    }
  >
  /** `keys`: JSON array. */
  listComponentsByKey: Statement<ModelKey & { keys: string }, { key: string; componentPk: number }>
  /** `keys`: JSON array. In order of (from, kind, to). */
  listEdgesOut: Statement<ModelKey & { keys: string }, { from: string; to: string; kind: EdgeKind }>
  /** In order of (to, kind, from). */
  listEdgesIn: Statement<ModelKey & { keys: string }, { from: string; to: string; kind: EdgeKind }>

  /** `source`: 0 is the model's content, else the key of a release. Goes with its source. */
  insertSearchTerm: Statement<{ term: string; modelId: string; source: number }>
  deleteModelTerms: Statement<{ modelId: string }>
  /** Models, at most `limit`. */
  countSearchTerm: Statement<{ term: string; limit: number }, { count: number }>
  /** `terms`: JSON array. */
  listSearchTerms: Statement<{ modelId: string; terms: string }, { term: string }>
  /** `all`: JSON array. In order of the model id, each model once. */
  findModelsByTerms: Statement<
    { term: string; all: string; afterModelId: string | null; limit: number },
    { modelId: string }
  >
  findModelsWithoutTerm: Statement<{ term: string; limit: number }, { modelId: string }>

  findRelease: Statement<
    { publisher: string; modelId: string; name: string },
    { releasePk: number; createdAtMs: number; isOwn: number; bytes: Uint8Array }
  >
  insertRelease: Statement<{
    modelId: string
    publisher: string
    name: string
    createdAtMs: number
    isOwn: number
    body: string
    bytes: Uint8Array
    signature: Uint8Array
    receivedFrom: string
    receivedAtMs: number
  }>
  deleteRelease: Statement<{ releasePk: number }>
  markReleaseOwn: Statement<{ releasePk: number }>
  countReleases: Statement<None, { count: number }>
  countReleasesFrom: Statement<{ receivedFrom: string }, { count: number }>
  /** The oldest that may go: not our own, and not of a model that is here. */
  largestReleaseSource: Statement<Record<never, never>, { receivedFrom: string; count: number }>
  deleteOldestRelease: Statement<None>
  deleteOldestReleaseFrom: Statement<{ receivedFrom: string }>
  /** Of one model, all but our own. */
  countReleasesOfModel: Statement<{ modelId: string }, { count: number }>
  deleteOldestReleaseOfModel: Statement<{ modelId: string }>
  listReleases: ReleasePage<None>
  listReleasesOfModel: ReleasePage<{ modelId: string; name: string | null; licence: string | null }>
  listReleasesByName: ReleasePage<{ name: string; licence: string | null }>
  listReleasesByLicence: ReleasePage<{ licence: string }>

  findCheckpoint: Statement<CheckpointKey, { identity: string; leafCount: number }>
  putCheckpoint: Statement<CheckpointKey & { identity: string; leafCount: number; atMs: number }>
  deleteCheckpoint: Statement<CheckpointKey>
  deleteOldCheckpoints: Statement<{ keep: number }>
  deleteCheckpointLeaves: Statement<CheckpointKey & { fromBlock: number }>
  insertCheckpointLeaves: Statement<CheckpointKey & { block: number; leaves: Uint8Array }>
  listCheckpointLeaves: Statement<CheckpointKey, { leaves: Uint8Array }>

  putSetting: Statement<{ key: string; value: string }>
  deleteSetting: Statement<{ key: string }>
  findSetting: Statement<{ key: string }, { value: string }>

  insertOutbox: Statement<{ topic: string; body: string; atMs: number }>
  countLeased: Statement<{ atMs: number }, { count: number }>
  listOutbox: Statement<{ limit: number }, { seq: number; topic: string; body: string; atMs: number }>
  /** `seqs`: JSON array. */
  leaseOutbox: Statement<{ seqs: string; leaseUntilMs: number }>
  deleteOutbox: Statement<{ seqs: string }>
  trimOutbox: Statement<{ keep: number }>

  insertLedger: Statement<StoredLedgerEntry>
  listLedger: LedgerPage<None>
  listLedgerBack: LedgerPageBack<None>
  listLedgerOfKind: LedgerPage<LedgerKindKey>
  listLedgerOfKindBack: LedgerPageBack<LedgerKindKey>
  listLedgerOfSubject: LedgerPage<LedgerSubjectKey>
  listLedgerOfSubjectBack: LedgerPageBack<LedgerSubjectKey>
  /** The newest of each subject, in order of the subject. */
  listLatestLedger: Statement<LedgerKindKey & { afterSubject: string; limit: number }, StoredLedgerEntry>

  findChain: Statement<{ name: string }, StoredChain>
  insertChain: Statement<{ name: string }, ChainKey>
  countChains: Statement<None, { count: number }>
  moveChain: Statement<StoredChain>
  insertChainEvent: Statement<StoredChainEvent & ChainKey>
  insertChainEventAddress: Statement<ChainKey & { address: string; blockNumber: number; logIndex: number }>
  listChainEvents: ChainEventPage<None>
  listChainEventsNamed: ChainEventPage<{ name: string }>
  /** `names`: JSON array. */
  listChainEventsOf: ChainEventPage<{ address: string; names: string | null }>
  /** Those in later blocks, and in another block of this number; with their addresses. */
  deleteChainEvents: Statement<ChainKey & { blockNumber: number; blockHash: string }>

  /** `jobIds`: JSON array. In any order; those that are gone are left out. */
  listJobsById: Statement<{ jobIds: string }, StoredJob>
  /** `idempotencyKeys`: JSON array. In any order. */
  listJobsByKey: Statement<{ idempotencyKeys: string }, { idempotencyKey: string; requestHash: Uint8Array } & JobKey>
  insertJob: Statement<StoredJobHead & { sizeBytes: number; reason: string }>
  insertJobRequest: Statement<JobKey & { request: string }>
  /** Where it has the revision before, and is not final. */
  updateJob: Statement<StoredJobBody>
  listJobs: JobPage<None>
  listJobsBack: JobPageBack<None>
  listJobsOfState: JobPage<JobStateKey>
  listJobsOfStateBack: JobPageBack<JobStateKey>
  listJobsOfKind: JobPage<JobKindKey>
  listJobsOfKindBack: JobPageBack<JobKindKey>
  listJobsOfParent: JobPage<JobParentKey>
  listJobsOfParentBack: JobPageBack<JobParentKey>
  /** Unfinished, and nobody's. */
  listFreeJobs: Statement<JobStateKey & { limit: number }, FoundJob>
  /** Unfinished, and their owner's time has run out. */
  listAbandonedJobs: Statement<JobStateKey & { atMs: number; limit: number }, FoundJob>
  /** `jobIds`: JSON array. */
  claimJobs: Statement<{ jobIds: string; owner: string; ownerUntilMs: number; atMs: number }>
  /** Those that finished first before others. */
  listFinishedJobs: Statement<{ atMs: number; limit: number }, FoundJob>
  /** With requests, attempts and events. `jobIds`: JSON array. */
  deleteJobs: Statement<{ jobIds: string }>
  putAttempt: Statement<StoredAttempt>
  listAttempts: Statement<JobKey, StoredAttempt>
  /** `jobIds`: JSON array. */
  listWonAttempts: Statement<{ jobIds: string }, JobKey & { attempt: number }>
  insertJobEvent: Statement<StoredJobEvent & JobKey>
  listJobEvents: Statement<JobKey & { afterSeq: number; limit: number }, StoredJobEvent>

  /** May be below 0. */
  addToTotal: Statement<TenantTotal>
  findTotal: Statement<None, TenantTotal>

  insertApiKey: Statement<StoredApiKey>
  findApiKey: Statement<{ keyId: string }, StoredApiKey>
  /** In order of (createdAtMs, keyId). */
  listApiKeys: Statement<{ holder: string }, StoredApiKey>
  countApiKeys: Statement<{ holder: string }, { count: number }>
  /** Changes no row that was revoked before. */
  revokeApiKey: Statement<{ keyId: string; atMs: number }>
  touchApiKey: Statement<{ keyId: string; atMs: number }>

  /** Nothing where it is there. */
  insertDocument: Statement<{ hash: Uint8Array; text: string; atMs: number }>
  findDocument: Statement<{ hash: Uint8Array }, { text: string }>
  hasDocument: Statement<{ hash: Uint8Array }, { count: number }>
  insertDocumentName: Statement<{ name: string; version: number; hash: Uint8Array; atMs: number }>
  /** Newest first. */
  listDocumentVersions: Statement<{ name: string; limit: number }, { version: number; hash: Uint8Array; atMs: number }>
  /** The newest of each name from one to another, in order of the name. */
  listDocumentNames: Statement<
    { fromName: string; untilName: string },
    { name: string; hash: Uint8Array; atMs: number }
  >

  /** In place of one that is there. */
  putThreadCheckpoint: Statement<StoredThreadCheckpoint & { sizeBytes: number }>
  findThreadCheckpoint: Statement<ThreadCheckpointKey, StoredThreadCheckpoint>
  listThreadCheckpoints: ThreadPage<None>
  listThreadCheckpointsOf: ThreadPage<{ namespace: string }>
  /** In place of one that is there. */
  putCheckpointWrite: Statement<ThreadCheckpointKey & StoredCheckpointWrite>
  listCheckpointWrites: Statement<ThreadCheckpointKey, StoredCheckpointWrite>
  deleteThreadCheckpoints: Statement<{ thread: string }>
  deleteThreadWrites: Statement<{ thread: string }>

  findSpace: Statement<{ name: string }, StoredSpace>
  insertSpace: Statement<{ name: string; dimension: number }>
  countSpaces: Statement<None, { count: number }>
  numberIndex: Statement<SpaceKey, { indexNumber: number }>
  deleteEmbedding: Statement<SpaceKey & { componentPk: number }>
  insertEmbedding: Statement<SpaceKey & StoredVector & { componentPk: number }>
  /** In order of rev. */
  listEmbeddings: Statement<SpaceKey & RevRange & { limit: number }, StoredVector>
  countEmbeddings: Statement<SpaceKey & RevRange, { count: number }>
  /** `revs`: JSON array. In any order; those that are gone are left out. */
  listVectors: Statement<SpaceKey & { revs: string }, StoredVector>
  /** `revs`: JSON array. In any order. */
  listNeighbours: Statement<
    SpaceKey & NeighbourFilter & { revs: string },
    { rev: number; modelId: string; key: string }
  >
  /** In order of rev. */
  listEmbeddingsOf: Statement<SpaceKey & RevRange & NeighbourFilter & { limit: number }, StoredVector>
}

/** The few that belong to no tenant. */
export interface SharedStatements {
  findTenant: Statement<{ name: string }, { tenantId: number }>
  insertTenant: Statement<{ name: string }, { tenantId: number }>
  /** In order of the name. */
  listTenants: Statement<None, { name: string }>
  /** Of this transaction alone; gives back the last of them. */
  takeRevs: Statement<{ count: number }, { rev: number }>
  countRows: Statement<None, { name: string; count: number }>
}

export type TenantStatementName = keyof TenantStatements
export type SharedStatementName = keyof SharedStatements
export type StatementName = TenantStatementName | SharedStatementName
export type VectorStatementName = keyof VectorStatements

type Bound<S extends Statement<unknown, unknown>> = S['parameters'] & { tenantId: number }
type AllStatements = {
  [N in TenantStatementName]: Statement<Bound<TenantStatements[N]>, TenantStatements[N]['row']>
} & SharedStatements

export type ParametersOf<N extends StatementName> = AllStatements[N]['parameters']
export type RowOf<N extends StatementName> = AllStatements[N]['row']
