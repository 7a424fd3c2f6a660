import { expect, test } from 'vitest'
import { embeddingQuality } from './embedding-quality.ts'

test.each<[string, object, string]>([
  ['an architecture made for it', { general: { architecture: 'nomic-bert' } }, 'encoder'],
  ['a language model trained on for it', { general: { architecture: 'qwen3' }, qwen3: { pooling_type: 3 } }, 'encoder'],
  [
    'one that reads both ways',
    { general: { architecture: 'gemma3' }, gemma3: { attention: { causal: false } } },
    'encoder',
  ],
  ['a language model', { general: { architecture: 'llama' }, llama: { attention: { causal: true } } }, 'low'],
  ['no pooling', { general: { architecture: 'llama' }, llama: { pooling_type: 0 } }, 'low'],
  ['a judge of pairs', { general: { architecture: 'qwen3' }, qwen3: { pooling_type: 4 } }, 'low'],
  ['pooling of another architecture', { general: { architecture: 'llama' }, qwen3: { pooling_type: 3 } }, 'low'],
  ['a file that says nothing', {}, 'low'],
])('embedding quality: %s', (_, metadata, quality) => {
  expect(embeddingQuality(metadata)).toBe(quality)
})
