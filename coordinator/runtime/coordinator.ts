/** A coordinator: a node with more duties. What it adds are the registry, the jobs, and the faces of both. */

import type { Log } from '#node/log/index.ts'
import type { HartonomousNode, NodeController } from '#node/runtime/index.ts'
import type { FinalJobState, ItemWork, JobResult } from '#protocol/api/jobs.ts'
import type { ReceiptView } from '#protocol/api/network.ts'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import { parseHart } from '#protocol/hart.ts'
import type { ModelId, PeerId } from '#protocol/ids.ts'
import type { Release } from '#protocol/model/release.ts'
import { day, hour, second } from '#protocol/units.ts'
import type { JobRow, JobStore } from '#sql/store/job.ts'
import type { TenantId } from '#sql/store/types.ts'
import type { QuotaUsage, TenantQuotas } from '../auth/index.ts'
import type { CoordinatorConfig } from '../config.ts'
import type { Constitution, ModelThing } from '../constitution/index.ts'
import {
  type AnswerDependencies,
  answerJob,
  batchJob,
  type Candidate,
  completionTokensMax,
  Dispatcher,
  type Done,
  FairSlots,
  JobHub,
  Jobs,
  Latencies,
  type Phases,
  promptTokensMax,
  pullJob,
  quoteJob,
  type RunningJob,
  type Sitting,
  sittingOn,
  Windows,
} from '../jobs/index.ts'
import { Registry } from '../registry/index.ts'
import { shippedTools } from '../workflow/index.ts'
import { Gate } from './gate.ts'
import { viewReceipt } from './receipt-view.ts'
import { WorkflowJobs } from './workflow-jobs.ts'
import { WorkflowLibrary } from './workflow-library.ts'

const removedAtOnceMax = 500
const candidatesKeptMs = 200
const releaseKeptMs = second
/** Models that were asked for in such a moment. */
const candidateListsMax = 256

export interface PeerCalls {
  sit: Sitting
  /** Resolves when the node has shown what its lease says. */
  probe: (peerId: PeerId, signal: AbortSignal) => Promise<void>
}

export interface CoordinatorOptions {
  node: HartonomousNode
  controller: NodeController
  log: Log
  config: CoordinatorConfig
  constitution: Constitution
  quotas: TenantQuotas
  onJobEnd: (state: FinalJobState, phases: Phases) => void
  /** How other nodes are asked: over the network, unless something stands in their place. */
  peers?: PeerCalls
  /** The network or a job changed. */
  onChange: (change: { type: 'network'; revision: number } | { type: 'job'; tenant: TenantId; jobId: string }) => void
}

export class Coordinator {
  readonly registry: Registry
  readonly jobs: Jobs
  readonly hub: JobHub
  readonly dispatcher: Dispatcher
  readonly latencies = new Latencies(Date.now)
  readonly windows = new Windows()
  readonly slots = new FairSlots()
  readonly node: HartonomousNode
  readonly controller: NodeController
  readonly workflows: WorkflowLibrary
  readonly #options: CoordinatorOptions
  readonly #releases = new Map<string, { atMs: number; release: Release }>()
  readonly #peerCalls: PeerCalls
  readonly #candidatesOf = new Map<ModelId, { atMs: number; candidates: Candidate[] }>()
  readonly #priceMaxWei: bigint
  readonly #gate: Gate
  readonly #workflowJobs: WorkflowJobs
  #retention: NodeJS.Timeout | undefined
  readonly #ended: number[] = []

  constructor(options: CoordinatorOptions) {
    const { node, controller, log, config, constitution, quotas, onChange } = options
    const { parts } = node
    const now = Date.now
    this.node = node
    this.controller = controller
    this.#options = options
    this.#peerCalls = options.peers ?? { sit: sittingOn(node), probe: (peerId, signal) => this.#probe(peerId, signal) }
    this.#priceMaxWei = parseHart(config.jobs.priceMax)
    const storeOf = (tenant: TenantId) => parts.store.forTenant(tenant)
    const submitted = (tenant: TenantId) => this.dispatcher.submitted(tenant)
    const tools = shippedTools({ folders: config.workflows.folders })
    const priceMaxWei = this.#priceMaxWei
    this.#gate = new Gate({ constitution, quotas, storeOf, priceMaxWei, modelOf: (name) => this.#modelOf(name) })
    const keep = (tenant: TenantId, sizeBytes: number) => this.#gate.keep(tenant, sizeBytes)
    this.workflows = new WorkflowLibrary({ storeOf, tools, now, keep })
    this.hub = new JobHub((tenant, jobId) => onChange({ type: 'job', tenant, jobId }))
    this.#workflowJobs = new WorkflowJobs({
      storeOf,
      hub: this.hub,
      now,
      constitution,
      tools,
      submitted,
      graphOf: async (tenant, name) => (await this.workflows.get({ tenant }, name)).graph,
      find: (text, signal) => controller.queries.find({ text }, signal),
    })
    this.registry = new Registry({
      parts,
      now,
      log,
      jobs: () => ({ running: this.dispatcher.inWork, today: this.#jobsToday() }),
      probe: this.#peerCalls.probe,
      isWorking: (peerId) => this.slots.runningOn(peerId) > 0,
      onRound: () => this.slots.look(),
      onChange: (revision) => onChange({ type: 'network', revision }),
    })
    this.dispatcher = new Dispatcher({
      tenants: () => parts.store.listTenants(),
      storeOf,
      hub: this.hub,
      owner: `coordinator:${parts.network.peerId}`,
      now,
      log,
      run: (job, store) => this.#run(job, store),
      onEnd: (job, { state }) => {
        this.#ended.push(now())
        options.onJobEnd(state, job.clock.phases)
        if (job.work.kind === 'workflow')
          this.#workflowJobs
            .forget(job.tenant, job.jobId)
            .catch((error: unknown) => log.warn('checkpoints-stay', { jobId: job.jobId, error: String(error) }))
      },
    })
    this.jobs = new Jobs({
      storeOf,
      hub: this.hub,
      now,
      admit: (identity, request) => this.#gate.admit(identity, request),
      authorize: (identity, action, row) => this.#gate.touch(identity, action, row),
      pin: (tenant, work) => this.#workflowJobs.pin(tenant, work),
      mayQuote: (identity, request) => this.#gate.mayQuote(identity, request),
      quote: (request) => quoteJob(request, this.#answering()),
      submitted,
      running: (tenant, jobId) => this.dispatcher.job(tenant, jobId),
      approve: (tenant, row, step, isApproved) => this.#workflowJobs.approve(tenant, row, step, isApproved),
      receiptsOf: (tenant, row) => this.#receiptsOf(tenant, row),
    })
  }

  async start(): Promise<void> {
    await this.registry.start()
    await this.dispatcher.start()
    const removeOld = () =>
      void this.#removeOld().catch((error: unknown) =>
        this.#options.log.warn('old-jobs-stay', { error: String(error) }),
      )
    removeOld()
    this.#retention = setInterval(removeOld, hour)
  }

  async close(): Promise<void> {
    clearInterval(this.#retention)
    await this.dispatcher.close()
    await this.registry.close()
  }

  /** What a tenant uses of what it may; undefined for the owner. */
  usage(tenant: TenantId): Promise<QuotaUsage | undefined> {
    return this.#gate.usage(tenant)
  }

  /** A span of its caller's trace; what it asks of nodes hangs below it. */
  #run(job: RunningJob, store: JobStore): Promise<Done> {
    const attributes = { 'hartonomous.job.id': job.jobId, 'hartonomous.job.kind': job.work.kind }
    return this.node.tracer.span('job', { parent: job.traceparent, attributes }, (span) => {
      job.traceparent = span.traceparent ?? job.traceparent
      return this.#runKind(job, store)
    })
  }

  async #runKind(job: RunningJob, store: JobStore): Promise<Done> {
    switch (job.work.kind) {
      case 'chat':
      case 'completion':
      case 'embedding':
        return this.#answer(job)
      case 'pull':
        return { result: await pullJob(job, { node: this.controller }), chargedWei: 0n }
      case 'batch': {
        const onSubmit = () => this.dispatcher.submitted(job.tenant)
        return { result: await batchJob(job, { store, hub: this.hub, now: Date.now, onSubmit }), chargedWei: 0n }
      }
      case 'workflow':
        return this.#workflowJobs.run(job, store)
    }
  }

  #answering(): AnswerDependencies & { runningOn: (peerId: PeerId) => number } {
    return {
      slots: this.slots,
      latencies: this.latencies,
      windows: this.windows,
      runningOn: (peerId) => this.slots.runningOn(peerId),
      now: Date.now,
      random: Math.random,
      candidates: (model) => this.#candidates(model),
      fetch: (model, job) => this.#fetch(model, job),
      sit: this.#peerCalls.sit,
      priceMaxWei: this.#priceMaxWei,
      noteWork: (peerId, latencyMs) => this.registry.noteWork(peerId, latencyMs),
      noteAnswer: (peerId, answered) => this.registry.noteAnswer(peerId, answered),
      authorize: (job, candidate, money) => this.#gate.assign(job, candidate, money),
    }
  }

  /** Tokens are taken before, as many as it may need, and what was not used comes back. */
  async #answer(job: RunningJob): Promise<Done> {
    const { quotas } = this.#options
    const work = job.work as ItemWork
    const taken = promptTokensMax(work) + completionTokensMax(work)
    quotas.takeTokens(job.tenant, taken)
    let used = 0
    try {
      const done = await answerJob(job, this.#answering())
      used = tokensOf(done.result)
      return done
    } finally {
      quotas.settleTokens(job.tenant, taken, used)
    }
  }

  async #modelOf(reference: string): Promise<ModelThing | undefined> {
    try {
      const release = await this.#releaseOf(reference)
      return { id: release.modelId, licence: release.licence, publisher: release.publisher }
    } catch (error) {
      if (isHartonomousError(error, 'ERR_NOT_FOUND')) return undefined
      throw error
    }
  }

  /**
   * Asked for each job, twice; a name that means something else from now on may do so a moment later. A look-up between two
   * writes of the store ends the commit that they would share. @throws {ERR_NOT_FOUND}
   */
  async #releaseOf(reference: string): Promise<Release> {
    const nowMs = Date.now()
    const known = this.#releases.get(reference)
    if (known !== undefined && nowMs - known.atMs < releaseKeptMs) return known.release
    const { release } = await this.node.parts.releases.resolve(reference)
    if (this.#releases.size >= candidateListsMax) this.#releases.clear()
    this.#releases.set(reference, { atMs: nowMs, release })
    return release
  }

  /** @throws {ERR_NOT_FOUND} */
  async #candidates(model: string) {
    const { modelId, name } = await this.#releaseOf(model)
    await this.node.answers.look(modelId)
    return { modelId, name, candidates: () => [...this.#peers(modelId), ...this.#self(modelId)] }
  }

  /** Waiters ask at every turn, and a popular model has thousands of nodes: what was found a moment ago will do. */
  #peers(modelId: ModelId): Candidate[] {
    const nowMs = Date.now()
    const known = this.#candidatesOf.get(modelId)
    if (known !== undefined && nowMs - known.atMs < candidatesKeptMs) return known.candidates
    if (this.#candidatesOf.size >= candidateListsMax) this.#candidatesOf.clear()
    const candidates = this.#lookForPeers(modelId)
    this.#candidatesOf.set(modelId, { atMs: nowMs, candidates })
    return candidates
  }

  #lookForPeers(modelId: ModelId): Candidate[] {
    const { leases, standing, economy } = this.node.parts
    return leases
      .holders(modelId)
      .filter(({ canInfer, lease }) => canInfer && !standing.isSuspect(lease.peerId))
      .filter(({ lease }) => economy.payment.isAffordable(lease.peerId, lease.payment, 'infer'))
      .map(({ lease }) => {
        const { score, chain } = standing.explain(lease.peerId)
        return {
          peerId: lease.peerId,
          lease,
          score,
          hasBond: chain?.state === 'bound' && chain.stakeWei > 0n,
          weiPerKiloToken: lease.payment?.prices.weiPerKiloToken ?? 0n,
          hasFailed: this.registry.hasFailed(lease.peerId),
          hasAnswered: this.registry.hasAnswered(lease.peerId),
          isOwn: false,
        }
      })
  }

  #self(modelId: ModelId): Candidate[] {
    const { answers, parts, config, isPaused } = this.node
    if (!answers.answersHere(modelId)) return []
    const { slots, slotsFree } = answers.capacity()
    const lease = { region: config.region, isPaused, inferenceSlots: slots, inferenceSlotsFree: slotsFree }
    const peerId = parts.network.peerId
    return [
      { peerId, lease, score: 1, hasBond: true, weiPerKiloToken: 0n, hasFailed: false, hasAnswered: true, isOwn: true },
    ]
  }

  /** Within the pledge of the own node, and where it has an engine. */
  async #fetch(model: string, job: RunningJob): Promise<boolean> {
    const { parts, config } = this.node
    if (!config['inference.enabled']) return false
    const { release } = await parts.releases.resolve(model)
    const held = parts.shard
      .list()
      .reduce((sum, { row, heldBytes }) => sum + (row.origin === 'fetch' ? heldBytes : 0), 0)
    const isWithinPledge = held + release.sizeBytes <= config['pledge.disk']
    if (!isWithinPledge || parts.leases.holders(release.modelId).length === 0) return false
    job.enter('fetching', 'no node answers with it: the own node takes it')
    await this.controller.pull(
      { model },
      (event) => {
        if (event.event === 'transfer-progress') job.progress('fetching', event.heldChunks, event.wantedChunks)
      },
      job.signal,
    )
    return true
  }

  /**
   * What a lease says, shown: it answers, and where it offers answers, one token of its first model. Its answer to the question
   * for its lease takes the way both ways.
   */
  async #probe(peerId: PeerId, signal: AbortSignal): Promise<void> {
    const { heartbeat, leases, economy } = this.node.parts
    const isThere = await heartbeat.ask(peerId)
    if (!isThere) throw new HartonomousError('ERR_PEER_UNREACHABLE', { peer: peerId, reason: 'it does not answer' })
    const lease = leases.get(peerId)?.signed.lease
    const model = lease?.models.find(({ canInfer }) => canInfer)
    if (lease === undefined || model === undefined || lease.inferenceSlotsFree === 0) return
    if (!economy.payment.isAffordable(peerId, lease.payment, 'infer')) return
    const prompt = { type: 'completion' as const, text: 'Hello' }
    const sampling = { temperature: 0, topP: 1, topK: 1, maxTokens: 1, stop: [] }
    const { events } = await this.node.answers.inferAt(peerId, { modelId: model.modelId, prompt, sampling }, { signal })
    for await (const event of events) if (event.type === 'end') return
  }

  async #receiptsOf(tenant: TenantId, row: JobRow): Promise<ReceiptView[]> {
    const attempts = await this.node.parts.store.forTenant(tenant).listAttempts(row.jobId)
    const views = await Promise.all(
      attempts.map(async ({ attempt, peerId, detail }) => {
        const { receipt: subject } = JSON.parse(detail) as { receipt?: string }
        if (subject === undefined) return []
        const entries = await this.node.parts.tenant.listLedger({ kinds: ['receipt-received'], subject, limit: 1 })
        return entries.map((entry) => viewReceipt(row.jobId, attempt, peerId, entry))
      }),
    )
    return views.flat()
  }

  async #removeOld(): Promise<void> {
    const { store } = this.node.parts
    const beforeMs = Date.now() - this.#options.config.jobs.keepDays * day
    for (const tenant of await store.listTenants())
      while ((await store.forTenant(tenant).removeJobs(beforeMs, removedAtOnceMax)) === removedAtOnceMax);
  }

  #jobsToday(): number {
    const sinceMs = Date.now() - day
    while (this.#ended.length > 0 && this.#ended[0]! < sinceMs) this.#ended.shift()
    return this.#ended.length
  }
}

function tokensOf(result: JobResult): number {
  if (result.kind === 'embedding') return result.promptTokens
  return result.kind === 'chat' || result.kind === 'completion' ? result.promptTokens + result.completionTokens : 0
}
