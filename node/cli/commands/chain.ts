/** `hart chain`: the contracts on a chain, how the chain is, and one of one's own to try out. */
import { access } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { HartonomousError } from '#protocol/errors.ts'
import { formatHart, parseHart } from '#protocol/hart.ts'
import type { Chain, ChainConnection, ChainSigner, DeploymentPlan } from '../../chain/index.ts'
import { dataFiles, writeConfigKey } from '../../config/index.ts'
import { lockDataDir } from '../../runtime/lock.ts'
import { accountNamed, configOf, withKey } from '../account.ts'
import { type Command, type CommandContext, flagOption, listOption, textOption } from '../command.ts'
import { passphraseOptionHelp, passphraseOptions, readPassphrase } from '../passphrase.ts'
import { askYesNo, promptStreams } from '../prompt.ts'

/** Loaded when needed: most commands know no chain. */
const loadFeature = () => import('../../chain/index.ts')
const loadChain = async () => (await loadFeature()).loadChain()

const portDefault = 31_415
/** What `--fund` gives. */
const fundHart = '10000'
const fundEtherWei = 10n ** 19n

export const chainStart: Command = {
  name: 'chain start',
  summary: 'A chain of your own with the contracts on it, until Ctrl-C; it goes on where it was.',
  options: { port: { type: 'string' }, fund: { type: 'string', multiple: true }, use: { type: 'boolean' } },
  optionHelp: {
    port: { value: 'PORT', help: `where it listens on loopback (default ${portDefault}); 0 takes any` },
    fund: { value: 'ADDRESS', help: `give ${fundHart} HART, and ether for gas (may be given again)` },
    use: { help: 'set chain.rpc and chain.addressBook of this data folder to it' },
  },
  examples: [
    'hart chain start --use',
    'hart chain start --port 0 --json',
    'hart chain start --fund 0x52908400098527886E0F7030069857D2E4169EE7',
  ],
  async run(context) {
    const { output, paths, signal } = context
    const folder = dataFiles.chain(paths.dataDir)
    const port = portOf(context)
    const { readAddress } = await loadFeature()
    const funded = listOption(context, 'fund').map(readAddress)
    const { startLocalChain, TokenClient } = await loadChain()
    const lock = await lockDataDir(folder)
    try {
      const { anvil, chain, bookFile, isNew } = await startLocalChain({ folder, port })
      try {
        const faucet = anvil.account(0)
        for (const address of funded) {
          await (await faucet.sendTransaction({ to: address, value: fundEtherWei })).wait()
          await new TokenClient(chain).transfer(address, parseHart(fundHart)).send(faucet)
        }
        if (flagOption(context, 'use')) {
          await writeConfigKey(paths.configFile, 'chain.rpc', anvil.rpcUrl)
          await writeConfigKey(paths.configFile, 'chain.addressBook', bookFile)
        }
        const { chainId, rpcUrl, state } = anvil
        const words = join(folder, 'mnemonic')
        if (output.json) output.value({ event: 'ready', rpcUrl, chainId, addressBook: bookFile, words, state, isNew })
        else printReady(context, { rpcUrl, chainId, bookFile, words, isNew })
        const stopped = Promise.withResolvers<undefined>()
        signal.addEventListener('abort', () => stopped.resolve(undefined), { once: true })
        if (signal.aborted) stopped.resolve(undefined)
        const reason = await Promise.race([stopped.promise, anvil.exited])
        if (reason === undefined) return 0
        throw new HartonomousError('ERR_CHAIN_UNAVAILABLE', { url: rpcUrl, reason: `anvil ${reason}` })
      } finally {
        await anvil.close()
      }
    } finally {
      await lock.release()
    }
  },
}

export const chainStatus: Command = {
  name: 'chain status',
  summary: 'Whether the chain of the settings answers, and whether its contracts are ours.',
  options: { rpc: { type: 'string' }, book: { type: 'string' } },
  optionHelp: {
    rpc: { value: 'URL', help: 'the chain; without it chain.rpc of the settings' },
    book: { value: 'FILE', help: 'its address book; without it chain.addressBook of the settings' },
  },
  examples: ['hart chain status', 'hart chain status --rpc http://127.0.0.1:31415 --book chain.json --json'],
  run: (context) =>
    withChain(context, async (chain, addressBook) => {
      await showStatus(context, chain, addressBook)
      return 0
    }),
}

export const chainFund: Command = {
  name: 'chain fund',
  summary: 'Give HART, and ether for gas, to an address on a chain that is for trying out.',
  usage: 'ADDRESS',
  positionalsMin: 1,
  positionalsMax: 1,
  options: { rpc: { type: 'string' }, book: { type: 'string' } },
  optionHelp: {
    rpc: { value: 'URL', help: 'the chain; without it chain.rpc of the settings' },
    book: { value: 'FILE', help: 'its address book; without it chain.addressBook of the settings' },
  },
  examples: ['hart chain fund 0x52908400098527886E0F7030069857D2E4169EE7'],
  run: (context) =>
    withChain(context, async (chain) => {
      const { output, positionals } = context
      const { checksumAddress, readAddress } = await loadFeature()
      const { giveDevelopmentFunds } = await loadChain()
      const address = readAddress(positionals[0] ?? '')
      const { hartWei, etherWei, transactionHash, blockNumber } = await giveDevelopmentFunds(chain, address)
      if (output.json)
        output.value({
          address,
          hartWei: String(hartWei),
          etherWei: String(etherWei),
          transactionHash,
          blockNumber,
        })
      else output.line(`${checksumAddress(address)} received ${formatHart(hartWei)} HART, and has ether for gas`)
      return 0
    }),
}

/** That of the settings, unless --rpc and --book name another. */
async function withChain(context: CommandContext, work: (chain: Chain, addressBook: string) => Promise<number>) {
  const { paths } = context
  const config = await configOf(context)
  const rpcUrl = textOption(context, 'rpc') ?? config['chain.rpc']
  const named = textOption(context, 'book') ?? config['chain.addressBook']
  const addressBook = resolve(named || dataFiles.addressBook(paths.dataDir))
  const { openConfiguredChain } = await loadChain()
  const chain = await openConfiguredChain({ rpcUrl, addressBook })
  try {
    return await work(chain, addressBook)
  } finally {
    await chain.close()
  }
}

async function showStatus(context: CommandContext, chain: Chain, addressBook: string): Promise<void> {
  const { output } = context
  const { checksumAddress } = await loadFeature()
  const { shownUrl, TokenClient } = await loadChain()
  const { chainId, addresses, deployedAtBlock } = chain
  const url = shownUrl(chain.rpcUrl)
  const block = (await chain.provider.getBlock('latest'))!
  const { existingWei, mintedWei } = await new TokenClient(chain).supply()
  if (output.json) {
    const head = { blockNumber: block.number, blockHash: block.hash, timestamp: block.timestamp }
    const supply = { existingWei: String(existingWei), mintedWei: String(mintedWei) }
    output.value({ chainId, url, addressBook, ...head, deployedAtBlock, addresses, ...supply })
    return
  }
  printRows(context, [
    ['chain', `${chainId} at ${url}`],
    ['block', `${block.number} of ${new Date(block.timestamp * 1000).toISOString()}`],
    ['book', addressBook],
    ['supply', `${formatHart(existingWei)} HART of ${formatHart(mintedWei)} minted`],
  ])
  const rows = Object.entries(addresses).map(([name, address]) => [name, checksumAddress(address)])
  output.table(['contract', 'address'], rows)
  output.note('code and wiring of every contract are those of this program')
}

export const chainDeploy: Command = {
  name: 'chain deploy',
  summary: 'Make the contracts on a chain, and an address book for all who shall use them.',
  options: {
    rpc: { type: 'string' },
    wallet: { type: 'string' },
    'key-file': { type: 'string' },
    out: { type: 'string' },
    'dry-run': { type: 'boolean' },
    ...passphraseOptions,
  },
  optionHelp: {
    rpc: { value: 'URL', help: 'the chain; without it chain.rpc of the settings' },
    wallet: { value: 'NAME', help: 'who pays, and receives the genesis supply' },
    'key-file': { value: 'FILE', help: 'the same from a file (mode 0600) of 64 digits, words or a keystore' },
    out: { value: 'FILE', help: 'the address book; without it chain.json in the data folder; it must not exist yet' },
    'dry-run': { help: 'show addresses, arguments and gas, and send nothing' },
    ...passphraseOptionHelp,
  },
  examples: [
    'hart chain deploy --rpc https://rpc.example --wallet main --dry-run',
    'hart chain deploy --rpc https://rpc.example --wallet main --out chain.json',
    'hart chain deploy --rpc http://127.0.0.1:8545 --key-file deployer.key --yes --json',
  ],
  async run(context) {
    const url = textOption(context, 'rpc') ?? (await configOf(context))['chain.rpc']
    if (url === '') throw noRpc()
    const out = resolve(textOption(context, 'out') ?? dataFiles.addressBook(context.paths.dataDir))
    const isDryRun = flagOption(context, 'dry-run')
    if (!isDryRun) {
      requireConsent(context)
      await requireFree(out)
    }
    return withDeployer(context, async (privateKey) => {
      const { connectRpc, planDeployment, signerOf } = await loadChain()
      const { addressOf } = await loadFeature()
      const connection = await connectRpc({ url })
      try {
        const plan = await planDeployment(connection, addressOf(privateKey))
        if (isDryRun || !flagOption(context, 'yes')) await showPlan(context, connection, plan)
        if (isDryRun) return 0
        if (!flagOption(context, 'yes')) {
          const question = `make these contracts on chain ${plan.chainId}, paid by ${plan.deployer}?`
          if (!(await askYesNo(question, promptStreams()!, context.signal))) return 1
        }
        return await deploy(context, connection, signerOf(connection, privateKey), out)
      } finally {
        await connection.close()
      }
    })
  },
}

async function deploy(context: CommandContext, connection: ChainConnection, signer: ChainSigner, out: string) {
  const { output, signal } = context
  const { writeAddressBook } = await loadFeature()
  const { deployContracts } = await loadChain()
  const { book, gasUsed } = await deployContracts(connection, signer, {
    signal,
    onDeployed: ({ name, address }, gas) => {
      if (!output.json) output.line(`${name.padEnd(10)}  ${address}  gas ${gas}`)
    },
  })
  await writeAddressBook(out, book)
  if (output.json) output.value({ file: out, gasUsed: String(gasUsed), ...book })
  else output.note(`the address book is ${out}; whoever uses these contracts needs it, and the URL of the chain`)
  return 0
}

async function showPlan(context: CommandContext, connection: ChainConnection, plan: DeploymentPlan): Promise<void> {
  const { output } = context
  const { provider } = connection
  const gasLeast = plan.contracts.reduce((sum, { gasLeast: gas }) => sum + gas, 0)
  const [balanceWei, { maxFeePerGas, gasPrice }] = await Promise.all([
    provider.getBalance(plan.deployer),
    provider.getFeeData(),
  ])
  const feeWei = BigInt(gasLeast) * (maxFeePerGas ?? gasPrice ?? 0n)
  if (output.json) {
    output.value({ ...plan, gasLeast, feeWei: String(feeWei), balanceWei: String(balanceWei), dryRun: true })
    return
  }
  for (const contract of plan.contracts) {
    output.line(`${contract.name}  ${contract.address}`)
    if (contract.arguments.length > 0) output.line(`  told     ${contract.arguments.join(' ')}`)
    output.line(`  code     ${contract.data.length / 2 - 1} bytes, at least ${contract.gasLeast} gas`)
  }
  printRows(context, [
    ['chain', String(plan.chainId)],
    ['deployer', `${plan.deployer}, nonce ${plan.nonce}; receives the genesis supply`],
    ['gas', `at least ${gasLeast}, at the price of now ${formatHart(feeWei)} ether`],
    ['balance', `${formatHart(balanceWei)} ether`],
  ])
}

/** The key of `--wallet` or `--key-file`, gone afterwards. */
async function withDeployer<T>(context: CommandContext, work: (privateKey: Uint8Array) => Promise<T>): Promise<T> {
  const [wallet, file] = [textOption(context, 'wallet'), textOption(context, 'key-file')]
  if ((wallet === undefined) === (file === undefined))
    throw new HartonomousError('ERR_USAGE', { message: 'give --wallet NAME or --key-file FILE: who pays' })
  if (wallet !== undefined) return withKey(context, await accountNamed(context, wallet), work)
  const { readKeyText, readSecretFile } = await loadFeature()
  const content = await readSecretFile(file!)
  if (content === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'file', id: file! })
  let privateKey: Uint8Array | undefined
  try {
    const passphrase = () => readPassphrase(context, file!, { isNew: false })
    privateKey = (await readKeyText(content.toString('utf8'), { source: file!, passphrase })).privateKey
    return await work(privateKey)
  } finally {
    content.fill(0)
    privateKey?.fill(0)
  }
}

/** Before a passphrase is asked for. */
function requireConsent(context: CommandContext): void {
  if (flagOption(context, 'yes') || promptStreams() !== undefined) return
  const message = 'there is no terminal to ask at: --dry-run shows what would be made, --yes makes it'
  throw new HartonomousError('ERR_USAGE', { message })
}

/** An address book is worth money to whoever uses its contracts: it is never replaced. */
async function requireFree(file: string): Promise<void> {
  const isThere = await access(file).then(
    () => true,
    () => false,
  )
  if (isThere)
    throw new HartonomousError('ERR_USAGE', { message: `there is ${file} already; --out FILE names another` })
}

function portOf(context: CommandContext): number {
  const port = Number(textOption(context, 'port') ?? portDefault)
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port
  throw new HartonomousError('ERR_USAGE', { message: '--port is 0 to 65535' })
}

function noRpc(): HartonomousError {
  const reason = 'no chain is set: hart config set chain.rpc URL, or --rpc URL; hart chain start --use makes one'
  return new HartonomousError('ERR_CONFIG', { key: 'chain.rpc', reason })
}

interface Ready {
  rpcUrl: string
  chainId: number
  bookFile: string
  words: string
  isNew: boolean
}

function printReady(context: CommandContext, { rpcUrl, chainId, bookFile, words, isNew }: Ready): void {
  const { output } = context
  output.line(`\n  ${output.paint('bold', 'local chain')} ${isNew ? 'made' : 'goes on'}\n`)
  printRows(context, [
    ['rpc', rpcUrl],
    ['chain', String(chainId)],
    ['book', bookFile],
    ['words', `${words}; hart wallet import faucet FILE takes its richest account`],
  ])
  output.line(`\n  ${output.paint('dim', 'Ctrl-C stops it; hart chain start goes on with it')}\n`)
}

function printRows({ output }: CommandContext, rows: readonly (readonly [string, string])[]): void {
  for (const [label, text] of rows) output.line(`  ${output.paint('dim', label.padEnd(10))} ${text}`)
}
