/** Jobs on a real store, with nodes whose behaviour a test decides: what lies between is the product's own. */
import type { JobResult, SubmitRequest } from '#protocol/api/jobs.ts'
import type { PeerId } from '#protocol/ids.ts'
import { openShardStore } from '#sql/store/index.ts'
import type { JobStore } from '#sql/store/job.ts'
import type { ShardStore, TenantId } from '#sql/store/types.ts'
import type { Identity } from '../identity.ts'
import { scopes } from '../identity.ts'
import { type AnswerDependencies, answerJob } from './answer-job.ts'
import { batchJob } from './batch-job.ts'
import type { Candidate } from './candidates.ts'
import { Dispatcher, type Done } from './dispatcher.ts'
import { FairSlots } from './fair-slots.ts'
import { JobHub } from './job-hub.ts'
import { type JobServiceDependencies, Jobs } from './job-service.ts'
import { Latencies } from './latency.ts'
import type { RunningJob } from './running-job.ts'
import type { Sitting, SittingEvent } from './sitting.ts'
import { Windows } from './windows.ts'

export type Behaviour = (
  onEvent: (event: SittingEvent) => void,
  options: { signal: AbortSignal; jobKey: string; attempt: number },
) => Promise<JobResult>

export interface TestNode {
  name: string
  slots?: number
  weiPerKiloToken?: bigint
  hasBond?: boolean
  region?: string
  behave: Behaviour
}

export const answer = (text: string): JobResult => ({
  kind: 'chat',
  text,
  finishReason: 'stop',
  promptTokens: 3,
  completionTokens: text.length,
})

export const answers =
  (text: string): Behaviour =>
  async (onEvent) => {
    onEvent({ type: 'loading' })
    onEvent({ type: 'output', text, tokens: text.length })
    return answer(text)
  }

export function identityOf(tenant: TenantId): Identity {
  return { tenant, name: tenant, role: 'member', scopes: new Set(scopes), method: 'owner', credential: 'test' }
}

export const chat = (content = 'hello', terms?: SubmitRequest['terms']): SubmitRequest => ({
  work: { kind: 'chat', model: 'm', messages: [{ role: 'user', content }], maxTokens: 10 },
  ...(terms === undefined ? {} : { terms }),
})

/** What a test wants to be the product's own besides. */
export interface JobBenchParts {
  admit?: JobServiceDependencies['admit']
  authorize?: AnswerDependencies['authorize']
  workflow?: (job: RunningJob, store: JobStore) => Promise<Done>
}

export class JobBench {
  readonly hub = new JobHub()
  readonly jobs: Jobs
  readonly dispatcher: Dispatcher
  readonly store: ShardStore
  readonly slots = new FairSlots()
  readonly latencies = new Latencies(Date.now)
  readonly windows = new Windows()
  nodes: TestNode[]
  readonly #parts: JobBenchParts
  /** What each node was asked for, in order. */
  readonly asked: { node: string; job: string; attempt: number }[] = []

  private constructor(
    store: ShardStore,
    nodes: TestNode[],
    owner: string,
    partsOf: (bench: JobBench) => JobBenchParts,
  ) {
    this.store = store
    this.nodes = nodes
    this.#parts = partsOf(this)
    const storeOf = (tenant: TenantId): JobStore => store.forTenant(tenant)
    this.dispatcher = new Dispatcher({
      tenants: () => store.listTenants(),
      storeOf,
      hub: this.hub,
      owner,
      now: Date.now,
      log: { debug() {}, info() {}, warn() {}, error() {} },
      run: (job, jobStore) => this.#run(job, jobStore),
      onEnd: () => undefined,
    })
    this.jobs = new Jobs({
      storeOf,
      hub: this.hub,
      now: Date.now,
      admit: this.#parts.admit ?? (async () => ({ entered: () => undefined })),
      authorize: async () => undefined,
      pin: async (_tenant, work) => work,
      mayQuote: async () => undefined,
      quote: () => Promise.reject(new Error('no quotes here')),
      submitted: (tenant) => this.dispatcher.submitted(tenant),
      running: (tenant, jobId) => this.dispatcher.job(tenant, jobId),
      approve: () => Promise.reject(new Error('no approvals here')),
      receiptsOf: async () => [],
    })
  }

  static async open(
    nodes: TestNode[],
    options: { store?: ShardStore; owner?: string; parts?: (bench: JobBench) => JobBenchParts } = {},
  ): Promise<JobBench> {
    const store = options.store ?? (await openShardStore({ path: ':memory:' }))
    await store.migrate()
    const bench = new JobBench(store, nodes, options.owner ?? 'coordinator:test', options.parts ?? (() => ({})))
    await bench.dispatcher.start()
    return bench
  }

  /** The job's final view. */
  async ended(tenant: TenantId, jobId: string) {
    const identity = identityOf(tenant)
    for await (const _ of this.jobs.events(identity, jobId, 0, AbortSignal.timeout(30_000)));
    return this.jobs.get(identity, jobId)
  }

  async run(request: SubmitRequest, tenant = 'a') {
    const { jobId } = await this.jobs.submit(identityOf(tenant), request, {})
    return this.ended(tenant, jobId)
  }

  async close(): Promise<void> {
    await this.dispatcher.close()
    await this.store.close()
  }

  async #run(job: RunningJob, store: JobStore): Promise<Done> {
    if (job.work.kind === 'batch') {
      const onSubmit = () => this.dispatcher.submitted(job.tenant)
      return { result: await batchJob(job, { store, hub: this.hub, now: Date.now, onSubmit }), chargedWei: 0n }
    }
    if (job.work.kind === 'workflow' && this.#parts.workflow !== undefined) return this.#parts.workflow(job, store)
    return answerJob(job, this.#answering())
  }

  #answering(): AnswerDependencies {
    return {
      slots: this.slots,
      latencies: this.latencies,
      windows: this.windows,
      now: Date.now,
      random: Math.random,
      candidates: async () => ({ modelId: 'model', name: 'm', candidates: () => this.nodes.map(candidateOf) }),
      fetch: async () => false,
      sit: this.#sit,
      priceMaxWei: 10n ** 18n,
      noteWork: () => undefined,
      noteAnswer: () => undefined,
      authorize: this.#parts.authorize ?? (async () => undefined),
    }
  }

  readonly #sit: Sitting = (peerId, { work }, { order, signal }) => {
    const node = this.nodes.find(({ name }) => name === peerId)!
    let tokens = 0
    return {
      account: () => ({ costWei: ((node.weiPerKiloToken ?? 0n) * BigInt(tokens)) / 1000n }),
      run: (onEvent) => {
        const text = work.kind === 'chat' ? work.messages[0]!.content : ''
        this.asked.push({ node: node.name, job: text, attempt: order.attempt })
        const count = (event: SittingEvent) => {
          if (event.type === 'output') tokens += event.tokens
          onEvent(event)
        }
        return node.behave(count, { signal, jobKey: Buffer.from(order.job).toString('hex'), attempt: order.attempt })
      },
    }
  }
}

function candidateOf({ name, slots = 4, weiPerKiloToken = 0n, hasBond = false, region = '' }: TestNode): Candidate {
  return {
    peerId: name as PeerId,
    lease: { region, isPaused: false, inferenceSlots: slots, inferenceSlotsFree: slots },
    score: 0.5,
    hasBond,
    weiPerKiloToken,
    hasFailed: false,
    hasAnswered: true,
    isOwn: false,
  }
}
