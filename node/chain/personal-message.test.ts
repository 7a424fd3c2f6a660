import { Wallet } from 'ethers'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createAccount } from './keys/private-key.ts'
import { recoverPersonalMessage, signPersonalMessage } from './personal-message.ts'

const bytesOf = (hex: string) => new Uint8Array(Buffer.from(hex.slice(2), 'hex'))
const hexOf = (bytes: Uint8Array) => `0x${Buffer.from(bytes).toString('hex')}`

describe('personal message', () => {
  test('what ethers signs is recovered here, and what is signed here is what ethers signs', async () => {
    for (const text of ['', 'hello', 'Grüße\nan alle 🌍', 'x'.repeat(1000)]) {
      const account = createAccount()
      const theirs = await new Wallet(hexOf(account.privateKey)).signMessage(text)
      expect(recoverPersonalMessage(text, bytesOf(theirs))).toBe(account.address)
      expect(hexOf(signPersonalMessage(account.privateKey, text))).toBe(theirs)
    }
  })

  test('v may be 0 and 1, and the compact form of ERC-2098 counts too', () => {
    const account = createAccount()
    const signature = signPersonalMessage(account.privateKey, 'hello')
    const bare = signature.slice()
    bare[64]! -= 27
    const compact = signature.slice(0, 64)
    compact[32]! |= bare[64]! << 7
    for (const form of [signature, bare, compact]) expect(recoverPersonalMessage('hello', form)).toBe(account.address)
  })

  test('any other bytes are another account or no signature, and never throw', () => {
    const account = createAccount()
    const signature = signPersonalMessage(account.privateKey, 'hello')
    expect(recoverPersonalMessage('hello ', signature)).not.toBe(account.address)
    for (const v of [2, 26, 29, 255]) {
      expect(recoverPersonalMessage('hello', Uint8Array.of(...signature.subarray(0, 64), v))).toBeUndefined()
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
        expect(recoverPersonalMessage('hello', bytes)).not.toBe(account.address)
      }),
      { numRuns: 300 },
    )
  })

  test('the twin of a signature, with the larger s, is refused', () => {
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
    const signature = signPersonalMessage(createAccount().privateKey, 'hello')
    const s = BigInt(hexOf(signature.subarray(32, 64)))
    const twin = signature.slice()
    twin.set(Buffer.from((order - s).toString(16).padStart(64, '0'), 'hex'), 32)
    twin[64] = 55 - twin[64]!
    expect(recoverPersonalMessage('hello', twin)).toBeUndefined()
  })
})
