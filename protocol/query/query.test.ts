import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeCbor } from '../codec/cbor.ts'
import { fuzzDecoder, type Vector, vectorBytes, vectorValue } from '../codec/decoder-suite.ts'
import { type ModelId, parseModelId } from '../ids.ts'
import {
  componentKeyBytesMax,
  queryCursorBytesMax,
  queryRowsMax,
  queryTensorsPerHitMax,
  queryWordBytesMax,
  queryWordsMax,
  tensorDimensionsMax,
  tensorNameBytesMax,
} from '../limits.ts'
import {
  decodeQueryRequest,
  decodeQueryResponse,
  encodeQueryRequest,
  encodeQueryResponse,
  type Query,
  type QueryHit,
  type QueryRequest,
  type QueryResponse,
  queryProtocol,
} from './index.ts'
import vectors from './vectors.json' with { type: 'json' }

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const raw = (value: unknown) => encodeCbor(value, { what: 'test', bytesMax: 1e7 })
const modelId = parseModelId('bafyreigrsgaomlmvjqhoehyfyh3q6chqm6iupyiskbst75yzdxat57zlui')
const none: Query = { modelIds: [], kinds: [], dtypes: [], shape: [], meta: [], words: [] }

test.each(vectors.request as Vector[])('query request: golden bytes of $name', (vector) => {
  const value = vectorValue(vector.value) as QueryRequest
  expect(decodeQueryRequest(vectorBytes(vector))).toEqual(value)
  expect(hex(encodeQueryRequest(value))).toBe(vector.hex)
})

test.each(vectors.response as Vector[])('query response: golden bytes of $name', (vector) => {
  const value = vectorValue(vector.value) as QueryResponse
  expect(decodeQueryResponse(vectorBytes(vector))).toEqual(value)
  expect(hex(encodeQueryResponse(value))).toBe(vector.hex)
})

test('query: decodes what it encoded', () => {
  const range = fc.record({ min: fc.maxSafeNat(), max: fc.maxSafeNat() }, { requiredKeys: [] })
  const word = fc.stringMatching(/^[a-z0-9]{1,64}$/)
  const query = fc.record(
    {
      modelIds: fc.constantFrom<ModelId[]>([], [modelId]),
      kinds: fc.subarray(['ffn', 'expert', 'head'] as const).map((kinds) => [...kinds]),
      layers: range,
      sizeBytes: range,
      dtypes: fc.array(word, { maxLength: 3 }).map((all) => all.map((one) => one.slice(0, 32))),
      shape: fc.array(fc.option(fc.maxSafeNat()), { maxLength: 8 }),
      licence: word,
      meta: fc.array(fc.record({ path: word, value: word }, { requiredKeys: ['path'] }), { maxLength: 3 }),
      keyPattern: word,
      words: fc.array(word, { maxLength: queryWordsMax }),
    },
    { requiredKeys: ['modelIds', 'kinds', 'dtypes', 'shape', 'meta', 'words'] },
  )
  const request = fc.record({
    query,
    limit: fc.integer({ min: 1, max: queryRowsMax }),
    cursor: fc.uint8Array({ maxLength: queryCursorBytesMax }),
  })
  fc.assert(
    fc.property(request, (one) => {
      expect(decodeQueryRequest(encodeQueryRequest(one))).toEqual(one)
    }),
  )
})

test('query response: a page of the largest rows fits its frame', () => {
  const tensor = {
    name: 'n'.repeat(tensorNameBytesMax),
    dtype: 'd'.repeat(32),
    shape: Array(tensorDimensionsMax).fill(Number.MAX_SAFE_INTEGER),
    sizeBytes: Number.MAX_SAFE_INTEGER,
  }
  const most = Number.MAX_SAFE_INTEGER
  const hit: QueryHit = {
    modelId,
    key: 'k'.repeat(componentKeyBytesMax),
    kind: 'embedding',
    layer: most,
    expert: most,
    sizeBytes: most,
    parameterCount: most,
    heldBytes: most,
    tensors: Array(queryTensorsPerHitMax).fill(tensor),
    words: Array(queryWordsMax).fill('w'.repeat(queryWordBytesMax)),
    score: 0.123456789,
  }
  const page = { hits: Array(queryRowsMax).fill(hit), nextCursor: new Uint8Array(queryCursorBytesMax) }
  expect(encodeQueryResponse(page).length).toBeLessThanOrEqual(queryProtocol.frameBytesMax)
})

test.each<[string, Record<string, unknown>]>([
  ['a kind that there is not', { kinds: ['muscle'] }],
  ['a negative layer', { layers: { min: -1 } }],
  ['a broken number', { sizeBytes: { max: 1.5 } }],
  ['too many words', { words: Array(queryWordsMax + 1).fill('a') }],
  ['a word that would redraw a terminal', { words: ['\u001b[2J'] }],
  ['a model id that is none', { modelIds: ['hartling'] }],
  ['a shape of nine dimensions', { shape: Array(9).fill(null) }],
  ['no list of kinds', { kinds: undefined }],
])('query request: refuses %s', (_, part) => {
  const query = Object.fromEntries(Object.entries({ ...none, ...part }).filter(([, value]) => value !== undefined))
  expect(() => decodeQueryRequest(raw({ query, limit: 1, cursor: new Uint8Array() }))).toThrow(
    expect.objectContaining({ code: 'ERR_DECODE' }),
  )
})

test('query: ignores fields of a later version', () => {
  const request = { query: none, limit: 5, cursor: new Uint8Array() }
  expect(decodeQueryRequest(raw({ ...request, query: { ...none, like: 'x' }, later: true }))).toEqual(request)
})

test('query: random and mutated bytes give typed errors only', () => {
  fuzzDecoder(decodeQueryRequest, { samples: (vectors.request as Vector[]).map(vectorBytes), runs: 5000 })
  fuzzDecoder(decodeQueryResponse, { samples: (vectors.response as Vector[]).map(vectorBytes), runs: 5000 })
})
