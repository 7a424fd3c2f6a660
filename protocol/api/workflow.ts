/** Graphs of work: what a workflow is made of. The steps are typed; values flow as JSON under the names of steps. */
import { z } from 'zod'
import { queryTextBytesMax, workflowStepsMax, workflowTemplateBytesMax } from '../limits.ts'

const id = z.string().regex(/^[a-z][a-z0-9_-]{0,47}$/, 'lower case letters, digits, - and _')
/** Text with `{{path.to.value}}`: `input`, `item`, `index`, or the id of an earlier step. */
const template = z.string().max(workflowTemplateBytesMax)
/** A value by its path, as in a template without the braces. */
const path = z.string().regex(/^[a-zA-Z_][\w.-]{0,199}$/, 'a path of names with dots')

const common = {
  id,
  /** Steps that must have ended before; edges that templates imply are added. */ after: z.array(id).max(32).optional(),
}

const sampling = {
  temperature: z.number().min(0).max(2).optional(),
  maxTokens: z.int().min(1).max(32_768).optional(),
  seed: z.int().optional(),
}

export const promptStep = z.object({
  ...common,
  type: z.literal('prompt'),
  model: z.string().min(1).max(2048).optional(),
  system: template.optional(),
  prompt: template,
  ...sampling,
})
/** Tools are named and typed by the coordinator: `now`, `split-text`, `read-folder` and so on; the constitution decides. */
export const toolStep = z.object({
  ...common,
  type: z.literal('tool'),
  tool: z.string().min(1).max(96),
  args: z.record(z.string(), z.json()),
})
export const queryStep = z.object({ ...common, type: z.literal('query'), text: z.string().max(queryTextBytesMax) })
/** For each item of `over` one run of `step`, at most `parallel` at a time; the value is the list of results. */
export const mapStep = z.object({
  ...common,
  type: z.literal('map'),
  over: path,
  parallel: z.int().min(1).max(64).optional(),
  step: z.discriminatedUnion('type', [
    promptStep.omit({ id: true, after: true }),
    toolStep.omit({ id: true, after: true }),
  ]),
})
/** Joins a list into one text, a few at a time, until one is left; `{{item}}` is the text of those few. */
export const reduceStep = z.object({
  ...common,
  type: z.literal('reduce'),
  over: path,
  fanIn: z.int().min(2).max(32).optional(),
  model: z.string().min(1).max(2048).optional(),
  system: template.optional(),
  prompt: template,
  ...sampling,
})
export const conditionStep = z.object({
  ...common,
  type: z.literal('condition'),
  value: path,
  test: z.enum(['equals', 'contains', 'exists', 'greater', 'less']),
  than: z.json().optional(),
  /** Steps that run in either case; those of the other are passed over. */
  whenTrue: z.array(id).max(32),
  whenFalse: z.array(id).max(32).optional(),
})
/** Waits until somebody with the right says yes or no; no fails the workflow. */
export const approvalStep = z.object({ ...common, type: z.literal('approval'), question: template })

export const workflowStep = z.discriminatedUnion('type', [
  promptStep,
  toolStep,
  queryStep,
  mapStep,
  reduceStep,
  conditionStep,
  approvalStep,
])
export type WorkflowStep = z.infer<typeof workflowStep>

export const workflowGraph = z.object({
  name: z.string().min(1).max(96),
  description: z.string().max(2000).optional(),
  model: z.string().min(1).max(2048).optional().describe('For steps that name none.'),
  steps: z.array(workflowStep).min(1).max(workflowStepsMax),
  /** Whose value is the workflow's output; the last step, unless given. */
  output: path.optional(),
})
export type WorkflowGraph = z.infer<typeof workflowGraph>
