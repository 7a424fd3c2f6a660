import { createHash } from 'node:crypto'
import type { WorkflowGraph } from '#protocol/api/workflow.ts'
import { type PlanOptions, planWorkflow, type WorkflowPlan } from '#protocol/api/workflow-plan.ts'
import { canonicalJson } from '#sql/store/canonical-json.ts'

export interface Plan extends WorkflowPlan {
  /** SHA-256 of the graph, hex: a run goes on with no other one. */
  digest: string
}

/** @throws {ERR_USAGE} whose `param` names the field: `steps[2].over` */
export function compile(value: unknown, options: PlanOptions = {}): Plan {
  const plan = planWorkflow(value, options)
  return { ...plan, digest: digestOf(plan.graph) }
}

function digestOf(graph: WorkflowGraph): string {
  return createHash('sha256').update(canonicalJson(graph)).digest('hex')
}
