/** The parts of a model as the rows of a tree: layers, their components, and the tensors of those. */
import type { TensorView } from '#protocol/api/control.ts'
import type { CoverageView } from '#protocol/api/network.ts'
import { coverageCells } from './coverage-cells.ts'

type Part = CoverageView['parts'][number]

interface RowPlace {
  id: string
  level: 1 | 2 | 3
  parentId?: string
  /** Counted from 1, among `setSize` siblings. */
  position: number
  setSize: number
  /** Undefined: nothing is below it. */
  isOpen?: boolean
}
export type TreeRow = RowPlace &
  (
    | { kind: 'layer'; name: string; sizeBytes: number; holders: number }
    | { kind: 'part'; part: Part }
    | { kind: 'tensor'; tensor: TensorView }
  )

export interface TreeOptions {
  parts: readonly Part[]
  /** Undefined where they may not be seen, or are not here yet. */
  tensors?: readonly TensorView[] | undefined
  isOpen: (id: string) => boolean
  /** Only what has it in its name, and what that stands in. */
  find?: string | undefined
}

export function treeRows({ parts, tensors = [], isOpen, find = '' }: TreeOptions): TreeRow[] {
  const wanted = find.trim().toLowerCase()
  const has = (text: string) => text.toLowerCase().includes(wanted)
  const tensorsOf = Map.groupBy(tensors, ({ component }) => component)
  /** Of a component that is itself meant all tensors are shown, of any other those that are meant. */
  const shownTensors = ({ key }: Part, isMeant: boolean) => {
    const all = tensorsOf.get(key) ?? []
    return wanted === '' || isMeant ? all : all.filter(({ name }) => has(name))
  }

  const rows: TreeRow[] = []
  const addPart = (
    part: Part,
    level: 1 | 2,
    isMeant: boolean,
    place: Pick<RowPlace, 'position' | 'setSize' | 'parentId'>,
  ) => {
    const below = shownTensors(part, isMeant)
    const isPartOpen = below.length > 0 && (isOpen(part.key) || (wanted !== '' && !isMeant))
    rows.push({
      kind: 'part',
      id: part.key,
      level,
      part,
      ...place,
      ...(below.length > 0 ? { isOpen: isPartOpen } : {}),
    })
    if (!isPartOpen) return
    for (const [at, tensor] of below.entries())
      rows.push({
        kind: 'tensor',
        id: tensor.name,
        level: (level + 1) as 2 | 3,
        parentId: part.key,
        tensor,
        position: at + 1,
        setSize: below.length,
      })
  }

  const cells = coverageCells({ parts: [...parts] }).flatMap((cell) => {
    const isCellMeant = wanted === '' || has(cell.name)
    const shown = cell.parts
      .map((part) => ({ part, isMeant: isCellMeant || has(part.key) }))
      .filter(({ part, isMeant }) => isMeant || shownTensors(part, false).length > 0)
    return shown.length === 0 ? [] : [{ cell, shown, isCellMeant }]
  })
  for (const [at, { cell, shown, isCellMeant }] of cells.entries()) {
    const place = { position: at + 1, setSize: cells.length }
    const { name, layer, sizeBytes, holders } = cell
    if (layer === undefined) {
      for (const { part, isMeant } of shown) addPart(part, 1, isMeant, place)
      continue
    }
    const id = layerId(layer)
    const isLayerOpen = isOpen(id) || (wanted !== '' && !isCellMeant)
    rows.push({ kind: 'layer', id, level: 1, name, sizeBytes, holders, isOpen: isLayerOpen, ...place })
    if (!isLayerOpen) continue
    for (const [number, { part, isMeant }] of shown.entries())
      addPart(part, 2, isMeant, { parentId: id, position: number + 1, setSize: shown.length })
  }
  return rows
}

/** No key of a component looks like it: those have dots, or are one word. */
export function layerId(layer: number): string {
  return `layer-${layer}`
}

/** Stands for all layers in the list of what is open. */
export const allLayers = 'layers'

/** As the address has it, with spaces between. */
export function readOpen(text: string | undefined): Set<string> {
  return new Set(text?.split(' ').filter((id) => id !== ''))
}

export function isOpenIn(open: ReadonlySet<string>, id: string): boolean {
  return open.has(id) || (open.has(allLayers) && id.startsWith('layer-'))
}

/** The list after a row was opened or closed. */
export function toggled(open: ReadonlySet<string>, id: string, layers: readonly number[]): Set<string> {
  const next = new Set(open)
  if (!isOpenIn(open, id)) return next.add(id)
  if (next.delete(allLayers)) for (const layer of layers) next.add(layerId(layer))
  next.delete(id)
  return next
}

export function writeOpen(open: ReadonlySet<string>): string | undefined {
  return open.size === 0 ? undefined : [...open].join(' ')
}
