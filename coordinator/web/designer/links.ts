/** What waits for what. Works on graphs that are half-written, too: what names nothing that is there is no link. */
import type { WorkflowGraph } from '#protocol/api/workflow.ts'
import { pathsIn, rootOf } from './step-text.ts'

/** `value`: a template or path names it; `after`: it must have ended; `true`, `false`: a condition must come out so. */
export type LinkKind = 'value' | 'after' | 'true' | 'false'

export interface Link {
  from: string
  to: string
  kind: LinkKind
  /** Of a value: the paths that are taken, without their root. */
  paths: readonly string[]
}

export function linksOf(graph: WorkflowGraph): Link[] {
  const ids = new Set(graph.steps.map(({ id }) => id))
  const links = graph.steps.flatMap((step): Link[] => {
    const taken = new Map<string, Set<string>>()
    for (const path of pathsIn(step, graph)) {
      const root = rootOf(path)
      taken.set(root, (taken.get(root) ?? new Set()).add(path.slice(root.length)))
    }
    const own: Link[] = [...taken].map(([from, paths]) => ({ from, to: step.id, kind: 'value', paths: [...paths] }))
    for (const from of step.after ?? []) own.push({ from, to: step.id, kind: 'after', paths: [] })
    if (step.type === 'condition') {
      for (const to of step.whenTrue) own.push({ from: step.id, to, kind: 'true', paths: [] })
      for (const to of step.whenFalse ?? []) own.push({ from: step.id, to, kind: 'false', paths: [] })
    }
    return own
  })
  return links.filter(({ from, to }) => ids.has(from) && ids.has(to))
}

/** Steps from `from` along what they need to `to`, both included; undefined where `from` does not wait for `to`. */
export function wayTo(links: readonly Link[], from: string, to: string): string[] | undefined {
  const ways: string[][] = [[from]]
  const seen = new Set([from])
  for (let way = ways.shift(); way !== undefined; way = ways.shift()) {
    const last = way.at(-1)!
    if (last === to) return way
    for (const link of links) {
      if (link.to !== last || seen.has(link.from)) continue
      seen.add(link.from)
      ways.push([...way, link.from])
    }
  }
  return undefined
}

/** Steps whose values `id` may take without waiting for itself. */
export function inReach(graph: WorkflowGraph, id: string): string[] {
  const links = linksOf(graph)
  return graph.steps.map((step) => step.id).filter((other) => other !== id && wayTo(links, other, id) === undefined)
}
