/** A data folder whose commands use a chain, with a wallet `main`; wallets have one passphrase, in a file of the folder. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Address, parseAddress } from '#protocol/ids.ts'
import { type AddressBook, writeAddressBook } from '../chain/index.ts'
import { hartIn, type Outcome } from './run.fixture.ts'

/** A wallet as ethers wrote it, with so little scrypt (N 1024) that tests do not wait; under the passphrase of all homes. */
const main = {
  version: 3,
  address: 'd5ae0dd3d888c0c7c74ed8d2683f188d53b8ec64',
  Crypto: {
    cipher: 'aes-128-ctr',
    cipherparams: { iv: '7cf582b744dca5b73effe2a592159f79' },
    ciphertext: 'ba51edafe6b34831bc9794bd0b1d3e505f0c30a966e6d73fbe3e4730575a3b70',
    kdf: 'scrypt',
    kdfparams: {
      salt: 'b829a675f698b1a68b8f26af50ca8f1479fb7502d92513538f08827281bfb298',
      n: 1024,
      dklen: 32,
      p: 1,
      r: 8,
    },
    mac: '5a6928362402d7875166611b21640cd87af7584b886dc73ac1322bda3f350b4c',
  },
}
export const mainAddress = parseAddress(`0x${main.address}`)

export interface Home {
  folder: string
  hart(...argv: string[]): Promise<Outcome>
  /** What a command that must succeed gives with `--json`. */
  json<T = Record<string, unknown>>(...argv: string[]): Promise<T>
  /** Makes a wallet besides `main`. */
  createWallet(name: string): Promise<Address>
  hotKey(): Promise<Address>
  remove(): Promise<void>
}

export async function createHome({ url, book }: { url: string; book: AddressBook }): Promise<Home> {
  const folder = await mkdtemp(join(tmpdir(), 'hart-home-'))
  const passphraseFile = join(folder, 'pass')
  await writeFile(passphraseFile, 'zebra staple 7', { mode: 0o600 })
  await mkdir(join(folder, 'wallets'), { mode: 0o700 })
  await writeFile(join(folder, 'wallets', 'main.json'), JSON.stringify(main), { mode: 0o600 })
  await writeAddressBook(join(folder, 'chain.json'), book)
  await writeFile(join(folder, 'config.json'), JSON.stringify({ 'chain.rpc': url }))
  const hart = (...argv: string[]) => hartIn(folder, argv, { HARTONOMOUS_WALLET_PASSPHRASE_FILE: passphraseFile })
  const json = async <T>(...argv: string[]): Promise<T> => {
    const { status, stdout, stderr } = await hart(...argv, '--json')
    if (status !== 0) throw new Error(`hart ${argv.join(' ')} ended with ${status}: ${stderr}`)
    return JSON.parse(stdout)
  }
  const addressOf = async (...argv: string[]) => parseAddress((await json<{ address: string }>(...argv)).address)
  return {
    folder,
    hart,
    json,
    createWallet: (name) => addressOf('wallet', 'create', name),
    hotKey: () => addressOf('wallet', 'address', 'hot'),
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}
