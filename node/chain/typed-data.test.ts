import { readFileSync } from 'node:fs'
import { Signature, TypedDataEncoder, verifyTypedData, Wallet } from 'ethers'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  AUTHORIZATION_TYPES,
  DISPUTES_DOMAIN,
  ESCROW_DOMAIN,
  RECEIPT_TYPES,
  VOUCHER_TYPES,
} from '#contracts/abi/typed-data.ts'
import { type Address, addressFromBytes, parseAddress } from '#protocol/ids.ts'
import type { Receipt, Voucher } from '#protocol/payment/message.ts'
import {
  addressOf,
  expandSignature,
  recoverReceipt,
  recoverSession,
  recoverVoucher,
  signAuthorization,
  signReceipt,
  signSession,
  signVoucher,
} from './index.ts'
import { authorizationDigest, receiptDigest, sessionDigest, voucherDigest } from './typed-data.ts'

type Signed = Record<string, string> & { digest: string }
const vectors = JSON.parse(readFileSync(new URL('../../contracts/test/vectors.json', import.meta.url), 'utf8')) as {
  domain: { chainId: number; verifyingContract: string }
  keys: { payer: string; session: string; node: string }
  vouchers: Signed[]
  authorization: Signed
  disputes: { domain: { chainId: number; verifyingContract: string }; receipts: Signed[] }
}

const hex = (bytes: Uint8Array) => `0x${Buffer.from(bytes).toString('hex')}`
const bytes = (text: string) => new Uint8Array(Buffer.from(text.slice(2), 'hex'))
const keys = { payer: bytes(vectors.keys.payer), session: bytes(vectors.keys.session), node: bytes(vectors.keys.node) }
const domain = {
  chainId: vectors.domain.chainId,
  escrow: parseAddress(vectors.domain.verifyingContract),
  disputes: parseAddress(vectors.disputes.domain.verifyingContract),
}

function voucherOf(vector: Signed): Voucher {
  return {
    payer: parseAddress(vector['payer']!),
    payee: parseAddress(vector['payee']!),
    topic: bytes(vector['topic']!),
    cumulativeWei: BigInt(vector['cumulative']!),
  }
}

function receiptOf(vector: Signed): Receipt {
  return {
    node: parseAddress(vector['node']!),
    requester: parseAddress(vector['requester']!),
    job: bytes(vector['job']!),
    attempt: Number(vector['attempt']),
    input: bytes(vector['input']!),
    output: bytes(vector['output']!),
    details: bytes(vector['details']!),
    finishedAt: Number(vector['finishedAt']),
  }
}

test('typed data: vouchers have the digests and signatures of the golden vectors', () => {
  expect(vectors.vouchers).toHaveLength(3)
  for (const vector of vectors.vouchers) {
    const voucher = voucherOf(vector)
    expect(hex(voucherDigest(domain, voucher))).toBe(vector.digest)
    const signature = signVoucher(keys.payer, domain, voucher)
    expect(hex(signature)).toBe(`${vector['r']}${vector['vs']!.slice(2)}`)
    expect(recoverVoucher(domain, voucher, signature)).toBe(addressOf(keys.payer))
    expect(voucher.payer).toBe(addressOf(keys.payer))
  }
})

test('typed data: receipts have the digests and signatures of the golden vectors', () => {
  // One of the three pins the last moment that 64 bits can hold, which is no time that a node could name.
  const receipts = vectors.disputes.receipts.filter((vector) => Number.isSafeInteger(Number(vector['finishedAt'])))
  expect(receipts).toHaveLength(2)
  for (const vector of receipts) {
    const receipt = receiptOf(vector)
    expect(hex(receiptDigest(domain, receipt))).toBe(vector.digest)
    const signature = signReceipt(keys.node, domain, receipt)
    expect(hex(expandSignature(signature))).toBe(vector['signature'])
    expect(recoverReceipt(domain, receipt, signature)).toBe(addressOf(keys.node))
  }
})

test('typed data: the consent of a session key has the digest and signature of the golden vector', () => {
  const { authorization } = vectors
  const consent = {
    payer: parseAddress(authorization['payer']!),
    signer: addressOf(keys.session),
    deadline: Number(authorization['deadline']),
  }
  expect(hex(authorizationDigest(domain, consent))).toBe(authorization.digest)
  const signature = signAuthorization(keys.session, domain, consent)
  expect(hex(signature)).toBe(`${authorization['r']}${authorization['vs']!.slice(2)}`)
})

const word = fc.uint8Array({ minLength: 32, maxLength: 32 })
const address: fc.Arbitrary<Address> = fc.uint8Array({ minLength: 20, maxLength: 20 }).map(addressFromBytes)
const anyVoucher = fc.record({
  payer: address,
  payee: address,
  topic: word,
  cumulativeWei: fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }),
})
const anyReceipt = fc.record({
  node: address,
  requester: address,
  job: word,
  attempt: fc.nat({ max: 2 ** 32 - 1 }),
  input: word,
  output: word,
  details: word,
  finishedAt: fc.maxSafeNat(),
})

test('typed data: any voucher and receipt hashes as ethers hashes it, on any chain', () => {
  fc.assert(
    fc.property(anyVoucher, anyReceipt, fc.nat(), address, (voucher, receipt, chainId, contract) => {
      const { payer, payee, topic, cumulativeWei } = voucher
      const escrow = { ...ESCROW_DOMAIN, chainId, verifyingContract: contract }
      expect(hex(voucherDigest({ chainId, escrow: contract }, voucher))).toBe(
        TypedDataEncoder.hash(escrow, VOUCHER_TYPES, { payer, payee, topic, cumulative: cumulativeWei }),
      )
      const disputes = { ...DISPUTES_DOMAIN, chainId, verifyingContract: contract }
      expect(hex(receiptDigest({ chainId, disputes: contract }, receipt))).toBe(
        TypedDataEncoder.hash(disputes, RECEIPT_TYPES, receipt),
      )
    }),
    { numRuns: 200 },
  )
})

test('typed data: what is signed here ethers recovers, and the other way round', async () => {
  const wallet = new Wallet(vectors.keys.session)
  await fc.assert(
    fc.asyncProperty(anyVoucher, async (voucher) => {
      const { payer, payee, topic, cumulativeWei } = voucher
      const named = { ...ESCROW_DOMAIN, chainId: domain.chainId, verifyingContract: domain.escrow }
      const terms = { payer, payee, topic, cumulative: cumulativeWei }
      const ours = signVoucher(keys.session, domain, voucher)
      const expanded = hex(expandSignature(ours))
      expect(verifyTypedData(named, VOUCHER_TYPES, terms, expanded)).toBe(wallet.address)
      const theirs = Signature.from(await wallet.signTypedData(named, VOUCHER_TYPES, terms)).compactSerialized
      expect(recoverVoucher(domain, voucher, bytes(theirs))).toBe(addressOf(keys.session))
    }),
    { numRuns: 20 },
  )
  const consent = { payer: addressOf(keys.payer), signer: addressOf(keys.session), deadline: 2_000_000_000 }
  const named = { ...ESCROW_DOMAIN, chainId: domain.chainId, verifyingContract: domain.escrow }
  const proof = hex(expandSignature(signAuthorization(keys.session, domain, consent)))
  expect(verifyTypedData(named, AUTHORIZATION_TYPES, consent, proof)).toBe(wallet.address)
})

test('typed data: another amount, payee, topic, chain or contract is another signer', () => {
  const voucher = voucherOf(vectors.vouchers[0]!)
  const signature = signVoucher(keys.payer, domain, voucher)
  const other = addressOf(keys.node)
  expect(recoverVoucher(domain, { ...voucher, cumulativeWei: voucher.cumulativeWei + 1n }, signature)).not.toBe(
    voucher.payer,
  )
  expect(recoverVoucher(domain, { ...voucher, payee: other }, signature)).not.toBe(voucher.payer)
  expect(recoverVoucher(domain, { ...voucher, topic: new Uint8Array(32).fill(1) }, signature)).not.toBe(voucher.payer)
  expect(recoverVoucher({ ...domain, chainId: 1 }, voucher, signature)).not.toBe(voucher.payer)
  expect(recoverVoucher({ ...domain, escrow: other }, voucher, signature)).not.toBe(voucher.payer)
})

test('typed data: bytes that a contract would not take have no signer, and never throw', () => {
  const voucher = voucherOf(vectors.vouchers[0]!)
  const signature = signVoucher(keys.payer, domain, voucher)
  const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
  const s = BigInt(hex(expandSignature(signature).subarray(32, 64)))
  // The twin of a signature: its s is above half the order, and does not fit beside the bit of parity.
  const twin = Buffer.from(signature)
  twin.set(bytes(`0x${(order - s).toString(16).padStart(64, '0')}`), 32)
  expect(recoverVoucher(domain, voucher, twin)).not.toBe(voucher.payer)
  for (const bad of [new Uint8Array(64), new Uint8Array(64).fill(255), signature.subarray(1), new Uint8Array(65)]) {
    expect(recoverVoucher(domain, voucher, bad)).toBeUndefined()
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), (noise) => {
      expect(recoverVoucher(domain, voucher, noise)).not.toBe(voucher.payer)
    }),
    { numRuns: 50 },
  )
})

test('typed data: a number that does not fit its type is not signed', () => {
  const voucher = voucherOf(vectors.vouchers[0]!)
  expect(() => signVoucher(keys.payer, domain, { ...voucher, cumulativeWei: 2n ** 128n })).toThrow(/128 bits/)
  expect(() => signVoucher(keys.payer, domain, { ...voucher, cumulativeWei: -1n })).toThrow(/128 bits/)
  expect(() => signVoucher(keys.payer, domain, { ...voucher, topic: new Uint8Array(31) })).toThrow()
})

test('a session is proven by EIP-712 as ethers encodes it', () => {
  const privateKey = new Uint8Array(32).fill(7)
  const domain = { chainId: 31_415, escrow: addressOf(new Uint8Array(32).fill(9)) }
  const proof = {
    payer: addressOf(new Uint8Array(32).fill(1)),
    payee: addressOf(new Uint8Array(32).fill(2)),
    job: new Uint8Array(32).fill(3),
    nonce: new Uint8Array(32).fill(4),
  }
  const types = {
    Session: [
      { name: 'payer', type: 'address' },
      { name: 'payee', type: 'address' },
      { name: 'job', type: 'bytes32' },
      { name: 'nonce', type: 'bytes32' },
    ],
  }
  const where = { name: 'Hartonomous Escrow', version: '1', chainId: domain.chainId, verifyingContract: domain.escrow }
  expect(`0x${Buffer.from(sessionDigest(domain, proof)).toString('hex')}`).toBe(
    TypedDataEncoder.hash(where, types, proof),
  )
  const signature = signSession(privateKey, domain, proof)
  expect(recoverSession(domain, proof, signature)).toBe(addressOf(privateKey))
  expect(recoverSession(domain, { ...proof, nonce: proof.job }, signature)).not.toBe(addressOf(privateKey))
})
