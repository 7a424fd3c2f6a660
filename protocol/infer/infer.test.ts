import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeCbor } from '../codec/cbor.ts'
import { fuzzDecoder, type Vector, vectorBytes, vectorValue } from '../codec/decoder-suite.ts'
import { errorFromWire, type WireError } from '../errors.ts'
import { inferenceTokensMax, inferFrameBytesMax, paymentMessageBytesMax } from '../limits.ts'
import { decodeInferFrame, encodeInferFrame, type InferFrame, inferInputHash, textHash } from './index.ts'
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
    fc.record({ type: fc.constant('reserved' as const), number: fc.integer({ min: 16, max: 31 }) }),
  )
  fc.assert(
    fc.property(frames, (frame) => {
      expect(decodeInferFrame(encodeInferFrame(frame))).toEqual(frame)
    }),
  )
})

test.each<[string, unknown]>([
  ['an unknown type', { t: 7 }],
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
  const golden = inferInputHash(start)
  expect(hex(golden)).toBe('e6d90ec582644951a661e1fbc96ab0ef75828b27ec19be76baa8729dad3d1d6a')
  expect(hex(textHash('Grüße 😀'))).toBe('3436cf1c2f912923eb6c58432bc973f1e3bf57852f000822b53954e45e6c5be4')
  const sent: InferFrame = { ...start, payment: Uint8Array.of(1) }
  const came = decodeInferFrame(encodeInferFrame(sent)) as typeof start
  expect(inferInputHash(came)).toEqual(golden)
  const { modelId, prompt, sampling } = start
  expect(inferInputHash({ sampling, prompt, modelId })).toEqual(golden)
  expect(inferInputHash({ modelId, prompt, sampling: { ...sampling, maxTokens: 1 } })).not.toEqual(golden)
  expect(() => inferInputHash({ modelId, prompt, sampling: { ...sampling, topP: 2 } })).toThrow(
    expect.objectContaining({ code: 'ERR_DECODE' }),
  )
})

test('infer frame: random and mutated bytes give typed errors only', () => {
  fuzzDecoder(decodeInferFrame, { samples: golden.map(vectorBytes), runs: 15_000 })
})
