import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { anvilBinary } from '../../chain/anvil/binary.ts'
import { type HardhatChain, startHardhat } from '../../chain/hardhat.fixture.ts'
import { addressOf, type ContractAddresses, readAddressBook } from '../../chain/index.ts'
import { type RpcServer, serveRpc } from '../../chain/rpc-server.fixture.ts'
import { hartIn } from '../run.fixture.ts'

const key = new Uint8Array(32).fill(21)
const main = fileURLToPath(new URL('../../bin/main.ts', import.meta.url))

/** Undefined where anvil is here; else why it is not. */
function whyMissing(): string | undefined {
  try {
    anvilBinary()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}
const missing = whyMissing()
if (missing !== undefined) console.warn(`the tests of hart chain start are left out: ${missing}`)

let hardhat: HardhatChain
let server: RpcServer
let folder: string
let keyFile: string
const children: ChildProcessByStdio<null, Readable, null>[] = []

beforeAll(async () => {
  hardhat = await startHardhat()
  server = await serveRpc(hardhat.request)
  await hardhat.request('hardhat_setBalance', [addressOf(key), '0x56bc75e2d63100000'])
})
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hart-chain-'))
  keyFile = join(folder, 'deployer.key')
  await writeFile(keyFile, Buffer.from(key).toString('hex'), { mode: 0o600 })
})
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill('SIGINT')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
  await rm(folder, { recursive: true, force: true })
})
afterAll(async () => {
  await server?.close()
  await hardhat?.close()
})

const hart = (...argv: string[]) => hartIn(folder, argv)

test('chain deploy: a dry run shows addresses, arguments and gas, and sends nothing', async () => {
  const argv = ['chain', 'deploy', '--rpc', server.url, '--key-file', keyFile, '--dry-run']
  const sentBefore = server.counts.get('eth_sendRawTransaction')
  const { status, stdout, stderr } = await hart(...argv)
  expect([status, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(/^Token {2}0x[0-9a-f]{40}\n {2}told {5}0x[0-9a-f]{40} 0x[0-9a-f]{40}\n {2}code {5}\d+ bytes/)
  expect(stdout).toContain('100 ether')
  const plan = JSON.parse((await hart(...argv, '--json')).stdout)
  expect(plan).toMatchObject({ dryRun: true, deployer: addressOf(key), nonce: 0 })
  expect(plan.contracts.map(({ name }: { name: string }) => name)).toHaveLength(7)
  expect(server.counts.get('eth_sendRawTransaction')).toBe(sentBefore)
})

test('chain deploy: makes the contracts where the plan said, writes the address book once, and status finds them', async () => {
  const argv = ['chain', 'deploy', '--rpc', server.url, '--key-file', keyFile, '--yes', '--json']
  const plan = JSON.parse((await hart(...argv, '--dry-run')).stdout) as {
    contracts: { name: string; address: string }[]
  }
  const made = await hart(...argv)
  expect([made.status, made.stderr]).toEqual([0, ''])
  const { file, addresses } = JSON.parse(made.stdout) as { file: string; addresses: ContractAddresses }
  expect(file).toBe(join(folder, 'chain.json'))
  expect(plan.contracts.map(({ name, address }) => [name, address])).toEqual(Object.entries(addresses))
  expect((await readAddressBook(file))!.addresses).toEqual(addresses)
  const text = await readFile(file, 'utf8')
  const again = await hart(...argv)
  expect(again.status).toBe(2)
  expect(again.stderr).toContain('chain.json already')
  expect(await readFile(file, 'utf8')).toBe(text)

  await hart('config', 'set', 'chain.rpc', server.url)
  const status = await hart('chain', 'status')
  expect([status.status, status.stderr]).toEqual([0, 'code and wiring of every contract are those of this program\n'])
  expect(status.stdout).toContain('560000 HART of 560000 minted')
  expect(JSON.parse((await hart('chain', 'status', '--json')).stdout)).toMatchObject({ addresses, url: server.url })
  const swapped = { ...JSON.parse(text), addresses: { ...addresses, Escrow: addresses.Token } }
  await writeFile(join(folder, 'swapped.json'), JSON.stringify(swapped))
  const wrong = await hart('chain', 'status', '--book', join(folder, 'swapped.json'))
  expect(wrong.status).toBe(1)
  expect(wrong.stderr).toContain('ERR_CHAIN_WRONG')
})

test('chain fund: gives HART and gas on a chain for trying out, and refuses what is no address', async () => {
  const book = join(folder, 'fund.json')
  const deploy = ['chain', 'deploy', '--rpc', server.url, '--key-file', keyFile, '--out', book, '--yes', '--json']
  expect((await hart(...deploy)).status).toBe(0)
  const of = ['--rpc', server.url, '--book', book]
  const address = `0x${'5a'.repeat(20)}`
  const given = await hart('chain', 'fund', address, ...of)
  expect([given.status, given.stderr]).toEqual([0, ''])
  expect(given.stdout).toContain('received 10000 HART, and has ether for gas')
  const { hartWei, etherWei } = JSON.parse((await hart('chain', 'fund', address, ...of, '--json')).stdout)
  expect([hartWei, etherWei]).toEqual([`${10n ** 22n}`, `${10n ** 19n}`])
  expect((await hart('chain', 'fund', '0x12', ...of)).status).toBe(2)
})

test('chain deploy: without consent, payer, key or chain it says what is missing, and sends nothing', async () => {
  const refused = async (message: string, ...argv: string[]) => {
    const { status, stderr } = await hart('chain', 'deploy', ...argv)
    expect([status, stderr]).toEqual([2, expect.stringContaining(message)])
  }
  const sentBefore = server.counts.get('eth_sendRawTransaction')
  await refused('chain.rpc', '--key-file', keyFile, '--yes')
  await refused('--dry-run shows', '--rpc', server.url, '--key-file', keyFile)
  await refused('--wallet NAME or --key-file FILE', '--rpc', server.url, '--yes')
  const open = join(folder, 'open.key')
  await writeFile(open, Buffer.from(key).toString('hex'), { mode: 0o644 })
  await refused('ERR_KEY', '--rpc', server.url, '--key-file', open, '--yes')
  expect(server.counts.get('eth_sendRawTransaction')).toBe(sentBefore)
  const away = await hart('chain', 'status', '--rpc', 'http://127.0.0.1:1', '--book', join(folder, 'none.json'))
  expect(away.status).toBe(2)
})

interface Ready {
  rpcUrl: string
  chainId: number
  addressBook: string
  words: string
  state: string
  isNew: boolean
}

async function startChain(...argv: string[]): Promise<{ ready: Ready; stop(): Promise<unknown> }> {
  const child = spawn(
    process.execPath,
    [main, 'chain', 'start', '--port', '0', '--json', '--data-dir', folder, ...argv],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  children.push(child)
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  const stop = async () => {
    child.kill('SIGINT')
    const [code] = await once(child, 'exit')
    return code
  }
  return { ready: JSON.parse(line) as Ready, stop }
}

test.skipIf(missing !== undefined)(
  'chain start: a local chain is made, used by the other commands, stopped, and goes on where it was',
  async () => {
    const fund = addressOf(new Uint8Array(32).fill(8))
    const first = await startChain('--use', '--fund', fund)
    expect(first.ready).toMatchObject({ event: 'ready', chainId: 31_415, isNew: true, state: 'none' })
    const status = JSON.parse((await hart('chain', 'status', '--json')).stdout)
    expect(status).toMatchObject({ chainId: 31_415, addressBook: first.ready.addressBook })
    const balance = await hart('wallet', 'balance', fund, '--json')
    expect(JSON.parse(balance.stdout)).toMatchObject({ freeWei: String(10_000n * 10n ** 18n) })
    expect(await first.stop()).toBe(0)
    expect((await hart('chain', 'status')).status).toBe(3)

    const second = await startChain()
    expect(second.ready).toMatchObject({ isNew: false, state: 'good' })
    const argv = ['chain', 'status', '--rpc', second.ready.rpcUrl, '--json']
    expect(JSON.parse((await hart(...argv)).stdout).addresses).toEqual(status.addresses)
    const third = await hart('chain', 'start', '--port', '0')
    expect([third.status, third.stderr]).toEqual([1, expect.stringContaining('ERR_NODE_RUNNING')])
    expect(await second.stop()).toBe(0)
  },
)
