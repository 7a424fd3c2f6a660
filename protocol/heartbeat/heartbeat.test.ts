import { createPrivateKey, sign } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeCbor } from '../codec/cbor.ts'
import { fuzzDecoder, type Vector, vectorBytes } from '../codec/decoder-suite.ts'
import { addressFromBytes } from '../ids.ts'
import { leaseTtlMs, modelsPerHeartbeatMax, weiMax } from '../limits.ts'
import {
  decodeLease,
  decodeSignedLease,
  encodeLease,
  encodeSignedLease,
  heartbeatProtocol,
  type Lease,
  leaseSigningBytes,
} from './index.ts'
import vectors from './vectors.json' with { type: 'json' }

const [vector] = vectors as Vector[]
const golden = vector!.value as Lease

/** The Ed25519 key of the seed 00 01 … 1f, whose libp2p peer id the vector names. PKCS #8 prefix: RFC 8410. */
const privateKey = createPrivateKey({
  key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.from([...Array(32).keys()])]),
  format: 'der',
  type: 'pkcs8',
})

function signed(lease: Lease, bytes = encodeLease(lease)) {
  return { lease, bytes, signature: new Uint8Array(sign(null, leaseSigningBytes(bytes), privateKey)) }
}

/** Signed as it is, without the checks of `encodeLease`. */
function decodeHostile(change: Record<string, unknown>) {
  const value = { ...golden, ...change }
  const { bytes, signature } = signed(golden, encodeCbor(value, { what: 'test', bytesMax: 1e6 }))
  return decodeLease(bytes, signature)
}

test('lease: golden bytes, signed by libp2p', () => {
  const decoded = decodeSignedLease(vectorBytes(vector!))
  expect(decoded.lease).toEqual(golden)
  expect(decoded).toEqual(signed(golden))
  expect(Buffer.from(encodeSignedLease(decoded)).toString('hex')).toBe(vector!.hex)
})

const addresses = fc.uint8Array({ minLength: 20, maxLength: 20 }).map(addressFromBytes)
const amounts = fc.bigInt({ min: 0n, max: weiMax })

test('lease: decodes what it encoded', () => {
  const leases: fc.Arbitrary<Lease> = fc
    .record({
      epoch: fc.maxSafeNat(),
      sequence: fc.maxSafeNat(),
      issuedAtMs: fc.integer({ min: 0, max: 4e12 }),
      region: fc.constantFrom('', 'DE', 'US'),
      load: fc.double({ min: 0, max: 1, noNaN: true }).map((load) => (Object.is(load, -0) ? 0 : load)),
      models: fc.array(
        fc.record({
          modelId: fc.constant(golden.models[0]!.modelId),
          heldChunks: fc.nat(100),
          chunkCount: fc.integer({ min: 100, max: 1000 }),
          canInfer: fc.boolean(),
        }),
        { maxLength: 5 },
      ),
      isPaused: fc.boolean(),
      payment: fc.record({
        chainId: fc.maxSafeNat(),
        escrow: addresses,
        disputes: addresses,
        payee: addresses,
        signer: addresses,
        prices: fc.record({ weiPerGiB: amounts, weiPerKiloToken: amounts }),
      }),
    })
    .map((fields) => ({ ...golden, ...fields, expiresAtMs: fields.issuedAtMs + leaseTtlMs }))
  fc.assert(
    fc.property(leases, (lease) => {
      expect(decodeSignedLease(encodeSignedLease(signed(lease)))).toEqual(signed(lease))
    }),
  )
})

test('lease: the most models that it may name fit its frame', () => {
  const models = Array<Lease['models'][number]>(modelsPerHeartbeatMax).fill({
    modelId: golden.models[0]!.modelId,
    heldChunks: 1_000_000,
    chunkCount: 1_000_000,
    canInfer: true,
  })
  const frame = encodeSignedLease(signed({ ...golden, models }))
  expect(frame.length).toBeLessThanOrEqual(heartbeatProtocol.frameBytesMax)
})

test.each<[string, Record<string, unknown>]>([
  ['a life longer than the limit', { expiresAtMs: golden.issuedAtMs + leaseTtlMs + 1 }],
  ['an end before its start', { expiresAtMs: golden.issuedAtMs }],
  ['a load over 1', { load: 1.1 }],
  ['a region that is no country code', { region: 'Europe' }],
  ['a version with control characters', { version: '1\u001b[2J' }],
  ['more held chunks than there are', { models: [{ ...golden.models[0], heldChunks: 7 }] }],
  ['more free slots than there are', { inferenceSlotsFree: 3 }],
  ['too many models', { models: Array(modelsPerHeartbeatMax + 1).fill(golden.models[0]) }],
  ['a negative sequence', { sequence: -1 }],
  ['prices without an address', { payment: { chainId: 1, prices: { weiPerGiB: new Uint8Array() } } }],
])('lease: refuses %s', (_, change) => {
  expect(() => decodeHostile(change)).toThrow(expect.objectContaining({ code: 'ERR_DECODE' }))
})

test('lease: fields of a later version are ignored, and still signed', () => {
  expect(decodeHostile({ later: 1 }).lease).toEqual(golden)
})

test('lease: refuses one that somebody else signed or changed', () => {
  const { bytes, signature } = signed(golden)
  const field = expect.objectContaining({ fields: expect.objectContaining({ field: 'signature' }) })
  expect(() => decodeLease(encodeLease({ ...golden, load: 0 }), signature)).toThrow(field)
  expect(() => decodeLease(bytes, signature.toReversed())).toThrow(field)
  const undomained = new Uint8Array(sign(null, bytes, privateKey))
  expect(() => decodeLease(bytes, undomained)).toThrow(field)
})

test('lease: random and mutated bytes give typed errors only', () => {
  fuzzDecoder(decodeSignedLease, { samples: [vectorBytes(vector!)], runs: 3000 })
  const { bytes, signature } = signed(golden)
  fuzzDecoder((mutated) => decodeLease(mutated, signature), { samples: [bytes], runs: 5000 })
})
