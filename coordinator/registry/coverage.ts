/** How many nodes hold each part of a model: what is rare is at risk. */
import type { CoverageView } from '#protocol/api/network.ts'
import type { Bitfield } from '#protocol/codec/bitfield.ts'
import type { ChunkPlace } from '#protocol/model/content.ts'
import type { ComponentHit } from '#sql/store/types.ts'

/** What one node holds of the model. */
export type Holding = Bitfield | 'all'

export function countHolders(
  components: readonly ComponentHit[],
  places: readonly ChunkPlace[],
  holdings: readonly Holding[],
): CoverageView['parts'] {
  const chunks = new Map<string, number[]>()
  for (const { fileIndex, extentIndex, chunkIndex } of places) {
    const key = `${fileIndex}/${extentIndex}`
    const known = chunks.get(key)
    if (known === undefined) chunks.set(key, [chunkIndex])
    else known.push(chunkIndex)
  }
  return components.toSorted(byPlace).map(({ key, kind, layer, sizeBytes, extents }) => {
    const needed = extents.flatMap(([file, extent]) => chunks.get(`${file}/${extent}`) ?? [])
    const holders = holdings.filter((held) => held === 'all' || needed.every((chunk) => held.has(chunk))).length
    return { key, kind, ...(layer === undefined ? {} : { layer }), sizeBytes, holders }
  })
}

/** What a token goes through: embedding, layer by layer, the norm and the head behind them. The store lists by key: 10 before 2. */
function byPlace(a: ComponentHit, b: ComponentHit): number {
  const place = ({ kind, layer }: ComponentHit) =>
    layer ?? (kind === 'head' ? Number.POSITIVE_INFINITY : kind === 'norm' ? Number.MAX_SAFE_INTEGER : -1)
  return (place(a) === place(b) ? 0 : place(a) - place(b)) || (a.expert ?? -1) - (b.expert ?? -1)
}
