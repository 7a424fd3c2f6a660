/**
 * Groups the extents of a model into components and says how they hang together. It needs the layout only, so a node that
 * fetched a model's content block derives the same index as the one that ingested the file. The index is no part of a
 * model's identity: a better grouping raises `componentIndexVersion`.
 */
import type { ExtentLayout } from '#protocol/model/content.ts'
import type { ComponentRow, EdgeRow } from '#sql/store/types.ts'
import { type ComponentName, componentName } from './component-name.ts'

export const componentIndexVersion = 1

/** Headers and gaps: needed to run anything. */
const headerKey = 'header'

interface Group extends ComponentName {
  extents: [fileIndex: number, extentIndex: number][]
  sizeBytes: number
  parameterCount: number
  dtypes: Set<string>
  expertCount?: number
}

export interface ComponentIndex {
  components: ComponentRow[]
  edges: EdgeRow[]
}

type Files = readonly { extents: readonly ExtentLayout[] }[]

/** A model of 100,000 tensors takes a third of a second, and its index is asked for again and again. */
const known = new WeakMap<Files, ComponentIndex>()

/** Every extent belongs to exactly one component. The same `files` give the same object: do not change it. */
export function groupComponents(files: Files): ComponentIndex {
  const index = known.get(files) ?? group(files)
  known.set(files, index)
  return index
}

function group(files: Files): ComponentIndex {
  const groups = new Map<string, Group>()
  files.forEach((file, fileIndex) => {
    file.extents.forEach((extent, extentIndex) => {
      const name: ComponentName =
        extent.kind === 'tensor' ? componentName(extent.name ?? '') : { key: headerKey, kind: 'other' }
      let found = groups.get(name.key)
      if (found === undefined) {
        found = { ...name, extents: [], sizeBytes: 0, parameterCount: 0, dtypes: new Set() }
        groups.set(name.key, found)
      }
      addExtent(found, extent, [fileIndex, extentIndex], name.isMerged === true)
    })
  })
  const sorted = [...groups.values()].sort(byPlace)
  return { components: sorted.map(rowOf), edges: edgesOf(sorted) }
}

function addExtent(group: Group, extent: ExtentLayout, place: [number, number], isMerged: boolean): void {
  group.extents.push(place)
  group.sizeBytes += extent.sizeBytes
  if (extent.kind !== 'tensor') return
  const shape = extent.shape ?? []
  group.parameterCount += shape.reduce((product, size) => product * size, 1)
  if (extent.dtype !== undefined) group.dtypes.add(extent.dtype)
  if (isMerged && shape.length === 3) group.expertCount = Math.max(group.expertCount ?? 0, shape[0]!)
}

function rowOf(group: Group): ComponentRow {
  return {
    key: group.key,
    kind: group.kind,
    ...(group.layer === undefined ? {} : { layer: group.layer }),
    ...(group.expert === undefined ? {} : { expert: group.expert }),
    extents: group.extents,
    sizeBytes: group.sizeBytes,
    parameterCount: group.parameterCount,
    meta: {
      indexVersion: componentIndexVersion,
      dtypes: [...group.dtypes].sort(),
      ...(group.expertCount === undefined ? {} : { expertCount: group.expertCount }),
    },
  }
}

/** Header, embedding, the blocks of each stack in order, what follows them. */
const globalOrder: Record<string, number> = { [headerKey]: 0, embedding: 1, output_norm: 3, head: 4, other: 5 }
/** Order within a block: the order of execution, as far as whole components have one. */
const kindOrder = ['norm', 'attention', 'other', 'router', 'ffn', 'expert']

function byPlace(a: Group, b: Group): number {
  const placeOf = (group: Group) => (group.layer === undefined ? (globalOrder[group.key] ?? 5) : 2)
  return (
    placeOf(a) - placeOf(b) ||
    compareText(a.stack ?? '', b.stack ?? '') ||
    (a.layer ?? 0) - (b.layer ?? 0) ||
    kindOrder.indexOf(a.kind) - kindOrder.indexOf(b.kind) ||
    (a.expert ?? -1) - (b.expert ?? -1)
  )
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/**
 * `next`: embedding, then what each block computes, in order, then the output norm and the head. `contains`: a router and
 * its experts. `uses`: what a component needs beside its own bytes.
 */
function edgesOf(groups: readonly Group[]): EdgeRow[] {
  const edges: EdgeRow[] = []
  const keys = new Set(groups.map((group) => group.key))
  const chains = new Map<string, string>()
  const step = (stack: string, key: string) => {
    const from = chains.get(stack) ?? (keys.has('embedding') ? 'embedding' : undefined)
    if (from !== undefined && from !== key) edges.push({ from, to: key, kind: 'next' })
    chains.set(stack, key)
  }
  for (const group of groups) {
    if (group.key !== headerKey && keys.has(headerKey)) edges.push({ from: group.key, to: headerKey, kind: 'uses' })
    if (group.layer === undefined) continue
    const prefix = `${group.stack ? `${group.stack}.` : ''}blk.${group.layer}`
    if (group.kind !== 'norm' && group.expert === undefined) step(group.stack ?? '', group.key)
    if (group.kind === 'expert' && keys.has(`${prefix}.router`)) {
      edges.push({ from: `${prefix}.router`, to: group.key, kind: 'contains' })
      edges.push({ from: group.key, to: `${prefix}.router`, kind: 'uses' })
    }
    if (group.kind !== 'norm' && keys.has(`${prefix}.norm`)) {
      edges.push({ from: group.key, to: `${prefix}.norm`, kind: 'uses' })
    }
  }
  for (const key of ['output_norm', 'head']) {
    if (!keys.has(key)) continue
    for (const from of new Set(chains.size > 0 ? chains.values() : keys.has('embedding') ? ['embedding'] : [])) {
      edges.push({ from, to: key, kind: 'next' })
    }
    chains.clear()
    chains.set('', key)
  }
  if (keys.has('head') && keys.has('output_norm')) edges.push({ from: 'head', to: 'output_norm', kind: 'uses' })
  // Without a head of its own a model multiplies by its embedding once more.
  if (!keys.has('head') && keys.has('output_norm') && keys.has('embedding')) {
    edges.push({ from: 'output_norm', to: 'embedding', kind: 'uses' })
  }
  return edges
}
