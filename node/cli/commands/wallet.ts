/** `hart wallet`: keys that hold funds or a bond, each under its passphrase, and the hot key of this node. */
import { HartonomousError } from '#protocol/errors.ts'
import type { Address } from '#protocol/ids.ts'
import type { Account } from '../../chain/index.ts'
import { dataFiles } from '../../config/index.ts'
import { accountNamed, chooseAccount, ownerOf, withKey } from '../account.ts'
import { dateOf, hart, readAmount } from '../amount.ts'
import { type Command, type CommandContext, flagOption, textOption } from '../command.ts'
import { passphraseOptionHelp, passphraseOptions, readPassphrase } from '../passphrase.ts'
import { askHidden, promptStreams } from '../prompt.ts'
import { loadChain, transact, transactionOptionHelp, transactionOptions, withChain } from '../transactions.ts'

/** Loaded when needed: most commands know no keys. */
const loadKeys = () => import('../../chain/index.ts')

export const walletCreate: Command = {
  name: 'wallet create',
  summary: 'A new key under a passphrase, for funds or for the bond of a node.',
  usage: 'NAME',
  positionalsMin: 1,
  options: { ...passphraseOptions },
  optionHelp: { ...passphraseOptionHelp },
  examples: ['hart wallet create main', 'hart wallet create main --passphrase-file main.pass --json'],
  async run(context) {
    const { createAccount } = await loadKeys()
    return addAccount(context, context.positionals[0]!, createAccount())
  },
}

export const walletImport: Command = {
  name: 'wallet import',
  summary: 'Take over a key: 64 digits, 12 to 24 words or a keystore, from a file (0600) or typed without echo.',
  usage: 'NAME [FILE]',
  positionalsMin: 1,
  positionalsMax: 2,
  options: { ...passphraseOptions, path: { type: 'string' } },
  optionHelp: {
    ...passphraseOptionHelp,
    path: { value: 'PATH', help: "which key of a mnemonic (default m/44'/60'/0'/0/0)" },
  },
  examples: [
    'hart wallet import main',
    'hart wallet import main UTC--2026-11-21--keystore.json',
    'hart wallet import hot payment.key --yes   # replaces the key of this node',
  ],
  async run(context) {
    const [name = '', file] = context.positionals
    const { hotWalletName, readKeyText, walletPath } = await loadKeys()
    const isHot = name === hotWalletName
    // A name that cannot be is told before anything is asked for.
    if (!isHot) walletPath(dataFiles.wallets(context.paths.dataDir), name)
    const path = textOption(context, 'path')
    const text = file === undefined ? await typedKey(context) : await keyFile(file)
    let passphrase: Uint8Array | undefined
    try {
      const account = await readKeyText(text.toString('utf8'), {
        source: file ?? 'what was typed',
        ...(path === undefined ? {} : { derivationPath: path }),
        passphrase: async () => {
          passphrase = await readPassphrase(context, file ?? 'the keystore', { isNew: false })
          return passphrase
        },
      })
      // A keystore keeps the passphrase that it had.
      return isHot ? await replaceHotKey(context, account) : await addAccount(context, name, account, passphrase)
    } finally {
      text.fill(0)
      passphrase?.fill(0)
    }
  },
}

export const walletExport: Command = {
  name: 'wallet export',
  summary: 'Write a wallet to a new file (0600): its keystore, or with --raw its private key.',
  usage: 'NAME',
  positionalsMin: 1,
  options: { ...passphraseOptions, out: { type: 'string' }, raw: { type: 'boolean' } },
  optionHelp: {
    ...passphraseOptionHelp,
    out: { value: 'FILE', help: 'the file; it must not exist yet' },
    raw: { help: 'the bare key: whoever reads the file has it' },
  },
  examples: ['hart wallet export main --out main-backup.json', 'hart wallet export hot --out payment-backup.key'],
  async run(context) {
    const { output, paths, positionals } = context
    const path = textOption(context, 'out')
    if (path === undefined)
      throw new HartonomousError('ERR_USAGE', { message: '--out FILE is needed: a key is not printed' })
    const { exportHotKey, hotWalletName, loadHotKey, readWallet, writeSecretFile } = await loadKeys()
    const name = positionals[0]!
    const isBare = name === hotWalletName || flagOption(context, 'raw')
    let content: string
    if (name === hotWalletName) {
      const hot = await loadHotKey(paths.dataDir)
      if (hot === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'hot key', id: paths.dataDir })
      content = `${exportHotKey(hot)}\n`
    } else if (isBare) {
      content = await withKey(
        context,
        await accountNamed(context, name),
        async (key) => `0x${Buffer.from(key).toString('hex')}\n`,
      )
    } else content = await readWallet(dataFiles.wallets(paths.dataDir), name)
    if (!(await writeSecretFile(path, content, { replace: false })))
      throw new HartonomousError('ERR_KEY', { key: path, reason: 'there is a file already' })
    if (output.json) output.value({ name, file: path, isBare })
    else output.note(isBare ? `${path} holds the bare key: whoever reads it has it` : `the keystore is in ${path}`)
    return 0
  },
}

export const walletAddress: Command = {
  name: 'wallet address',
  summary: 'The address of a wallet, of the owner of this node, or of its hot key.',
  usage: '[NAME]',
  positionalsMax: 1,
  examples: ['hart wallet address main', 'hart wallet address hot --json'],
  async run(context) {
    const { output, positionals } = context
    const [name] = positionals
    const chosen = name === undefined ? await chooseAccount(context) : await accountNamed(context, name)
    const { checksumAddress } = await loadKeys()
    if (output.json) output.value(chosen)
    else output.line(checksumAddress(chosen.address))
    return 0
  },
}

export const walletLs: Command = {
  name: 'wallet ls',
  aliases: ['wallet list'],
  summary: 'The wallets of this data folder, and the hot key of its node.',
  examples: ['hart wallet ls', 'hart wallet ls --json'],
  async run({ output, paths }) {
    const { checksumAddress, hotKeyPath, hotWalletName, listWallets, loadHotKey } = await loadKeys()
    const wallets = await listWallets(dataFiles.wallets(paths.dataDir))
    const hot = await loadHotKey(paths.dataDir)
    if (hot !== undefined) wallets.push({ name: hotWalletName, file: hotKeyPath(paths.dataDir), address: hot.address })
    if (output.json) output.value(wallets)
    else if (wallets.length === 0) output.note('no wallet yet: hart wallet create NAME')
    else
      output.table(
        ['name', 'address', 'file'],
        wallets.map(({ name, address, file, problem }) => [
          name,
          address === undefined ? '-' : checksumAddress(address),
          problem === undefined ? file : `${file}: ${problem}`,
        ]),
      )
    return 0
  },
}

export const walletBalance: Command = {
  name: 'wallet balance',
  aliases: ['balance'],
  summary: 'All HART of an address: free, in escrow, at stake, and on its way back with dates.',
  usage: '[NAME|ADDRESS]',
  positionalsMax: 1,
  examples: ['hart wallet balance', 'hart wallet balance 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --json'],
  async run(context) {
    const { output } = context
    const { checksumAddress } = await loadKeys()
    const address = await addressOf(context, context.positionals[0])
    return withChain(context, async (chain) => {
      const { readBalance } = await loadChain()
      const balance = await readBalance(chain, address)
      if (output.json) {
        output.value(balance)
        return 0
      }
      const { freeWei, escrowedWei, stakedWei, unlockingWei, totalWei, unlocks } = balance
      output.line(`${checksumAddress(address)} on chain ${balance.chainId}, as of block ${balance.blockNumber}`)
      const parts = {
        free: freeWei,
        escrowed: escrowedWei,
        staked: stakedWei,
        unlocking: unlockingWei,
        total: totalWei,
      }
      for (const [name, wei] of Object.entries(parts)) output.line(`  ${name.padEnd(9)}  ${hart(wei)}`)
      const sources = { bond: 'unbonding from the bond', delegation: 'unbonding from', escrow: 'thawing in escrow' }
      if (unlocks.length > 0)
        output.table(
          ['unlocking', 'ready', 'what'],
          unlocks.map(({ kind, wei, readyAtMs, isReady, unbonding }) => [
            hart(wei),
            isReady ? 'now' : dateOf(readyAtMs, Date.now()),
            kind === 'delegation' ? `${sources[kind]} ${unbonding?.node}` : sources[kind],
          ]),
        )
      return 0
    })
  },
}

export const walletSend: Command = {
  name: 'wallet send',
  summary: 'Send HART that is free to an address.',
  usage: 'ADDRESS AMOUNT',
  positionalsMin: 2,
  options: { ...transactionOptions },
  optionHelp: { ...transactionOptionHelp },
  examples: ['hart wallet send 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 12.5 --wallet main --dry-run'],
  async run(context) {
    const [address = '', amount = ''] = context.positionals
    const { readAddress } = await loadKeys()
    const [to, amountWei] = [readAddress(address), readAmount(amount)]
    const account = await chooseAccount(context)
    return withChain(context, async (chain) => {
      const { planTransfer } = await loadChain()
      const steps = await planTransfer(chain, account.address, to, amountWei)
      return transact(context, { chain, account, steps, whenNothing: '' })
    })
  },
}

export const walletRevoke: Command = {
  name: 'wallet revoke',
  summary: 'End a hot key for ever, because it was stolen or is not needed: vouchers in 3 days, receipts in 14.',
  usage: '[ADDRESS]',
  positionalsMax: 1,
  options: { 'at-once': { type: 'boolean' }, ...transactionOptions },
  optionHelp: {
    'at-once': { help: 'its vouchers pay nothing from now on; those who worked for them lose it' },
    ...transactionOptionHelp,
  },
  examples: [
    'hart wallet revoke --at-once --wallet main --dry-run',
    'hart wallet revoke 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --wallet main',
  ],
  async run(context) {
    const { checksumAddress, hotKeyPath, hotWalletName, readAddress } = await loadKeys()
    const [given] = context.positionals
    const account = await chooseAccount(context)
    const hotKey = given === undefined ? (await accountNamed(context, hotWalletName)).address : readAddress(given)
    if (hotKey === account.address)
      throw new HartonomousError('ERR_USAGE', { message: 'a payer cannot end its own key: --wallet names the owner' })
    return withChain(context, async (chain) => {
      const { planRevocation } = await loadChain()
      const wish = { owner: account.address, hotKey, atOnce: flagOption(context, 'at-once') }
      return transact(context, {
        chain,
        account,
        steps: await planRevocation(chain, wish),
        whenNothing: `${checksumAddress(hotKey)} signs nothing for ${account.name}`,
        report: () => ({
          fields: { revoked: hotKey },
          note: `without ${hotKeyPath(context.paths.dataDir)} the node makes a new key; hart stake add and hart job fund name it`,
        }),
      })
    })
  },
}

async function addressOf(context: CommandContext, given: string | undefined): Promise<Address> {
  if (given === undefined) return (await ownerOf(context)) ?? (await accountNamed(context, 'hot')).address
  const { readAddress } = await loadKeys()
  return given.startsWith('0x') ? readAddress(given) : (await accountNamed(context, given)).address
}

/** Without `passphrase` a new one is asked for. The key is filled with zeros. */
async function addAccount(
  context: CommandContext,
  name: string,
  account: Account,
  passphrase?: Uint8Array,
): Promise<number> {
  const { output, paths } = context
  const { addWallet, checksumAddress, listWallets, walletPath } = await loadKeys()
  const folder = dataFiles.wallets(paths.dataDir)
  walletPath(folder, name)
  // Before a passphrase is asked for; `addWallet` looks again.
  if ((await listWallets(folder)).some((wallet) => wallet.name === name))
    throw new HartonomousError('ERR_KEY', { key: `wallet ${name}`, reason: 'there is one already' })
  const chosen = passphrase ?? (await readPassphrase(context, `wallet ${name}`, { isNew: true }))
  try {
    const file = await addWallet(folder, name, account, chosen)
    if (output.json) output.value({ name, address: account.address, file })
    else {
      output.line(checksumAddress(account.address))
      output.note(`its key is in ${file}, under the passphrase; keep a copy of both: nobody can restore either`)
    }
    return 0
  } finally {
    account.privateKey.fill(0)
    if (passphrase === undefined) chosen.fill(0)
  }
}

async function replaceHotKey({ output, paths, options }: CommandContext, account: Account): Promise<number> {
  const { checksumAddress, importHotKey, loadHotKey } = await loadKeys()
  const present = await loadHotKey(paths.dataDir)
  const replace = options['yes'] === true
  if (present !== undefined && !replace)
    throw new HartonomousError('ERR_USAGE', {
      message: `this node signs as ${checksumAddress(present.address)} already; hart wallet export hot keeps that key, then --yes replaces it`,
    })
  await importHotKey(paths.dataDir, account, { replace })
  if (output.json) output.value({ name: 'hot', address: account.address })
  else {
    output.line(checksumAddress(account.address))
    output.note('a running node takes it at its next start')
  }
  return 0
}

async function keyFile(path: string): Promise<Buffer> {
  const { readSecretFile } = await loadKeys()
  const content = await readSecretFile(path)
  if (content === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'file', id: path })
  return content
}

async function typedKey({ signal }: CommandContext): Promise<Buffer> {
  const streams = promptStreams()
  if (streams === undefined)
    throw new HartonomousError('ERR_USAGE', { message: 'there is no terminal to ask at: hart wallet import NAME FILE' })
  return askHidden('private key, or the words of a mnemonic: ', streams, signal)
}
