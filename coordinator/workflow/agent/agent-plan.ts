/** Plans, as models write them: JSON that is bounded and checked, because most of it is wrong. */
import { z } from 'zod'
import { agentPlanBytesMax } from '#protocol/limits.ts'
import { jsonIn } from '../tool/parse-json.ts'
import { type AgentTask, agentTask } from './template.ts'

/** The id of the step that joins all results. */
export const mergeId = 'merge'

const shape = z.strictObject({ steps: z.array(agentTask).min(1) })

/** A list of tasks in an order in which they can be done, or what is wrong with the text. */
export function readPlan(text: string, bounds: { tasksMax: number; maySplit: boolean }): AgentTask[] | string {
  if (Buffer.byteLength(text) > agentPlanBytesMax) return `it is longer than ${agentPlanBytesMax} bytes`
  let value: unknown
  try {
    value = jsonIn(text, 'the plan')
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  const parsed = shape.safeParse(value)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    return `${issue?.path.join('.') || 'plan'}: ${issue?.message ?? 'not valid'}`
  }
  return tasksProblem(parsed.data.steps, bounds) ?? parsed.data.steps
}

/** `undefined` where nothing is wrong. Cycles cannot be: `after` names tasks that stand before. */
export function tasksProblem(
  tasks: readonly AgentTask[],
  bounds: { tasksMax: number; maySplit: boolean },
): string | undefined {
  if (tasks.length > bounds.tasksMax) return `${tasks.length} steps, and ${bounds.tasksMax} are allowed`
  const known = new Set<string>()
  for (const { id, after = [], split } of tasks) {
    if (id === mergeId || known.has(id)) return `the id ${id} is taken`
    const unknown = after.find((other) => !known.has(other))
    if (unknown !== undefined) return `${id} comes after ${unknown}, which no step before it is called`
    if (split === true && !bounds.maySplit) return `${id} may not be split further`
    known.add(id)
  }
  return undefined
}
