/**
 * Metadata that llama.cpp does not survive: assertions, uncaught exceptions and unchecked array accesses in its
 * `llama-vocab.cpp` and `llama-model.cpp`. What it refuses with an ordinary error is not listed here.
 */
import { countValue, type GgufFile, textValue } from './parse.ts'

/** `LLAMA_MAX_LAYERS` and `LLAMA_MAX_EXPERTS`: sizes of fixed arrays that it indexes by what the file says. */
const layersMax = 512
const expertsMax = 512

/** Why llama.cpp must not see this file, or `undefined`. */
export function abortReason(file: GgufFile): string | undefined {
  return vocabularyReason(file) ?? hyperparameterReason(file) ?? tensorReason(file)
}

/** Older versions divide by the dimensions. */
function tensorReason({ tensors }: GgufFile): string | undefined {
  const empty = tensors.find((tensor) => tensor.elementCount === 0)
  return empty && `tensor ${empty.name} is empty`
}

function vocabularyReason(file: GgufFile): string | undefined {
  const { values, vocabulary } = file
  const model = textValue(values, 'tokenizer.ggml.model')
  if (model === undefined || model === 'none' || model === 'no_vocab') return undefined
  const arrays = arrayReason(file)
  if (arrays !== undefined) return arrays
  if (vocabulary.isUnchecked) return 'the vocabulary is too large to be checked'
  if (vocabulary.duplicateIndex !== undefined) {
    return `the vocabulary has the text of token ${vocabulary.duplicateIndex} twice`
  }
  if (model === 'llama' && vocabulary.tokenCount !== undefined) {
    const missing = 256 - vocabulary.coveredBytes.size
    if (missing > 0) return `the SentencePiece vocabulary lacks ${missing} of 256 byte tokens`
  }
  const short = model === 'llama' || model === 't5' ? vocabulary.shortByteToken() : undefined
  return short === undefined ? undefined : `token ${short} is of type byte, but its text names no byte`
}

/** The arrays of a vocabulary are read as the types they should have, and up to the number of tokens. */
function arrayReason({ values, vocabulary }: GgufFile): string | undefined {
  const expected: [key: string, itemTypes: string[], isPerToken: boolean][] = [
    ['tokenizer.ggml.tokens', ['string'], true],
    ['tokenizer.ggml.scores', ['f32'], true],
    ['tokenizer.ggml.token_type', ['i32', 'u32'], true],
    ['tokenizer.ggml.merges', ['string'], false],
    ['tokenizer.ggml.precompiled_charsmap', ['i8', 'u8'], false],
  ]
  for (const [key, itemTypes, isPerToken] of expected) {
    const entry = values.get(key)
    if (entry === undefined) continue
    if (entry.type !== 'array') return `${key} is no array`
    if (!itemTypes.includes(entry.itemType!)) return `${key} is an array of ${entry.itemType}, not ${itemTypes[0]}`
    if (isPerToken && vocabulary.tokenCount !== undefined && entry.itemCount !== vocabulary.tokenCount) {
      return `${key} has ${entry.itemCount} items for ${vocabulary.tokenCount} tokens`
    }
  }
  return undefined
}

function hyperparameterReason({ values }: GgufFile): string | undefined {
  const architecture = textValue(values, 'general.architecture')
  const layers = countValue(values, `${architecture}.block_count`)
  if (layers !== undefined && layers > layersMax) return `${layers} blocks, llama.cpp has room for ${layersMax}`
  const experts = countValue(values, `${architecture}.expert_count`) ?? 0
  if (experts > expertsMax) return `${experts} experts, llama.cpp has room for ${expertsMax}`
  const used = countValue(values, `${architecture}.expert_used_count`) ?? (isPerLayer() ? undefined : 0)
  if (used === undefined) return undefined
  if (used > experts || (experts > 0 && used === 0)) return `${used} of ${experts} experts are used`
  const groups = countValue(values, `${architecture}.expert_group_count`) ?? 0
  if (groups > 0 && groups >= experts) return `${groups} groups of ${experts} experts`
  if (groups > 1) {
    const usedGroups = countValue(values, `${architecture}.expert_group_used_count`) ?? 0
    if (experts % groups !== 0) return `${experts} experts in ${groups} groups`
    if (usedGroups === 0 || usedGroups >= groups) return `${usedGroups} of ${groups} expert groups are used`
  }
  return undefined

  function isPerLayer(): boolean {
    return values.get(`${architecture}.expert_used_count`)?.type === 'array'
  }
}
