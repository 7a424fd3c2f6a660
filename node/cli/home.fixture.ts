/** A data folder whose commands use a chain; its wallets have one passphrase, in a file of the folder. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Address, parseAddress } from '#protocol/ids.ts'
import { type AddressBook, writeAddressBook } from '../chain/index.ts'
import { hartIn, type Outcome } from './run.fixture.ts'

export interface Home {
  folder: string
  hart(...argv: string[]): Promise<Outcome>
  /** What a command that must succeed gives with `--json`. */
  json<T = Record<string, unknown>>(...argv: string[]): Promise<T>
  /** Makes a wallet. */
  createWallet(name: string): Promise<Address>
  hotKey(): Promise<Address>
  remove(): Promise<void>
}

export async function createHome({ url, book }: { url: string; book: AddressBook }): Promise<Home> {
  const folder = await mkdtemp(join(tmpdir(), 'hart-home-'))
  const passphraseFile = join(folder, 'pass')
  await writeFile(passphraseFile, 'zebra staple 7', { mode: 0o600 })
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
