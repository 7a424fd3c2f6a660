import { parsePath } from '#protocol/api/value-path.ts'
import type { WorkflowStep } from '#protocol/api/workflow.ts'
import { workflowItemsParallelDefault } from '#protocol/limits.ts'
import { eachOf } from './each-of.ts'
import { runPrompt } from './prompt.ts'
import { listAt, type StepRun } from './step-run.ts'
import { runTool } from './tool.ts'

/** One list from another. Each item is a job, or a tool, with a key of its own: a resumed map does none of them twice. */
export function runMap(run: StepRun, map: Extract<WorkflowStep, { type: 'map' }>): Promise<unknown[]> {
  const items = listAt(parsePath(map.over)!, run.values)
  const { step: inner, parallel = workflowItemsParallelDefault } = map
  return eachOf(items, parallel, run.signal, (item, index, signal) => {
    const part = `${map.id}[${index}]`
    const values = new Map([...run.values, ['item', item], ['index', index]])
    return inner.type === 'prompt'
      ? runPrompt(run, inner, part, values, signal)
      : runTool(run, inner, part, values, signal)
  })
}
