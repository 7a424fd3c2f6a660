/** A coordinator: a node with more duties. What it adds are the registry, the jobs, and the faces of both. */

import type { Log } from '#node/log/index.ts'
import type { HartonomousNode, NodeController } from '#node/runtime/index.ts'
import type { SubmitRequest } from '#protocol/api/jobs.ts'
import type { ReceiptView } from '#protocol/api/network.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { parseHart } from '#protocol/hart.ts'
import type { ModelId, PeerId } from '#protocol/ids.ts'
import { day } from '#protocol/units.ts'
import type { JobRow, JobStore } from '#sql/store/job.ts'
import type { TenantId } from '#sql/store/types.ts'
import type { Identity } from '../identity.ts'
import {
  type AnswerDependencies,
  answerJob,
  batchJob,
  type Candidate,
  Dispatcher,
  type Done,
  FairSlots,
  JobHub,
  Jobs,
  Latencies,
  pullJob,
  quoteJob,
  type RunningJob,
  sittingOn,
} from '../jobs/index.ts'
import { Registry } from '../registry/index.ts'
import { viewReceipt } from './receipt-view.ts'

export interface CoordinatorOptions {
  node: HartonomousNode
  controller: NodeController
  log: Log
  /** HART that one job may cost at most. */
  jobPriceMax: string
  /** The network or a job changed. */
  onChange?: (change: { what: 'network' } | { what: 'job'; tenant: TenantId; jobId: string }) => void
  /** Before a job is kept. @throws {ERR_QUOTA} {ERR_FORBIDDEN} */
  admit?: (identity: Identity, request: SubmitRequest) => Promise<void>
  runWorkflow?: (job: RunningJob, store: JobStore) => Promise<Done>
  approve?: (tenant: TenantId, jobId: string, step: string, isApproved: boolean) => Promise<void>
}

export class Coordinator {
  readonly registry: Registry
  readonly jobs: Jobs
  readonly hub = new JobHub()
  readonly dispatcher: Dispatcher
  readonly latencies = new Latencies(Date.now)
  readonly slots = new FairSlots()
  readonly node: HartonomousNode
  readonly controller: NodeController
  readonly #options: CoordinatorOptions
  readonly #priceMaxWei: bigint
  readonly #ended: number[] = []

  constructor(options: CoordinatorOptions) {
    const { node, controller, log } = options
    const { parts } = node
    const now = Date.now
    this.node = node
    this.controller = controller
    this.#options = options
    this.#priceMaxWei = parseHart(options.jobPriceMax)
    this.registry = new Registry({
      parts,
      now,
      log,
      jobs: () => ({ running: this.dispatcher.inWork, today: this.#jobsToday() }),
      probe: (peerId, signal) => this.#probe(peerId, signal),
      isWorking: (peerId) => this.slots.runningOn(peerId) > 0,
      onRound: () => this.slots.look(),
      onChange: () => options.onChange?.({ what: 'network' }),
    })
    this.dispatcher = new Dispatcher({
      tenants: () => parts.store.listTenants(),
      storeOf: (tenant) => parts.store.forTenant(tenant),
      hub: this.hub,
      owner: `coordinator:${parts.network.peerId}`,
      now,
      log,
      run: (job, store) => this.#run(job, store),
      onEnd: () => void this.#ended.push(now()),
    })
    this.jobs = new Jobs({
      storeOf: (tenant) => parts.store.forTenant(tenant),
      hub: this.hub,
      now,
      admit: options.admit ?? (async () => undefined),
      quote: (request) => quoteJob(request, this.#answering()),
      submitted: (tenant) => this.dispatcher.submitted(tenant),
      running: (tenant, jobId) => this.dispatcher.job(tenant, jobId),
      approve: options.approve ?? (() => Promise.reject(noWorkflow())),
      receiptsOf: (tenant, row) => this.#receiptsOf(tenant, row),
    })
  }

  async start(): Promise<void> {
    await this.registry.start()
    await this.dispatcher.start()
  }

  async close(): Promise<void> {
    await this.dispatcher.close()
    await this.registry.close()
  }

  async #run(job: RunningJob, store: JobStore): Promise<Done> {
    switch (job.work.kind) {
      case 'chat':
      case 'completion':
      case 'embedding':
        return answerJob(job, this.#answering())
      case 'pull':
        return { result: await pullJob(job, { node: this.controller }), chargedWei: 0n }
      case 'batch': {
        const onSubmit = () => this.dispatcher.submitted(job.tenant)
        return { result: await batchJob(job, { store, hub: this.hub, now: Date.now, onSubmit }), chargedWei: 0n }
      }
      case 'workflow':
        if (this.#options.runWorkflow === undefined) throw noWorkflow()
        return this.#options.runWorkflow(job, store)
    }
  }

  #answering(): AnswerDependencies & { runningOn: (peerId: PeerId) => number } {
    return {
      slots: this.slots,
      latencies: this.latencies,
      runningOn: (peerId) => this.slots.runningOn(peerId),
      now: Date.now,
      random: Math.random,
      candidates: (model) => this.#candidates(model),
      fetch: (model, job) => this.#fetch(model, job),
      sit: sittingOn(this.node),
      priceMaxWei: this.#priceMaxWei,
      noteWork: (peerId, latencyMs) => this.registry.noteWork(peerId, latencyMs),
    }
  }

  /** @throws {ERR_NOT_FOUND} */
  async #candidates(model: string) {
    const { release } = await this.node.parts.releases.resolve(model)
    const { modelId, name } = release
    // The first question makes it look; whoever waits for a slot asks again.
    this.node.answers.answersHere(modelId)
    return { modelId, name, candidates: () => [...this.#peers(modelId), ...this.#self(modelId)] }
  }

  #peers(modelId: ModelId): Candidate[] {
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
    return [{ peerId, lease, score: 1, hasBond: true, weiPerKiloToken: 0n, hasFailed: false, isOwn: true }]
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

  #jobsToday(): number {
    const sinceMs = Date.now() - day
    while (this.#ended.length > 0 && this.#ended[0]! < sinceMs) this.#ended.shift()
    return this.#ended.length
  }
}

function noWorkflow(): HartonomousError {
  return new HartonomousError('ERR_USAGE', { message: 'this coordinator runs no workflows' })
}
