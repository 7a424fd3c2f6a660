/** A chain whose clock and answers a test moves, two nodes that take delegation, and a coordinator of its own with its pages. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext } from 'playwright-core'
import { ScriptedNodes } from '#coordinator/jobs/scripted-nodes.fixture.ts'
import { startCoordinator } from '#coordinator/runtime/server.ts'
import { StakingClient, signerOf, TokenClient } from '#node/chain/chain.ts'
import { type HardhatChain, startDeployedHardhat } from '#node/chain/hardhat.fixture.ts'
import { createAccount, writeAddressBook } from '#node/chain/index.ts'
import { type RpcServer, serveRpc } from '#node/chain/rpc-server.fixture.ts'
import type { Chain, ChainSigner } from '#node/chain/types.ts'
import { dataFiles, resolveConfig } from '#node/config/index.ts'
import { createLog } from '#node/log/index.ts'
import { CoordinatorClient } from '#protocol/api/client.ts'
import { parseHart } from '#protocol/hart.ts'
import { type Address, parseAddress } from '#protocol/ids.ts'
import { TestWallet } from './wallet.fixture.ts'

export interface Operator {
  address: Address
  signer: ChainSigner
}

export interface StakeWorld {
  chain: Chain
  hardhat: HardhatChain
  rpc: RpcServer
  staking: StakingClient
  token: TokenClient
  /** Cuts of 5 and 10 per cent, bonds of 2,000 and 5,000. */
  operators: [Operator, Operator]
  client: CoordinatorClient
  /** Of a page. */
  url(path: string): string
  /** While true the chain answers nobody. */
  setAway(isAway: boolean): void
  /** A wallet with HART and gas, and what installs it. */
  walletWith(amount?: string, name?: string): Promise<{ wallet: TestWallet; prepare: Prepare }>
  /** Rewards of the operator's own pocket for all who have stake with it. */
  give(operator: Operator, amount: string): Promise<void>
  close(): Promise<void>
}

type Prepare = (context: BrowserContext) => Promise<void>

export async function startStakeWorld(): Promise<StakeWorld> {
  const { hardhat, chain, book } = await startDeployedHardhat()
  let isAway = false
  const rpc = await serveRpc(hardhat.request, () => (isAway ? 503 : undefined))
  const dataDir = await mkdtemp(join(tmpdir(), 'hart-stake-page-'))
  const bookFile = join(dataDir, 'book.json')
  await writeAddressBook(bookFile, book)
  // A message to sign in with names the page, so that its port is known before.
  const port = await freePort()
  const wallets = { origins: [`http://127.0.0.1:${port}`], chainIds: [chain.chainId], addresses: 'any' }
  await writeFile(join(dataDir, 'coordinator.json'), JSON.stringify({ auth: { wallets } }))
  const settings = {
    'chain.rpc': rpc.url,
    'chain.addressBook': bookFile,
    'api.port': 0,
    'network.listen': ['/ip4/127.0.0.1/tcp/0'],
    'network.mdns': false,
    'inference.enabled': false,
  }
  const server = await startCoordinator({
    dataDir,
    config: resolveConfig(settings, {}, {}).config,
    log: createLog({ level: 'silent', format: 'json' }),
    host: '127.0.0.1',
    port,
    onEvent: () => undefined,
    requestStop: () => undefined,
    peers: { sit: new ScriptedNodes().sit, probe: async () => undefined },
  })
  const ownerToken = (await readFile(dataFiles.ownerToken(dataDir), 'utf8')).trim()
  const [staking, token] = [new StakingClient(chain), new TokenClient(chain)]
  const fund = async (address: Address, amount: string) => {
    await hardhat.request('hardhat_setBalance', [address, '0x56bc75e2d63100000'])
    await token.transfer(address, parseHart(amount)).send(await hardhat.signer(0))
  }
  const approve = async (signer: ChainSigner, amount: string) => {
    await token.approve(chain.addresses.Staking, parseHart(amount)).send(signer)
    return parseHart(amount)
  }
  const operatorWith = async (byte: number, commissionBps: number, bond: string): Promise<Operator> => {
    const { address, privateKey } = createAccount()
    const signer = signerOf(chain, privateKey)
    await fund(address, '10000')
    const peerKey = new Uint8Array(32).fill(byte)
    await staking.register(peerKey, commissionBps, await approve(signer, bond)).send(signer)
    return { address, signer }
  }
  return {
    chain,
    hardhat,
    rpc,
    staking,
    token,
    operators: [await operatorWith(1, 500, '2000'), await operatorWith(2, 1_000, '5000')],
    client: new CoordinatorClient({ url: server.url, token: ownerToken }),
    url: (path) => new URL(path, server.url).href,
    setAway: (away) => {
      isAway = away
    },
    walletWith: async (amount = '100', name) => {
      const of = { rpcUrl: rpc.url, chainId: chain.chainId }
      const wallet = new TestWallet(name === undefined ? of : { ...of, name })
      await fund(parseAddress(wallet.address), amount)
      return { wallet, prepare: (context) => wallet.install(context) }
    },
    give: async ({ address, signer }, amount) => {
      const { interfaceOf } = await import('#node/chain/contract-call.ts')
      const data = interfaceOf('Staking').encodeFunctionData('distribute', [address, await approve(signer, amount)])
      await (await signer.sendTransaction({ to: chain.addresses.Staking, data })).wait()
    },
    close: async () => {
      await server.close()
      await rpc.close()
      await hardhat.close()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
