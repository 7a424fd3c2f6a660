/** What may stand between the braces of a template. */
import type { WorkflowGraph } from '#protocol/api/workflow.ts'
import { inReach } from './links.ts'
import type { Run } from './run.ts'
import { pathsIn, rootOf } from './step-text.ts'

export interface Offer {
  path: string
  says: string
}

/** Keys of one value that are offered; a person knows the others. */
const keysMax = 8

/** The input with the keys that the graph names already, then steps that do not wait for this one, with what they gave in `run`. */
export function offersFor(graph: WorkflowGraph, id: string | undefined, run: Run | undefined): Offer[] {
  const ids = id === undefined ? graph.steps.map((step) => step.id) : inReach(graph, id)
  const types = new Map(graph.steps.map((step) => [step.id, step.type]))
  return [
    ...inputPaths(graph).map((path) => ({ path, says: path === 'input' ? 'what the run is given' : 'of the input' })),
    ...ids.flatMap((step) => [
      { path: step, says: types.get(step) ?? '' },
      ...keysOf(run?.steps.get(step)?.value).map((key) => ({ path: `${step}.${key}`, says: 'in the last run' })),
    ]),
  ]
}

/** In order of their names. */
export function inputPaths(graph: WorkflowGraph): string[] {
  const paths = graph.steps.flatMap((step) => pathsIn(step, graph)).filter((path) => rootOf(path) === 'input')
  return [...new Set(['input', ...paths])].sort()
}

function keysOf(value: unknown): string[] {
  if (Array.isArray(value)) return ['length', '0']
  if (typeof value !== 'object' || value === null) return []
  return Object.keys(value)
    .filter((key) => /^[\w-]+$/.test(key))
    .slice(0, keysMax)
}
