/** The control API of a node: what `hart` and the node's own page speak with it on loopback. Times in ms, sizes in bytes. */
import { z } from 'zod'
import { sqlDurationMsMax, sqlRowsMax, sqlTextBytesMax } from '../limits.ts'
import type { ActivityView } from './activity.ts'
import type { EconomyView } from './earnings.ts'

export const ingestRequest = z.object({
  /** Absolute path on the node's machine. */
  path: z.string().min(1).max(4096),
  name: z.string().min(1).max(96).optional(),
  licence: z.string().min(1).max(256).optional(),
})
export type IngestRequest = z.infer<typeof ingestRequest>

export const pullRequest = z.object({
  /** Model id, release name, `hf:ORG/REPO/FILE` or an https URL. */
  model: z.string().min(1).max(2048),
  layers: z.object({ min: z.int().min(0), max: z.int().min(0) }).optional(),
  components: z.array(z.string().min(1).max(256)).min(1).max(4096).optional(),
  /** For a URL: the licence where the file names none. */
  licence: z.string().min(1).max(256).optional(),
  /** URLs that serve the files of a known model, used as a last resort. */
  origins: z.array(z.string().min(1).max(2048)).max(16).optional(),
})
export type PullRequest = z.infer<typeof pullRequest>

export const sqlRequest = z.object({
  sql: z.string().min(1).max(sqlTextBytesMax),
  rowsMax: z.int().min(1).max(sqlRowsMax).optional(),
  timeoutMs: z.int().min(1).max(sqlDurationMsMax).optional(),
})
export type SqlRequest = z.infer<typeof sqlRequest>

export const sqlView = z.object({
  columns: z.array(z.string()),
  rows: z
    .array(z.array(z.union([z.string(), z.number(), z.null()])))
    .describe('Bytes are `0x…`, integers beyond 2^53 decimal text.'),
  isTruncated: z.boolean().describe('There is more than was asked for, or than one answer holds.'),
  durationMs: z.number(),
})
export type SqlView = z.infer<typeof sqlView>

/** A view that queries may read. */
export const sqlSchemaView = z.object({
  name: z.string(),
  meaning: z.string(),
  columns: z.array(z.object({ name: z.string(), type: z.string(), meaning: z.string() })),
})
export type SqlSchemaView = z.infer<typeof sqlSchemaView>

export const dialRequest = z.object({ address: z.string().min(1).max(512) })

export type NodeState = 'starting' | 'fetching' | 'serving' | 'idle' | 'paused' | 'draining' | 'degraded'

export interface PledgeView {
  diskBytes: number
  usedBytes: number
}

export interface TransferView {
  modelId: string
  name: string
  wantedChunks: number
  heldChunks: number
  wantedBytes: number
  heldBytes: number
  bytesPerSecond: number
  /** Left at the present rate; absent while nothing moves. */
  etaMs?: number
  chunksVerified: number
  chunksRejected: number
  duplicateBytes: number
  /** Why nothing can be written now, such as a full disk; `hart resume` tries again. */
  pausedBy?: string
  sources: {
    peerId: string
    transport: string
    state: string
    bytes: number
    chunks: number
    bytesPerSecond: number
    rttMs?: number
    error?: string
  }[]
}

export interface PlacementView {
  modelId: string
  name: string
  action: 'keep' | 'fetch' | 'evict' | 'skip'
  reason: string
}

export interface EngineView {
  engine: string
  build: string
  device: string
  state: string
  loadedModels: string[]
  slots: number
  slotsBusy: number
  queued: number
  crashes: number
  /** Of the engine's child process, while there is one. */
  pid?: number
  lastError?: string
}

export interface ScheduleView {
  /** As the setting has them: `mon-fri 22:00-07:00`. */
  spans: string[]
  isOpen: boolean
  /** Absent where it never changes. */
  nextChangeAtMs?: number
  /** Said by the owner by hand: holds until the next change. */
  override?: 'paused' | 'running'
}

export interface StatusView {
  version: string
  peerId: string
  pid: number
  dataDir: string
  state: NodeState
  /** Why it is in this state, in one sentence. */
  reason: string
  /** What would make it more useful, where something would. */
  help?: string
  sinceMs: number
  /** Absent without one. */
  schedule?: ScheduleView
  uptimeMs: number
  addresses: string[]
  apiUrl: string
  dataEndpoint: string
  pledge: PledgeView
  caps: { uploadBytesPerSecond: number; downloadBytesPerSecond: number }
  peersConnected: number
  leasesLive: number
  dht: { mode: string; routingTableSize: number; keysAnnounced: number; keysWaiting: number }
  models: number
  heldBytes: number
  upload: { bytesPerSecond: number; totalBytes: number; peers: { peerId: string; bytesPerSecond: number }[] }
  transfers: TransferView[]
  placement: PlacementView[]
  activity: ActivityView
  engine?: EngineView
  /** Absent where this node is on no chain: then its work is free. */
  economy?: EconomyView
}

export interface PeerView {
  peerId: string
  addresses: string[]
  direction: string
  discoveredBy: string[]
  connectedForMs: number
  rttMs?: number
  version?: string
  region?: string
  load?: number
  models: { modelId: string; heldChunks: number; chunkCount: number; canInfer: boolean }[]
  /** In (0, 1]: how much it may be relied on. */
  score: number
}

/** What a peer's score is made of: the sum of `earned`, at most 1, times every factor of `evidence`. */
export interface StandingView {
  score: number
  group: 'proven' | 'newcomer' | 'suspect'
  earned: { newcomer: number; work: number; stake: number; income: number }
  /** 1 where there is none. */
  evidence: {
    wrongBytes: number
    brokenPromises: number
    brokenProtocol: number
    equivocations: number
    disputesLost: number
  }
  /** What this node saw itself; it fades by half in two weeks. */
  seen: { bytes: number; tokens: number; wrongBytes: number; brokenPromises: number; brokenProtocol: number }
  /**
   * What the chain says of its payee; counted only when it is `bound`: lease and chain name each other. `none`: the peer
   * names no payee, or this node is on no chain.
   */
  chain:
    | { state: 'bound'; stakeWei: string; incomeWei: string; disputesLost: number; equivocations: number }
    | { state: 'none' | 'unknown' | 'other-chain' | 'borrowed' }
}

export interface PeerDetailView {
  peerId: string
  connected: boolean
  attempts: { address: string; error: string; atMs: number }[]
  standing: StandingView
}

export const modelView = z.object({
  modelId: z.string(),
  name: z.string(),
  licence: z.string(),
  publisher: z.string(),
  architecture: z.string(),
  format: z.string(),
  parameterCount: z.number(),
  sizeBytes: z.number(),
  heldBytes: z.number(),
  chunkCount: z.int(),
  heldChunks: z.int(),
  origin: z.enum(['ingest', 'fetch', 'known']),
  isPinned: z.boolean(),
  holders: z.int().describe('Other nodes that hold some of it.'),
  copies: z.number().describe('Sum of their shares.'),
  files: z.array(z.string()),
  problem: z.string().exactOptional().describe('Why a file of its owner is no longer served.'),
})
export type ModelView = z.infer<typeof modelView>

export const componentView = z.object({
  key: z.string(),
  kind: z.string(),
  layer: z.int().exactOptional(),
  expert: z.int().exactOptional(),
  sizeBytes: z.number(),
  heldBytes: z.number(),
  parameterCount: z.number(),
})
export type ComponentView = z.infer<typeof componentView>

/** A tensor without its values. */
export const tensorView = z.object({
  name: z.string(),
  dtype: z.string().describe('As the file names it: `F16`, `Q4_K`.'),
  shape: z.array(z.int()).describe('Slowest dimension first; a row is the last one.'),
  sizeBytes: z.number(),
  component: z.string(),
  isHeld: z.boolean(),
  isReadable: z.boolean().describe('False for types that can be stored and served, but not looked into.'),
})
export type TensorView = z.infer<typeof tensorView>

export const tensorQuery = z.object({
  /** First and last row, counted from 0, all dimensions but the last taken as one. */
  firstRow: z.coerce.number().int().min(0).optional(),
  lastRow: z.coerce.number().int().min(0).optional(),
  stats: z.enum(['true', 'false']).optional(),
})

export const tensorStatsView = z.object({
  count: z.number(),
  nonFinite: z.number(),
  zeros: z.number(),
  l1: z.number(),
  l2: z.number(),
  maxAbs: z.number(),
  min: z.number(),
  max: z.number(),
  mean: z.number(),
  deviation: z.number().describe('Square root of the variance.'),
  kurtosis: z.number().describe('E[x^4] / E[x^2]^2: 3 for a normal distribution.'),
  histogram: z
    .object({ low: z.number(), high: z.number(), counts: z.array(z.number()) })
    .describe('Equal bins from `low` to `high`.'),
  grid: z
    .object({ rows: z.int(), columns: z.int(), values: z.array(z.number()) })
    .describe('Means of neighbouring columns of evenly chosen rows.'),
  spectrum: z
    .object({ sampleRows: z.int(), values: z.array(z.number()) })
    .exactOptional()
    .describe('Largest first, estimated from evenly chosen rows; absent for vectors.'),
  sketch: z.object({ space: z.string(), seed: z.number(), values: z.array(z.number()) }),
})
export type TensorStatsView = z.infer<typeof tensorStatsView>

export const tensorDetailView = tensorView.extend({
  model: z.string(),
  rows: z
    .object({
      first: z.int(),
      values: z
        .array(z.array(z.number().nullable()))
        .describe('`null` stands for what JSON has no number for: infinities and NaN.'),
    })
    .exactOptional(),
  stats: tensorStatsView.exactOptional(),
})
export type TensorDetailView = z.infer<typeof tensorDetailView>

export const diffQuery = z.object({
  /** Model id, release name, or the absolute path of a file on the node's machine. */
  a: z.string().min(1).max(4096),
  b: z.string().min(1).max(4096),
})

export interface DiffView {
  a: string
  b: string
  components: ComponentDiffView[]
  /** Of both models together; identical extents are told by their roots and never read. */
  readBytes: number
}

export interface ComponentDiffView {
  key: string
  /** `unknown`: what differs is not held, or of a type that cannot be decoded. */
  status: 'identical' | 'changed' | 'added' | 'removed' | 'reshaped' | 'unknown'
  tensors: number
  tensorsChanged: number
  /** The figures below are of the tensors that changed. |b - a| / |a|. */
  relativeChange?: number
  cosine?: number
  maxAbsChange?: number
  elementsChanged?: number
  /** What could not be compared, and why. */
  unknown?: string
}

/** Lines of `up --json`, `pull --json` and `/api/v1/events`; each also carries `timestamp` and `level`. */
export type NodeEvent =
  | {
      event: 'ready'
      peerId: string
      apiUrl: string
      addresses: string[]
      dataDir: string
      pid: number
      version: string
    }
  /** Of a coordinator: where its own API is; that of its node is in `ready`. */
  | { event: 'coordinator-ready'; coordinatorUrl: string; pid: number }
  | { event: 'peer-connect' | 'peer-disconnect'; peerId: string }
  | { event: 'release'; modelId: string; name: string; publisher: string; licence: string; sizeBytes: number }
  | {
      event: 'ingest-progress'
      path: string
      doneBytes: number
      totalBytes: number
      bytesPerSecond: number
      etaMs?: number
    }
  | {
      event: 'download-progress'
      url: string
      doneBytes: number
      totalBytes: number
      bytesPerSecond: number
      etaMs?: number
    }
  | { event: 'model-added'; modelId: string; chunkCount: number; heldChunks: number; sizeBytes: number; origin: string }
  | { event: 'model-removed'; modelId: string }
  | { event: 'chunks-gained'; modelId: string; chunkIndexes: number[]; heldChunks: number; chunkCount: number }
  | { event: 'chunks-lost'; modelId: string; chunkIndexes: number[]; heldChunks: number; chunkCount: number }
  | ({ event: 'placement' } & PlacementView)
  | ({ event: 'transfer-progress' } & TransferView)
  | ({ event: 'transfer-complete' } & TransferView & { durationMs: number })
  | { event: 'source-end'; modelId: string; peerId: string; reason: string; banned: boolean; evidence?: string }
  | {
      event: 'voucher'
      /** `sale`: it came to us; `purchase`: we signed it. */
      side: 'sale' | 'purchase'
      peerId: string
      channel: string
      /** Decimal text, as all amounts. */
      cumulativeWei: string
      addedWei: string
    }
  | {
      event: 'receipt'
      side: 'sale' | 'purchase'
      peerId: string
      kind: 'chunk' | 'infer'
      modelId: string
      bytes: number
      promptTokens: number
      completionTokens: number
      dueWei: string
    }
  /** A payer takes its money out of the escrow: what it promised is claimed at once, where this node claims by itself. */
  | { event: 'payer-leave'; peerId: string; channel: string }
  | { event: 'payment-stop'; side: 'sale' | 'purchase'; peerId: string; reason: string }
  | { event: 'transfer-paused'; modelId: string; code: string; message: string }
  | {
      event: 'upload-progress'
      bytesPerSecond: number
      totalBytes: number
      peers: { peerId: string; bytesPerSecond: number }[]
    }
  /** By its owner, or by its schedule. */
  | { event: 'paused' | 'draining'; reason: string }
  | { event: 'resumed' | 'drained' }
  /** Its owner changed them, and they took effect. */
  | { event: 'settings'; keys: string[] }
  | { event: 'state'; state: NodeState; reason: string; help?: string }
  | { event: 'stopping'; reason: string }

export type StampedEvent = NodeEvent & { timestamp: string; level: 'info' | 'warn' }
