/** What leaves rows of embeddings out, as statements take it. */
import type { EmbeddingFilter } from '../types.ts'

export function filterOf({ modelId, kinds, layers }: EmbeddingFilter) {
  return {
    modelId: modelId ?? null,
    kinds: kinds === undefined || kinds.length === 0 ? null : JSON.stringify(kinds),
    layerMin: layers?.min ?? null,
    layerMax: layers?.max ?? null,
  }
}
