/** Wallets: keystores `NAME.json` in one folder, for keys that hold funds or a bond. Each has its own passphrase. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import type { Address } from '#protocol/ids.ts'
import { decryptKeystore, encryptKeystore, keystoreAddress } from './keystore.ts'
import type { Account } from './private-key.ts'
import { readSecretFile, writeSecretFile } from './secret-file.ts'

export interface WalletEntry {
  name: string
  file: string
  /** Absent where the keystore does not say it, or cannot be read. */
  address?: Address
  /** Why it cannot be used. */
  problem?: string
}

/** A file name on every system, and never one that leaves the folder. */
const namePattern = /^[a-z0-9][a-z0-9_-]{0,31}$/
/** The node's own key, which lies beside the wallets and has no passphrase. */
export const hotWalletName = 'hot'

/** @throws {ERR_USAGE} */
export function walletPath(folder: string, name: string): string {
  if (!namePattern.test(name) || name === hotWalletName)
    throw new HartonomousError('ERR_USAGE', {
      message:
        name === hotWalletName
          ? `${hotWalletName} is the node's own key, and has no wallet`
          : `a wallet has a name of a-z, 0-9, - and _, not ${JSON.stringify(name.slice(0, 40))}`,
    })
  return join(folder, `${name}.json`)
}

/** Never replaces one. @throws {ERR_KEY} where there is a wallet of this name @throws {ERR_USAGE} {ERR_IO} */
export async function addWallet(
  folder: string,
  name: string,
  account: Account,
  passphrase: Uint8Array,
): Promise<string> {
  const path = walletPath(folder, name)
  const json = await encryptKeystore(account, passphrase)
  if (await writeSecretFile(path, `${json}\n`, { replace: false })) return path
  throw new HartonomousError('ERR_KEY', { key: `wallet ${name}`, reason: 'there is one already' })
}

/** Its key is for the caller to fill with zeros. @throws {ERR_KEY} {ERR_NOT_FOUND} {ERR_USAGE} {ERR_IO} */
export async function openWallet(folder: string, name: string, passphrase: Uint8Array): Promise<Account> {
  return decryptKeystore(await readWallet(folder, name), passphrase, `wallet ${name}`)
}

/** The keystore as it lies there. @throws {ERR_KEY} {ERR_NOT_FOUND} {ERR_USAGE} {ERR_IO} */
export async function readWallet(folder: string, name: string): Promise<string> {
  const content = await readSecretFile(walletPath(folder, name))
  if (content === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'wallet', id: name })
  return content.toString('utf8')
}

/** By name. One that cannot be used is listed with its problem. @throws {ERR_IO} */
export async function listWallets(folder: string): Promise<WalletEntry[]> {
  const files = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw new HartonomousError('ERR_IO', { path: folder, reason: error.message }, { cause: error })
  })
  const names = files.flatMap((file) => /^([a-z0-9][a-z0-9_-]{0,31})\.json$/.exec(file)?.[1] ?? [])
  return Promise.all(names.sort().map((name) => describe(folder, name)))
}

async function describe(folder: string, name: string): Promise<WalletEntry> {
  const file = join(folder, `${name}.json`)
  try {
    const address = keystoreAddress(await readWallet(folder, name), file)
    return { name, file, ...(address === undefined ? {} : { address }) }
  } catch (error) {
    if (!isHartonomousError(error)) throw error
    return { name, file, problem: isHartonomousError(error, 'ERR_KEY') ? error.fields.reason : error.message }
  }
}
