import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeCbor } from '../codec/cbor.ts'
import { fuzzDecoder, type Vector, vectorBytes, vectorValue } from '../codec/decoder-suite.ts'
import { retryAfterMsMax } from '../limits.ts'
import {
  type DataOfferRequest,
  type DataOfferResponse,
  dataOfferProtocol,
  decodeDataOfferRequest,
  decodeDataOfferResponse,
  encodeDataOfferRequest,
  encodeDataOfferResponse,
} from './index.ts'
import vectors from './vectors.json' with { type: 'json' }

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const raw = (value: unknown) => encodeCbor(value, { what: 'test', bytesMax: 1e6 })
const hash = new Uint8Array(32)
const endpoint = { hosts: ['192.0.2.1'], port: 1, certificateSha256: hash, token: hash }
const refused = { code: 'ERR_DECODE' }

test.each(vectors.request as Vector[])('data offer request: golden bytes of $name', (vector) => {
  const value = vectorValue(vector.value) as DataOfferRequest
  expect(decodeDataOfferRequest(vectorBytes(vector))).toEqual(value)
  expect(hex(encodeDataOfferRequest(value))).toBe(vector.hex)
})

test.each(vectors.response as Vector[])('data offer response: golden bytes of $name', (vector) => {
  const value = vectorValue(vector.value) as DataOfferResponse
  expect(decodeDataOfferResponse(vectorBytes(vector))).toEqual(value)
  expect(hex(encodeDataOfferResponse(value))).toBe(vector.hex)
})

test('data offer: decodes what it encoded, and the largest fits its frame', () => {
  const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
  const endpoints = fc.record({
    hosts: fc.array(fc.oneof(fc.ipV4(), fc.ipV6()), { maxLength: 8 }),
    port: fc.integer({ min: 1, max: 65_535 }),
    certificateSha256: bytes32,
    token: bytes32,
  })
  const responses: fc.Arbitrary<DataOfferResponse> = fc.oneof(
    fc.record({ type: fc.constant('offer' as const), endpoint: endpoints }),
    fc.record({ type: fc.constant('dialling' as const), certificateSha256: bytes32 }),
    fc.record({
      type: fc.constant('refused' as const),
      reason: fc.constantFrom('busy', 'no-data-plane', 'unreachable', 'policy'),
      retryAfterMs: fc.integer({ min: 0, max: retryAfterMsMax }),
    }),
  )
  fc.assert(
    fc.property(endpoints, responses, (own, response) => {
      const request = { direction: 'dial' as const, certificateSha256: own.token, endpoint: own }
      expect(decodeDataOfferRequest(encodeDataOfferRequest(request))).toEqual(request)
      expect(decodeDataOfferResponse(encodeDataOfferResponse(response))).toEqual(response)
    }),
  )
  const hosts = Array<string>(8).fill('2001:0db8:ffff:ffff:ffff:ffff:255.255.255.255')
  const largest = encodeDataOfferRequest({
    direction: 'dial',
    certificateSha256: hash,
    endpoint: { ...endpoint, hosts },
  })
  expect(largest.length).toBeLessThanOrEqual(dataOfferProtocol.frameBytesMax)
})

test.each<[string, unknown]>([
  ['dial without an endpoint', { direction: 'dial', certificateSha256: hash }],
  ['listen with an endpoint', { direction: 'listen', certificateSha256: hash, endpoint }],
  [
    'a name to look up',
    { direction: 'dial', certificateSha256: hash, endpoint: { ...endpoint, hosts: ['a.example'] } },
  ],
  [
    'an address with a zone',
    { direction: 'dial', certificateSha256: hash, endpoint: { ...endpoint, hosts: ['fe80::1%eth0'] } },
  ],
  [
    'nine addresses',
    { direction: 'dial', certificateSha256: hash, endpoint: { ...endpoint, hosts: Array(9).fill('192.0.2.1') } },
  ],
  ['port 0', { direction: 'dial', certificateSha256: hash, endpoint: { ...endpoint, port: 0 } }],
  ['port 65536', { direction: 'dial', certificateSha256: hash, endpoint: { ...endpoint, port: 65_536 } }],
  [
    'a short token',
    { direction: 'dial', certificateSha256: hash, endpoint: { ...endpoint, token: new Uint8Array(31) } },
  ],
  ['a short certificate hash', { direction: 'listen', certificateSha256: new Uint8Array(20) }],
  ['an unknown direction', { direction: 'both', certificateSha256: hash }],
])('data offer request: refuses %s', (_, value) => {
  expect(() => decodeDataOfferRequest(raw(value))).toThrow(expect.objectContaining(refused))
})

test.each<[string, unknown]>([
  ['an unknown reason', { type: 'refused', reason: 'other', retryAfterMs: 0 }],
  ['to wait for longer than an hour', { type: 'refused', reason: 'busy', retryAfterMs: retryAfterMsMax + 1 }],
  ['an offer without an endpoint', { type: 'offer' }],
])('data offer response: refuses %s', (_, value) => {
  expect(() => decodeDataOfferResponse(raw(value))).toThrow(expect.objectContaining(refused))
})

test('data offer: random and mutated bytes give typed errors only', () => {
  fuzzDecoder(decodeDataOfferRequest, { samples: (vectors.request as Vector[]).map(vectorBytes), runs: 5000 })
  fuzzDecoder(decodeDataOfferResponse, { samples: (vectors.response as Vector[]).map(vectorBytes), runs: 5000 })
})
