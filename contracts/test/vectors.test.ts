import { readFileSync } from 'node:fs'
import { Signature, TypedDataEncoder, Wallet } from 'ethers'
import { expect, test } from 'vitest'
import { AUTHORIZATION_TYPES, DISPUTES_DOMAIN, ESCROW_DOMAIN, RECEIPT_TYPES, VOUCHER_TYPES } from '../abi/typed-data.ts'
import { signVoucher } from './voucher.ts'

interface SignedVector {
  digest: string
  r: string
  vs: string
}
interface Domain {
  name: string
  version: string
  chainId: number
  verifyingContract: string
}
interface Vectors {
  domain: Domain
  domainSeparator: string
  keys: { payer: string; session: string; node: string }
  vouchers: ({ payer: string; payee: string; topic: string; cumulative: string } & SignedVector)[]
  authorization: { payer: string; signer: string; deadline: string } & SignedVector
  disputes: {
    domain: Domain
    domainSeparator: string
    receipts: (Record<string, string> & { digest: string; signature: string })[]
  }
}

const vectors = JSON.parse(readFileSync(new URL('vectors.json', import.meta.url), 'utf8')) as Vectors
const { domain, keys, vouchers, authorization } = vectors

test('vectors: the domain is the one that the escrow is deployed with', () => {
  expect(domain).toMatchObject(ESCROW_DOMAIN)
  expect(TypedDataEncoder.hashDomain(domain)).toBe(vectors.domainSeparator)
})

test('vectors: vouchers have the written digests and signatures', async () => {
  expect(vouchers).toHaveLength(3)
  for (const { payer, payee, topic, cumulative, digest, r, vs } of vouchers) {
    const terms = { payer, payee, topic, cumulative: BigInt(cumulative) }
    expect(TypedDataEncoder.hash(domain, VOUCHER_TYPES, terms)).toBe(digest)
    expect(await signVoucher(new Wallet(keys.payer), domain, terms)).toEqual([payer, topic, BigInt(cumulative), r, vs])
  }
})

test('vectors: the consent of a session key has the written digest and signature', async () => {
  const { payer, signer, deadline, digest, r, vs } = authorization
  const message = { payer, signer, deadline }
  expect(TypedDataEncoder.hash(domain, AUTHORIZATION_TYPES, message)).toBe(digest)
  const signed = await new Wallet(keys.session).signTypedData(domain, AUTHORIZATION_TYPES, message)
  expect(Signature.from(signed)).toMatchObject({ r, yParityAndS: vs })
})

test('vectors: receipts have the written digests and signatures, under the domain of Disputes', async () => {
  const { receipts, domain: own, domainSeparator } = vectors.disputes
  expect(own).toMatchObject(DISPUTES_DOMAIN)
  expect(TypedDataEncoder.hashDomain(own)).toBe(domainSeparator)
  expect(receipts).toHaveLength(3)
  for (const { digest, signature, ...receipt } of receipts) {
    expect(TypedDataEncoder.hash(own, RECEIPT_TYPES, receipt)).toBe(digest)
    expect(await new Wallet(keys.node).signTypedData(own, RECEIPT_TYPES, receipt)).toBe(signature)
  }
})
