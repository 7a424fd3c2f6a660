/** Runs a compiled workflow, or goes on with one where it stopped: the thread says which. */
import type { WorkflowHost } from './host.ts'
import type { Plan } from './plan/compile.ts'

export interface RunRequest {
  /** The same thread is the same run, in this process or a later one. */
  thread: string
  plan: Plan
  /** JSON; of a run that goes on, what it began with counts. */
  input: unknown
  signal: AbortSignal
}

export interface WaitingStep {
  step: string
  question: string
}

/** `waiting`: nothing of it runs; run it again when `host.approval` has an answer. */
export type RunOutcome = { state: 'succeeded'; output: unknown } | { state: 'waiting'; waiting: WaitingStep[] }

/**
 * Each step that ended is in the checkpoint store before the next begins. A run that has succeeded succeeds again, with
 * the same output, and does nothing; one that failed tries the failed steps again. When nobody will ask again, the caller
 * removes the thread from the checkpoint store; runs of agents within it have removed theirs.
 * @throws {ERR_STEP_FAILED} {ERR_USAGE} for a thread that was begun with another workflow
 */
export async function runWorkflow(host: WorkflowHost, request: RunRequest): Promise<RunOutcome> {
  // LangGraph takes a third of a second to load: a node that runs no workflow never does.
  const { runGraph } = await import('./engine/run-graph.ts')
  return runGraph(host, request)
}
