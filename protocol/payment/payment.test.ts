import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeCbor } from '../codec/cbor.ts'
import { fuzzDecoder, type Vector, vectorBytes, vectorValue } from '../codec/decoder-suite.ts'
import { type Address, addressFromBytes, addressToBytes, parseAddress, parseModelId } from '../ids.ts'
import { paymentMessageBytesMax, receiptDetailsBytesMax, weiMax } from '../limits.ts'
import { GiB } from '../units.ts'
import {
  bytesFor,
  decodePayment,
  decodeReceiptDetails,
  encodePayment,
  encodeReceiptDetails,
  modelOfTopic,
  type PaymentMessage,
  priceOfBytes,
  priceOfTokens,
  type ReceiptDetails,
  tokensFor,
  topicOf,
} from './index.ts'
import vectors from './vectors.json' with { type: 'json' }

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const raw = (value: unknown) => encodeCbor(value, { what: 'test', bytesMax: 1e6 })
const zeros = (length: number) => new Uint8Array(length)
const address = parseAddress(`0x${'0a'.repeat(20)}`)

/** In `vectors.json`, `{ "wei": "255" }` stands for a bigint. */
function withWei(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  const entries = Object.entries(value)
  if (entries.length === 1 && entries[0]![0] === 'wei') return BigInt(entries[0]![1])
  return Object.fromEntries(entries.map(([key, item]) => [key, withWei(item)]))
}

test.each(vectors.message as Vector[])('payment message: golden bytes of $name', (vector) => {
  const value = withWei(vectorValue(vector.value)) as PaymentMessage
  expect(decodePayment(vectorBytes(vector))).toEqual(value)
  expect(hex(encodePayment(value))).toBe(vector.hex)
})

test.each(vectors.details as Vector[])('receipt details: golden bytes of $name', (vector) => {
  const value = withWei(vectorValue(vector.value)) as ReceiptDetails
  expect(decodeReceiptDetails(vectorBytes(vector))).toEqual(value)
  expect(hex(encodeReceiptDetails(value))).toBe(vector.hex)
})

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const addresses: fc.Arbitrary<Address> = bytes(20).map(addressFromBytes)
const amounts = fc.bigInt({ min: 0n, max: weiMax })
const prices = fc.record({ weiPerGiB: amounts, weiPerKiloToken: amounts })
const count = fc.nat({ max: Number.MAX_SAFE_INTEGER })
const uint32 = fc.nat({ max: 0xffff_ffff })
const messages: fc.Arbitrary<PaymentMessage> = fc.oneof(
  fc.record({
    type: fc.constant('open' as const),
    requester: addresses,
    payer: addresses,
    job: bytes(32),
    attempt: uint32,
    topic: bytes(32),
  }),
  fc.record({
    type: fc.constant('quote' as const),
    terms: fc.record({
      chainId: count,
      escrow: addresses,
      disputes: addresses,
      payee: addresses,
      signer: addresses,
      prices,
    }),
    nonce: bytes(32),
  }),
  fc.record({ type: fc.constant('prove' as const), signature: bytes(64) }),
  fc.record(
    { type: fc.constant('account' as const), promisedWei: amounts, signature: bytes(64), aheadWei: amounts },
    { requiredKeys: ['type', 'promisedWei', 'aheadWei'] },
  ),
  fc.record({ type: fc.constant('due' as const), cumulativeWei: amounts }),
  fc.record({ type: fc.constant('voucher' as const), cumulativeWei: amounts, signature: bytes(64) }),
  fc.record({ type: fc.constant('finish' as const) }),
  fc.record({
    type: fc.constant('receipt' as const),
    receipt: fc.record({
      node: addresses,
      requester: addresses,
      job: bytes(32),
      attempt: uint32,
      input: bytes(32),
      output: bytes(32),
      details: bytes(32),
      finishedAt: count,
    }),
    details: fc.uint8Array({ maxLength: receiptDetailsBytesMax }),
    signature: bytes(64),
  }),
)

test('payment message: decodes what it encoded, and the largest fits its frame', () => {
  fc.assert(
    fc.property(messages, (message) => {
      const encoded = encodePayment(message)
      expect(decodePayment(encoded)).toEqual(message)
      expect(encoded.length).toBeLessThanOrEqual(paymentMessageBytesMax)
    }),
    { numRuns: 500 },
  )
})

test('a voucher and the question for it take less than 200 bytes', () => {
  const voucher = encodePayment({ type: 'voucher', cumulativeWei: weiMax, signature: zeros(64) })
  const due = encodePayment({ type: 'due', cumulativeWei: weiMax })
  expect(voucher.length + due.length).toBeLessThan(200)
})

test.each<[string, unknown]>([
  ['an amount with leading zeros', { type: 'due', cumulativeWei: Uint8Array.of(0, 1) }],
  ['zero as a byte', { type: 'due', cumulativeWei: Uint8Array.of(0) }],
  ['an amount of 17 bytes', { type: 'due', cumulativeWei: new Uint8Array(17).fill(1) }],
  ['an amount that is a number', { type: 'due', cumulativeWei: 1 }],
  ['a short signature', { type: 'voucher', cumulativeWei: zeros(0), signature: zeros(63) }],
  ['an unknown reason to stop', { type: 'stop', reason: 'boredom' }],
  ['an unknown type', { type: 'gift' }],
])('payment message: refuses %s', (_, value) => {
  expect(() => decodePayment(raw(value))).toThrow(expect.objectContaining({ code: 'ERR_DECODE' }))
})

test.each<[string, PaymentMessage]>([
  ['a negative amount', { type: 'due', cumulativeWei: -1n }],
  ['more than a contract can count', { type: 'due', cumulativeWei: weiMax + 1n }],
  ['a signature of another length', { type: 'voucher', cumulativeWei: 1n, signature: zeros(65) }],
])('payment message: does not send %s', (_, value) => {
  expect(() => encodePayment(value)).toThrow(expect.objectContaining({ code: 'ERR_DECODE' }))
})

test('payment message: random and mutated bytes give typed errors only', () => {
  fuzzDecoder(decodePayment, { samples: (vectors.message as Vector[]).map(vectorBytes), runs: 8000 })
  fuzzDecoder(decodeReceiptDetails, { samples: (vectors.details as Vector[]).map(vectorBytes), runs: 2000 })
})

test('a price is rounded up, and what it pays for never costs more than it', () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 44 }), fc.bigInt({ min: 1n, max: 10n ** 24n }), (units, price) => {
      const asked = { weiPerGiB: price, weiPerKiloToken: price }
      const ofBytes = priceOfBytes(units, asked)
      expect(ofBytes * BigInt(GiB) >= BigInt(units) * price).toBe(true)
      expect((ofBytes - 1n) * BigInt(GiB) < BigInt(units) * price).toBe(true)
      expect(bytesFor(ofBytes, asked)).toBeGreaterThanOrEqual(units)
      expect(priceOfBytes(bytesFor(ofBytes, asked), asked)).toBe(ofBytes)
      expect(tokensFor(priceOfTokens(units, asked), asked)).toBeGreaterThanOrEqual(units)
    }),
  )
})

test('what is free never ends', () => {
  const free = { weiPerGiB: 0n, weiPerKiloToken: 0n }
  expect(priceOfBytes(2 ** 50, free)).toBe(0n)
  expect(bytesFor(0n, free)).toBe(Number.POSITIVE_INFINITY)
  expect(tokensFor(0n, free)).toBe(Number.POSITIVE_INFINITY)
})

test('the topic of a model is the digest inside its id', () => {
  const modelId = parseModelId('bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua')
  expect(topicOf(modelId)).toHaveLength(32)
  expect(hex(topicOf(modelId))).toMatch(/^[0-9a-f]{64}$/)
  expect(modelOfTopic(topicOf(modelId))).toBe(modelId)
})

test('an address is read in any case and written in one', () => {
  const text = `0x${'aB'.repeat(20)}`
  expect(parseAddress(text)).toBe(text.toLowerCase())
  expect(addressFromBytes(addressToBytes(address))).toBe(address)
  expect(() => parseAddress('0x12')).toThrow(expect.objectContaining({ code: 'ERR_ID' }))
  expect(() => addressFromBytes(zeros(19))).toThrow(expect.objectContaining({ code: 'ERR_ID' }))
})
