/** What a component is told as, and which conditions are looked up in its tensors. */
import { queryTensorsPerHitMax } from '#protocol/limits.ts'
import type { Query, QueryHit } from '#protocol/query/message.ts'
import type { ComponentHit } from '#sql/store/types.ts'

export function fitsTensors({ tensors }: ComponentHit, { dtypes, shape }: Query): boolean {
  return (
    (dtypes.length === 0 || tensors.some(({ dtype }) => dtypes.includes(dtype))) &&
    (shape.length === 0 || tensors.some((tensor) => fitsShape(tensor.shape, shape)))
  )
}

function fitsShape(shape: readonly number[], pattern: readonly (number | null)[]): boolean {
  return shape.length === pattern.length && pattern.every((size, at) => size === null || size === shape[at])
}

export function hitOf(row: ComponentHit, words: string[]): QueryHit {
  const { modelId, key, kind, layer, expert, sizeBytes, parameterCount, heldBytes, tensors } = row
  return {
    modelId,
    key,
    kind,
    ...(layer === undefined ? {} : { layer }),
    ...(expert === undefined ? {} : { expert }),
    sizeBytes,
    parameterCount,
    heldBytes,
    tensors: tensors.slice(0, queryTensorsPerHitMax),
    words,
  }
}
