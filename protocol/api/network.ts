/** The swarm as a coordinator sees it. Every entry says where it comes from and how old it is. Times in ms, sizes in bytes. */

/** Where a figure comes from. */
export type Source = 'lease' | 'dht' | 'chain' | 'probe' | 'own'

export interface NodeView {
  peerId: string
  /**
   * `ready`: a probe was answered. `alive`: its lease is live, no probe yet. `busy`: no slot is free. `paused`: by its owner.
   * `unreachable`: its lease is live and probes fail. `stale`: the lease ran out less than one lease ago; then it is gone.
   */
  state: 'ready' | 'alive' | 'busy' | 'paused' | 'unreachable' | 'stale'
  /** Why, in one sentence. */
  reason: string
  sinceMs: number
  source: Source
  /** Since its lease came. */
  ageMs: number
  version: string
  /** As its owner declared it, ISO 3166-1 alpha-2, or empty: nothing is looked up. */
  region: string
  models: { modelId: string; name?: string; heldChunks: number; chunkCount: number; canInfer: boolean }[]
  load: number
  inferenceSlots: number
  inferenceSlotsFree: number
  uploadBytesPerSecond: number
  diskFreeBytes: number
  isDataReachable: boolean
  rttMs?: number
  /** Measured by the last probe. */
  probe?: { atMs: number; ok: boolean; latencyMs?: number; error?: string }
  price?: { weiPerGiB: string; weiPerKiloToken: string }
  /** From the chain; absent where the coordinator is on none, or the node has no stake. */
  stake?: { payee: string; bondWei: string; isBound: boolean; readAtMs: number }
  /** 0 to 1 as this coordinator's own experience and the chain have it. */
  score: number
}

export interface SwarmModelView {
  modelId: string
  name: string
  publisher: string
  licence: string
  sizeBytes: number
  source: Source
  ageMs: number
  /** Nodes that hold some of it, all of it, and that answer prompts. */
  holders: number
  wholeHolders: number
  answerers: number
  /** Of the cheapest and the dearest node that answers. */
  weiPerKiloToken?: { min: string; max: string }
}

/** By layer: how many nodes hold it, so that rare parts are seen. */
export interface CoverageView {
  modelId: string
  name: string
  /** In the order of the model; `layer` is absent for embedding, head and the like. */
  parts: { key: string; kind: string; layer?: number; sizeBytes: number; holders: number }[]
  /** Of the rarest part. */
  holdersMin: number
  source: Source
  countedAtMs: number
}

export interface NetworkSnapshot {
  /** Grows with each change. */
  revision: number
  takenAtMs: number
  leaseTtlMs: number
  nodes: NodeView[]
  totals: {
    nodes: number
    nodesReady: number
    models: number
    inferenceSlots: number
    inferenceSlotsFree: number
    uploadBytesPerSecond: number
    jobsRunning: number
    jobsToday: number
  }
}

/** A node's signed statement, as the coordinator keeps it; `receipt` and `signature` are enough to check it anywhere. */
export interface ReceiptView {
  jobId: string
  attempt: number
  peerId: string
  atMs: number
  kind: 'infer' | 'chunk'
  dueWei: string
  promptTokens: number
  completionTokens: number
  /** Hex: EIP-712 message and 65-byte signature. */
  receipt: Record<string, string | number>
  signature: string
}
