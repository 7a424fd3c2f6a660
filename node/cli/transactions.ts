/** Commands that send transactions: what will be sent is shown first, and sent when a person, or `--yes`, agrees. */
import { HartonomousError } from '#protocol/errors.ts'
import { formatHart } from '#protocol/hart.ts'
import { parseAddress } from '#protocol/ids.ts'
import type { Chain, RehearsedCall, Sent, Step } from '../chain/index.ts'
import { dataFiles } from '../config/index.ts'
import { type ChosenAccount, configOf, withKey } from './account.ts'
import { type CommandContext, flagOption, type OptionHelp } from './command.ts'
import { passphraseOptionHelp, passphraseOptions } from './passphrase.ts'
import { askYesNo, promptStreams } from './prompt.ts'

/** Loaded when needed: most commands know no chain. */
const loadFeature = () => import('../chain/index.ts')
export const loadChain = async () => (await loadFeature()).loadChain()

export const transactionOptions = {
  wallet: { type: 'string' },
  'dry-run': { type: 'boolean' },
  ...passphraseOptions,
} as const
export const transactionOptionHelp: Record<keyof typeof transactionOptions, OptionHelp> = {
  wallet: { value: 'NAME', help: 'in whose name; without it the wallet of payment.owner, or the hot key of this node' },
  'dry-run': { help: 'show the exact calls and what they would do, and send nothing' },
  ...passphraseOptionHelp,
}

/** Arguments of our contracts that are wei of HART. */
const amountNames = new Set(['amount', 'assets', 'value', 'bond', 'allowance'])

/** The chain of the settings, for as long as `work` takes. @throws {ERR_CONFIG} {ERR_CHAIN_UNAVAILABLE} {ERR_CHAIN_WRONG} */
export async function withChain<T>(context: CommandContext, work: (chain: Chain) => Promise<T>): Promise<T> {
  const config = await configOf(context)
  const { openConfiguredChain } = await loadChain()
  const chain = await openConfiguredChain({
    rpcUrl: config['chain.rpc'],
    addressBook: config['chain.addressBook'] || dataFiles.addressBook(context.paths.dataDir),
  })
  try {
    return await work(chain)
  } finally {
    await chain.close()
  }
}

/** `T`: what the steps answer beyond their receipt. */
export interface Transactions<T> {
  chain: Chain
  account: ChosenAccount
  steps: readonly Step<T>[]
  /** What is told when there is nothing to send. */
  whenNothing: string
  /** What to tell afterwards, read from the answers of the steps: fields for `--json`, a line for people. */
  report?(sent: readonly (Sent & T)[]): { fields: Record<string, unknown>; note: string }
}

/** Resolves to the exit status: 1 where the person said no. */
export async function transact<T>(context: CommandContext, transactions: Transactions<T>): Promise<number> {
  const { output } = context
  const { account, chain, steps } = transactions
  const head = { account: account.name, address: account.address, chainId: chain.chainId }
  if (steps.length === 0) {
    if (output.json) output.value({ ...head, dryRun: flagOption(context, 'dry-run'), calls: [] })
    else output.note(transactions.whenNothing)
    return 0
  }
  const isDryRun = flagOption(context, 'dry-run')
  if (!isDryRun) requireConsent(context)
  const { rehearse, signerOf } = await loadChain()
  return withKey(context, account, async (privateKey) => {
    const signer = signerOf(chain, privateKey)
    const calls = []
    for (const step of steps) calls.push(await step(signer))
    const rehearsed = await rehearse(chain, account.address, calls)
    if (isDryRun) {
      if (output.json) output.value({ ...head, dryRun: true, calls: rehearsed })
      else for (const line of await callLines(chain, rehearsed)) output.line(line)
      return 0
    }
    if (!(await agrees(context, transactions, rehearsed))) {
      output.note('nothing was sent')
      return 1
    }
    const sent: (Sent & T)[] = []
    const width = Math.max(...calls.map(({ contract, method }) => contract.length + 1 + method.length))
    for (const [index, call] of calls.entries()) {
      context.signal.throwIfAborted()
      output.progress(`${call.contract}.${call.method} ...`)
      sent.push(await call.send(signer))
      const { transactionHash, blockNumber, gasUsed } = sent[index]!
      if (!output.json)
        output.line(
          `${`${call.contract}.${call.method}`.padEnd(width)}  ${transactionHash}  block ${blockNumber}  gas ${gasUsed}`,
        )
    }
    const report = transactions.report?.(sent)
    if (output.json)
      output.value({
        ...head,
        dryRun: false,
        calls: rehearsed.map(({ contract, to, method, arguments: values }, index) => {
          const { transactionHash, blockNumber, gasUsed } = sent[index]!
          return { contract, to, method, arguments: values, transactionHash, blockNumber, gasUsed: String(gasUsed) }
        }),
        ...report?.fields,
      })
    else if (report !== undefined) output.note(report.note)
    return 0
  })
}

/** Before a passphrase is asked for. */
function requireConsent(context: CommandContext): void {
  if (flagOption(context, 'yes') || promptStreams() !== undefined) return
  throw new HartonomousError('ERR_USAGE', {
    message: 'there is no terminal to ask at: --dry-run shows what would be sent, --yes sends it',
  })
}

async function agrees(
  context: CommandContext,
  { account, chain }: Pick<Transactions<unknown>, 'account' | 'chain'>,
  calls: readonly RehearsedCall[],
): Promise<boolean> {
  if (flagOption(context, 'yes')) return true
  const streams = promptStreams()!
  const { checksumAddress } = await loadFeature()
  streams.output.write(`${(await callLines(chain, calls)).join('\n')}\n`)
  const { shownUrl } = await loadChain()
  const where = `chain ${chain.chainId} at ${shownUrl(chain.rpcUrl)}`
  const whose = `${account.name} (${checksumAddress(account.address)})`
  return askYesNo(`send to ${where} in the name of ${whose}?`, streams, context.signal)
}

/** One block a call: what is called with what, and what comes of it. */
async function callLines(chain: Chain, calls: readonly RehearsedCall[]): Promise<string[]> {
  const { checksumAddress } = await loadFeature()
  const names = new Map<string, string>(Object.entries(chain.addresses).map(([name, address]) => [address, name]))
  const shownValue = (name: string, value: unknown): string => {
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    const contract = names.get(text)
    if (/^0x[0-9a-f]{40}$/.test(text))
      return `${checksumAddress(parseAddress(text))}${contract === undefined ? '' : `  (${contract})`}`
    return amountNames.has(name) && /^\d+$/.test(text) ? `${text}  (${formatHart(BigInt(text))} HART)` : text
  }
  return calls.flatMap((call) => {
    const values = Object.entries(call.arguments).map(([name, value]) => [name, shownValue(name, value)])
    const outcome =
      call.unknown === undefined
        ? [['gas', call.gas!], ...(call.result === undefined ? [] : [['result', shownAmount(call)]])]
        : [['gas', `not known: ${call.unknown}`]]
    const rows = [...values, ['ether', call.valueWei], ...outcome] as [string, string][]
    const width = Math.max(...rows.map(([name]) => name.length))
    const head = `${call.contract}.${call.method}  ${checksumAddress(call.to)}`
    return [head, ...rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`)]
  })
}

function shownAmount({ contract, method, result }: RehearsedCall): string {
  const isAmount = method === 'withdraw' && (contract === 'Staking' || contract === 'Escrow')
  return isAmount ? `${result}  (${formatHart(BigInt(result!))} HART)` : result!
}
