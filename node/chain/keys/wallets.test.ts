import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HDNodeWallet, Mnemonic, Wallet } from 'ethers'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { exportHotKey } from './hot-key.ts'
import { readKeyText } from './key-text.ts'
import { createAccount } from './private-key.ts'
import { addWallet, listWallets, openWallet, readWallet, walletPath } from './wallets.ts'

const passphrase = Buffer.from('open sesame')

let folder: string
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'hart-wallets-')), 'wallets')
})
afterEach(() => rm(join(folder, '..'), { recursive: true, force: true }))

test('wallets: one that was added is listed and opened, in a folder and a file for their owner only', async () => {
  expect(await listWallets(folder)).toEqual([])
  const account = createAccount()
  const file = await addWallet(folder, 'main', account, passphrase)
  expect((await stat(folder)).mode & 0o777).toBe(0o700)
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect(await listWallets(folder)).toEqual([{ name: 'main', file, address: account.address }])
  const opened = await openWallet(folder, 'main', passphrase)
  expect(opened.address).toBe(account.address)
  expect(Buffer.from(opened.privateKey)).toEqual(Buffer.from(account.privateKey))
  await expect(openWallet(folder, 'main', Buffer.from('open sesamE'))).rejects.toThrow(
    'wallet main: the passphrase is wrong',
  )
  await expect(openWallet(folder, 'other', passphrase)).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
})

test('wallets: two that are added at once under one name do not replace one another', async () => {
  const accounts = [createAccount(), createAccount()]
  const added = await Promise.allSettled(accounts.map((account) => addWallet(folder, 'main', account, passphrase)))
  expect(added.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  expect(added.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'ERR_KEY' } })
  const winner = accounts[added.findIndex(({ status }) => status === 'fulfilled')]!
  expect((await openWallet(folder, 'main', passphrase)).address).toBe(winner.address)
  expect(await readdir(folder)).toEqual(['main.json'])
})

test.each(['../x', 'a/b', '', '.', 'Main', 'x'.repeat(33), 'a b', '-x', 'hot'])(
  'wallets: %j is not taken as a name',
  (name) => {
    expect(() => walletPath(folder, name)).toThrow(expect.objectContaining({ code: 'ERR_USAGE' }))
  },
)

test('wallets: what others may read, and what is no keystore, is listed with its problem', async () => {
  await addWallet(folder, 'open', createAccount(), passphrase)
  await writeFile(join(folder, 'broken.json'), '{', { mode: 0o600 })
  await writeFile(join(folder, 'notes.txt'), 'no wallet')
  await chmod(join(folder, 'open.json'), 0o604)
  const problems = Object.fromEntries((await listWallets(folder)).map(({ name, problem }) => [name, problem]))
  expect(problems['broken']).toContain('no JSON')
  expect(Object.keys(problems)).toEqual(['broken', 'open'])
  if (process.platform === 'win32') return
  expect(problems['open']).toContain('chmod 600')
  await expect(readWallet(folder, 'open')).rejects.toMatchObject({ code: 'ERR_KEY' })
})

test('key text: digits, words, keystores and our own line all give their account', async () => {
  const never = () => Promise.reject(new Error('not asked for'))
  const read = (text: string, derivationPath?: string) =>
    readKeyText(text, {
      source: 'x',
      passphrase: never,
      ...(derivationPath === undefined ? {} : { derivationPath }),
    }).then(({ address }) => address)
  const account = createAccount()
  const digits = Buffer.from(account.privateKey).toString('hex')
  for (const text of [digits, `0x${digits}\n`, digits.toUpperCase(), `${exportHotKey(account)}\n`])
    expect(await read(text)).toBe(account.address)
  const phrase = Mnemonic.fromEntropy('0x7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f').phrase
  expect(await read(` ${phrase.replaceAll(' ', '\n')} `)).toBe(HDNodeWallet.fromPhrase(phrase).address.toLowerCase())
  const path = "m/44'/60'/0'/0/7"
  const seventh = HDNodeWallet.fromPhrase(phrase, '', path).address.toLowerCase()
  expect(await read(phrase, path)).toBe(seventh)
  const theirs = Wallet.createRandom()
  const keystore = await theirs.encrypt('open sesame')
  const opened = await readKeyText(keystore, { source: 'x', passphrase: async () => passphrase })
  expect(opened.address).toBe(theirs.address.toLowerCase())
})

test('key text: what is no key is told without being repeated', async () => {
  const options = { source: 'the file', passphrase: async () => passphrase }
  const phrase = 'legal winner thank year wave sausage worth useful legal winner thank'
  for (const text of [
    '',
    'secret',
    'f'.repeat(64),
    '0'.repeat(64),
    'ab'.repeat(33),
    `${phrase} zoo`,
    `${phrase} xyz`,
  ]) {
    const error = await readKeyText(text, options).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'ERR_KEY', fields: { key: 'the file' } })
    expect((error as Error).cause).toBeUndefined()
    for (const word of ['secret', 'sausage', 'ffff', 'abab']) expect(String(error)).not.toContain(word)
  }
  await expect(readKeyText(`${phrase} yellow`, { ...options, derivationPath: 'm/x' })).rejects.toMatchObject({
    code: 'ERR_USAGE',
  })
})
