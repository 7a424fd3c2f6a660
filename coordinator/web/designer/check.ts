/** The coordinator's own check, run here while somebody types. */
import { config } from 'zod'
import type { WorkflowGraph } from '#protocol/api/workflow.ts'
import { planWorkflow } from '#protocol/api/workflow-plan.ts'
import { isHartonomousError } from '#protocol/errors.ts'

// Zod would try whether it may make code from text; the policy of the page says no, and reports that it was asked.
config({ jitless: true })

export interface GraphProblem {
  message: string
  /** The step that it is in, where it is in one. */
  step?: string
  /** Of the step, or of the workflow: `step.prompt`, `over`, `name`. */
  field?: string
}

/** The first mistake, in the words of the coordinator. `tools` are not checked where they are not known. */
export function problemOf(graph: WorkflowGraph, tools?: ReadonlySet<string>): GraphProblem | undefined {
  if (graph.steps.length === 0) return { message: 'steps: there is none yet' }
  try {
    planWorkflow(graph, tools === undefined ? {} : { tools })
    return undefined
  } catch (error) {
    if (!isHartonomousError(error, 'ERR_USAGE')) throw error
    const { message } = error
    const [, at, field] = /^(?:steps\[(\d+)\]\.?)?([^:\s]*): /.exec(message) ?? []
    const step = at === undefined ? undefined : graph.steps[Number(at)]?.id
    return {
      message,
      ...(step === undefined ? {} : { step }),
      ...(field === undefined || field === '' ? {} : { field }),
    }
  }
}
