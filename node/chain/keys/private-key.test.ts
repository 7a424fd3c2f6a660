import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseAddress } from '#protocol/ids.ts'
import { accountOf, checksumAddress, createAccount, readAddress } from './private-key.ts'

/** The order of secp256k1. */
const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

function bytesOf(key: bigint): Uint8Array {
  return Buffer.from(key.toString(16).padStart(64, '0'), 'hex')
}

/** The examples of EIP-55. */
const checksummed = [
  '0x52908400098527886E0F7030069857D2E4169EE7',
  '0xde709f2102306220921060314715629080e2fb77',
  '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed',
  '0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359',
  '0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB',
  '0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb',
]

test.each(checksummed)('address: %s is written and read with its checksum', (text) => {
  expect(checksumAddress(parseAddress(text))).toBe(text)
  expect(readAddress(text)).toBe(text.toLowerCase())
})

test('address: one case has no checksum, and a wrong one is told', () => {
  const text = checksummed[2]!
  expect(readAddress(text.toLowerCase())).toBe(text.toLowerCase())
  expect(readAddress(`0x${text.slice(2).toUpperCase()}`)).toBe(text.toLowerCase())
  expect(() => readAddress(text.replace('5aAe', '5aae'))).toThrow(/checksum/)
  expect(() => readAddress(text.replace('053F', '054F'))).toThrow(/checksum/)
})

test('private key: only numbers from 1 to the order of the group are keys', () => {
  for (const key of [0n, order, order + 1n, 2n ** 256n - 1n]) expect(accountOf(bytesOf(key))).toBeUndefined()
  for (const length of [0, 31, 33]) expect(accountOf(new Uint8Array(length).fill(1))).toBeUndefined()
  expect(accountOf(bytesOf(1n))?.address).toBe('0x7e5f4552091a69125d5dfcb7b8c2659029395bdf')
  expect(accountOf(bytesOf(order - 1n))?.address).toBe('0x80c0dbf239224071c59dd8970ab9d542e3414ab2')
})

test('private key: any key is the account that ethers says it is', async () => {
  const { computeAddress, getAddress } = await import('ethers')
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: order - 1n }), (key) => {
      const { address } = accountOf(bytesOf(key))!
      const theirs = computeAddress(`0x${key.toString(16).padStart(64, '0')}`)
      expect(checksumAddress(address)).toBe(theirs)
      expect(getAddress(address)).toBe(theirs)
    }),
    { numRuns: 30 },
  )
  expect(createAccount().address).not.toBe(createAccount().address)
})
