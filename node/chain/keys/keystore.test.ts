import { Wallet } from 'ethers'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isHartonomousError } from '#protocol/errors.ts'
import { decryptKeystore, encryptKeystore, keystoreAddress, passphraseBytes } from './keystore.ts'
import { createAccount } from './private-key.ts'

/** Both examples of the Web3 Secret Storage Definition. */
const password = Buffer.from('testpassword')
const secret = '7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d'
const golden = {
  pbkdf2: {
    crypto: {
      cipher: 'aes-128-ctr',
      cipherparams: { iv: '6087dab2f9fdbbfaddc31a909735c1e6' },
      ciphertext: '5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46',
      kdf: 'pbkdf2',
      kdfparams: {
        c: 262144,
        dklen: 32,
        prf: 'hmac-sha256',
        salt: 'ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd',
      },
      mac: '517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2',
    },
    id: '3198bc9c-6672-5ab3-d995-4942343ae5b6',
    version: 3,
  },
  scrypt: {
    crypto: {
      cipher: 'aes-128-ctr',
      cipherparams: { iv: '83dbcc02d8ccb40e466191a123791e0e' },
      ciphertext: 'd172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c',
      kdf: 'scrypt',
      kdfparams: {
        dklen: 32,
        n: 262144,
        r: 1,
        p: 8,
        salt: 'ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19',
      },
      mac: '2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097',
    },
    id: '3198bc9c-6672-5ab3-d995-4942343ae5b6',
    version: 3,
  },
}

test.each(Object.entries(golden))('keystore: the example of the specification with %s opens', async (_kdf, example) => {
  const { privateKey, address } = await decryptKeystore(JSON.stringify(example), password, 'example')
  expect(Buffer.from(privateKey).toString('hex')).toBe(secret)
  expect(address).toBe('0x008aeeda4d805471df9b2a5b0f38a0c3bcba786b')
  expect(keystoreAddress(JSON.stringify(example), 'example')).toBeUndefined()
})

test('keystore: what is written here ethers opens, and the other way round', async () => {
  const account = createAccount()
  const passphrase = 'correct ½ hörse'
  const ours = await encryptKeystore(account, passphraseBytes(Buffer.from(passphrase)))
  expect(JSON.parse(ours).crypto.kdfparams).toMatchObject({ n: 131_072, r: 8, p: 1, dklen: 32 })
  expect(keystoreAddress(ours, 'ours')).toBe(account.address)
  const opened = await Wallet.fromEncryptedJson(ours, passphrase)
  expect(opened.privateKey).toBe(`0x${Buffer.from(account.privateKey).toString('hex')}`)
  const theirs = await Wallet.createRandom().encrypt(passphrase)
  const again = await decryptKeystore(theirs, passphraseBytes(Buffer.from(passphrase)), 'theirs')
  expect(again.address).toBe(keystoreAddress(theirs, 'theirs'))
})

test('keystore: nothing of the key is in the file, and two files of one key are not alike', async () => {
  const account = createAccount()
  const [one, other] = await Promise.all([encryptKeystore(account, password), encryptKeystore(account, password)])
  expect(one).not.toContain(Buffer.from(account.privateKey).toString('hex').slice(0, 8))
  const strip = ({ crypto }: { crypto: object }) => Object.values(crypto).map((value) => JSON.stringify(value))
  const [left, right] = [strip(JSON.parse(one!)), strip(JSON.parse(other!))]
  // Cipher and kdf are the same, the random values and what follows from them are not.
  expect(left.filter((value, index) => value === right[index])).toEqual(['"aes-128-ctr"', '"scrypt"'])
})

test('keystore: a wrong passphrase is one clear line that does not repeat it', async () => {
  const error = await decryptKeystore(JSON.stringify(golden.pbkdf2), Buffer.from('testpasswore'), 'wallet main').catch(
    (reason: unknown) => reason,
  )
  expect(error).toMatchObject({ code: 'ERR_KEY', message: 'wallet main: the passphrase is wrong' })
})

test('keystore: a changed initial vector or a foreign address is noticed where the address is written', async () => {
  const text = JSON.stringify({ ...golden.pbkdf2, address: '008aeeda4d805471df9b2a5b0f38a0c3bcba786b' })
  expect((await decryptKeystore(text, password, 'x')).privateKey).toHaveLength(32)
  for (const changed of [text.replace('6087dab2', '6087dab3'), text.replace('008aee', '008aef')])
    await expect(decryptKeystore(changed, password, 'x')).rejects.toMatchObject({
      fields: { reason: expect.stringContaining('address') },
    })
})

test('keystore: parameters that would take the memory or the day are refused before any work', async () => {
  const { crypto } = golden.scrypt
  const hostile = [
    { n: 2 ** 30, r: 8 },
    { n: 2 ** 20, r: 2 ** 20 },
    { p: 2 ** 20 },
    { n: 3 },
    { n: 0 },
    { r: -1 },
    { dklen: 16 },
    { n: 1.5 },
    { salt: 'zz' },
    { salt: '00'.repeat(10_000) },
  ]
  for (const kdfparams of hostile) {
    const text = JSON.stringify({ version: 3, crypto: { ...crypto, kdfparams: { ...crypto.kdfparams, ...kdfparams } } })
    await expect(decryptKeystore(text, password, 'x'), text).rejects.toMatchObject({ code: 'ERR_KEY' })
  }
  const slow = JSON.stringify(golden.pbkdf2).replace('262144', '2147483647')
  await expect(decryptKeystore(slow, password, 'x')).rejects.toMatchObject({ code: 'ERR_KEY' })
})

test('keystore: any file is an address, or ERR_KEY, never anything else', () => {
  const text = JSON.stringify(golden.scrypt)
  const mutated = fc
    .tuple(fc.nat({ max: text.length - 1 }), fc.nat({ max: 8 }), fc.string({ maxLength: 8 }))
    .map(([at, length, put]) => text.slice(0, at) + put + text.slice(at + length))
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string(), mutated), (file) => {
      try {
        keystoreAddress(file, 'x')
      } catch (error) {
        expect(isHartonomousError(error, 'ERR_KEY')).toBe(true)
      }
    }),
  )
})
