/** Metadata as the store keeps it: plain JSON, with what the header said beside the file's own keys. */
import type { MetaValue, ModelHeader } from './types.ts'

/** Keys of our own in a model's stored metadata. */
export const metaKeys = {
  tokenizer: 'hartonomous.tokenizer',
  contextTokens: 'hartonomous.context_tokens',
  unrunnable: 'hartonomous.unrunnable',
} as const

export function storedMeta(header: ModelHeader): Record<string, unknown> {
  return {
    ...Object.fromEntries(Object.entries(header.meta).map(([key, value]) => [key, plainValue(value)])),
    [metaKeys.tokenizer]: header.tokenizer,
    ...(header.contextTokens === undefined ? {} : { [metaKeys.contextTokens]: header.contextTokens }),
    ...(header.unrunnable === undefined ? {} : { [metaKeys.unrunnable]: header.unrunnable }),
  }
}

/** JSON has neither 64-bit integers nor infinities. */
function plainValue(value: MetaValue): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  return Array.isArray(value) ? value.map(plainValue) : value
}
