import { createPrivateKey, sign } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeCbor } from '../codec/cbor.ts'
import { fuzzDecoder, type Vector, vectorBytes } from '../codec/decoder-suite.ts'
import type { ModelId, PeerId } from '../ids.ts'
import { releaseBytesMax } from '../limits.ts'
import { decodeRelease, encodeRelease, type Release, releaseSigningBytes } from './index.ts'
import vectors from './vectors.json' with { type: 'json' }

/** The Ed25519 key of the seed 00 01 … 1f, whose libp2p peer id the vectors name. PKCS #8 prefix: RFC 8410. */
const privateKey = createPrivateKey({
  key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.from([...Array(32).keys()])]),
  format: 'der',
  type: 'pkcs8',
})
const vector = vectors.release[0] as Vector & { signature: string }
const golden = vector.value as Release

function signed(bytes: Uint8Array, domain = releaseSigningBytes) {
  return { bytes, signature: new Uint8Array(sign(null, domain(bytes), privateKey)) }
}

/** Signed as it is, without the checks of `encodeRelease`. */
function decodeHostile(change: Record<string, unknown>) {
  const { bytes, signature } = signed(encodeCbor({ ...golden, ...change }, { what: 'test', bytesMax: 1e6 }))
  return decodeRelease(bytes, signature)
}

test('release: golden bytes and signature, made by libp2p', () => {
  const bytes = vectorBytes(vector)
  expect(Buffer.from(encodeRelease(golden)).toString('hex')).toBe(vector.hex)
  const signature = vectorBytes({ hex: vector.signature })
  expect(decodeRelease(bytes, signature)).toEqual({ release: golden, bytes, signature })
})

test('release: decodes what it encoded', () => {
  const releases: fc.Arbitrary<Release> = fc.record({
    modelId: fc.constant(golden.modelId as ModelId),
    publisher: fc.constant(golden.publisher as PeerId),
    name: fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,20}(\/[a-z0-9][a-z0-9._-]{0,20})?$/),
    licence: fc.constantFrom('MIT', 'Apache-2.0 OR MIT', 'LicenseRef-Llama-3'),
    format: fc.constant('gguf'),
    architecture: fc.constantFrom('llama', 'qwen2'),
    sizeBytes: fc.integer({ min: 1, max: 2 ** 40 }),
    parameterCount: fc.maxSafeNat(),
    tokenizer: fc.constantFrom('llama', '{% for m in messages %}\n{{ m.content }}\t{% endfor %}', ''),
    createdAtMs: fc.integer({ min: 0, max: 4e12 }),
  })
  fc.assert(
    fc.property(releases, (release) => {
      const { bytes, signature } = signed(encodeRelease(release))
      expect(decodeRelease(bytes, signature).release).toEqual(release)
    }),
  )
})

test('release: a field of a later version is ignored, and still signed', () => {
  expect(decodeHostile({ homepage: 'later' }).release).toEqual(golden)
})

test.each<[string, Record<string, unknown>]>([
  ['capital letters in the name', { name: 'Hartling' }],
  ['a path as name', { name: '../etc/passwd' }],
  ['two slashes', { name: 'a/b/c' }],
  ['an empty name', { name: '' }],
  ['no licence', { licence: '  ' }],
  ['a control character in the licence', { licence: 'MIT\u001b[31m' }],
  ['a direction mark in the licence', { licence: 'MIT\u202e' }],
  ['a licence that is too long', { licence: 'x'.repeat(300) }],
  ['a control character in the tokenizer', { tokenizer: 'a\u0000' }],
  ['a broken model id', { modelId: 'bafy' }],
  ['a peer id without a key', { publisher: 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N' }],
  ['a fraction of a byte', { sizeBytes: 1.5 }],
  ['a size below zero', { sizeBytes: -1 }],
  ['a time that Date cannot hold', { createdAtMs: 9e15 }],
])('release: refuses %s', (_, change) => {
  expect(() => decodeHostile(change)).toThrow(expect.objectContaining({ code: 'ERR_DECODE' }))
  expect(() => encodeRelease({ ...golden, ...change } as Release)).toThrow(
    expect.objectContaining({ code: 'ERR_DECODE' }),
  )
})

test('release: refuses another signature, another domain, and changed bytes', () => {
  const bytes = vectorBytes(vector)
  const field = { code: 'ERR_DECODE', fields: expect.objectContaining({ field: 'signature' }) }
  const undomained = signed(bytes, (raw) => raw)
  expect(() => decodeRelease(bytes, undomained.signature)).toThrow(expect.objectContaining(field))
  expect(() => decodeRelease(bytes, new Uint8Array(64))).toThrow(expect.objectContaining(field))
  expect(() => decodeRelease(bytes, new Uint8Array())).toThrow(expect.objectContaining(field))
  const changed = encodeRelease({ ...golden, name: 'other' })
  expect(() => decodeRelease(changed, vectorBytes({ hex: vector.signature }))).toThrow(expect.objectContaining(field))
})

test('release: keeps to its size', () => {
  const code = 'ERR_LIMIT'
  expect(() => decodeRelease(new Uint8Array(releaseBytesMax), new Uint8Array(64))).toThrow(
    expect.objectContaining({ code }),
  )
})

test('release: random and mutated bytes give typed errors only', () => {
  const signature = vectorBytes({ hex: vector.signature })
  fuzzDecoder((bytes) => decodeRelease(bytes, signature), { samples: [vectorBytes(vector)], runs: 5000 })
  fuzzDecoder((bytes) => decodeRelease(vectorBytes(vector), bytes), { samples: [signature], runs: 500 })
})
