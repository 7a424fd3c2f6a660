import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeCbor } from '../codec/cbor.ts'
import { fuzzDecoder, type Vector, vectorBytes, vectorValue } from '../codec/decoder-suite.ts'
import { errorFromWire, type WireError } from '../errors.ts'
import {
  embeddingDimensionsMax,
  embeddingInputsMax,
  inferenceTokensMax,
  inferFrameBytesMax,
  paymentMessageBytesMax,
} from '../limits.ts'
import {
  bytesOfVector,
  decodeInferFrame,
  encodeInferFrame,
  type InferFrame,
  inputHash,
  outputHash,
  vectorOf,
} from './index.ts'
import vectors from './vectors.json' with { type: 'json' }

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const raw = (value: unknown) => encodeCbor(value, { what: 'test', bytesMax: 1e7 })
const golden = vectors as Vector[]
const start = golden[0]!.value as Extract<InferFrame, { type: 'start' }>
const wireStart = ({ type: _, ...fields }: typeof start, change: Record<string, unknown>) => ({
  t: 1,
  ...fields,
  ...change,
})

test.each(golden)('infer frame: golden bytes of $name', (vector) => {
  const value = vectorValue(vector.value) as InferFrame
  expect(decodeInferFrame(vectorBytes(vector))).toEqual(value)
  expect(hex(encodeInferFrame(value))).toBe(vector.hex)
})

const unitVectorAt = (angle: number) => bytesOfVector(Float32Array.of(Math.cos(angle), Math.sin(angle)))
const embedding = (change: Record<string, unknown>) => {
  return { t: 17, index: 0, vector: unitVectorAt(1), tokens: 1, quality: 'low', ...change }
}

test('infer frame: decodes what it encoded', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 200 })
  const sampling = fc.record(
    {
      temperature: fc.double({ min: 0.01, max: 2, noNaN: true }),
      topP: fc.double({ min: 0.01, max: 1, noNaN: true }),
      topK: fc.nat(1000),
      seed: fc.maxSafeInteger(),
      maxTokens: fc.integer({ min: 1, max: inferenceTokensMax }),
      stop: fc.array(fc.constantFrom('</s>', '\n\n', 'ß'), { maxLength: 4 }),
    },
    { requiredKeys: ['temperature', 'topP', 'topK', 'maxTokens', 'stop'], noNullPrototype: true },
  )
  const message = fc.record({ role: fc.constantFrom('system', 'user', 'assistant'), content: text })
  const prompt = fc.oneof(
    fc.record({ type: fc.constant('chat' as const), messages: fc.array(message, { minLength: 1, maxLength: 5 }) }),
    fc.record({ type: fc.constant('completion' as const), text }),
  )
  const payment = fc.uint8Array({ minLength: 1, maxLength: paymentMessageBytesMax })
  const frames: fc.Arbitrary<InferFrame> = fc.oneof(
    fc.record(
      { type: fc.constant('start' as const), modelId: fc.constant(start.modelId), prompt, sampling, payment },
      { requiredKeys: ['type', 'modelId', 'prompt', 'sampling'], noNullPrototype: true },
    ),
    fc.record({ type: fc.constant('accepted' as const), queued: fc.nat() }),
    fc.record({ type: fc.constant('delta' as const), text, tokens: fc.nat(100) }),
    fc.record({
      type: fc.constant('end' as const),
      reason: fc.constantFrom('stop', 'length', 'cancelled'),
      promptTokens: fc.nat(),
      completionTokens: fc.nat(),
      durationMs: fc.nat(),
    }),
    fc.record({
      type: fc.constant('error' as const),
      error: fc.constant<WireError>({ code: 'ERR_ENGINE_CRASHED', fields: { reason: 'signal 6' } }),
    }),
    fc.record({ type: fc.constant('pay' as const), message: payment }),
    fc.record(
      {
        type: fc.constant('embed' as const),
        modelId: fc.constant(start.modelId),
        inputs: fc.array(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 50 }), { minLength: 1, maxLength: 9 }),
        payment,
      },
      { requiredKeys: ['type', 'modelId', 'inputs'], noNullPrototype: true },
    ),
    fc.record({
      type: fc.constant('embedding' as const),
      index: fc.nat(embeddingInputsMax - 1),
      vector: fc.double({ min: -Math.PI, max: Math.PI, noNaN: true }).map(unitVectorAt),
      tokens: fc.nat(100),
      quality: fc.constantFrom('encoder' as const, 'low' as const),
    }),
    fc.record({ type: fc.constant('reserved' as const), number: fc.integer({ min: 18, max: 31 }) }),
  )
  fc.assert(
    fc.property(frames, (frame) => {
      expect(decodeInferFrame(encodeInferFrame(frame))).toEqual(frame)
    }),
  )
})

test.each<[string, unknown]>([
  ['an unknown type', { t: 7 }],
  ['no inputs', { t: 16, modelId: start.modelId, inputs: [] }],
  ['an empty input', { t: 16, modelId: start.modelId, inputs: ['a', ''] }],
  ['too many inputs', { t: 16, modelId: start.modelId, inputs: Array(embeddingInputsMax + 1).fill('a') }],
  ['an input that is no text', { t: 16, modelId: start.modelId, inputs: [[1, 2]] }],
  ['a vector of no numbers', embedding({ vector: new Uint8Array() })],
  ['a vector of half a number', embedding({ vector: new Uint8Array(6) })],
  ['a vector of another length than 1', embedding({ vector: bytesOfVector(Float32Array.of(1, 0.1)) })],
  ['a vector with a number that is none', embedding({ vector: bytesOfVector(Float32Array.of(1, Number.NaN)) })],
  [
    'a vector of too many numbers',
    embedding({ vector: bytesOfVector(new Float32Array(embeddingDimensionsMax + 1).fill(1, 0, 1)) }),
  ],
  ['a vector of an unknown quality', embedding({ quality: 'best' })],
  ['a vector of an input that cannot be', embedding({ index: embeddingInputsMax })],
  ['a payment without its message', { t: 6 }],
  ['an empty payment', { t: 6, message: new Uint8Array() }],
  ['a payment of more than its limit', { t: 6, message: new Uint8Array(paymentMessageBytesMax + 1) }],
  ['a start with an empty payment', wireStart(start, { payment: new Uint8Array() })],
  ['a type above the reserved ones', { t: 32 }],
  ['no type', {}],
  ['a list', [1]],
  ['null', null],
  ['a type by its name', { type: 'accepted', queued: 1 }],
  ['no messages', wireStart(start, { prompt: { type: 'chat', messages: [] } })],
  ['an unknown role', wireStart(start, { prompt: { type: 'chat', messages: [{ role: 'tool', content: '' }] } })],
  ['too many tokens', wireStart(start, { sampling: { ...start.sampling, maxTokens: inferenceTokensMax + 1 } })],
  ['a negative temperature', wireStart(start, { sampling: { ...start.sampling, temperature: -0.5 } })],
  ['a fraction as seed', wireStart(start, { sampling: { ...start.sampling, seed: 0.5 } })],
  ['an empty stop sequence', wireStart(start, { sampling: { ...start.sampling, stop: [''] } })],
  ['a broken traceparent', wireStart(start, { traceparent: '00-xyz' })],
  ['an error code that is none', { t: 5, error: { code: '<b>', fields: {} } }],
])('infer frame: refuses %s', (_, value) => {
  expect(() => decodeInferFrame(raw(value))).toThrow(expect.objectContaining({ code: 'ERR_DECODE' }))
})

test('infer frame: a reserved frame is recognised whatever else it holds', () => {
  expect(decodeInferFrame(raw({ t: 20, tensor: new Uint8Array(100) }))).toEqual({ type: 'reserved', number: 20 })
})

test('infer frame: an error of a later version keeps its code, and loses what is not plain', () => {
  const fields = { reason: `a\u001b[2J${'x'.repeat(1000)}`, count: 3, nested: { deep: [1] } }
  const frame = decodeInferFrame(raw({ t: 5, error: { code: 'ERR_FROM_THE_FUTURE', fields } }))
  const { error } = frame as Extract<InferFrame, { type: 'error' }>
  expect(error.fields).toEqual({ reason: `a [2J${'x'.repeat(1000)}`.slice(0, 500), count: 3 })
  expect(errorFromWire(error).code).toBe('ERR_IO')
})

test('infer frame: a prompt that is too large is refused on both sides', () => {
  const frame: InferFrame = { ...start, prompt: { type: 'completion', text: 'x'.repeat(inferFrameBytesMax) } }
  expect(() => encodeInferFrame(frame)).toThrow(expect.objectContaining({ code: 'ERR_LIMIT' }))
  expect(() => decodeInferFrame(new Uint8Array(inferFrameBytesMax + 1))).toThrow(
    expect.objectContaining({ code: 'ERR_LIMIT' }),
  )
})

test('infer hashes: golden, and the same for what was sent and for what came', () => {
  const golden = inputHash(start)
  expect(hex(golden)).toBe('e6d90ec582644951a661e1fbc96ab0ef75828b27ec19be76baa8729dad3d1d6a')
  const text = outputHash(start)
  for (const part of ['Grü', 'ße 😀']) text.add({ type: 'delta', text: part })
  expect(hex(text.digest())).toBe('3436cf1c2f912923eb6c58432bc973f1e3bf57852f000822b53954e45e6c5be4')
  const sent: InferFrame = { ...start, payment: Uint8Array.of(1) }
  const came = decodeInferFrame(encodeInferFrame(sent)) as typeof start
  expect(inputHash(came)).toEqual(golden)
  const { modelId, prompt, sampling } = start
  expect(inputHash({ sampling, prompt, modelId })).toEqual(golden)
  expect(inputHash({ modelId, prompt, sampling: { ...sampling, maxTokens: 1 } })).not.toEqual(golden)
  expect(() => inputHash({ modelId, prompt, sampling: { ...sampling, topP: 2 } })).toThrow(
    expect.objectContaining({ code: 'ERR_DECODE' }),
  )
})

test('infer hashes: those of vectors are golden, of another kind than those of text, and know the order', () => {
  const input = { modelId: start.modelId, inputs: ['Grüße', 'b'] }
  expect(hex(inputHash(input))).toBe('a9bddc7553c25676dd0e51a37ee542d1a9050878b077923eed3b1d29921cfa0d')
  expect(inputHash({ ...input, inputs: ['b', 'Grüße'] })).not.toEqual(inputHash(input))
  const [a, b] = [Float32Array.of(0.6, -0.8), Float32Array.of(0, 1)].map(bytesOfVector) as [Uint8Array, Uint8Array]
  const hashOf = (...vectors: Uint8Array[]) => {
    const hash = outputHash(input)
    for (const vector of vectors) hash.add({ type: 'embedding', vector })
    return hex(hash.digest())
  }
  expect(hashOf(a, b)).toBe('e5e021b3321f8bb15a5032592609be2a335d9fc8f8a2db68a089253fa65a850e')
  expect(hashOf(b, a)).not.toBe(hashOf(a, b))
})

test('infer vectors: bytes and numbers are the same, wherever the bytes lie', () => {
  const vector = Float32Array.of(0.6, -0.8, 1e-30)
  const shifted = Buffer.concat([Uint8Array.of(7), bytesOfVector(vector)]).subarray(1)
  expect(hex(shifted.subarray(0, 8))).toBe('9a99193fcdcc4cbf')
  expect(vectorOf(shifted)).toEqual(vector)
})

test('infer frame: random and mutated bytes give typed errors only', () => {
  fuzzDecoder(decodeInferFrame, { samples: golden.map(vectorBytes), runs: 15_000 })
})
