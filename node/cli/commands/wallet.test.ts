import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hartIn } from '../run.fixture.ts'

const passphrase = 'Zebra staple 7'
/** Everybody's test mnemonic, and its first account. */
const mnemonic = 'test test test test test test test test test test test junk'
const mnemonicAddress = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266'

let folder: string
let passphraseFile: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hart-wallet-'))
  passphraseFile = join(folder, 'pass')
  await writeFile(passphraseFile, `${passphrase}\r\n`, { mode: 0o600 })
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const hart = (...argv: string[]) => hartIn(folder, argv)
const withPass = (...argv: string[]) => hartIn(folder, [...argv, '--passphrase-file', passphraseFile])

async function secretFile(name: string, content: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, content, { mode: 0o600 })
  return path
}

test('hart wallet: a created one is listed, and its exported keystore opens elsewhere under the same passphrase', async () => {
  const created = await withPass('wallet', 'create', 'main')
  expect(created).toMatchObject({ status: 0, stderr: expect.stringContaining('nobody can restore') })
  const address = created.stdout.trim()
  expect(address).toMatch(/^0x[0-9a-fA-F]{40}$/)
  const listed = JSON.parse((await hart('wallet', 'ls', '--json')).stdout)
  expect(listed).toContainEqual({
    name: 'main',
    address: address.toLowerCase(),
    file: join(folder, 'wallets', 'main.json'),
  })
  const backup = join(folder, 'backup.json')
  expect(await hart('wallet', 'export', 'main', '--out', backup)).toMatchObject({ status: 0 })
  const elsewhere = ['wallet', 'import', 'copy', backup, '--passphrase-file', passphraseFile]
  expect(await hartIn(join(folder, 'elsewhere'), elsewhere)).toMatchObject({ status: 0, stdout: `${address}\n` })
  expect((await hart('wallet', 'address', 'main')).stdout.trim()).toBe(address)
  expect(await withPass('wallet', 'create', 'main')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('there is one already'),
  })
})

test('hart wallet import: words and digits; the passphrase file is named by the environment, too', async () => {
  const words = await secretFile('words', `${mnemonic}\n`)
  const imported = await hartIn(folder, ['wallet', 'import', 'words', words], {
    HARTONOMOUS_WALLET_PASSPHRASE_FILE: passphraseFile,
  })
  expect(imported).toMatchObject({ status: 0, stdout: `${mnemonicAddress}\n` })
  const second = await withPass('wallet', 'import', 'second', words, '--path', "m/44'/60'/0'/0/1")
  expect(second.stdout).toBe('0x70997970C51812dc3A010C7d01b50e0d17dc79C8\n')
  const bare = join(folder, 'bare')
  expect(await withPass('wallet', 'export', 'words', '--out', bare, '--raw')).toMatchObject({ status: 0 })
  expect((await stat(bare)).mode & 0o777).toBe(0o600)
  expect(await withPass('wallet', 'import', 'digits', bare)).toMatchObject({ stdout: `${mnemonicAddress}\n` })
})

test('hart wallet: a wrong passphrase is one line and exit status 2', async () => {
  await withPass('wallet', 'create', 'locked')
  const wrong = await secretFile('wrong', 'Zebra staple 8')
  const out = join(folder, 'never')
  const refused = await hart('wallet', 'export', 'locked', '--raw', '--out', out, '--passphrase-file', wrong)
  expect(refused).toEqual({
    status: 2,
    stdout: '',
    stderr: 'error ERR_KEY: wallet locked: the passphrase is wrong\n',
  })
  await expect(stat(out)).rejects.toMatchObject({ code: 'ENOENT' })
})

test('hart wallet: nothing secret is taken from argv, asked for without a terminal, or printed', async () => {
  const noPassphrase = await hart('wallet', 'create', 'mute')
  expect(noPassphrase).toMatchObject({ status: 2, stderr: expect.stringContaining('--passphrase-file FILE') })
  expect(await hart('wallet', 'import', 'mute')).toMatchObject({ status: 2 })
  expect(await withPass('wallet', 'export', 'main')).toMatchObject({ status: 2 })
  expect(await hart('wallet', 'create', 'mute', '--passphrase', passphrase)).toMatchObject({ status: 2 })
  const inFile = await secretFile('broken', 'sesame zebra')
  const refused = await withPass('wallet', 'import', 'mute', inFile)
  expect(refused.status).toBe(2)
  expect(refused.stdout + refused.stderr).not.toMatch(/sesame|Zebra/)
  expect((await hart('wallet', 'ls', '--json')).stdout).not.toContain('mute')
})

test('hart wallet: files that others may read, short passphrases and bad names are refused', async () => {
  const short = await secretFile('short', 'tiny\n')
  expect(await hart('wallet', 'create', 'weak', '--passphrase-file', short)).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('fewer than 8'),
  })
  expect(await withPass('wallet', 'create', '../weak')).toMatchObject({ status: 2 })
  expect(await withPass('wallet', 'create', 'hot')).toMatchObject({ status: 2 })
  if (process.platform === 'win32') return
  const open = await secretFile('open', passphrase)
  await chmod(open, 0o644)
  for (const argv of [
    ['wallet', 'create', 'weak', '--passphrase-file', open],
    ['wallet', 'import', 'weak', open, '--passphrase-file', passphraseFile],
  ])
    expect(await hart(...argv)).toMatchObject({ status: 2, stderr: expect.stringContaining('chmod 600') })
})

test('hart wallet: the hot key is made when it is asked for, and moves to another node only by --yes', async () => {
  const other = join(folder, 'other')
  const first = (await hart('wallet', 'address', 'hot')).stdout
  expect((await hart('wallet', 'address')).stdout).toBe(first)
  const before = (await hartIn(other, ['wallet', 'address', 'hot'])).stdout
  expect(before).not.toBe(first)
  const moved = join(folder, 'moved.key')
  expect(await hart('wallet', 'export', 'hot', '--out', moved)).toMatchObject({ status: 0, stdout: '' })
  expect(await hart('wallet', 'export', 'hot', '--out', moved)).toMatchObject({ status: 2 })
  const asked = await hartIn(other, ['wallet', 'import', 'hot', moved])
  expect(asked).toMatchObject({ status: 2, stderr: expect.stringContaining('--yes') })
  expect((await hartIn(other, ['wallet', 'address', 'hot'])).stdout).toBe(before)
  expect(await hartIn(other, ['wallet', 'import', 'hot', moved, '--yes'])).toMatchObject({ status: 0, stdout: first })
  expect((await hartIn(other, ['wallet', 'ls'])).stdout).toMatch(/^NAME +ADDRESS +FILE\nhot +0x/)
})

test('hart wallet address: without a name it is the wallet of payment.owner', async () => {
  const home = join(folder, 'home')
  const words = await secretFile('words-2', mnemonic)
  const imported = ['wallet', 'import', 'cold', words, '--passphrase-file', passphraseFile]
  expect(await hartIn(home, imported)).toMatchObject({ status: 0 })
  expect(await hartIn(home, ['config', 'set', 'payment.owner', mnemonicAddress])).toMatchObject({ status: 0 })
  expect((await hartIn(home, ['wallet', 'address'])).stdout).toBe(`${mnemonicAddress}\n`)
  await hartIn(home, ['config', 'set', 'payment.owner', `0x${'1'.repeat(40)}`])
  expect(await hartIn(home, ['wallet', 'address'])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('no wallet here has its key'),
  })
})

test('config: an owner is an address, and the URL of a chain is one of http or ws', async () => {
  expect(await hart('config', 'set', 'payment.owner', 'me')).toMatchObject({ status: 2 })
  const refused = await hart('config', 'set', 'chain.rpc', 'ftp://host/secret')
  expect([refused.status, refused.stderr]).toEqual([2, expect.not.stringContaining('secret')])
  expect(await hart('config', 'set', 'chain.rpc', 'https://rpc.example/key')).toMatchObject({ status: 0 })
})
