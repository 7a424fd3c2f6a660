/** What the vectors of a model can be used for, as its file tells. */
import type { EmbeddingQuality } from '#protocol/infer/message.ts'

/** Architectures of llama.cpp that were made to give vectors and nothing else. */
const encoders: ReadonlySet<unknown> = new Set([
  'bert',
  'nomic-bert',
  'nomic-bert-moe',
  'neo-bert',
  'jina-bert-v2',
  'jina-bert-v3',
  'modern-bert',
  'eurobert',
  't5encoder',
  'gemma-embedding',
])

/** It has no words to answer with, though llama.cpp would find some. */
export function isEncoderOnly(metadata: object): boolean {
  return encoders.has((metadata as Fields).general?.architecture)
}

type Fields = { general?: { architecture?: unknown } } & Record<string, ArchitectureFields | undefined>

interface ArchitectureFields {
  pooling_type?: unknown
  attention?: { causal?: unknown }
}

/**
 * An encoder is one by its architecture, by reading both ways, or by a way of pooling: a file names one where a language
 * model was trained on for vectors. 0 is no pooling, 4 a rank instead of a vector. Source: llama.h, `llama_pooling_type`.
 */
export function embeddingQuality(metadata: object): EmbeddingQuality {
  const fields = metadata as Fields
  const architecture = fields.general?.architecture
  if (encoders.has(architecture)) return 'encoder'
  const own = fields[String(architecture)]
  const pooling = own?.pooling_type
  if (typeof pooling === 'number' && pooling > 0 && pooling < 4) return 'encoder'
  return own?.attention?.causal === false ? 'encoder' : 'low'
}
