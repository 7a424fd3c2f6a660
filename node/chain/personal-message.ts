/**
 * Signatures over a text that a wallet shows to its owner (`personal_sign`, version 0x45 of EIP-191). The prefix keeps
 * them apart from transactions and from typed data: neither begins with the byte 0x19 and these words.
 */
import { keccak_256 } from '@noble/hashes/sha3.js'
import type { Address } from '#protocol/ids.ts'
import { expandSignature, recoverAddress, signDigest } from './typed-data.ts'

/** 65 bytes: r, s and v. @param privateKey 32 bytes */
export function signPersonalMessage(privateKey: Uint8Array, text: string): Uint8Array {
  return expandSignature(signDigest(privateKey, personalDigest(text)))
}

/**
 * Who signed it. Undefined where it is no signature.
 *
 * @param signature 65 bytes, r, s and v (27 and 28, or 0 and 1 as some hardware wallets have it); or 64, as in ERC-2098.
 */
export function recoverPersonalMessage(text: string, signature: Uint8Array): Address | undefined {
  const compact = signature.length === 65 ? compactSignature(signature) : signature
  return compact === undefined ? undefined : recoverAddress(personalDigest(text), compact)
}

function personalDigest(text: string): Uint8Array {
  const message = Buffer.from(text, 'utf8')
  return keccak_256(Buffer.concat([Buffer.from(`\x19Ethereum Signed Message:\n${message.length}`, 'latin1'), message]))
}

function compactSignature(signature: Uint8Array): Uint8Array | undefined {
  const v = signature[64]!
  const parity = v >= 27 ? v - 27 : v
  // The place of the parity is the highest bit of s, which is free: a larger s has a twin and is refused anyway.
  if (parity > 1 || signature[32]! >= 0x80) return undefined
  const compact = signature.slice(0, 64)
  compact[32]! |= parity << 7
  return compact
}
