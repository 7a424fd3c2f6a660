/** Private keys of secp256k1, and the accounts that they are. ethers is not needed for it, and not loaded. */
import { createECDH, randomBytes } from 'node:crypto'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { HartonomousError } from '#protocol/errors.ts'
import { type Address, addressFromBytes, parseAddress } from '#protocol/ids.ts'

export interface Account {
  address: Address
  /** 32 bytes. Whoever has them is the account. */
  privateKey: Uint8Array
}

export function createAccount(): Account {
  for (;;) {
    const account = accountOf(randomBytes(32))
    // One in 2^128 is not below the order of the group.
    if (account !== undefined) return account
  }
}

/** `undefined` where the bytes are no private key: not 32, zero, or not below the order of the group. */
export function accountOf(privateKey: Uint8Array): Account | undefined {
  if (privateKey.length !== 32) return undefined
  const curve = createECDH('secp256k1')
  try {
    curve.setPrivateKey(privateKey)
  } catch {
    return undefined
  }
  // Of the hash of both coordinates (without the byte 4 before them) the last 20 bytes.
  const address = addressFromBytes(keccak_256(curve.getPublicKey().subarray(1)).subarray(12))
  return { address, privateKey }
}

/** The mixed-case form of EIP-55, for people: a mistyped digit shows in the case of others. */
export function checksumAddress(address: Address): string {
  const digits = address.slice(2)
  const hash = keccak_256(Buffer.from(digits, 'latin1'))
  const nibble = (index: number) => (index % 2 === 0 ? hash[index >> 1]! >> 4 : hash[index >> 1]! & 15)
  return `0x${[...digits].map((digit, index) => (nibble(index) >= 8 ? digit.toUpperCase() : digit)).join('')}`
}

/** As a person typed it: where there are both cases, they must be those of EIP-55. @throws {ERR_ID} {ERR_USAGE} */
export function readAddress(text: string): Address {
  const address = parseAddress(text)
  const digits = text.slice(2)
  const isMixed = digits !== digits.toLowerCase() && digits !== digits.toUpperCase()
  if (isMixed && text !== checksumAddress(address))
    throw new HartonomousError('ERR_USAGE', { message: `the checksum of ${text} is wrong: a digit is mistyped` })
  return address
}
