/** What a workflow needs of whoever runs it. */
import type { ItemWork, JobEventBody, JobResult } from '#protocol/api/jobs.ts'
import type { CheckpointStore } from '#sql/store/checkpoint-row.ts'
import type { Tool } from './tool/tool.ts'

export type StepEvent = Extract<JobEventBody, { type: 'step' }>

export interface WorkOptions {
  signal: AbortSignal
  /** The step, and within a map or reduce which part of it: `each[3]`. */
  step: string
  /** The same key is the same job: one that has ended gives its result again, and costs nothing. */
  idempotencyKey: string
  /** Agents between the tenant and this job, outermost first: the constitution of each holds for it. */
  agents?: readonly string[]
  /** The most that this job may cost, where the work that it belongs to has a bound of its own. */
  maxPriceWei?: bigint
}

export interface Verdict {
  isAllowed: boolean
  /** Why, in one sentence. */
  reason: string
}

/** Of one run. All that it does happens here, so that a run can be narrowed by handing down a narrower host. */
export interface WorkflowHost {
  /** A child job; its retries, on other nodes, are its own. */
  runWork(work: ItemWork, options: WorkOptions): Promise<JobResult>
  /** A query over models and components, in its own text; JSON. */
  query(text: string, signal: AbortSignal): Promise<unknown>
  /** The constitution: may a tool be used, or an agent of this name be made, by these agents? */
  authorize(action: 'useTool' | 'delegate', resource: string, agents?: readonly string[]): Promise<Verdict>
  emit(event: StepEvent): void | Promise<void>
  /** What was answered to a step that waits; `undefined` while nothing was. */
  approval(step: string): Promise<boolean | undefined> | undefined
  readonly checkpoints: CheckpointStore
  readonly tools: ReadonlyMap<string, Tool>
}
