import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Bitfield } from '../codec/bitfield.ts'
import { encodeCbor } from '../codec/cbor.ts'
import { fuzzDecoder, type Vector, vectorBytes, vectorValue } from '../codec/decoder-suite.ts'
import type { ModelId } from '../ids.ts'
import { haveBitsMax, haveDeltaIndexesMax } from '../limits.ts'
import { decodeHaveFrame, encodeHaveFrame, type HaveFrame, haveProtocol } from './index.ts'
import vectors from './vectors.json' with { type: 'json' }

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const golden = vectors as Vector[]
const modelId = (golden[0]!.value as { modelId: ModelId }).modelId

test.each(golden)('have frame: golden bytes of $name', (vector) => {
  const value = vectorValue(vector.value) as HaveFrame
  expect(decodeHaveFrame(vectorBytes(vector))).toEqual(value)
  expect(hex(encodeHaveFrame(value))).toBe(vector.hex)
})

test('have frame: decodes what it encoded', () => {
  const indexes = fc
    .uniqueArray(fc.integer({ min: 0, max: haveBitsMax - 1 }), { minLength: 1, maxLength: 300 })
    .map((list) => list.sort((a, b) => a - b))
  const frames: fc.Arbitrary<HaveFrame> = fc.oneof(
    fc.constant({ type: 'subscribe' as const, modelId }),
    fc.constant({ type: 'absent' as const }),
    fc.record({ type: fc.constantFrom('gained', 'lost'), chunkIndexes: indexes }),
    fc.integer({ min: 0, max: 3000 }).map((chunkCount) => {
      const bits = Bitfield.full(chunkCount).bytes
      return { type: 'bitfield' as const, chunkCount, bits }
    }),
  )
  fc.assert(
    fc.property(frames, (frame) => {
      expect(decodeHaveFrame(encodeHaveFrame(frame))).toEqual(frame)
    }),
  )
})

test('have frame: the largest bitfield and delta fit the frame', () => {
  const bits = Bitfield.full(haveBitsMax).bytes
  const bitfield = encodeHaveFrame({ type: 'bitfield', chunkCount: haveBitsMax, bits })
  expect(bitfield.length).toBeLessThanOrEqual(haveProtocol.frameBytesMax)
  const chunkIndexes = Array.from({ length: haveDeltaIndexesMax }, (_, at) => haveBitsMax - haveDeltaIndexesMax + at)
  const delta = encodeHaveFrame({ type: 'gained', chunkIndexes })
  expect(decodeHaveFrame(delta)).toEqual({ type: 'gained', chunkIndexes })
})

test.each<[string, unknown]>([
  ['an unknown type', { type: 'other' }],
  ['no type', {}],
  ['a list', ['subscribe']],
  ['a broken model id', { type: 'subscribe', modelId: 'x' }],
  ['a bitfield that is too short', { type: 'bitfield', chunkCount: 9, bits: new Uint8Array(1) }],
  ['a bitfield that is too long', { type: 'bitfield', chunkCount: 8, bits: new Uint8Array(2) }],
  ['spare bits', { type: 'bitfield', chunkCount: 9, bits: Uint8Array.of(0, 1) }],
  ['more chunks than any model has', { type: 'bitfield', chunkCount: haveBitsMax + 1, bits: new Uint8Array() }],
  ['indexes out of order', { type: 'gained', chunkIndexes: [2, 1] }],
  ['an index twice', { type: 'gained', chunkIndexes: [1, 1] }],
  ['an index below zero', { type: 'lost', chunkIndexes: [-1] }],
  ['an empty delta', { type: 'lost', chunkIndexes: [] }],
  ['too many indexes', { type: 'lost', chunkIndexes: [...Array(haveDeltaIndexesMax + 1).keys()] }],
])('have frame: refuses %s', (_, value) => {
  const bytes = encodeCbor(value, { what: 'test', bytesMax: 1e7 })
  expect(() => decodeHaveFrame(bytes)).toThrow(expect.objectContaining({ code: 'ERR_DECODE' }))
})

test('have frame: random and mutated bytes give typed errors only', () => {
  fuzzDecoder(decodeHaveFrame, { samples: golden.map(vectorBytes), runs: 10_000 })
})
