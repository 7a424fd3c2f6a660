/**
 * Map: how components of a model hang together. A walk follows structural edges; a closure adds what a set needs before it
 * can be run, and says of each member why it is there.
 */
import { HartonomousError } from '#protocol/errors.ts'
import type { ModelId } from '#protocol/ids.ts'
import { mapComponentsMax, mapHopsMax } from '#protocol/limits.ts'
import type { ComponentHit, EdgeKind, EdgeRow, TenantStore } from '#sql/store/types.ts'

type MapStore = Pick<TenantStore, 'edges' | 'findComponents'>

export interface WalkOptions {
  direction?: 'out' | 'in'
  /** All kinds, unless given. */
  kinds?: readonly EdgeKind[]
  /** 1 unless given, `mapHopsMax` at most. */
  hopsMax?: number
  /** `mapComponentsMax` at most. */
  componentsMax?: number
}

export interface WalkStep {
  key: string
  /** 0 for where the walk began. */
  hops: number
  /** The edge by which it was reached first. */
  via?: EdgeRow
}

export interface Walk {
  steps: WalkStep[]
  /** More could be reached within the hops than was asked for. */
  isTruncated: boolean
}

/**
 * Breadth first; within a level in the order of (from, kind, to), so that every engine gives the same walk and cuts it at
 * the same place.
 */
export async function walk(
  store: Pick<MapStore, 'edges'>,
  modelId: ModelId,
  from: readonly string[],
  { direction = 'out', kinds, hopsMax = 1, componentsMax = mapComponentsMax }: WalkOptions = {},
): Promise<Walk> {
  const steps = new Map<string, WalkStep>([...new Set(from)].sort().map((key) => [key, { key, hops: 0 }]))
  let frontier = [...steps.keys()]
  for (let hops = 1; hops <= Math.min(hopsMax, mapHopsMax) && frontier.length > 0; hops++) {
    const next: string[] = []
    for (const edge of await store.edges(modelId, frontier, direction)) {
      const key = direction === 'out' ? edge.to : edge.from
      if (steps.has(key) || (kinds !== undefined && !kinds.includes(edge.kind))) continue
      if (steps.size >= componentsMax) return { steps: [...steps.values()], isTruncated: true }
      steps.set(key, { key, hops, via: edge })
      next.push(key)
    }
    frontier = next.sort()
  }
  return { steps: [...steps.values()], isTruncated: false }
}

/**
 * `part`: the layers that the set spans, which is what one node of a pipeline runs. `whole`: everything from the embedding to
 * the head, which answers a prompt.
 */
export type ClosureScope = 'part' | 'whole'

export interface ClosureMember {
  key: string
  reason: string
  component: ComponentHit
}

export interface Closure {
  scope: ClosureScope
  members: ClosureMember[]
  sizeBytes: number
  heldBytes: number
}

/**
 * The smallest runnable set around some components, in the order of their keys. Of experts all of a layer are needed: which
 * of them a token takes is known only when it runs.
 * @throws {ERR_NOT_FOUND} for a component that the model does not have {ERR_LIMIT} {ERR_QUERY_INVALID}
 */
export async function closure(
  store: MapStore,
  modelId: ModelId,
  keys: readonly string[],
  scope: ClosureScope,
): Promise<Closure> {
  const all = new Map<string, ComponentHit>()
  for (const component of await store.findComponents({ modelId, limit: mapComponentsMax + 1 }))
    all.set(component.key, component)
  if (all.size > mapComponentsMax)
    throw new HartonomousError('ERR_LIMIT', {
      what: 'components of a closure',
      limit: mapComponentsMax,
      actual: all.size,
    })
  for (const key of keys) if (!all.has(key)) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'component', id: key })
  if (keys.length === 0) throw new HartonomousError('ERR_QUERY_INVALID', { reason: 'the closure of nothing' })

  const reasons = new Map<string, string>()
  const add = (key: string, reason: string) => {
    if (all.has(key) && !reasons.has(key)) reasons.set(key, reason)
  }
  for (const key of keys) add(key, 'asked for')
  const layers = keys.flatMap((key) => all.get(key)!.layer ?? [])
  const [first, last] = [Math.min(...layers), Math.max(...layers)]
  for (const { key, kind, layer } of all.values()) {
    if (layer === undefined) continue
    if (scope === 'whole') add(key, 'the residual stream passes through every layer')
    else if (layer >= first && layer <= last)
      add(
        key,
        layers.includes(layer) ? siblingReason(kind, layer) : `layer ${layer} lies between those that were asked for`,
      )
  }
  if (scope === 'whole') {
    add('embedding', 'a prompt enters as rows of the embedding')
    add('output_norm', 'the head reads the stream through the last norm')
    add('head', 'it turns the stream into tokens')
  }
  await addNeeded(store, modelId, all, reasons)
  const members = [...reasons]
    .map(([key, reason]) => ({ key, reason: reason + groupNote(all.get(key)!), component: all.get(key)! }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
  const sum = (of: (component: ComponentHit) => number) =>
    members.reduce((total, { component }) => total + of(component), 0)
  return { scope, members, sizeBytes: sum((one) => one.sizeBytes), heldBytes: sum((one) => one.heldBytes) }
}

/**
 * Grouped-query attention (Ainslie et al. 2023): several query heads read one key and value head, so no part of the component
 * runs without the others. Seen in the shapes: the rows of K are a fraction of those of Q.
 */
function groupNote({ kind, tensors }: ComponentHit): string {
  if (kind !== 'attention') return ''
  const rowsOf = (pattern: RegExp) => tensors.find(({ name }) => pattern.test(name))?.shape[0] ?? 0
  const [queries, keys] = [rowsOf(/(attn_q|q_proj)\.weight$/), rowsOf(/(attn_k|k_proj)\.weight$/)]
  const group = keys === 0 ? 1 : queries / keys
  return Number.isInteger(group) && group > 1 ? `; ${group} query heads share each key and value head` : ''
}

function siblingReason(kind: ComponentHit['kind'], layer: number): string {
  if (kind === 'expert') return `the router of layer ${layer} may choose it for any token`
  return `layer ${layer} runs as a whole: its parts add to one residual stream`
}

/** Follows `uses` edges until nothing is missing. */
async function addNeeded(
  store: Pick<MapStore, 'edges'>,
  modelId: ModelId,
  all: ReadonlyMap<string, ComponentHit>,
  reasons: Map<string, string>,
): Promise<void> {
  for (let frontier = [...reasons.keys()]; frontier.length > 0; ) {
    const next: string[] = []
    for (const { from, to, kind } of await store.edges(modelId, frontier, 'out')) {
      if (kind !== 'uses' || reasons.has(to)) continue
      reasons.set(to, needReason(all.get(to), from))
      next.push(to)
    }
    frontier = next
  }
}

function needReason(needed: ComponentHit | undefined, by: string): string {
  if (needed?.key === 'header') return 'it says how everything else is to be read'
  if (needed?.kind === 'embedding') return `${by} multiplies by it: its weights are tied to the head's`
  return `${by} uses it`
}
