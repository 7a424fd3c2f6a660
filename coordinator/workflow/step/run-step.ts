/** One step of any type but approval, which only the engine can make wait. */
import type { WorkflowStep } from '#protocol/api/workflow.ts'
import { render } from '../plan/template.ts'
import { holds } from './condition.ts'
import { runMap } from './map.ts'
import { runPrompt } from './prompt.ts'
import { runReduce } from './reduce.ts'
import { boundedValue, type StepRun } from './step-run.ts'
import { runTool } from './tool.ts'

export async function runStep(run: StepRun, step: Exclude<WorkflowStep, { type: 'approval' }>): Promise<unknown> {
  return boundedValue(await valueIn(run, step), `the value of ${step.id}`)
}

function valueIn(run: StepRun, step: Exclude<WorkflowStep, { type: 'approval' }>): unknown {
  switch (step.type) {
    case 'prompt':
      return runPrompt(run, step, step.id, run.values, run.signal)
    case 'tool':
      return runTool(run, step, step.id, run.values, run.signal)
    case 'query':
      return run.host.query(render(step.text, run.values), run.signal)
    case 'map':
      return runMap(run, step)
    case 'reduce':
      return runReduce(run, step)
    case 'condition':
      return holds(step, run.values)
  }
}
