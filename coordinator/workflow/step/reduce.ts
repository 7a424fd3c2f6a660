import { parsePath } from '#protocol/api/value-path.ts'
import type { WorkflowStep } from '#protocol/api/workflow.ts'
import { workflowItemsParallelDefault } from '#protocol/limits.ts'
import { textOf } from '../plan/template.ts'
import { eachOf } from './each-of.ts'
import { runPrompt } from './prompt.ts'
import { listAt, type StepRun } from './step-run.ts'

/** Between the texts that one prompt joins. */
const separator = '\n\n'
const fanInDefault = 4

/** A tree: groups of `fanIn` become one text each, level by level, until one is left. A lone text goes up as it is. */
export async function runReduce(run: StepRun, reduce: Extract<WorkflowStep, { type: 'reduce' }>): Promise<string> {
  const fanIn = reduce.fanIn ?? fanInDefault
  let texts = listAt(parsePath(reduce.over)!, run.values).map(textOf)
  for (let level = 0; texts.length > 1; level++) {
    const groups = Array.from({ length: Math.ceil(texts.length / fanIn) }, (_, at) =>
      texts.slice(at * fanIn, (at + 1) * fanIn),
    )
    texts = await eachOf(groups, workflowItemsParallelDefault, run.signal, async (group, at, signal) => {
      if (group.length === 1) return group[0]!
      const values = new Map([...run.values, ['item', group.join(separator)]])
      return runPrompt(run, reduce, `${reduce.id}[${level}.${at}]`, values, signal)
    })
  }
  return texts[0] ?? ''
}
