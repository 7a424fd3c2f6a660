/** The parts of a model that fewest nodes hold, in words. */
import type { CoverageView } from '#protocol/api/network.ts'
import { coverageCells, rarityText } from './coverage-cells.ts'

type Part = CoverageView['parts'][number]

/** More than this many are told by their layers. */
const namedMax = 2

/** `layer 7 ffn is held by 1 node`; where all are as rare, `every part is held by 5 nodes`. */
export function rarestText({ parts, holdersMin }: Pick<CoverageView, 'parts' | 'holdersMin'>): string {
  const rarest = parts.filter(({ holders }) => holders === holdersMin)
  if (rarest.length === 0 || rarest.length > namedMax) return rarityText(coverageCells({ parts }))
  return `${rarest.map(partName).join(' and ')} ${rarest.length === 1 ? 'is' : 'are'} held by ${nodeCount(holdersMin)}`
}

/** `layer 7 ffn`, `layer 7 expert 12`; what is in no layer by its key. */
export function partName({ key, kind, layer }: Pick<Part, 'key' | 'kind' | 'layer'>): string {
  if (layer === undefined) return key
  const expert = /expert\.\d+$/.exec(key)?.[0]
  return `layer ${layer} ${expert?.replace('.', ' ') ?? kind}`
}

export function nodeCount(nodes: number): string {
  return nodes === 0 ? 'nobody' : nodes === 1 ? '1 node' : `${nodes} nodes`
}
