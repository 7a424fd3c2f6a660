/** The account in whose name a command speaks to the chain: a wallet, or the node's own hot key. */
import { HartonomousError } from '#protocol/errors.ts'
import { type Address, parseAddress } from '#protocol/ids.ts'
import { type Config, dataFiles, readConfigFile, resolveConfig } from '../config/index.ts'
import { type CommandContext, textOption } from './command.ts'
import { readPassphrase } from './passphrase.ts'

/** Loaded when needed: most commands know no keys. */
const loadChain = () => import('../chain/index.ts')

export interface ChosenAccount {
  /** Of a wallet, or `hot`. */
  name: string
  address: Address
}

export async function configOf({ environment, paths }: CommandContext): Promise<Config> {
  return resolveConfig({}, environment, await readConfigFile(paths.configFile)).config
}

/** By the name of a wallet, or `hot`, whose key is made at the first call. @throws {ERR_NOT_FOUND} {ERR_KEY} {ERR_USAGE} */
export async function accountNamed({ paths }: CommandContext, name: string): Promise<ChosenAccount> {
  const { hotWalletName, listWallets, loadOrCreateHotKey, walletPath } = await loadChain()
  if (name === hotWalletName) return { name, address: (await loadOrCreateHotKey(paths.dataDir)).address }
  const folder = dataFiles.wallets(paths.dataDir)
  walletPath(folder, name)
  const wallet = (await listWallets(folder)).find((each) => each.name === name)
  if (wallet === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'wallet', id: name })
  if (wallet.address === undefined)
    throw new HartonomousError('ERR_KEY', {
      key: `wallet ${name}`,
      reason: wallet.problem ?? 'it does not say its address; hart wallet import writes it anew',
    })
  return { name, address: wallet.address }
}

/** The one of `--wallet`, else that of `payment.owner`, else the hot key. @throws {ERR_NOT_FOUND} {ERR_KEY} {ERR_USAGE} */
export async function chooseAccount(context: CommandContext): Promise<ChosenAccount> {
  const { hotWalletName, listWallets } = await loadChain()
  const named = textOption(context, 'wallet')
  if (named !== undefined) return accountNamed(context, named)
  const owner = await ownerOf(context)
  const hot = await accountNamed(context, hotWalletName)
  if (owner === undefined || owner === hot.address) return hot
  const wallet = (await listWallets(dataFiles.wallets(context.paths.dataDir))).find(({ address }) => address === owner)
  if (wallet !== undefined) return { name: wallet.name, address: owner }
  throw new HartonomousError('ERR_USAGE', {
    message: `payment.owner is ${owner}, and no wallet here has its key: hart wallet import NAME FILE, or --wallet NAME`,
  })
}

/** Whose bond and income those of this node are; `undefined` where that is the hot key itself. */
export async function ownerOf(context: CommandContext): Promise<Address | undefined> {
  const owner = (await configOf(context))['payment.owner']
  return owner === '' ? undefined : parseAddress(owner)
}

/** Its key, which is handed to `work` and filled with zeros afterwards. @throws {ERR_KEY} {ERR_NOT_FOUND} {ERR_USAGE} */
export async function withKey<T>(
  context: CommandContext,
  { name }: ChosenAccount,
  work: (privateKey: Uint8Array) => Promise<T>,
): Promise<T> {
  const { hotWalletName, loadOrCreateHotKey, openWallet } = await loadChain()
  const { dataDir } = context.paths
  if (name === hotWalletName) return work((await loadOrCreateHotKey(dataDir)).privateKey)
  const passphrase = await readPassphrase(context, `wallet ${name}`, { isNew: false })
  try {
    const { privateKey } = await openWallet(dataFiles.wallets(dataDir), name, passphrase)
    try {
      return await work(privateKey)
    } finally {
      privateKey.fill(0)
    }
  } finally {
    passphrase.fill(0)
  }
}
