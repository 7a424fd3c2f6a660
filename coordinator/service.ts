/** What the coordinator can see and do, for all of its faces: REST, MCP, OpenAI, command line. Nothing here knows HTTP. */
import type { ControlledNode } from '#node/runtime/index.ts'
import type { AccountRewardsView, ChainStateView, DelegateView, FundedView } from '#protocol/api/chain.ts'
import type {
  AuditEntryView,
  AuditReportView,
  CheckView,
  ConstitutionVersion,
  ConstitutionView,
  DecideRequest,
  DecisionView,
} from '#protocol/api/constitution.ts'
import type { JobEvent, JobKind, JobResult, JobState, JobView, QuoteView, SubmitRequest } from '#protocol/api/jobs.ts'
import type {
  CoverageView,
  NetworkChanges,
  NetworkEvent,
  NetworkSnapshot,
  NodeDetail,
  NodeView,
  ReceiptView,
  SwarmModelView,
} from '#protocol/api/network.ts'
import type { BalanceView } from '#protocol/api/payment.ts'
import type { ApiKeyView, CreatedKeyView, CreateKeyRequest } from '#protocol/api/routes/keys.ts'
import type { ToolView, WorkflowSummary, WorkflowView } from '#protocol/api/routes/workflows.ts'
import type { WorkflowGraph } from '#protocol/api/workflow.ts'
import type { Address } from '#protocol/ids.ts'
import type { Identity } from './identity.ts'

export interface Page {
  cursor?: string
  limit?: number
}

export interface JobQuery extends Page {
  states?: readonly JobState[]
  kind?: JobKind
  parentJobId?: string
}

/** All of them see only what belongs to the identity's tenant. @throws {ERR_NOT_FOUND} for what belongs to another, too */
export interface JobService {
  /** Durable when it resolves. @throws {ERR_USAGE} {ERR_IDEMPOTENCY} {ERR_QUOTA} {ERR_REFUSED_BY_POLICY} */
  submit(
    identity: Identity,
    request: SubmitRequest,
    options: { idempotencyKey?: string; traceparent?: string },
  ): Promise<JobView>
  /** Takes and promises nothing. @throws {ERR_NO_SOURCE} where nobody can do it */
  quote(identity: Identity, request: SubmitRequest): Promise<QuoteView>
  get(identity: Identity, jobId: string): Promise<JobView>
  /** Newest first. */
  list(identity: Identity, query: JobQuery): Promise<{ jobs: JobView[]; nextCursor?: string }>
  /** Of a job that has ended: does nothing. */
  cancel(identity: Identity, jobId: string): Promise<JobView>
  /** Answers a step that waits for approval. @throws {ERR_USAGE} where none waits */
  approve(identity: Identity, jobId: string, step: string, isApproved: boolean): Promise<JobView>
  /** @throws {ERR_JOB_UNFINISHED} {ERR_JOB_FAILED} */
  result(identity: Identity, jobId: string): Promise<JobResult>
  /** What was asked for, names in it resolved; it asks for the same right as the result. */
  request(identity: Identity, jobId: string): Promise<SubmitRequest>
  receipts(identity: Identity, jobId: string): Promise<ReceiptView[]>
  /** Those behind `afterSeq`, then those that come; ends after the final state. */
  events(identity: Identity, jobId: string, afterSeq: number, signal: AbortSignal): AsyncIterable<JobEvent>
}

export interface RegistryService {
  nodes(query: Page & { modelId?: string; state?: NodeView['state'] }): { nodes: NodeView[]; nextCursor?: string }
  /** @throws {ERR_NOT_FOUND} */
  node(peerId: string): NodeDetail
  models(query: Page): Promise<{ models: SwarmModelView[]; nextCursor?: string }>
  /** @throws {ERR_NOT_FOUND} */
  coverage(reference: string): Promise<CoverageView>
  snapshot(): NetworkSnapshot
  changes(since: number): NetworkChanges
  /** Newest first. */
  events(query: { since?: number; limit?: number; peerId?: string }): NetworkEvent[]
  /** JSON of the snapshot, encoded once per change. */
  snapshotJson(): Buffer
}

/** @throws {ERR_NOT_FOUND} where this coordinator is on no chain {ERR_CHAIN_UNAVAILABLE} while its RPC service is away */
export interface ChainService {
  state(): Promise<ChainStateView>
  /** @throws {ERR_QUEUE_FULL} */
  account(address: Address): Promise<BalanceView>
  /** Newest first. @throws {ERR_LIMIT} */
  rewards(address: Address, page: Page): Promise<AccountRewardsView & { nextCursor?: string }>
  /** Largest bond first. @throws {ERR_LIMIT} */
  delegates(page: Page): Promise<{ delegates: DelegateView[]; nextCursor?: string }>
  delegate(address: Address): Promise<DelegateView>
  /** @throws {ERR_CHAIN_WRONG} on a chain that is not for trying out {ERR_FUNDS} */
  fund(address: Address): Promise<FundedView>
}

/** Graphs that are shipped, and those of the identity's tenant. A saved one may stand before a shipped one of its name. */
export interface WorkflowService {
  list(identity: Identity): Promise<WorkflowSummary[]>
  /** @throws {ERR_NOT_FOUND} */
  get(identity: Identity, name: string): Promise<WorkflowView>
  /** Under the graph's own name. @throws {ERR_USAGE} for a graph that cannot run {ERR_STORE_CONFLICT} */
  save(identity: Identity, graph: WorkflowGraph): Promise<WorkflowView>
  /** What tool steps may name. */
  tools(): ToolView[]
}

export interface ApiKeyService {
  /** @throws {ERR_FORBIDDEN} for a scope that the identity has not {ERR_LIMIT} */
  create(identity: Identity, request: CreateKeyRequest): Promise<CreatedKeyView>
  list(identity: Identity): Promise<ApiKeyView[]>
  /** @throws {ERR_NOT_FOUND} */
  revoke(identity: Identity, keyId: string): Promise<void>
}

export interface AuditQuery extends Page {
  effect?: 'permit' | 'forbid'
  tenant?: string
}

/** Each of these asks the constitution itself first. @throws {ERR_FORBIDDEN} */
export interface ConstitutionService {
  current(identity: Identity): Promise<ConstitutionView>
  /** Newest first. */
  versions(identity: Identity): Promise<ConstitutionVersion[]>
  /** @throws {ERR_NOT_FOUND} */
  version(identity: Identity, hash: string): Promise<ConstitutionView>
  /** @throws {ERR_USAGE} {ERR_LIMIT} for what is not even read */
  check(identity: Identity, text: string): Promise<CheckView>
  /** @throws {ERR_USAGE} {ERR_LIMIT} {ERR_STORE_CONFLICT} where `previous` is not in force */
  replace(identity: Identity, text: string, previous: string): Promise<ConstitutionView>
  /** Nothing is written down. @throws {ERR_USAGE} {ERR_LIMIT} */
  decide(identity: Identity, request: DecideRequest): Promise<DecisionView[]>
  /** Newest first. */
  audit(identity: Identity, query: AuditQuery): Promise<{ entries: AuditEntryView[]; nextCursor?: string }>
  /** @throws {ERR_QUEUE_FULL} while another runs */
  replay(identity: Identity, signal: AbortSignal): Promise<AuditReportView>
}

/** What the coordinator asks its own node. */
export type OwnNode = Pick<
  ControlledNode,
  'version' | 'models' | 'model' | 'components' | 'tensors' | 'tensor' | 'sql' | 'sqlSchema' | 'health' | 'metrics'
> & {
  queries: Pick<ControlledNode['queries'], 'find' | 'walk' | 'closure' | 'plan'>
  payment: Pick<ControlledNode['payment'], 'balance'>
}
