/**
 * Checks a graph whole before anything of it runs, and finds the order that its references imply. The coordinator and the
 * page that draws graphs say the same of a graph, in the same words.
 */
import { HartonomousError } from '../errors.ts'
import { workflowValueDepthMax } from '../limits.ts'
import { pathsOf } from './template.ts'
import { parsePath, type ValuePath } from './value-path.ts'
import { type WorkflowGraph, type WorkflowStep, workflowGraph } from './workflow.ts'

/** It runs only if this condition came out so. */
export interface Guard {
  condition: string
  when: boolean
}

export interface PlannedStep {
  step: WorkflowStep
  /** Steps that end before, by `after`, by references, and by conditions. */
  needs: readonly string[]
  guards: readonly Guard[]
  /** `needs` without its guards: where all of these were passed over, so is this one. */
  sources: readonly string[]
}

export interface WorkflowPlan {
  graph: WorkflowGraph
  /** Each behind all that it needs. */
  steps: readonly PlannedStep[]
  output: ValuePath
}

export interface PlanOptions {
  /** Names that tool steps may use; not checked unless given. */
  tools?: ReadonlySet<string>
}

/** Roots that are no steps. */
const reserved = new Set(['input', 'item', 'index'])

/** @throws {ERR_USAGE} whose `param` names the field: `steps[2].over` */
export function planWorkflow(value: unknown, options: PlanOptions = {}): WorkflowPlan {
  const graph = parseGraph(value)
  const places = placesOf(graph)
  const guards = guardsOf(graph, places)
  const planned = graph.steps.map((step, index): PlannedStep => {
    const sources = new Set<string>()
    for (const [at, id] of (step.after ?? []).entries()) {
      if (!places.has(id)) throw refusal(`steps[${index}].after[${at}]`, `there is no step ${id}`)
      sources.add(id)
    }
    for (const reference of referencesOf(step, graph, `steps[${index}]`)) {
      const [root = ''] = reference.path
      if (reference.locals.includes(root) || root === 'input') continue
      if (!places.has(root)) throw refusal(reference.param, `there is no ${unknownRoot(root)} here`)
      sources.add(root)
    }
    if (options.tools !== undefined) checkTool(step, options.tools, `steps[${index}]`)
    const own = guards.get(step.id) ?? []
    const needs = new Set([...sources, ...own.map(({ condition }) => condition)])
    // A branch often names its condition as well: that alone does not make it a source.
    for (const { condition } of own) sources.delete(condition)
    return { step, needs: [...needs], guards: own, sources: [...sources] }
  })
  const steps = inOrder(planned, places)
  return { graph, steps, output: outputOf(graph, places) }
}

/** Its shape alone: what it refers to is not looked at. @throws {ERR_USAGE} */
export function parseGraph(value: unknown): WorkflowGraph {
  const parsed = workflowGraph.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw refusal(paramOf(issue?.path ?? []), issue?.message ?? 'not valid')
}

/** `['steps', 0, 'over']` -> `steps[0].over`. */
function paramOf(path: readonly PropertyKey[]): string {
  const text = path.map((key, at) =>
    typeof key === 'number' ? `[${key}]` : at === 0 ? String(key) : `.${String(key)}`,
  )
  return path.length === 0 ? 'workflow' : text.join('').slice(0, 200)
}

function refusal(param: string, problem: string): HartonomousError {
  return new HartonomousError('ERR_USAGE', { message: `${param}: ${problem}`, param })
}

function unknownRoot(root: string): string {
  return reserved.has(root) ? `${root}: it is known inside of a map or reduce only` : `step ${root}`
}

function placesOf(graph: WorkflowGraph): Map<string, number> {
  const places = new Map<string, number>()
  for (const [index, { id }] of graph.steps.entries()) {
    if (reserved.has(id)) throw refusal(`steps[${index}].id`, `${id} has a meaning of its own in templates`)
    const other = places.get(id)
    if (other !== undefined) throw refusal(`steps[${index}].id`, `${id} is the id of steps[${other}] already`)
    places.set(id, index)
  }
  return places
}

function guardsOf(graph: WorkflowGraph, places: ReadonlyMap<string, number>): Map<string, Guard[]> {
  const guards = new Map<string, Guard[]>()
  for (const [index, step] of graph.steps.entries()) {
    if (step.type !== 'condition') continue
    checkTest(step, `steps[${index}].than`)
    const branches = [
      { name: 'whenTrue', when: true, ids: step.whenTrue },
      { name: 'whenFalse', when: false, ids: step.whenFalse ?? [] },
    ]
    for (const { name, when, ids } of branches)
      for (const [at, id] of ids.entries()) {
        const param = `steps[${index}].${name}[${at}]`
        if (!places.has(id)) throw refusal(param, `there is no step ${id}`)
        const own = guards.get(id) ?? []
        if (own.some(({ condition }) => condition === step.id)) throw refusal(param, `${id} is named twice`)
        guards.set(id, [...own, { condition: step.id, when }])
      }
  }
  return guards
}

function checkTest(step: Extract<WorkflowStep, { type: 'condition' }>, param: string): void {
  if (step.test !== 'exists' && step.than === undefined) throw refusal(param, `${step.test} needs it`)
  const isOrder = step.test === 'greater' || step.test === 'less'
  if (isOrder && typeof step.than !== 'number') throw refusal(param, `${step.test} needs a number`)
}

interface Reference {
  path: ValuePath
  param: string
  /** Roots that are known there besides the steps and `input`. */
  locals: readonly string[]
}

function referencesOf(step: WorkflowStep, graph: WorkflowGraph, param: string): Reference[] {
  const inTemplate = (field: string, text: string | undefined, locals: readonly string[] = []): Reference[] =>
    text === undefined
      ? []
      : pathsOf(text, `${param}.${field}`).map((path) => ({ path, param: `${param}.${field}`, locals }))
  const inPath = (field: string, text: string): Reference => {
    const path = parsePath(text)
    if (path === undefined) throw refusal(`${param}.${field}`, 'not a path of names')
    return { path, param: `${param}.${field}`, locals: [] }
  }
  const inPrompt = (prompt: PromptFields, prefix: string, locals: readonly string[] = []): Reference[] => {
    const model = prompt.model ?? graph.model
    if (model === undefined) throw refusal(`${param}.${prefix}model`, 'neither the step nor the workflow names a model')
    return [
      ...inTemplate(`${prefix}model`, model, locals),
      ...inTemplate(`${prefix}system`, prompt.system, locals),
      ...inTemplate(`${prefix}prompt`, prompt.prompt, locals),
    ]
  }
  switch (step.type) {
    case 'prompt':
      return inPrompt(step, '')
    case 'tool':
      return inArgs(step.args, `${param}.args`, [])
    case 'query':
      return inTemplate('text', step.text)
    case 'map': {
      const locals = ['item', 'index']
      const inner = step.step
      const run =
        inner.type === 'prompt' ? inPrompt(inner, 'step.', locals) : inArgs(inner.args, `${param}.step.args`, locals)
      return [inPath('over', step.over), ...run]
    }
    case 'reduce':
      return [inPath('over', step.over), ...inPrompt(step, '', ['item'])]
    case 'condition':
      return [inPath('value', step.value)]
    case 'approval':
      return inTemplate('question', step.question)
  }
}

interface PromptFields {
  model?: string | undefined
  system?: string | undefined
  prompt: string
}

function inArgs(value: unknown, param: string, locals: readonly string[], depth = 0): Reference[] {
  if (depth > workflowValueDepthMax) throw refusal(param.slice(0, 200), 'nested too deeply')
  if (typeof value === 'string') return pathsOf(value, param).map((path) => ({ path, param, locals }))
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, item]) =>
    inArgs(item, Array.isArray(value) ? `${param}[${key}]` : `${param}.${key}`, locals, depth + 1),
  )
}

function checkTool(step: WorkflowStep, tools: ReadonlySet<string>, param: string): void {
  const isMap = step.type === 'map'
  const inner = isMap ? step.step : step
  if (inner.type !== 'tool' || tools.has(inner.tool)) return
  const known = [...tools].sort().join(', ')
  throw refusal(`${param}${isMap ? '.step' : ''}.tool`, `there is no tool ${inner.tool}; there are ${known}`)
}

/** Steps of one rank keep the order in which they were written. */
function inOrder(planned: readonly PlannedStep[], places: ReadonlyMap<string, number>): PlannedStep[] {
  const ordered: PlannedStep[] = []
  const done = new Set<string>()
  let waiting = [...planned]
  while (waiting.length > 0) {
    const ready = waiting.filter(({ needs }) => needs.every((id) => done.has(id)))
    if (ready.length === 0) {
      const cycle = cycleIn(waiting)
      throw refusal(`steps[${places.get(cycle[0]!)}]`, `it waits for itself: ${[...cycle, cycle[0]].join(' <- ')}`)
    }
    for (const one of ready) done.add(one.step.id)
    ordered.push(...ready)
    waiting = waiting.filter(({ step }) => !done.has(step.id))
  }
  return ordered
}

/** Each of `waiting` needs another one of them: whoever follows the needs comes round. */
function cycleIn(waiting: readonly PlannedStep[]): string[] {
  const byId = new Map(waiting.map((one) => [one.step.id, one]))
  const way: string[] = []
  let id = waiting[0]!.step.id
  while (!way.includes(id)) {
    way.push(id)
    id = byId.get(id)!.needs.find((need) => byId.has(need))!
  }
  return way.slice(way.indexOf(id))
}

function outputOf(graph: WorkflowGraph, places: ReadonlyMap<string, number>): ValuePath {
  if (graph.output === undefined) return [graph.steps.at(-1)!.id]
  const path = parsePath(graph.output)
  if (path === undefined || !places.has(path[0]!))
    throw refusal('output', `there is no step ${path?.[0] ?? graph.output}`)
  return path
}
