import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeCbor } from '../codec/cbor.ts'
import { fuzzDecoder, type Vector, vectorBytes, vectorValue } from '../codec/decoder-suite.ts'
import { releasesPerPageMax } from '../limits.ts'
import { decodeRelease, releaseContentBytesMax } from '../model/index.ts'
import {
  type CatalogueRequest,
  type CatalogueResponse,
  catalogueProtocol,
  decodeCatalogueRequest,
  decodeCatalogueResponse,
  encodeCatalogueRequest,
  encodeCatalogueResponse,
} from './index.ts'
import vectors from './vectors.json' with { type: 'json' }

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const raw = (value: unknown) => encodeCbor(value, { what: 'test', bytesMax: 1e7 })
const empty = new Uint8Array()

test.each(vectors.request as Vector[])('catalogue request: golden bytes of $name', (vector) => {
  const value = vectorValue(vector.value) as CatalogueRequest
  expect(decodeCatalogueRequest(vectorBytes(vector))).toEqual(value)
  expect(hex(encodeCatalogueRequest(value))).toBe(vector.hex)
})

test.each(vectors.response as Vector[])('catalogue response: golden bytes of $name', (vector) => {
  const value = vectorValue(vector.value) as CatalogueResponse
  expect(decodeCatalogueResponse(vectorBytes(vector))).toEqual(value)
  expect(hex(encodeCatalogueResponse(value))).toBe(vector.hex)
  for (const { bytes, signature } of value.releases) expect(() => decodeRelease(bytes, signature)).not.toThrow()
})

test('catalogue: decodes what it encoded', () => {
  const cursor = fc.uint8Array({ maxLength: 64 })
  const timeMs = fc.integer({ min: 0, max: 8.64e15 })
  const release = fc.record({
    bytes: fc.uint8Array({ maxLength: 200 }),
    signature: fc.uint8Array({ minLength: 64, maxLength: 64 }),
  })
  const releases = fc.array(release, { maxLength: releasesPerPageMax })
  fc.assert(
    fc.property(cursor, timeMs, releases, (nextCursor, nowMs, page) => {
      const request = { cursor: nextCursor, sinceMs: nowMs }
      expect(decodeCatalogueRequest(encodeCatalogueRequest(request))).toEqual(request)
      const response = { nowMs, releases: page, nextCursor }
      expect(decodeCatalogueResponse(encodeCatalogueResponse(response))).toEqual(response)
    }),
  )
})

test('catalogue response: a page of the largest releases fits its frame', () => {
  const release = { bytes: new Uint8Array(releaseContentBytesMax), signature: new Uint8Array(64) }
  const page = { nowMs: 0, releases: Array(releasesPerPageMax).fill(release), nextCursor: new Uint8Array(64) }
  expect(encodeCatalogueResponse(page).length).toBeLessThanOrEqual(catalogueProtocol.frameBytesMax)
})

test.each<[string, unknown]>([
  [
    'more releases than a page holds',
    Array(releasesPerPageMax + 1).fill({ bytes: empty, signature: new Uint8Array(64) }),
  ],
  ['a short signature', [{ bytes: empty, signature: new Uint8Array(63) }]],
  [
    'a release that is too large',
    [{ bytes: new Uint8Array(releaseContentBytesMax + 1), signature: new Uint8Array(64) }],
  ],
  ['a release that is text', [{ bytes: 'x', signature: new Uint8Array(64) }]],
  ['no list', null],
])('catalogue response: refuses %s', (_, releases) => {
  expect(() => decodeCatalogueResponse(raw({ nowMs: 0, releases, nextCursor: empty }))).toThrow(
    expect.objectContaining({ code: 'ERR_DECODE' }),
  )
})

test('catalogue: ignores fields of a later version', () => {
  expect(decodeCatalogueRequest(raw({ cursor: empty, sinceMs: 5, later: true }))).toEqual({ cursor: empty, sinceMs: 5 })
})

test('catalogue: random and mutated bytes give typed errors only', () => {
  fuzzDecoder(decodeCatalogueRequest, { samples: (vectors.request as Vector[]).map(vectorBytes), runs: 5000 })
  fuzzDecoder(decodeCatalogueResponse, { samples: (vectors.response as Vector[]).map(vectorBytes), runs: 5000 })
})
