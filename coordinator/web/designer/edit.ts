/** Changes of a graph. Each gives another graph, and leaves the one that it was given as it is. */
import type { WorkflowGraph, WorkflowStep } from '#protocol/api/workflow.ts'
import { workflowStepsMax } from '#protocol/limits.ts'
import { type Link, linksOf, wayTo } from './links.ts'
import { mapTexts, renameIn, renamePath, rootOf } from './step-text.ts'

export type StepType = WorkflowStep['type']

export const blankGraph: WorkflowGraph = { name: 'untitled', model: '{{input.model}}', steps: [] }

/** At the end, and taking the value of `from` where it is given. */
export function addStep(graph: WorkflowGraph, type: StepType, from?: string): { graph: WorkflowGraph; id: string } {
  const id = freeId(graph, type)
  return { graph: { ...graph, steps: [...graph.steps, newStep(id, type, from)] }, id }
}

export function isFull(graph: WorkflowGraph): boolean {
  return graph.steps.length >= workflowStepsMax
}

function newStep(id: string, type: StepType, from: string | undefined): WorkflowStep {
  const text = from === undefined ? '{{input.text}}' : `{{${from}}}`
  const list = from ?? 'input.items'
  const after = from === undefined ? {} : { after: [from] }
  switch (type) {
    case 'prompt':
      return { id, type, prompt: text }
    case 'tool':
      return { id, type, ...after, tool: 'now', args: {} }
    case 'query':
      return { id, type, ...after, text: 'kind:attention' }
    case 'map':
      return { id, type, over: list, step: { type: 'prompt', prompt: '{{item}}' } }
    case 'reduce':
      return { id, type, over: list, prompt: '{{item}}\n\nJoin these.' }
    case 'condition':
      return { id, type, value: from ?? 'input.text', test: 'exists', whenTrue: [] }
    case 'approval':
      return { id, type, question: from === undefined ? 'Go on?' : `Go on with this?\n\n${text}` }
  }
}

export function duplicateStep(graph: WorkflowGraph, id: string): { graph: WorkflowGraph; id: string } {
  const at = graph.steps.findIndex((step) => step.id === id)
  const copy = { ...graph.steps[at]!, id: freeId(graph, id) }
  return { graph: { ...graph, steps: graph.steps.toSpliced(at + 1, 0, copy) }, id: copy.id }
}

/** Its edges go with it. Texts that name it stay: what they are to say instead, only a person knows. */
export function removeStep(graph: WorkflowGraph, id: string): WorkflowGraph {
  const { output, ...rest } = graph
  const steps = graph.steps.filter((step) => step.id !== id).map((step) => mapIds(step, (other) => other !== id))
  return { ...rest, steps, ...(output === undefined || rootOf(output) === id ? {} : { output }) }
}

/** Earlier or later in the writing; the last one's value is the output where nothing else is said. */
export function moveStep(graph: WorkflowGraph, id: string, by: -1 | 1): WorkflowGraph {
  const at = graph.steps.findIndex((step) => step.id === id)
  const step = graph.steps[at]
  const to = at + by
  if (step === undefined || to < 0 || to >= graph.steps.length) return graph
  return { ...graph, steps: graph.steps.toSpliced(at, 1).toSpliced(to, 0, step) }
}

export function replaceStep(graph: WorkflowGraph, id: string, step: WorkflowStep): WorkflowGraph {
  return { ...graph, steps: graph.steps.map((each) => (each.id === id ? step : each)) }
}

/** Everything that names the step follows. */
export function renameStep(graph: WorkflowGraph, from: string, to: string): WorkflowGraph {
  const steps = graph.steps.map((step) => {
    const texts = mapTexts(step, {
      template: (text) => renameIn(text, from, to),
      path: (path) => renamePath(path, from, to),
    })
    const named = mapIds(
      texts,
      () => true,
      (id) => (id === from ? to : id),
    )
    return step.id === from ? { ...named, id: to } : named
  })
  return {
    ...graph,
    steps,
    ...(graph.model === undefined ? {} : { model: renameIn(graph.model, from, to) }),
    ...(graph.output === undefined ? {} : { output: renamePath(graph.output, from, to) }),
  }
}

/** An edge that somebody draws: values flow by templates, so it is an order, or a branch of a condition. */
export type DrawnLink = Pick<Link, 'from' | 'to'> & { kind: Exclude<Link['kind'], 'value'> }

/** @returns why it may not be, in the words in which the coordinator would refuse it; undefined where it may */
export function linkProblem(graph: WorkflowGraph, { from, to, kind }: DrawnLink): string | undefined {
  const links = linksOf(graph)
  const between = links.filter((link) => link.from === from && link.to === to)
  if (kind === 'after' && between.some((link) => link.kind === 'after')) return `${to} runs after ${from} already`
  if (kind === 'after' && between.length > 0) return `${to} needs ${from} already`
  if (kind !== 'after' && between.some((link) => link.kind === 'true' || link.kind === 'false'))
    return `${to} is named twice`
  const back = wayTo(links, from, to)
  return back === undefined ? undefined : `it waits for itself: ${[to, ...back].join(' <- ')}`
}

export function addLink(graph: WorkflowGraph, { from, to, kind }: DrawnLink): WorkflowGraph {
  return changeIds(graph, kind === 'after' ? to : from, kind, (ids) => [...ids, kind === 'after' ? from : to])
}

export function removeLink(graph: WorkflowGraph, { from, to, kind }: DrawnLink): WorkflowGraph {
  const gone = kind === 'after' ? from : to
  return changeIds(graph, kind === 'after' ? to : from, kind, (ids) => ids.filter((id) => id !== gone))
}

function changeIds(
  graph: WorkflowGraph,
  holder: string,
  kind: DrawnLink['kind'],
  change: (ids: string[]) => string[],
): WorkflowGraph {
  const steps = graph.steps.map((step): WorkflowStep => {
    if (step.id !== holder) return step
    if (kind === 'after') return withAfter(step, change(step.after ?? []))
    if (step.type !== 'condition') return step
    if (kind === 'true') return { ...step, whenTrue: change(step.whenTrue) }
    const { whenFalse = [], ...rest } = step
    const ids = change(whenFalse)
    return ids.length === 0 ? rest : { ...rest, whenFalse: ids }
  })
  return { ...graph, steps }
}

function withAfter(step: WorkflowStep, after: string[]): WorkflowStep {
  const { after: _, ...rest } = step
  return (after.length === 0 ? rest : { ...rest, after }) as WorkflowStep
}

/** Of the lists of ids that a step has, those that are kept, as they are to be called. */
function mapIds(step: WorkflowStep, keep: (id: string) => boolean, name = (id: string) => id): WorkflowStep {
  const change = (ids: string[]) => ids.filter(keep).map(name)
  const own = step.after === undefined ? step : withAfter(step, change(step.after))
  if (own.type !== 'condition') return own
  const { whenFalse, ...rest } = { ...own, whenTrue: change(own.whenTrue) }
  return whenFalse === undefined ? rest : { ...rest, whenFalse: change(whenFalse) }
}

/** `prompt`, then `prompt-2`; a copy of `prompt-2` is `prompt-3`. */
function freeId(graph: WorkflowGraph, like: string): string {
  const taken = new Set(graph.steps.map(({ id }) => id))
  const stem = like.replace(/-\d+$/, '').slice(0, 44)
  for (let at = 1; ; at++) {
    const id = at === 1 ? stem : `${stem}-${at}`
    if (!taken.has(id)) return id
  }
}
