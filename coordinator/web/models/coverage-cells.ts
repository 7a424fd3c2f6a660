/** A model's parts as the cells of its strip: one per layer, and one for each part that is in none. */
import type { CoverageView } from '#protocol/api/network.ts'

type Part = CoverageView['parts'][number]

export interface CoverageCell {
  /** `layer 7`, or the key of a part without a layer. */
  name: string
  layer?: number
  parts: Part[]
  sizeBytes: number
  /** Of its rarest part: without that part the layer cannot run. */
  holders: number
}

/** In the order of the model, the parts of a layer together. */
export function coverageCells({ parts }: Pick<CoverageView, 'parts'>): CoverageCell[] {
  const cells = new Map<string, CoverageCell>()
  for (const part of parts) {
    const name = part.layer === undefined ? part.key : `layer ${part.layer}`
    const cell = cells.get(name)
    if (cell === undefined) {
      const { layer, sizeBytes, holders } = part
      cells.set(name, { name, ...(layer === undefined ? {} : { layer }), parts: [part], sizeBytes, holders })
    } else {
      cell.parts.push(part)
      cell.sizeBytes += part.sizeBytes
      cell.holders = Math.min(cell.holders, part.holders)
    }
  }
  return [...cells.values()]
}

/** `0`, `1`, `2` or `3+`: above that, one node more or less is no news. */
export type HolderClass = 0 | 1 | 2 | 3

export function holderClass(holders: number): HolderClass {
  return Math.min(3, Math.max(0, Math.floor(holders))) as HolderClass
}

/** What is at risk, in words: `layer 7 is held by nobody`. */
export function rarityText(cells: readonly CoverageCell[]): string {
  if (cells.length === 0) return 'its parts are not known yet'
  const least = Math.min(...cells.map(({ holders }) => holders))
  const rare = cells.filter(({ holders }) => holders === least)
  const by = least === 0 ? 'nobody' : least === 1 ? '1 node' : `${least} nodes`
  if (rare.length === cells.length) return least === 0 ? 'no part was found' : `every part is held by ${by}`
  return `${namesOf(rare)} ${rare.length === 1 ? 'is' : 'are'} held by ${by}`
}

/** `layers 3-5, 9 and head`: runs of layers as one. */
function namesOf(cells: readonly CoverageCell[]): string {
  const runs: { first: number; last: number }[] = []
  for (const { layer } of cells) {
    if (layer === undefined) continue
    const run = runs.at(-1)
    if (run !== undefined && layer === run.last + 1) run.last = layer
    else runs.push({ first: layer, last: layer })
  }
  const layerCount = cells.filter(({ layer }) => layer !== undefined).length
  const layers = runs.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`))
  const others = cells.flatMap(({ layer, name }) => (layer === undefined ? [name] : []))
  const names = [
    ...(layers.length === 0 ? [] : [`layer${layerCount === 1 ? '' : 's'} ${layers.join(', ')}`]),
    ...others,
  ]
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}
