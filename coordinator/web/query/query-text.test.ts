import { expect, test } from 'vitest'
import { entriesOf, readField, withEntry, withField } from './query-text.ts'

test('query text: a field is read as it was written, with or without quotes', () => {
  const text = 'licence:"MIT OR Apache-2.0" kind:ffn heavy words kind:expert'
  expect(readField(text, 'licence')).toBe('MIT OR Apache-2.0')
  expect(entriesOf(text, 'kind')).toEqual(['ffn', 'expert'])
  expect(readField(text, 'layer')).toBe(undefined)
  expect(readField('kindly:said', 'kind')).toBe(undefined)
})

test('query text: a filter writes its field and leaves the rest as it was', () => {
  expect(withField('heavy words', 'kind', 'ffn')).toBe('kind:ffn heavy words')
  expect(withField('model:a kind:ffn words', 'layer', '3-8')).toBe('model:a kind:ffn layer:3-8 words')
  expect(withField('layer:1 words', 'layer', '>4')).toBe('layer:>4 words')
  expect(withField('layer:1 words', 'layer', undefined)).toBe('words')
  expect(withField('', 'licence', 'MIT OR Apache-2.0')).toBe('licence:"MIT OR Apache-2.0"')
})

test('query text: entries of a list come and go', () => {
  expect(withEntry('kind:ffn words', 'kind', 'expert')).toBe('kind:ffn,expert words')
  expect(withEntry('kind:ffn,expert words', 'kind', 'ffn')).toBe('kind:expert words')
  expect(withEntry('kind:expert words', 'kind', 'expert')).toBe('words')
})
