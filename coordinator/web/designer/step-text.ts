/** Where in a step other values are named: its templates and its paths. */
import type { WorkflowGraph, WorkflowStep } from '#protocol/api/workflow.ts'

interface TextEdits {
  template: (text: string) => string
  path: (text: string) => string
}

type Prompted = { model?: string | undefined; system?: string | undefined; prompt: string }

/** `{{ step.key.0 }}`: the whole, its root, and the rest with its dot. */
const reference = /\{\{\s*([\w-]+)((?:\.[\w-]+)*)\s*\}\}/g

/** A copy with each of them changed; nothing else of it is. */
export function mapTexts(step: WorkflowStep, edits: TextEdits): WorkflowStep {
  const { template, path } = edits
  const prompted = <P extends Prompted>(part: P): P => ({
    ...part,
    prompt: template(part.prompt),
    ...(part.system === undefined ? {} : { system: template(part.system) }),
    ...(part.model === undefined ? {} : { model: template(part.model) }),
  })
  switch (step.type) {
    case 'prompt':
      return prompted(step)
    case 'tool':
      return { ...step, args: inJson(step.args, template) as typeof step.args }
    case 'query':
      return { ...step, text: template(step.text) }
    case 'map': {
      const inner = step.step
      const run =
        inner.type === 'prompt'
          ? prompted(inner)
          : { ...inner, args: inJson(inner.args, template) as typeof inner.args }
      return { ...step, over: path(step.over), step: run }
    }
    case 'reduce':
      return prompted({ ...step, over: path(step.over) })
    case 'condition':
      return { ...step, value: path(step.value) }
    case 'approval':
      return { ...step, question: template(step.question) }
  }
}

/** Paths that a step takes values from, in order; half-written ones are passed over. */
export function pathsIn(step: WorkflowStep, graph: Pick<WorkflowGraph, 'model'>): string[] {
  const paths: string[] = []
  const template = (text: string) => {
    paths.push(...templatePaths(text))
    return text
  }
  const path = (text: string) => {
    paths.push(text)
    return text
  }
  mapTexts(step, { template, path })
  const asks = step.type === 'map' ? step.step : step
  if ((asks.type === 'prompt' || asks.type === 'reduce') && asks.model === undefined) template(graph.model ?? '')
  return paths
}

export function templatePaths(text: string): string[] {
  return [...text.matchAll(reference)].map(([, root = '', rest = '']) => root + rest)
}

/** With every reference to a step under another name. */
export function renameIn(text: string, from: string, to: string): string {
  return text.replace(reference, (whole, root: string, rest: string) => (root === from ? `{{${to}${rest}}}` : whole))
}

export function renamePath(path: string, from: string, to: string): string {
  return rootOf(path) === from ? to + path.slice(from.length) : path
}

export function rootOf(path: string): string {
  return path.split('.', 1)[0]!
}

function inJson(value: unknown, template: (text: string) => string): unknown {
  if (typeof value === 'string') return template(value)
  if (Array.isArray(value)) return value.map((item) => inJson(item, template))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, inJson(item, template)]))
}
