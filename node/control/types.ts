/** What the control API can see and do; the runtime implements it. */
import type {
  ComponentView,
  DiffView,
  IngestRequest,
  ModelView,
  NodeEvent,
  PeerDetailView,
  PeerView,
  PullRequest,
  SqlRequest,
  SqlSchemaView,
  SqlView,
  StampedEvent,
  StatusView,
  TensorDetailView,
  TensorView,
} from '#protocol/api/control.ts'
import type {
  ClaimableView,
  ClaimRequest,
  ClaimView,
  EarningsHistoryQuery,
  EarningsHistoryView,
  EarningsView,
} from '#protocol/api/earnings.ts'
import type { BalanceView } from '#protocol/api/payment.ts'
import type {
  ClosureRequest,
  ClosureView,
  FindRequest,
  FoundView,
  LoadPlanView,
  LoadRequest,
  WalkRequest,
  WalkView,
} from '#protocol/api/query.ts'
import type { SettingsChangeView, SettingsRequest, SettingsView } from '#protocol/api/settings.ts'
import type { ComponentKind } from '#protocol/query/message.ts'
import type { LoadPlan } from '../query/index.ts'

export interface ComponentQuery {
  kind?: ComponentKind
  layerMin?: number
  layerMax?: number
}

export interface TensorQuery {
  rows?: { first: number; last: number }
  stats: boolean
}

export interface HealthCheck {
  name: string
  ok: boolean
  reason?: string
}

/** @throws {ERR_QUERY_INVALID} {ERR_NOT_FOUND} {ERR_NO_SOURCE} each of them */
export interface ControlledQueries {
  find(request: FindRequest, signal: AbortSignal): Promise<FoundView>
  walk(request: WalkRequest, signal: AbortSignal): Promise<WalkView>
  closure(request: ClosureRequest, signal: AbortSignal): Promise<ClosureView>
  plan(request: LoadRequest, signal: AbortSignal): Promise<(LoadPlan & LoadPlanView)[]>
  /** Verified bytes in the order of the plans. */
  load(plans: readonly LoadPlan[], signal: AbortSignal): AsyncGenerator<Uint8Array>
  /** @throws {ERR_PARTIAL_INEXACT} where the found components would not give the model's own answer */
  assertRunnable(request: LoadRequest, signal: AbortSignal): Promise<{ modelId: string }>
}

/** @throws {ERR_CHAIN_UNAVAILABLE} each of them, where it needs the chain */
export interface ControlledPayment {
  earnings(isVerified: boolean): Promise<EarningsView>
  /** From the ledger alone. */
  history(query: EarningsHistoryQuery): Promise<EarningsHistoryView>
  claimable(): Promise<ClaimableView>
  /** Of the owner. @throws {ERR_CONFIG} where this node is on no chain */
  balance(): Promise<BalanceView>
  /** By the node's own key, which pays the gas. @throws {ERR_CHAIN_REVERTED} */
  claim(request: ClaimRequest): Promise<ClaimView[]>
}

export interface ControlledNode {
  readonly version: string
  readonly queries: ControlledQueries
  readonly payment: ControlledPayment
  status(): Promise<StatusView>
  settings(): Promise<SettingsView>
  /** All or none. @throws {ERR_CONFIG} {ERR_USAGE} */
  changeSettings(request: SettingsRequest): Promise<SettingsChangeView>
  peers(): Promise<PeerView[]>
  peer(peerId: string): Promise<PeerDetailView>
  models(): Promise<ModelView[]>
  /** @throws {ERR_NOT_FOUND} */
  model(reference: string): Promise<ModelView>
  components(reference: string, query: ComponentQuery): Promise<ComponentView[]>
  tensors(reference: string): Promise<TensorView[]>
  /** @throws {ERR_NOT_FOUND} {ERR_NOT_HELD} {ERR_TENSOR_TYPE} {ERR_USAGE} {ERR_LIMIT} {ERR_QUEUE_FULL} */
  tensor(reference: string, tensor: string, query: TensorQuery, signal: AbortSignal): Promise<TensorDetailView>
  /** @throws {ERR_NOT_FOUND} {ERR_QUEUE_FULL} */
  diff(a: string, b: string, signal: AbortSignal): Promise<DiffView>
  ingest(
    request: IngestRequest,
    emit: (event: NodeEvent) => void,
    signal: AbortSignal,
  ): Promise<{ modelId: string; name: string }>
  /** Resolves when everything asked for is held. */
  pull(
    request: PullRequest,
    emit: (event: NodeEvent) => void,
    signal: AbortSignal,
  ): Promise<{ modelId: string; name: string }>
  remove(reference: string): Promise<void>
  /** Reads the documented views only. @throws {ERR_QUERY_INVALID} {ERR_TIMEOUT} {ERR_LIMIT} {ERR_QUEUE_FULL} */
  sql(request: SqlRequest, signal: AbortSignal): Promise<SqlView>
  sqlSchema(): SqlSchemaView[]
  dial(address: string, signal: AbortSignal): Promise<string>
  pause(): Promise<void>
  resume(): Promise<void>
  /** Resolves when running work has ended; nothing new is taken. */
  drain(): Promise<void>
  /** Begins the orderly stop; returns at once. */
  stop(reason: string): void
  health(): Promise<HealthCheck[]>
  /** Prometheus text. */
  metrics(): Promise<string>
  subscribe(listener: (event: StampedEvent) => void): () => void
}
