import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isHartonomousError } from '#protocol/errors.ts'
import { parseQuery } from './parse.ts'

test('query text: every field is read, the rest are words', () => {
  const text =
    'model:hartling-f16,other kind:ffn,expert layer:3-8 expert:>4 dtype:Q4_K,Q6_K shape:*x4864 size:>1MiB licence:"MIT OR Apache-2.0" ' +
    'meta:general.architecture=llama meta:general.name name:blk.?.* holders:<3 attn_q "Heavy words" heavy'
  expect(parseQuery(text)).toEqual({
    models: ['hartling-f16', 'other'],
    holdersBelow: 3,
    query: {
      modelIds: [],
      kinds: ['ffn', 'expert'],
      layers: { min: 3, max: 8 },
      experts: { min: 5 },
      sizeBytes: { min: 1024 * 1024 + 1 },
      dtypes: ['Q4_K', 'Q6_K'],
      shape: [null, 4864],
      licence: 'MIT OR Apache-2.0',
      meta: [{ path: 'general.architecture', value: 'llama' }, { path: 'general.name' }],
      keyPattern: 'blk.?.*',
      words: ['attn', 'q', 'heavy', 'words'],
    },
  })
})

test.each([
  ['3', { min: 3, max: 3 }],
  ['3-', { min: 3 }],
  ['-8', { max: 8 }],
  ['<8', { max: 7 }],
  ['<=8', { max: 8 }],
  ['>=8', { min: 8 }],
])('query text: the range %s', (text, range) => {
  expect(parseQuery(`layer:${text}`).query.layers).toEqual(range)
})

test.each([
  ['kind:muscle', 'the kinds are embedding'],
  ['layer:x', 'no whole number'],
  ['layer:1-2-3', 'write 3, 3-8'],
  ['layer:-', 'write 3, 3-8'],
  ['layer:', 'write what it must be'],
  ['size:<0', 'nothing is below 0'],
  ['holders:3', 'write holders:<3'],
  ['colour:red', 'there is no field colour'],
  ['a b c d e f g', 'at most 6'],
])('query text: %s is refused with the reason', (text, reason) => {
  return expect(() => parseQuery(text)).toThrow(reason)
})

test('query text: any text is a query or is refused with a typed error', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      try {
        parseQuery(text)
      } catch (error) {
        expect(isHartonomousError(error, 'ERR_QUERY_INVALID'), String(error)).toBe(true)
      }
    }),
    { numRuns: 500 },
  )
})
