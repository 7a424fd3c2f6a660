import { keccak_256 } from '@noble/hashes/sha3.js'

/** An immutable is one word in the code. */
export const IMMUTABLE_BYTES = 32

/**
 * Keccak-256 of deployed code with its immutables as zeros: the same for every deployment of one source, whatever the
 * addresses are that it was told. `0x` and 64 digits.
 * @param code With `0x`.
 * @param immutables Where each begins, in bytes.
 */
export function runtimeHash(code: string, immutables: readonly number[]): string {
  const bytes = Buffer.from(code.slice(2), 'hex')
  for (const start of immutables) bytes.fill(0, start, start + IMMUTABLE_BYTES)
  return `0x${Buffer.from(keccak_256(bytes)).toString('hex')}`
}
