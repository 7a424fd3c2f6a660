import { generateKeyPairSync, sign } from 'node:crypto'
import { expect, test } from 'vitest'
import { peerIdFromPublicKey, peerIdPublicKey, signingBytes, verifySignature } from './signature.ts'

/** Source: @libp2p/crypto 5.1.23 and @libp2p/peer-id 6.0.15, Ed25519 key of the seed 00 01 … 1f. */
const libp2p = {
  peerId: '12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB',
  publicKey: '03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8',
  /** Of the text `hartonomous`. */
  signature:
    '9f64b719c81088f49c049d462e701194188bfd45cf9c086893f5c393be835071' +
    'd8da3ae803042402e9c317f9b0c84557b6462429af217b3c41a4157728f6a00e',
}
const payload = new TextEncoder().encode('hartonomous')
const signature = new Uint8Array(Buffer.from(libp2p.signature, 'hex'))

test('signature: finds the key in a peer id of libp2p, and the way back', () => {
  const key = peerIdPublicKey(libp2p.peerId)
  expect(Buffer.from(key).toString('hex')).toBe(libp2p.publicKey)
  expect(peerIdFromPublicKey(key)).toBe(libp2p.peerId)
})

test('signature: accepts what libp2p signed and nothing else', () => {
  expect(verifySignature(libp2p.peerId, payload, signature)).toBe(true)
  expect(verifySignature(libp2p.peerId, payload.subarray(1), signature)).toBe(false)
  expect(verifySignature(libp2p.peerId, payload, signature.toReversed())).toBe(false)
  expect(verifySignature(libp2p.peerId, payload, signature.subarray(1))).toBe(false)
})

test('signature: another key does not fit', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const raw = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32))
  const own = sign(null, payload, privateKey)
  expect(verifySignature(peerIdFromPublicKey(raw), payload, own)).toBe(true)
  expect(verifySignature(libp2p.peerId, payload, own)).toBe(false)
})

test.each([
  ['an RSA peer id', 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N'],
  ['empty text', ''],
  ['a letter that base58 lacks', '12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeS0'],
  ['a cut one', libp2p.peerId.slice(0, -1)],
  ['very long text', '1'.repeat(100_000)],
])('signature: refuses %s', (_, text) => {
  expect(() => peerIdPublicKey(text)).toThrow(expect.objectContaining({ code: 'ERR_ID' }))
})

test('signature: the domain comes first', () => {
  expect(Buffer.from(signingBytes('a/1', Uint8Array.of(0, 1))).toString('hex')).toBe('612f310001')
})
