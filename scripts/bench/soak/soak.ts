/**
 * A swarm of real processes under a coordinator, with nodes and the coordinator itself killed (SIGKILL) at random while jobs
 * run. What must hold whatever dies: each job has exactly one end, was charged for once at most, and names its cause where it
 * failed.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ControlClient } from '#node/cli/client.ts'
import { DevnetNode } from '#node/cli/devnet/child.ts'
import type { DevnetEconomy } from '#node/cli/devnet/economy.ts'
import { SseParser } from '#protocol/api/index.ts'
import { finalJobStates, type JobEvent, type JobView } from '#protocol/api/jobs.ts'

const model = fileURLToPath(new URL('../../../models/hartling/hartling-q8_0.gguf', import.meta.url))

/** In HART; of a deposit of 50 ten thousand short jobs take a third. */
const pricePerKiloToken = '0.1'

export interface SoakOptions {
  folder: string
  /** Where there is one, every job is paid for. */
  economy?: DevnetEconomy
  jobs: number
  nodes: number
  /** A node is killed about this often, and comes back a second later. */
  killEveryMs: number
  /** How often the coordinator is killed over the whole run. */
  coordinatorKills: number
  /** Of random choices. */
  random: () => number
  log: (line: string) => void
  signal: AbortSignal
}

export interface SoakReport {
  jobs: number
  succeeded: number
  failed: number
  cancelled: number
  nodesKilled: number
  coordinatorsKilled: number
  /** Of all jobs together, in wei; 0 where nothing is paid. */
  chargedWei: string
  /** Attempts over jobs. */
  attemptsPerJob: number
  jobsPerSecond: number
  /** Each a sentence; empty where everything held. */
  violations: string[]
  /** How often each code ended a job. */
  causes: Record<string, number>
}

export async function soak(options: SoakOptions): Promise<SoakReport> {
  const swarm = new Swarm(options)
  try {
    await swarm.start()
    return await swarm.run()
  } finally {
    await swarm.close()
  }
}

class Swarm {
  readonly #options: SoakOptions
  readonly #nodes: (DevnetNode | undefined)[] = []
  #coordinator: DevnetNode | undefined
  #client: ControlClient | undefined
  #port = '0'
  #bootstrap: string[] = []
  #nodesKilled = 0
  #coordinatorsKilled = 0
  readonly #isOver = new AbortController()
  readonly #prepared = new Set<string>()

  constructor(options: SoakOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    const { nodes, economy, log, signal } = this.#options
    const first = await this.#startNode(0)
    this.#bootstrap = first.ready!.addresses.flatMap((address) => ['--bootstrap', address])
    await Promise.all(Array.from({ length: nodes - 1 }, (_, index) => this.#startNode(index + 1)))
    await this.#startCoordinator()
    await economy?.ready()
    log(`${nodes} nodes and a coordinator run`)
    for (;;) {
      const { data } = await this.#ask<{ data: unknown[] }>('/v1/models')
      if (data.length > 0) return
      await sleep(200, undefined, { signal })
    }
  }

  async run(): Promise<SoakReport> {
    const { jobs, log } = this.#options
    const startedMs = performance.now()
    const killing = this.#killNodes()
    const ids = await this.#submitAll()
    log(`${jobs} jobs are submitted after ${Math.round((performance.now() - startedMs) / 1000)} s`)
    const views = await this.#awaitAll(ids)
    const seconds = (performance.now() - startedMs) / 1000
    this.#isOver.abort()
    await killing
    const violations = await this.#violationsOf(ids, views)
    const count = (state: string) => views.filter((job) => job.state === state).length
    const causes: Record<string, number> = {}
    for (const { error } of views) if (error !== undefined) causes[error.code] = (causes[error.code] ?? 0) + 1
    return {
      jobs: views.length,
      succeeded: count('succeeded'),
      failed: count('failed'),
      cancelled: count('cancelled'),
      nodesKilled: this.#nodesKilled,
      coordinatorsKilled: this.#coordinatorsKilled,
      chargedWei: String(views.reduce((sum, { chargedWei }) => sum + BigInt(chargedWei), 0n)),
      attemptsPerJob: views.reduce((sum, { attempts }) => sum + attempts.length, 0) / views.length,
      jobsPerSecond: views.length / seconds,
      violations,
      causes,
    }
  }

  async close(): Promise<void> {
    this.#isOver.abort()
    await Promise.all([...this.#nodes, this.#coordinator].map((node) => node?.stop()))
  }

  async #startNode(index: number): Promise<DevnetNode> {
    const dataDir = join(this.#options.folder, `node-${index}`)
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    const args = ['--listen', '/ip4/127.0.0.1/tcp/0', '--api-port', '0', '--no-mdns', '--ingest', model]
    const node = new DevnetNode(index, dataDir, [...args, ...this.#bootstrap, ...this.#paid(dataDir, 'node')])
    this.#nodes[index] = node
    await node.start(this.#options.signal)
    return node
  }

  /** The same folder and port as before, so that clients find it again. */
  async #startCoordinator(): Promise<void> {
    const { folder, signal } = this.#options
    const dataDir = join(folder, 'coordinator')
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    const args = ['--listen', '/ip4/127.0.0.1/tcp/0', '--api-port', '0', '--coordinator-port', this.#port]
    const flags = [...args, '--no-mdns', '--no-inference', ...this.#bootstrap, ...this.#paid(dataDir, 'requester')]
    this.#coordinator = new DevnetNode(99, dataDir, flags, [], 'coordinator')
    this.#client = await this.#coordinator.connectToCoordinator(signal)
    this.#port = new URL(this.#client.apiUrl).port
  }

  /** A bond or a deposit for a folder that is new, and the settings that go with it: the last one of a key holds. */
  #paid(dataDir: string, role: 'node' | 'requester'): string[] {
    const { economy } = this.#options
    if (economy === undefined) return []
    if (!this.#prepared.has(dataDir)) economy.prepare(dataDir, role)
    this.#prepared.add(dataDir)
    const price = role === 'node' ? ['--set', `payment.pricePerKiloToken=${pricePerKiloToken}`] : []
    return [...economy.settings(role), ...price]
  }

  /** Never the first one, through which the others find the swarm. */
  async #killNodes(): Promise<void> {
    const { killEveryMs, random, nodes } = this.#options
    while (nodes > 1 && !this.#isOver.signal.aborted) {
      await sleep(killEveryMs * (0.5 + random()), undefined, { signal: this.#isOver.signal }).catch(() => undefined)
      if (this.#isOver.signal.aborted) return
      const index = 1 + Math.floor(random() * (nodes - 1))
      this.#nodes[index]?.kill()
      this.#nodesKilled++
      await sleep(1000)
      // One that was killed while it started is started again at the next turn.
      if (!this.#isOver.signal.aborted) await this.#startNode(index).catch(() => undefined)
    }
  }

  async #killCoordinator(): Promise<void> {
    this.#coordinator?.kill()
    this.#coordinatorsKilled++
    this.#options.log(`the coordinator was killed (${this.#coordinatorsKilled})`)
    await this.#startCoordinator()
  }

  /** One in twenty is submitted twice with the same key. */
  async #submitAll(): Promise<string[]> {
    const { jobs, random, coordinatorKills } = this.#options
    const killAt = new Set(
      Array.from({ length: coordinatorKills }, (_, k) => Math.floor((jobs * (k + 1)) / (coordinatorKills + 1))),
    )
    const ids: string[] = []
    let killing: Promise<void> | undefined
    let next = 0
    const worker = async () => {
      for (let index = next++; index < jobs; index = next++) {
        if (killAt.has(index)) killing = this.#killCoordinator()
        ids[index] = await this.#submit(index)
        if (random() < 0.05 && (await this.#submit(index)) !== ids[index])
          throw new Error(`job ${index} was made twice`)
      }
    }
    await Promise.all(Array.from({ length: 16 }, worker))
    await killing
    return ids
  }

  /** Again and again with its key, until the coordinator is back. */
  async #submit(index: number): Promise<string> {
    const messages = [{ role: 'user', content: `Count to ${index}.` }]
    const work = { kind: 'chat', model: await this.#modelName(), messages, temperature: 0, maxTokens: 2 }
    const body = { work, terms: { attemptsMax: 10 } }
    const { jobId } = await this.#again(() =>
      this.#client!.post<{ jobId: string }>('/api/v1/jobs', body, { 'idempotency-key': `soak-${index}` }),
    )
    return jobId
  }

  #name: string | undefined
  async #modelName(): Promise<string> {
    this.#name ??= (await this.#ask<{ data: { id: string }[] }>('/v1/models')).data[0]!.id
    return this.#name
  }

  async #awaitAll(ids: readonly string[]): Promise<JobView[]> {
    const { signal, log } = this.#options
    for (;;) {
      const views = await this.#allJobs()
      const ended = views.filter(({ state }) => (finalJobStates as readonly string[]).includes(state)).length
      log(`${ended} of ${ids.length} jobs have ended`)
      if (ended >= ids.length) return views
      await sleep(2000, undefined, { signal })
    }
  }

  async #allJobs(): Promise<JobView[]> {
    const views: JobView[] = []
    let cursor: string | undefined
    do {
      const query = `limit=500${cursor === undefined ? '' : `&cursor=${cursor}`}`
      const page = await this.#ask<{ jobs: JobView[]; nextCursor?: string }>(`/api/v1/jobs?${query}`)
      views.push(...page.jobs)
      cursor = page.nextCursor
    } while (cursor !== undefined)
    return views
  }

  async #violationsOf(ids: readonly string[], views: readonly JobView[]): Promise<string[]> {
    const violations: string[] = []
    const known = new Set(views.map(({ jobId }) => jobId))
    for (const [index, id] of ids.entries()) if (!known.has(id)) violations.push(`job ${index} (${id}) is gone`)
    if (views.length !== ids.length) violations.push(`${ids.length} jobs submitted, ${views.length} there`)
    for (const job of views) {
      const won = job.attempts.filter(({ outcome }) => outcome === 'won')
      const isDone = job.state === 'succeeded'
      if (won.length !== (isDone ? 1 : 0)) violations.push(`${job.jobId} is ${job.state} with ${won.length} winners`)
      if (isDone && this.#options.economy !== undefined && job.chargedWei === '0')
        violations.push(`${job.jobId} is done and not charged`)
      if (isDone && job.chargedWei !== (won[0]?.paidWei ?? '0'))
        violations.push(`${job.jobId}: charged ${job.chargedWei}`)
      if (!isDone && job.chargedWei !== '0') violations.push(`${job.jobId} is ${job.state} and charged`)
      if (job.state === 'failed' && !job.error?.message) violations.push(`${job.jobId} failed without a cause`)
      if (job.attempts.some(({ outcome }) => outcome === undefined))
        violations.push(`${job.jobId}: an attempt without an end`)
    }
    // Of a sample the events, too: each is a stream of its own.
    for (const { jobId } of views.slice(0, 200)) {
      const ends = (await this.#events(jobId)).filter(
        (event) => event.type === 'state' && (finalJobStates as readonly string[]).includes(event.state),
      )
      if (ends.length !== 1) violations.push(`${jobId} ended ${ends.length} times`)
    }
    return violations
  }

  async #events(jobId: string): Promise<JobEvent[]> {
    const response = await this.#again(() => this.#client!.open(`/api/v1/jobs/${jobId}/events`))
    const parser = new SseParser()
    return parser.push(await response.text()).map(({ data }) => JSON.parse(data) as JobEvent)
  }

  #ask<T>(path: string): Promise<T> {
    return this.#again(() => this.#client!.get<T>(path))
  }

  /** The coordinator may be dead just now. */
  async #again<T>(request: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await request()
      } catch (error) {
        this.#options.signal.throwIfAborted()
        if (tries >= 200) throw error
        await sleep(200, undefined, { signal: this.#options.signal })
      }
    }
  }
}
