/**
 * A chain for nodes in processes of their own: anvil where it is installed, else Hardhat's in this process. Nodes reach it
 * through a door that the test can shut.
 */
import { spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { type Chain, type ChainSigner, loadChain, loadOrCreateHotKey, writeAddressBook } from '#node/chain/index.ts'
import { startServedHardhat } from '#node/chain/served-hardhat.fixture.ts'
import type { DevnetNode } from '#node/cli/devnet/child.ts'
import { isHartonomousError } from '#protocol/errors.ts'
import { parseHart } from '#protocol/hart.ts'
import type { Address, ModelId } from '#protocol/ids.ts'
import { topicOf } from '#protocol/payment/index.ts'
import { day } from '#protocol/units.ts'

const executable = fileURLToPath(new URL('../node/bin/main.ts', import.meta.url))

/** A HART for each MiB: sums are easy to read. */
export const pricePerGiB = '1024'
export const weiPerMiB = parseHart('1')
const gas = '0x56bc75e2d63100000'

export interface Run {
  status: number | null
  stdout: string
  stderr: string
}

/** `hart …` as a process, in the data folder of a node. */
export const hart = ({ dataDir }: Pick<DevnetNode, 'dataDir'>, ...args: string[]): Promise<Run> => run(dataDir, args)

async function run(dataDir: string, args: readonly string[], environment: Record<string, string> = {}): Promise<Run> {
  const child = spawn(process.execPath, [executable, ...args, '--data-dir', dataDir], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], ...environment },
  })
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve))
  const [stdout, stderr, status] = await Promise.all([text(child.stdout), text(child.stderr), exited])
  return { status, stdout, stderr }
}

/** @throws with what it wrote to stderr, where it does not end with one of `statuses`. */
export async function hartJson<T>(
  node: Pick<DevnetNode, 'dataDir'>,
  args: readonly string[],
  statuses = [0],
): Promise<T> {
  const run = await hart(node, ...args, '--json')
  if (run.status === null || !statuses.includes(run.status))
    throw new Error(`hart ${args.join(' ')} ended with ${run.status}: ${run.stderr}`)
  return JSON.parse(run.stdout)
}

export class TestEconomy {
  readonly chain: Chain
  readonly #folder: string
  readonly #deployer: ChainSigner
  readonly #door: ChainDoor
  readonly #closeChain: () => Promise<void>

  private constructor(
    folder: string,
    parts: { chain: Chain; deployer: ChainSigner; door: ChainDoor; close: () => Promise<void> },
  ) {
    this.#folder = folder
    this.chain = parts.chain
    this.#deployer = parts.deployer
    this.#door = parts.door
    this.#closeChain = parts.close
  }

  static async create(folder: string): Promise<TestEconomy> {
    const started = (await tryAnvil(join(folder, 'chain'))) ?? (await startHardhat())
    const door = await ChainDoor.open(started.url)
    const economy = new TestEconomy(folder, { ...started, door })
    const { chainId, addresses, deployedAtBlock } = started.chain
    await writeAddressBook(economy.#book, { chainId, addresses, deployedAtBlock, codeHashes: started.codeHashes })
    return economy
  }

  get #book(): string {
    return join(this.#folder, 'chain.json')
  }

  /** Arguments of a node that is on this chain, and asks and pays a HART for each MiB. */
  settings(changed: Record<string, string> = {}): string[] {
    const pairs = {
      'chain.rpc': this.#door.url,
      'chain.addressBook': this.#book,
      'payment.pricePerGiB': pricePerGiB,
      'payment.maxPricePerGiB': pricePerGiB,
      'payment.claim': 'false',
      ...changed,
    }
    return Object.entries(pairs).flatMap(([key, value]) => ['--set', `${key}=${value}`])
  }

  /** Makes the hot key of a node that has not started yet; gives it ether for gas and, in the escrow, a deposit of HART. */
  async fund(dataDir: string, deposit: string): Promise<Address> {
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    const { address, privateKey } = await loadOrCreateHotKey(dataDir)
    const { planFund, signerOf, TokenClient } = await loadChain()
    await this.chain.provider.send('hardhat_setBalance', [address, gas])
    const amountWei = parseHart(deposit)
    if (amountWei === 0n) return address
    await new TokenClient(this.chain).transfer(address, amountWei).send(this.#deployer)
    const signer = signerOf(this.chain, privateKey)
    const hotKey = { address, privateKey }
    for (const step of await planFund(this.chain, { payer: address, amountWei, allowanceWei: undefined, hotKey }))
      await (await step(signer)).send(signer)
    return address
  }

  /** A command that sends transactions, in the name of the hot key of that node. */
  transact({ dataDir }: Pick<DevnetNode, 'dataDir'>, ...args: string[]): Promise<Run> {
    const environment = { HARTONOMOUS_CHAIN_RPC: this.#door.url, HARTONOMOUS_CHAIN_ADDRESS_BOOK: this.#book }
    return run(dataDir, [...args, '--wallet', 'hot', '--yes'], environment)
  }

  async escrow() {
    const { EscrowClient } = await loadChain()
    return new EscrowClient(this.chain)
  }

  /** Sets a part of a node's deposit aside for one seller of one model. */
  async lock(dataDir: string, payee: Address, modelId: ModelId, amount: string): Promise<void> {
    const { signerOf } = await loadChain()
    const { privateKey } = await loadOrCreateHotKey(dataDir)
    const call = (await this.escrow()).lock(payee, topicOf(modelId), parseHart(amount))
    await call.send(signerOf(this.chain, privateKey))
  }

  /** What the contract has paid on the channel so far. */
  async claimedWei(payer: Address, payee: Address, modelId: ModelId): Promise<bigint> {
    return (await (await this.escrow()).channel(payer, payee, topicOf(modelId))).claimedWei
  }

  async passDays(days: number): Promise<void> {
    await this.chain.provider.send('evm_increaseTime', [(days * day) / 1000])
    await this.chain.provider.send('evm_mine', [])
  }

  /** No node reaches the chain until it is opened again; the test does. */
  setReachable(isReachable: boolean): void {
    this.#door.isOpen = isReachable
  }

  async close(): Promise<void> {
    await this.#door.close()
    await this.chain.close()
    await this.#closeChain()
  }
}

async function tryAnvil(folder: string) {
  const { deployContracts, startAnvil } = await loadChain()
  try {
    const anvil = await startAnvil({ folder })
    const deployer = anvil.account(0)
    const { chain, book } = await deployContracts(anvil, deployer)
    return { chain, codeHashes: book.codeHashes, deployer, url: anvil.rpcUrl, close: () => anvil.close() }
  } catch (error) {
    if (isHartonomousError(error, 'ERR_CHAIN_UNAVAILABLE')) return undefined
    throw error
  }
}

async function startHardhat() {
  const { hardhat, chain, book, url, close } = await startServedHardhat()
  return { chain, codeHashes: book.codeHashes, deployer: await hardhat.signer(0), url, close }
}

/** Passes requests on, or drops the connection as a host that is gone. */
class ChainDoor {
  isOpen = true
  readonly #server: Server
  readonly url: string

  private constructor(server: Server) {
    this.#server = server
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  }

  static async open(target: string): Promise<ChainDoor> {
    const server = createServer(async (request, response) => {
      const body = await text(request)
      try {
        if (!door.isOpen) throw new Error('the door is shut')
        const answer = await fetch(target, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
        response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text())
      } catch {
        response.destroy()
      }
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const door = new ChainDoor(server)
    return door
  }

  close(): Promise<void> {
    this.#server.closeAllConnections()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }
}
