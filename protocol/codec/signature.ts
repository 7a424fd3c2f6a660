/**
 * Ed25519 signatures by libp2p identities, checked without libp2p: the public key is in the peer id itself.
 *
 * Layout (libp2p specs, peer-ids): base58btc of the identity multihash 00 24 over the protobuf key 08 01 12 20 <32 bytes>.
 */
import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { base58btc } from 'multiformats/bases/base58'
import { HartonomousError } from '../errors.ts'
import type { PeerId } from '../ids.ts'

const peerIdPrefix = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20)
const publicKeyBytes = 32
export const signatureBytes = 64

/**
 * The raw Ed25519 key, 32 bytes.
 * @throws {ERR_ID} for ids of other key types, which carry only a hash of their key.
 */
export function peerIdPublicKey(peerId: string): Uint8Array {
  // 38 bytes are 52 base58 digits; base58 takes quadratic time, so longer text is not even tried.
  const bytes = peerId.length <= 64 ? tryBase58(peerId) : undefined
  const isEd25519 =
    bytes?.length === peerIdPrefix.length + publicKeyBytes && peerIdPrefix.every((byte, at) => bytes[at] === byte)
  if (!isEd25519) throw new HartonomousError('ERR_ID', { kind: 'Ed25519 peer id', text: peerId.slice(0, 80) })
  return bytes.slice(peerIdPrefix.length)
}

/** The reverse of `peerIdPublicKey`. */
export function peerIdFromPublicKey(publicKey: Uint8Array): PeerId {
  if (publicKey.length !== publicKeyBytes)
    throw new HartonomousError('ERR_ID', { kind: 'Ed25519 public key', text: `${publicKey.length} bytes` })
  const bytes = new Uint8Array(peerIdPrefix.length + publicKeyBytes)
  bytes.set(peerIdPrefix)
  bytes.set(publicKey, peerIdPrefix.length)
  return base58btc.baseEncode(bytes) as PeerId
}

/** False for a wrong signature. @throws {ERR_ID} when the peer id carries no key. */
export function verifySignature(peerId: string, payload: Uint8Array, signature: Uint8Array): boolean {
  const key = peerIdPublicKey(peerId)
  if (signature.length !== signatureBytes) return false
  return verify(null, payload, keyObject(key), signature)
}

/** `domain` ‖ `bytes`: the domain keeps a signature of one kind from being shown as another. */
export function signingBytes(domain: string, bytes: Uint8Array): Uint8Array {
  const prefix = new TextEncoder().encode(domain)
  const payload = new Uint8Array(prefix.length + bytes.length)
  payload.set(prefix)
  payload.set(bytes, prefix.length)
  return payload
}

function keyObject(publicKey: Uint8Array): KeyObject {
  const x = Buffer.from(publicKey).toString('base64url')
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
}

function tryBase58(text: string): Uint8Array | undefined {
  try {
    return base58btc.baseDecode(text)
  } catch {
    return undefined
  }
}
