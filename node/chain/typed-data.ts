/**
 * Signatures over vouchers, receipts and consents (EIP-712), as the contracts check them. One is made and one is checked
 * for every few megabytes, so nothing of ethers is loaded: struct hashes are written word by word, and separators of
 * domains are remembered. A signature is 64 bytes, r and yParityAndS (ERC-2098).
 */
import assert from 'node:assert/strict'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import {
  AUTHORIZATION_TYPES,
  DISPUTES_DOMAIN,
  ESCROW_DOMAIN,
  RECEIPT_TYPES,
  type TypedField,
  VOUCHER_TYPES,
} from '#contracts/abi/typed-data.ts'
import { type Address, addressFromBytes, addressToBytes } from '#protocol/ids.ts'
import type { Receipt, SessionProof, Voucher } from '#protocol/payment/message.ts'

/** Where vouchers and consents count. */
export interface EscrowDomain {
  chainId: number
  escrow: Address
}

/** Where receipts count. */
export interface DisputesDomain {
  chainId: number
  disputes: Address
}

/** The consent of a session key to sign for `payer`. */
export interface Authorization {
  payer: Address
  signer: Address
  /** Seconds since 1970. */
  deadline: number
}

const wordBytes = 32
/** A signature with a larger s has a twin of the same meaning, which the contracts refuse. */
const halfOrder = secp256k1.Point.Fn.ORDER >> 1n
const separatorsMax = 16

const domainType = typeHash('EIP712Domain', [
  { name: 'name', type: 'string' },
  { name: 'version', type: 'string' },
  { name: 'chainId', type: 'uint256' },
  { name: 'verifyingContract', type: 'address' },
])
const voucherType = typeHash('Voucher', VOUCHER_TYPES.Voucher)
const receiptType = typeHash('Receipt', RECEIPT_TYPES.Receipt)
const authorizationType = typeHash('Authorization', AUTHORIZATION_TYPES.Authorization)
/** Of the payment protocol alone: no contract takes it. */
const sessionType = typeHash('Session', [
  { name: 'payer', type: 'address' },
  { name: 'payee', type: 'address' },
  { name: 'job', type: 'bytes32' },
  { name: 'nonce', type: 'bytes32' },
])
const separators = new Map<string, Uint8Array>()

export function addressOf(privateKey: Uint8Array): Address {
  return addressOfPublicKey(secp256k1.getPublicKey(privateKey, false))
}

export function signVoucher(privateKey: Uint8Array, domain: EscrowDomain, voucher: Voucher): Uint8Array {
  return signDigest(privateKey, voucherDigest(domain, voucher))
}

/** Who signed it: the payer, a session key of it, or a stranger. Undefined where it is no signature that a contract takes. */
export function recoverVoucher(domain: EscrowDomain, voucher: Voucher, signature: Uint8Array): Address | undefined {
  return recoverAddress(voucherDigest(domain, voucher), signature)
}

export function signReceipt(privateKey: Uint8Array, domain: DisputesDomain, receipt: Receipt): Uint8Array {
  return signDigest(privateKey, receiptDigest(domain, receipt))
}

/** Who signed it. Undefined where it is no signature that a contract takes. */
export function recoverReceipt(domain: DisputesDomain, receipt: Receipt, signature: Uint8Array): Address | undefined {
  return recoverAddress(receiptDigest(domain, receipt), signature)
}

export function signSession(privateKey: Uint8Array, domain: EscrowDomain, proof: SessionProof): Uint8Array {
  return signDigest(privateKey, sessionDigest(domain, proof))
}

/** Who signed it. Undefined where it is no signature. */
export function recoverSession(domain: EscrowDomain, proof: SessionProof, signature: Uint8Array): Address | undefined {
  return recoverAddress(sessionDigest(domain, proof), signature)
}

export function signAuthorization(privateKey: Uint8Array, domain: EscrowDomain, consent: Authorization): Uint8Array {
  return signDigest(privateKey, authorizationDigest(domain, consent))
}

/** r, s and v, as `Escrow.authorize` and Disputes take a signature. */
export function expandSignature(signature: Uint8Array): Uint8Array {
  assert(signature.length === 64)
  const expanded = new Uint8Array(65)
  expanded.set(signature)
  expanded[wordBytes]! &= 0x7f
  expanded[64] = 27 + (signature[wordBytes]! >> 7)
  return expanded
}

export function voucherDigest({ chainId, escrow }: EscrowDomain, voucher: Voucher): Uint8Array {
  const { payer, payee, topic, cumulativeWei } = voucher
  const struct = words(5)
  struct.set(voucherType)
  putAddress(struct, 1, payer)
  putAddress(struct, 2, payee)
  putBytes(struct, 3, topic)
  putUint(struct, 4, cumulativeWei, 128)
  return digest(separatorOf(ESCROW_DOMAIN, chainId, escrow), struct)
}

export function receiptDigest({ chainId, disputes }: DisputesDomain, receipt: Receipt): Uint8Array {
  const struct = words(9)
  struct.set(receiptType)
  putAddress(struct, 1, receipt.node)
  putAddress(struct, 2, receipt.requester)
  putBytes(struct, 3, receipt.job)
  putUint(struct, 4, receipt.attempt, 32)
  putBytes(struct, 5, receipt.input)
  putBytes(struct, 6, receipt.output)
  putBytes(struct, 7, receipt.details)
  putUint(struct, 8, receipt.finishedAt, 64)
  return digest(separatorOf(DISPUTES_DOMAIN, chainId, disputes), struct)
}

export function sessionDigest({ chainId, escrow }: EscrowDomain, proof: SessionProof): Uint8Array {
  const struct = words(5)
  struct.set(sessionType)
  putAddress(struct, 1, proof.payer)
  putAddress(struct, 2, proof.payee)
  putBytes(struct, 3, proof.job)
  putBytes(struct, 4, proof.nonce)
  return digest(separatorOf(ESCROW_DOMAIN, chainId, escrow), struct)
}

export function authorizationDigest({ chainId, escrow }: EscrowDomain, consent: Authorization): Uint8Array {
  const struct = words(4)
  struct.set(authorizationType)
  putAddress(struct, 1, consent.payer)
  putAddress(struct, 2, consent.signer)
  putUint(struct, 3, consent.deadline, 256)
  return digest(separatorOf(ESCROW_DOMAIN, chainId, escrow), struct)
}

/** Over 32 bytes that the caller has hashed, so that no other meaning is possible. */
export function signDigest(privateKey: Uint8Array, hash: Uint8Array): Uint8Array {
  // Recovery bit, r, s; s is small, and the nonce follows from key and hash (RFC 6979).
  const signed = secp256k1.sign(hash, privateKey, { prehash: false, format: 'recovered' })
  const compact = signed.slice(1)
  compact[wordBytes]! |= signed[0]! << 7
  return compact
}

/** Who signed these 32 bytes. Undefined where it is no signature that a contract takes. */
export function recoverAddress(hash: Uint8Array, signature: Uint8Array): Address | undefined {
  if (signature.length !== 64) return undefined
  const recovered = new Uint8Array(65)
  recovered[0] = signature[wordBytes]! >> 7
  recovered.set(signature, 1)
  recovered[1 + wordBytes]! &= 0x7f
  if (BigInt(`0x${Buffer.from(recovered.subarray(1 + wordBytes)).toString('hex')}`) > halfOrder) return undefined
  try {
    const compressed = secp256k1.recoverPublicKey(recovered, hash, { prehash: false })
    return addressOfPublicKey(secp256k1.Point.fromBytes(compressed).toBytes(false))
  } catch {
    // Zero, beyond the order, or no point of the curve.
    return undefined
  }
}

/** @param publicKey 65 bytes, uncompressed. */
function addressOfPublicKey(publicKey: Uint8Array): Address {
  return addressFromBytes(keccak_256(publicKey.subarray(1)).subarray(12))
}

function digest(separator: Uint8Array, struct: Uint8Array): Uint8Array {
  const message = new Uint8Array(2 + 2 * wordBytes)
  message.set([0x19, 0x01])
  message.set(separator, 2)
  message.set(keccak_256(struct), 2 + wordBytes)
  return keccak_256(message)
}

function separatorOf(domain: { name: string; version: string }, chainId: number, contract: Address): Uint8Array {
  const key = `${domain.name} ${chainId} ${contract}`
  const known = separators.get(key)
  if (known !== undefined) return known
  const struct = words(5)
  struct.set(domainType)
  putBytes(struct, 1, keccakOfText(domain.name))
  putBytes(struct, 2, keccakOfText(domain.version))
  putUint(struct, 3, chainId, 256)
  putAddress(struct, 4, contract)
  const separator = keccak_256(struct)
  // A node has one or two; a peer that names many must not fill the memory.
  if (separators.size >= separatorsMax) separators.clear()
  separators.set(key, separator)
  return separator
}

function typeHash(name: string, fields: readonly TypedField[]): Uint8Array {
  return keccakOfText(`${name}(${fields.map((field) => `${field.type} ${field.name}`).join(',')})`)
}

function keccakOfText(text: string): Uint8Array {
  return keccak_256(new TextEncoder().encode(text))
}

/** Words of the ABI encoding, all zero. */
function words(count: number): Uint8Array {
  return new Uint8Array(count * wordBytes)
}

function putAddress(struct: Uint8Array, at: number, address: Address): void {
  struct.set(addressToBytes(address), at * wordBytes + 12)
}

function putBytes(struct: Uint8Array, at: number, bytes: Uint8Array): void {
  assert(bytes.length === wordBytes)
  struct.set(bytes, at * wordBytes)
}

function putUint(struct: Uint8Array, at: number, value: number | bigint, bits: number): void {
  let rest = BigInt(value)
  assert(rest >= 0n && rest >> BigInt(bits) === 0n, `${value} is no number of ${bits} bits`)
  const view = new DataView(struct.buffer, struct.byteOffset + at * wordBytes, wordBytes)
  for (let end = wordBytes; rest > 0n; end -= 8) {
    view.setBigUint64(end - 8, rest & 0xffff_ffff_ffff_ffffn)
    rest >>= 64n
  }
}
