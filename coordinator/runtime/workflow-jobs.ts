/** Runs workflows as jobs: each prompt of theirs is a child job with a key of its own, so that no step is done or paid twice. */
import type { ItemWork, JobErrorView, JobResult, Work } from '#protocol/api/jobs.ts'
import { isFinalJobState } from '#protocol/api/jobs.ts'
import type { WorkflowGraph } from '#protocol/api/workflow.ts'
import { errorFromWire, HartonomousError } from '#protocol/errors.ts'
import { second } from '#protocol/units.ts'
import type { JobRow, JobStore } from '#sql/store/job.ts'
import type { TenantId, TenantStore } from '#sql/store/types.ts'
import type { Constitution } from '../constitution/index.ts'
import { type Done, detailOf, type JobHub, newJob, pause, type RunningJob, requestCancel } from '../jobs/index.ts'
import { compile, runWorkflow, type Tool, type WorkflowHost, type WorkOptions } from '../workflow/index.ts'
import { actingAs, rulesOf } from './gate.ts'

export interface WorkflowJobsDependencies {
  storeOf: (tenant: TenantId) => TenantStore
  hub: JobHub
  now: () => number
  constitution: Constitution
  tools: ReadonlyMap<string, Tool>
  /** By name, of that tenant or shipped. @throws {ERR_NOT_FOUND} */
  graphOf: (tenant: TenantId, name: string) => Promise<WorkflowGraph>
  find: (text: string, signal: AbortSignal) => Promise<unknown>
  /** A child waits in the store. */
  submitted: (tenant: TenantId) => void
}

/** Another coordinator tells nobody here of what it did. */
const lookEveryMs = 2 * second

export class WorkflowJobs {
  readonly #deps: WorkflowJobsDependencies

  constructor(deps: WorkflowJobsDependencies) {
    this.#deps = deps
  }

  async run(job: RunningJob, store: JobStore): Promise<Done> {
    const { work } = job
    if (work.kind !== 'workflow') throw new TypeError(`a ${work.kind} is no workflow`)
    const { tools, graphOf } = this.#deps
    const graph = typeof work.workflow === 'string' ? await graphOf(job.tenant, work.workflow) : work.workflow
    const plan = compile(graph, { tools: new Set(tools.keys()) })
    const host = this.#hostOf(job, store)
    for (;;) {
      job.enter('running', `runs ${graph.name}`)
      // Its steps are jobs with times of their own.
      job.clock.stop()
      const outcome = await runWorkflow(host, { thread: job.jobId, plan, input: work.input, signal: job.signal })
      job.signal.throwIfAborted()
      if (outcome.state === 'succeeded')
        return { result: { kind: 'workflow', output: outcome.output }, chargedWei: await chargedOf(job, store) }
      await this.#awaitApproval(job, outcome.waiting)
    }
  }

  /** A workflow by its name becomes the graph that has the name now: a run that is resumed is the same one. */
  async pin(tenant: TenantId, work: Work): Promise<Work> {
    if (work.kind !== 'workflow' || typeof work.workflow !== 'string') return work
    return { ...work, workflow: await this.#deps.graphOf(tenant, work.workflow) }
  }

  /** It has ended: where it stood is of no more use. */
  async forget(tenant: TenantId, jobId: string): Promise<void> {
    await this.#deps.storeOf(tenant).removeThread(jobId)
  }

  /** @throws {ERR_USAGE} where that step does not wait, or has its answer: nobody says yes to what was not asked yet */
  async approve(tenant: TenantId, row: JobRow, step: string, isApproved: boolean): Promise<void> {
    const { storeOf, hub } = this.#deps
    const { jobId } = row
    if (!(detailOf(row).waitingFor ?? []).includes(step))
      throw new HartonomousError('ERR_USAGE', { message: `step ${step.slice(0, 200)} does not wait`, param: 'step' })
    const key = approvalKey(jobId, step)
    if ((await storeOf(tenant).getSetting(key)) !== undefined)
      throw new HartonomousError('ERR_USAGE', { message: `step ${step} has its answer already`, param: 'step' })
    await storeOf(tenant).putSetting(key, isApproved)
    hub.tell(jobId)
  }

  async #awaitApproval(job: RunningJob, waiting: readonly { step: string; question: string }[]): Promise<void> {
    const { hub, storeOf } = this.#deps
    const asked = waiting.map(({ step, question }) => `${step}: ${question}`).join('; ')
    const steps = waiting.map(({ step }) => step)
    job.wait(`waits for approval of ${asked}`.slice(0, 500), steps)
    let news = Promise.withResolvers<void>()
    const unsubscribe = hub.listen(job.jobId, () => news.resolve())
    try {
      while (!job.signal.aborted) {
        const answers = await Promise.all(
          waiting.map(({ step }) => storeOf(job.tenant).getSetting(approvalKey(job.jobId, step))),
        )
        if (answers.some((answer) => answer !== undefined)) return
        news = Promise.withResolvers()
        await Promise.race([news.promise, pause(lookEveryMs, job.signal)])
      }
      job.signal.throwIfAborted()
    } finally {
      unsubscribe()
    }
  }

  #hostOf(job: RunningJob, store: JobStore): WorkflowHost {
    const { storeOf, tools, find, constitution } = this.#deps
    const tenant = storeOf(job.tenant)
    return {
      checkpoints: tenant,
      tools,
      query: find,
      emit: (event) => job.step(event),
      approval: async (step) => (await tenant.getSetting(approvalKey(job.jobId, step))) as boolean,
      runWork: (work, options) => this.#runChild(job, store, work, options),
      authorize: async (action, resource, agents = []) => {
        const principal = { ...actingAs(job.principal, job.jobId) }
        principal.delegates = [...principal.delegates, ...agents.map((id) => ({ type: 'Agent' as const, id }))]
        try {
          const rules = await rulesOf(constitution, job)
          if (action === 'delegate') await constitution.enforce({ action, principal, resource }, rules)
          else {
            const tool = { id: resource, isWriting: false }
            await constitution.enforce({ action, principal, resource: tool, context: { isApproved: false } }, rules)
          }
          return { isAllowed: true, reason: 'the constitution permits it' }
        } catch (error) {
          if (!(error instanceof HartonomousError) || error.code !== 'ERR_FORBIDDEN') throw error
          return { isAllowed: false, reason: error.message }
        }
      },
    }
  }

  async #runChild(job: RunningJob, store: JobStore, work: ItemWork, options: WorkOptions): Promise<JobResult> {
    const { now, submitted } = this.#deps
    const { idempotencyKey, agents = [], maxPriceWei } = options
    const { tenant, delegates, ...rest } = actingAs(job.principal, job.jobId)
    const principal = { ...rest, delegates: [...delegates, ...agents.map((id) => ({ type: 'Agent' as const, id }))] }
    // Under the rules of the workflow: what it forbids is written down once.
    const { forbid: _, ...own } = job.terms
    const terms = { ...own, ...(await this.#boundOf(job, store, maxPriceWei)) }
    const row = newJob({
      request: { work, terms },
      idempotencyKey: `${job.jobId}/${idempotencyKey}`.slice(-255),
      parentJobId: job.jobId,
      traceparent: job.traceparent,
      principal,
      policyHash: job.policyHash,
      nowMs: now(),
    })
    const [inserted] = await store.insertJobs([row])
    if (inserted!.isNew) submitted(tenant)
    const ended = await this.#endOf(job, store, inserted!.job, options.signal)
    if (ended.result !== undefined) return JSON.parse(ended.result) as JobResult
    if (ended.error !== undefined) throw errorFromWire(JSON.parse(ended.error) as JobErrorView)
    throw new HartonomousError('ERR_JOB_FAILED', { jobId: ended.jobId, cause: ended.state, reason: ended.reason })
  }

  /** What is left for the whole workflow bounds each of its jobs; those that run at once are bounded by the same rest. */
  async #boundOf(job: RunningJob, store: JobStore, askedWei: bigint | undefined): Promise<{ maxPriceWei?: string }> {
    const { maxPriceWei } = job.terms
    if (maxPriceWei === undefined) return askedWei === undefined ? {} : { maxPriceWei: String(askedWei) }
    const spentWei = await chargedOf(job, store)
    const leftWei = BigInt(maxPriceWei) > spentWei ? BigInt(maxPriceWei) - spentWei : 0n
    return { maxPriceWei: String(askedWei !== undefined && askedWei < leftWei ? askedWei : leftWei) }
  }

  async #endOf(parent: RunningJob, store: JobStore, child: JobRow, signal: AbortSignal): Promise<JobRow> {
    const { hub, now } = this.#deps
    let news = Promise.withResolvers<void>()
    const unsubscribe = hub.listen(child.jobId, () => news.resolve())
    try {
      for (;;) {
        news = Promise.withResolvers()
        const row = (await store.getJob(child.jobId)) ?? child
        if (isFinalJobState(row.state)) return row
        if (signal.aborted) {
          // Whoever takes the workflow up again finds the child where it is.
          if (!parent.isAbandoned) await requestCancel(store, row, now()).catch(() => undefined)
          hub.tell(child.jobId)
          throw signal.reason
        }
        await Promise.race([news.promise, pause(lookEveryMs, signal)])
      }
    } finally {
      unsubscribe()
    }
  }
}

function approvalKey(jobId: string, step: string): string {
  return `approval/${jobId}/${step}`
}

/** What its prompts cost together. */
async function chargedOf({ jobId }: RunningJob, store: JobStore): Promise<bigint> {
  let sum = 0n
  let after: string | undefined
  for (;;) {
    const page = await store.listJobs({ parentJobId: jobId, limit: 1000, ...(after === undefined ? {} : { after }) })
    if (page.length === 0) return sum
    for (const { chargedWei } of page) sum += chargedWei
    after = page.at(-1)!.jobId
  }
}
