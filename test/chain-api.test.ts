/** A coordinator over a real chain in this process, behind JSON-RPC that can be made to refuse. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { RemoteNode } from '#coordinator/api/api.fixture.ts'
import { ScriptedNodes } from '#coordinator/jobs/scripted-nodes.fixture.ts'
import { type CoordinatorServer, startCoordinator } from '#coordinator/runtime/server.ts'
import { startDeployedHardhat } from '#node/chain/hardhat.fixture.ts'
import { type Chain, loadChain, writeAddressBook } from '#node/chain/index.ts'
import { type RpcServer, serveRpc } from '#node/chain/rpc-server.fixture.ts'
import { dataFiles, resolveConfig } from '#node/config/index.ts'
import { createLog } from '#node/log/index.ts'
import { CoordinatorClient } from '#protocol/api/client.ts'
import { parseHart } from '#protocol/hart.ts'
import { type Address, parseModelId } from '#protocol/ids.ts'

const someModel = parseModelId('bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy')

let hardhat: Awaited<ReturnType<typeof startDeployedHardhat>>['hardhat']
let chain: Chain
let rpc: RpcServer
let isAway = false
let dataDir: string
let server: CoordinatorServer
let client: CoordinatorClient
let operator: Address
let remote: RemoteNode
let beating: NodeJS.Timeout

beforeAll(async () => {
  let book: Parameters<typeof writeAddressBook>[1]
  ;({ hardhat, chain, book } = await startDeployedHardhat())
  rpc = await serveRpc(hardhat.request, () => (isAway ? 503 : undefined))
  dataDir = await mkdtemp(join(tmpdir(), 'hart-chain-api-'))
  const bookFile = join(dataDir, 'book.json')
  await writeAddressBook(bookFile, book)
  server = await coordinatorIn(join(dataDir, 'coordinator'), { 'chain.rpc': rpc.url, 'chain.addressBook': bookFile })
  client = await clientOf(server, join(dataDir, 'coordinator'))
  const { StakingClient, TokenClient } = await loadChain()
  const owner = await hardhat.signer(0)
  operator = (await owner.getAddress()).toLowerCase() as Address
  const { Escrow: escrow, Disputes: disputes, Staking } = chain.addresses
  const prices = { weiPerGiB: 0n, weiPerKiloToken: 0n }
  const payment = { chainId: chain.chainId, escrow, disputes, payee: operator, signer: operator, prices }
  remote = new RemoteNode(0, someModel, payment)
  await new TokenClient(chain).approve(Staking, parseHart('5000')).send(owner)
  await new StakingClient(chain).register(remote.publicKey, 500, parseHart('5000')).send(owner)
  const beat = () => server.coordinator.node.parts.leases.accept(remote.lease())
  beat()
  beating = setInterval(beat, 500)
}, 60_000)
afterAll(async () => {
  clearInterval(beating)
  await server?.close()
  await rpc?.close()
  await hardhat?.close()
  await rm(dataDir, { recursive: true, force: true })
})

async function coordinatorIn(folder: string, settings: Record<string, unknown>): Promise<CoordinatorServer> {
  const quiet = {
    'api.port': 0,
    'network.listen': ['/ip4/127.0.0.1/tcp/0'],
    'network.mdns': false,
    'inference.enabled': false,
  }
  return startCoordinator({
    dataDir: folder,
    config: resolveConfig({ ...quiet, ...settings }, {}, {}).config,
    log: createLog({ level: 'silent', format: 'json' }),
    host: '127.0.0.1',
    port: 0,
    onEvent: () => undefined,
    requestStop: () => undefined,
    peers: { sit: new ScriptedNodes().sit, probe: async () => undefined },
  })
}

async function clientOf({ url }: CoordinatorServer, folder: string): Promise<CoordinatorClient> {
  return new CoordinatorClient({ url, token: (await readFile(dataFiles.ownerToken(folder), 'utf8')).trim() })
}

/** Until an answer, which may be a second old, is what it should be. */
async function until<T>(ask: () => Promise<T>, holds: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask()
    if (holds(answer)) return answer
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

test('chain: says which contracts, which terms and which epoch, and names its URL, which is of this machine', async () => {
  const state = await until(
    () => client.call('chainState', {}),
    ({ totals }) => totals.delegates === 1,
  )
  expect(state).toMatchObject({
    chainId: chain.chainId,
    isDevelopment: true,
    rpcUrl: rpc.url,
    contracts: chain.addresses,
    terms: { minBondWei: String(parseHart('1000')), delegationRatio: 16, unbondingMs: 14 * 86_400_000 },
    totals: { stakedWei: String(parseHart('5000')), escrowedWei: '0', delegatesActive: 1 },
    epoch: { number: 0 },
  })
  expect(state.epoch.endsAtMs - state.epoch.startsAtMs).toBe(86_400_000)
})

test('delegates: name the node whose lease and whose chain record name each other', async () => {
  const { delegates } = await until(
    () => client.call('listDelegates', {}),
    ({ delegates: all }) => all[0]?.peerId !== undefined,
  )
  expect(delegates).toMatchObject([
    { address: operator, peerId: remote.peerId, commissionBps: 500, roomWei: String(parseHart('80000')) },
  ])
  expect(await client.call('getDelegate', { params: { address: operator } })).toMatchObject({ address: operator })
  const nobody = `0x${'11'.repeat(20)}`
  await expect(client.call('getDelegate', { params: { address: nobody } })).rejects.toMatchObject({
    code: 'ERR_NOT_FOUND',
    fields: { kind: 'delegate' },
  })
})

test('accounts: a position is read back after a transfer, in any case of the address; what is no address is refused', async () => {
  const address = `0x${'aB'.repeat(20)}`
  expect(await client.call('account', { params: { address } })).toMatchObject({ totalWei: '0' })
  const funded = await client.call('fundAccount', { params: { address } })
  const position = await until(
    () => client.call('account', { params: { address: address.toLowerCase() } }),
    ({ blockNumber }) => blockNumber >= funded.blockNumber,
  )
  expect(position).toMatchObject({ address: address.toLowerCase(), freeWei: String(parseHart('10000')), stakes: [] })
  expect(await client.call('accountRewards', { params: { address } })).toMatchObject({ rewards: [], rewardedWei: '0' })
  for (const wrong of ['0x12', 'vitalik.eth', `0x${'zz'.repeat(20)}`])
    await expect(client.call('account', { params: { address: wrong } })).rejects.toMatchObject({ code: 'ERR_USAGE' })
  const query = { cursor: 'bm9uZQ' }
  await expect(client.call('accountRewards', { params: { address }, query })).rejects.toMatchObject({
    code: 'ERR_USAGE',
    fields: { param: 'cursor' },
  })
})

test('accounts: however many look on, the RPC service is asked a few questions', async () => {
  const params = { address: operator }
  await client.call('account', { params })
  const before = [...rpc.counts.values()].reduce((sum, count) => sum + count, 0)
  await Promise.all(
    Array.from({ length: 60 }, async () => {
      await client.call('account', { params })
      await client.call('listDelegates', {})
      await client.call('chainState', {})
    }),
  )
  const asked = [...rpc.counts.values()].reduce((sum, count) => sum + count, 0) - before
  // One look of each kind for each second that it took; by itself each of the 180 requests would take three or more.
  expect(asked).toBeLessThan(400)
})

test('chain: while its RPC service is away the answer says so, and afterwards there are answers again', async () => {
  isAway = true
  const failed = async () =>
    client.call('chainState', {}).then(
      () => undefined,
      (error: { code: string }) => error,
    )
  expect(await until(failed, (error) => error !== undefined)).toMatchObject({ code: 'ERR_CHAIN_UNAVAILABLE' })
  isAway = false
  expect(await client.call('chainState', {})).toMatchObject({ chainId: chain.chainId })
})

test('chain: a coordinator on none says that there is none, of every route', async () => {
  const folder = join(dataDir, 'free')
  const free = await coordinatorIn(folder, {})
  try {
    const freeClient = await clientOf(free, folder)
    const params = { address: operator }
    const asks = [
      freeClient.call('chainState', {}),
      freeClient.call('listDelegates', {}),
      freeClient.call('account', { params }),
      freeClient.call('accountRewards', { params }),
      freeClient.call('fundAccount', { params }),
    ]
    for (const ask of asks)
      await expect(ask).rejects.toMatchObject({ code: 'ERR_NOT_FOUND', fields: { kind: 'chain' } })
  } finally {
    await free.close()
  }
})
