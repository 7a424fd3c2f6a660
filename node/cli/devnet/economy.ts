/**
 * The paid side of the local swarm: a chain of its own, the contracts on it, a bond for each node and a deposit for each that
 * buys. At the end a process that is none of the nodes settles what they were promised, and the chain's logs, read afresh,
 * are compared with what each node has in its ledger.
 */
import { spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { EarningsView } from '#protocol/api/earnings.ts'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import { parseHart } from '#protocol/hart.ts'
import type { Address } from '#protocol/ids.ts'
import { type AddressBook, type Chain, loadChain, loadOrCreateHotKey, writeAddressBook } from '../../chain/index.ts'
import { dataFiles } from '../../config/index.ts'
import { loadOrCreateIdentity } from '../../network/index.ts'
import type { DevnetNode } from './child.ts'

const executable = fileURLToPath(new URL('../../bin/main.ts', import.meta.url))

/** The bundled model then costs 0.03 HART, and its answer 0.1: sums that a person can see. */
const pricePerGiB = '10'
const pricePerKiloToken = '1'
const bondWei = parseHart('1000')
/** Of the rewards of who delegates to them, as an operator may take it. */
const commissionBps = 500
const depositWei = parseHart('50')
/** For gas: a hundredth is enough. */
const gasWei = 10n ** 18n

export interface EconomySummary {
  vouchers: number
  settledWei: string
  transactions: number
  gasPerVoucher: number
  /** What the contract's events say was paid is what the nodes have vouchers and receipts for, each by itself. */
  ledgerMatchesChain: boolean
  /** What does not match, where something does not. */
  differences?: string[]
  /** What each node is known for on the chain, by its address. */
  reputation: Record<string, { earnedWei: string; stakeWei: string; disputesLost: number }>
}

interface AnvilChain extends Awaited<ReturnType<Awaited<ReturnType<typeof loadChain>>['startAnvil']>> {}

export class DevnetEconomy {
  readonly rpcUrl: string
  readonly #folder: string
  readonly #anvil: AnvilChain
  readonly #chain: Chain
  readonly bookPath: string
  #setups: Promise<unknown> = Promise.resolve()

  private constructor(folder: string, anvil: AnvilChain, chain: Chain, bookPath: string) {
    this.#folder = folder
    this.#anvil = anvil
    this.#chain = chain
    this.bookPath = bookPath
    this.rpcUrl = anvil.rpcUrl
  }

  /** @returns undefined, after `onMissing`, where the program of the local chain is not installed. */
  static async open(folder: string, onMissing: (reason: string) => void): Promise<DevnetEconomy | undefined> {
    const { startAnvil, deployContracts } = await loadChain()
    let anvil: AnvilChain
    try {
      anvil = await startAnvil({ folder: join(folder, 'chain') })
    } catch (error) {
      if (!isHartonomousError(error, 'ERR_CHAIN_UNAVAILABLE')) throw error
      onMissing(error.fields.reason)
      return undefined
    }
    try {
      const { chain, book } = await deployContracts(anvil, anvil.account(0))
      const bookPath = join(folder, 'chain.json')
      await writeAddressBook(bookPath, book satisfies AddressBook)
      return new DevnetEconomy(folder, anvil, chain, bookPath)
    } catch (error) {
      await anvil.close()
      throw error
    }
  }

  /** Settings of a node that is on this chain. Claims are left to the process that settles. */
  settings(role: 'node' | 'requester'): string[] {
    const asked = role === 'node' ? { pricePerGiB, pricePerKiloToken } : { pricePerGiB: '0', pricePerKiloToken: '0' }
    const pairs = {
      'chain.rpc': this.rpcUrl,
      'chain.addressBook': this.bookPath,
      'payment.pricePerGiB': asked.pricePerGiB,
      'payment.pricePerKiloToken': asked.pricePerKiloToken,
      'payment.maxPricePerGiB': pricePerGiB,
      'payment.maxPricePerKiloToken': pricePerKiloToken,
      'payment.claim': 'false',
    }
    return Object.entries(pairs).flatMap(([key, value]) => ['--set', `${key}=${value}`])
  }

  /** Gives a node of this data folder, before it starts, money for gas and a deposit; and a bond, where it works for others. */
  prepare(dataDir: string, role: 'node' | 'requester'): void {
    const account = this.#account(dataDir)
    account.catch(() => undefined)
    // One after the other in the deployer's name; what each node does in its own name goes on beside.
    const funded = this.#setups.then(async () => this.#fund(await account, role))
    this.#setups = funded
    this.#prepared.push(funded.then(async () => this.#commit(await account, role)))
  }

  readonly #prepared: Promise<void>[] = []

  /** Resolves when all that was prepared has its bond and its deposit. */
  async ready(): Promise<void> {
    await Promise.all(this.#prepared)
  }

  /** Settles everything by a process with a key of its own; then reads the chain and the ledgers again. */
  async settle(nodes: readonly DevnetNode[], signal: AbortSignal): Promise<EconomySummary> {
    const claimer = join(this.#folder, 'claimer')
    await mkdir(claimer, { recursive: true, mode: 0o700 })
    const { address } = await loadOrCreateHotKey(claimer)
    await this.#giveGas(address)
    const sent = await this.#claim(claimer, nodes, signal)
    const views = await Promise.all(
      nodes.map(async (node) => (await node.connect(signal)).get<EarningsView>('/api/v1/earnings?verify=true')),
    )
    return this.#summary(sent, views)
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#prepared, this.#setups])
    await this.#chain.close()
    await this.#anvil.close()
  }

  async #account(dataDir: string): Promise<NodeAccount> {
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    const [hotKey, identity] = await Promise.all([
      loadOrCreateHotKey(dataDir),
      loadOrCreateIdentity(dataFiles.network(dataDir)),
    ])
    return { hotKey, peerKey: identity.privateKey.publicKey.raw }
  }

  async #fund({ hotKey: { address } }: NodeAccount, role: 'node' | 'requester'): Promise<void> {
    const { TokenClient } = await loadChain()
    const amountWei = role === 'node' ? bondWei + depositWei : depositWei
    await this.#giveGas(address)
    await new TokenClient(this.#chain).transfer(address, amountWei).send(this.#anvil.account(0))
  }

  async #giveGas(address: Address): Promise<void> {
    await this.#chain.provider.send('anvil_setBalance', [address, `0x${gasWei.toString(16)}`])
  }

  async #commit({ hotKey, peerKey }: NodeAccount, role: 'node' | 'requester'): Promise<void> {
    const { planFund, planStake, ReputationClient, signerOf } = await loadChain()
    const { address: owner } = hotKey
    const chain = this.#chain
    const steps = await planFund(chain, { payer: owner, amountWei: depositWei, allowanceWei: undefined, hotKey })
    if (role === 'node') {
      const wish = { owner, peerKey, hotKey: owner, bondWei, commissionBps, takeOver: false }
      steps.push(...(await planStake(chain, wish)), () => new ReputationClient(chain).register())
    }
    const signer = signerOf(chain, hotKey.privateKey)
    for (const step of steps) await (await step(signer)).send(signer)
  }

  async #claim(claimer: string, nodes: readonly DevnetNode[], signal: AbortSignal): Promise<SentClaim[]> {
    const args = ['earnings', 'claim', '--json', '--yes', '--all', '--wallet', 'hot', '--data-dir', claimer]
    const child = spawn(process.execPath, [executable, ...args, ...nodes.flatMap((node) => ['--node', node.dataDir])], {
      stdio: ['ignore', 'pipe', 'pipe'],
      signal,
      env: {
        PATH: process.env['PATH'],
        HARTONOMOUS_CHAIN_RPC: this.rpcUrl,
        HARTONOMOUS_CHAIN_ADDRESS_BOOK: this.bookPath,
      },
    })
    const exited = new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exited])
    if (code !== 0)
      throw new HartonomousError('ERR_RUN_INCOMPLETE', { reason: `the settlement failed: ${stderr.trim()}` })
    return (JSON.parse(stdout.trim().split('\n').at(-1)!) as { calls: SentClaim[] }).calls
  }

  async #summary(sent: readonly SentClaim[], views: readonly EarningsView[]): Promise<EconomySummary> {
    const { ReputationClient, readClaimed } = await loadChain()
    const chain = this.#chain
    const reputation: EconomySummary['reputation'] = {}
    let settledWei = 0n
    const differences: string[] = []
    for (const view of views) {
      const owner = view.owner as Address
      const events = await readClaimed(chain, owner)
      const paidWei = events.reduce((sum, { amountWei }) => sum + amountWei, 0n)
      settledWei += paidWei
      differences.push(...(view.differences ?? ['the ledger was not checked']))
      const { promisedWei, unpaidWei } = view
      if (paidWei !== BigInt(promisedWei)) differences.push(`${owner}: ${promisedWei} wei promised, ${paidWei} paid`)
      const receiptedWei = receiptsWei(view)
      if (receiptedWei !== paidWei + BigInt(unpaidWei))
        differences.push(`${owner}: receipts for ${receiptedWei} wei, ${paidWei} paid and ${unpaidWei} unpaid`)
      const { earnedWei, slashableWei, disputes } = await new ReputationClient(chain).summary(owner)
      reputation[owner] = {
        earnedWei: String(earnedWei),
        stakeWei: String(slashableWei),
        disputesLost: disputes.guilty + disputes.equivocations,
      }
    }
    const channels = views.flatMap((view) => view.channels).filter((channel) => channel.vouchers > 0)
    const gas = sent.reduce((sum, { gasUsed }) => sum + Number(gasUsed), 0)
    return {
      vouchers: channels.reduce((sum, channel) => sum + channel.vouchers, 0),
      settledWei: String(settledWei),
      transactions: sent.length,
      gasPerVoucher: channels.length === 0 ? 0 : Math.round(gas / channels.length),
      ledgerMatchesChain: differences.length === 0,
      ...(differences.length === 0 ? {} : { differences }),
      reputation,
    }
  }
}

interface NodeAccount {
  hotKey: Awaited<ReturnType<typeof loadOrCreateHotKey>>
  peerKey: Uint8Array
}

interface SentClaim {
  transactionHash: string
  gasUsed: string
}

function receiptsWei({ channels }: EarningsView): bigint {
  return channels.reduce((sum, channel) => sum + BigInt(channel.receiptsWei), 0n)
}
