/** One chain in a process of its own, and people who use it by `hart` processes, each with its own data folder and key. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { anvilBinary } from '#node/chain/anvil/binary.ts'
import { loadChain, loadOrCreateHotKey } from '#node/chain/index.ts'
import type { Chain, ChainConnection, ChainSigner } from '#node/chain/types.ts'
import { createHome, type Home } from '#node/cli/home.fixture.ts'
import { parseHart } from '#protocol/hart.ts'
import type { Address } from '#protocol/ids.ts'

const executable = fileURLToPath(new URL('../node/bin/main.ts', import.meta.url))
const chainServer = fileURLToPath(new URL('./chain-server.ts', import.meta.url))
/** More at a time only take the cores from one another. */
const processesMax = 3

/** Somebody with a data folder, whose hot key is also its account. */
export interface Person {
  home: Home
  address: Address
  privateKey: Uint8Array
  signer: ChainSigner
  /** Runs `hart` as a process; what it prints with `--json`, where it succeeds. */
  hart<T = Record<string, unknown>>(...args: string[]): Promise<T>
  /** What a process that must fail writes to stderr, and its status. */
  hartFails(...args: string[]): Promise<{ status: number | null; stderr: string }>
}

export interface EconomyWorld {
  chain: Chain
  /** `anvil`, or `hardhat` where that is not installed. */
  kind: 'anvil' | 'hardhat'
  createPerson(amount: string): Promise<Person>
  /** Moves the clock of the chain, and mines. */
  wait(seconds: number): Promise<void>
  mine(blocks: number): Promise<void>
  nowSeconds(): Promise<number>
  close(): Promise<void>
}

export async function startWorld(): Promise<EconomyWorld> {
  const { deployContracts, signerOf, TokenClient } = await loadChain()
  const folder = await mkdtemp(join(tmpdir(), 'hart-economy-'))
  const { connection, deployer, kind, stop } = await startChain(folder)
  const { chain, book } = await deployContracts(connection, deployer)
  const { provider } = chain
  const people: Person[] = []
  return {
    chain,
    kind,
    createPerson: async (amount) => {
      const home = await createHome({ url: chain.rpcUrl!, book })
      const { address, privateKey } = await loadOrCreateHotKey(home.folder)
      await provider.send('hardhat_setBalance', [address, '0x56bc75e2d63100000'])
      await new TokenClient(chain).transfer(address, parseHart(amount)).send(deployer)
      const run = (args: string[]) => runHart([...args, '--json', '--data-dir', home.folder])
      const person: Person = {
        home,
        address,
        privateKey,
        signer: signerOf(chain, privateKey),
        hart: async (...args) => {
          const { status, stdout, stderr } = await run(args)
          if (status !== 0) throw new Error(`hart ${args.join(' ')} ended with ${status}: ${stderr}`)
          return JSON.parse(stdout)
        },
        hartFails: async (...args) => {
          const { status, stderr } = await run(args)
          if (status === 0) throw new Error(`hart ${args.join(' ')} succeeded`)
          return { status, stderr }
        },
      }
      people.push(person)
      return person
    },
    wait: async (seconds) => {
      await provider.send('evm_increaseTime', [seconds])
      await provider.send('evm_mine', [])
    },
    mine: async (blocks) => {
      for (let mined = 0; mined < blocks; mined++) await provider.send('evm_mine', [])
    },
    nowSeconds: async () => (await provider.getBlock('latest'))!.timestamp,
    close: async () => {
      await Promise.all(people.map(({ home }) => home.remove()))
      await stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Does the same for many, some at a time; results in their order. */
export async function forEach<T, R>(items: readonly T[], work: (item: T, index: number) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  let next = 0
  const worker = async () => {
    for (let index = next++; index < items.length; index = next++) results[index] = await work(items[index]!, index)
  }
  await Promise.all(Array.from({ length: processesMax }, worker))
  return results
}

interface StartedChain {
  connection: ChainConnection
  deployer: ChainSigner
  kind: EconomyWorld['kind']
  stop(): Promise<void>
}

async function startChain(folder: string): Promise<StartedChain> {
  const { connectRpc, startAnvil } = await loadChain()
  if (hasAnvil()) {
    const anvil = await startAnvil({ folder })
    return { connection: anvil, deployer: anvil.account(0), kind: 'anvil', stop: () => anvil.close() }
  }
  const server = spawn(process.execPath, [chainServer], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = new Promise((resolve) => server.once('close', resolve))
  const url = await new Promise<string>((resolve, reject) => {
    server.stdout.setEncoding('utf8').once('data', (text: string) => resolve(text.trim()))
    void exited.then(() => reject(new Error('the chain ended before it answered')))
  })
  const connection = await connectRpc({ url })
  const stop = async () => {
    await connection.close()
    server.stdin.end()
    await exited
  }
  return { connection, deployer: await connection.provider.getSigner(0), kind: 'hardhat', stop }
}

function hasAnvil(): boolean {
  try {
    anvilBinary()
    return true
  } catch {
    return false
  }
}

async function runHart(args: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [executable, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const written = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (part: string) => {
      written[name] += part
    })
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { status, ...written }
}
