import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Interface } from 'ethers'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { artifacts } from '#contracts/abi/artifacts.ts'
import { chainLogBlocksMax } from '#protocol/limits.ts'
import { type ChainEventRow, openEmbeddedStore, type ShardStore, type TenantStore } from '#sql/store/index.ts'
import { ChainIndexer, chainKey, connectRpc, EscrowClient, signerOf, TokenClient } from './chain.ts'
import { type HardhatChain, startDeployedHardhat } from './hardhat.fixture.ts'
import { addressOf, signVoucher } from './index.ts'
import { serveRpc } from './rpc-server.fixture.ts'
import type { Chain, ChainSigner } from './types.ts'

const payerKey = new Uint8Array(32).fill(1)
const [payer, payee] = [addressOf(payerKey), addressOf(new Uint8Array(32).fill(2))]
const topic = new Uint8Array(32)

let hardhat: HardhatChain
let chain: Chain
let key: string
let owner: ChainSigner
let payerSigner: ChainSigner
let escrow: EscrowClient
let folder: string
let store: ShardStore
let tenant: TenantStore
let snapshot: unknown

beforeAll(async () => {
  ;({ hardhat, chain } = await startDeployedHardhat())
  key = chainKey(chain)
  ;[owner, payerSigner, escrow] = [await hardhat.signer(0), signerOf(chain, payerKey), new EscrowClient(chain)]
  await hardhat.request('hardhat_setBalance', [payer, '0x56bc75e2d63100000'])
  const token = new TokenClient(chain)
  await token.transfer(payer, 10n ** 20n).send(owner)
  await token.approve(chain.addresses.Escrow, 10n ** 20n).send(payerSigner)
})
beforeEach(async () => {
  snapshot = await hardhat.request('evm_snapshot')
  folder = await mkdtemp(join(tmpdir(), 'hart-indexer-'))
  await openStore()
})
afterEach(async () => {
  await store.close()
  await rm(folder, { recursive: true, force: true })
  await hardhat.request('evm_revert', [snapshot])
})
afterAll(() => hardhat?.close())

async function openStore(): Promise<void> {
  store = await openEmbeddedStore({ path: join(folder, 'shard.db') })
  tenant = store.forTenant('local:owner')
}

const mine = (blocks: number) => hardhat.request('hardhat_mine', [`0x${blocks.toString(16)}`])
const deposit = (amountWei: bigint) => escrow.deposit(payer, amountWei).send(payerSigner)

function claim(cumulativeWei: bigint) {
  const voucher = { payer, payee, topic, cumulativeWei }
  const domain = { chainId: chain.chainId, escrow: chain.addresses.Escrow }
  return escrow.claim(payee, [{ ...voucher, signature: signVoucher(payerKey, domain, voucher) }]).send(payerSigner)
}

async function listed(): Promise<ChainEventRow[]> {
  const events: ChainEventRow[] = []
  for (let cursor: string | undefined; ; ) {
    const page = await tenant.listChainEvents(key, { limit: 1000, ...(cursor === undefined ? {} : { cursor }) })
    events.push(...page.events)
    cursor = page.nextCursor
    if (cursor === undefined) return events
  }
}

/** What the chain itself says, in the words of its logs. */
async function places(): Promise<string[]> {
  const { Token, ...others } = chain.addresses
  const logs = await chain.provider.getLogs({ address: Object.values(others), fromBlock: 0 })
  return logs.map((log) => `${log.blockHash} ${log.index}`)
}

async function expectComplete(): Promise<void> {
  expect((await listed()).map(({ blockHash, logIndex }) => `${blockHash} ${logIndex}`)).toEqual(await places())
}

async function catchUp(indexer: ChainIndexer): Promise<{ steps: number; removed: number }> {
  let [steps, removed] = [0, 0]
  for (;;) {
    const step = await indexer.step()
    removed += step.removed
    if (step.isCaughtUp) return { steps, removed }
    expect(++steps, 'the indexer goes on for ever').toBeLessThan(1_000)
  }
}

/** A chain over HTTP, whose service does to each request what `refuse` says. */
async function served(refuse: Parameters<typeof serveRpc>[1], request = hardhat.request) {
  const server = await serveRpc(request, refuse)
  const connection = await connectRpc({ url: server.url })
  const close = async () => {
    await connection.close()
    await server.close()
  }
  const { addresses, deployedAtBlock } = chain
  return { server, chain: { ...connection, addresses, deployedAtBlock }, close }
}

test('indexer: events are rows with their values and addresses, over as many ranges as the chain is long', async () => {
  await deposit(1_000n)
  await mine(chainLogBlocksMax + 500)
  await claim(300n)
  const indexer = new ChainIndexer({ chain, store: tenant, confirmations: 0 })
  expect((await catchUp(indexer)).steps).toBe(2)
  await expectComplete()
  const { events } = await tenant.listChainEvents(key, { names: ['Claimed'], address: payee })
  expect(events).toEqual([
    {
      blockNumber: await chain.provider.getBlockNumber(),
      blockHash: expect.stringMatching(/^0x[0-9a-f]{64}$/),
      logIndex: expect.any(Number),
      transactionHash: expect.stringMatching(/^0x[0-9a-f]{64}$/),
      contract: chain.addresses.Escrow,
      name: 'Claimed',
      args: { payer, payee, topic: `0x${'00'.repeat(32)}`, amount: '300' },
      addresses: [payer, payee].sort(),
    },
  ])
})

test('indexer: a block is read once as many follow as were asked for', async () => {
  const indexer = new ChainIndexer({ chain, store: tenant, confirmations: 2 })
  await catchUp(indexer)
  await deposit(7n)
  await mine(1)
  await catchUp(indexer)
  expect((await tenant.listChainEvents(key, { names: ['Deposited'] })).events).toHaveLength(0)
  await mine(1)
  await catchUp(indexer)
  expect((await tenant.listChainEvents(key, { names: ['Deposited'] })).events).toHaveLength(1)
})

test('indexer: after a reorganisation the rows are those of the new chain, however far it goes back', async () => {
  const indexer = new ChainIndexer({ chain, store: tenant, confirmations: 0 })
  await deposit(1_000n)
  await catchUp(indexer)
  const fork = await hardhat.request('evm_snapshot')
  for (const amount of [10n, 20n, 30n]) {
    await claim(amount)
    await catchUp(indexer)
  }
  const before = await listed()
  await hardhat.request('evm_revert', [fork])
  await mine(1)
  await claim(500n)
  await mine(4)
  const { removed } = await catchUp(indexer)
  expect(removed).toBe(3)
  await expectComplete()
  const after = await tenant.listChainEvents(key, { names: ['Claimed'] })
  expect(after.events.map(({ args }) => args['amount'])).toEqual(['500'])
  expect(before.length - 3 + 1).toBe((await listed()).length)
})

test('indexer: a chain that became shorter and other is noticed before it has grown again', async () => {
  const indexer = new ChainIndexer({ chain, store: tenant, confirmations: 0 })
  await catchUp(indexer)
  const fork = await hardhat.request('evm_snapshot')
  await deposit(1n)
  await catchUp(indexer)
  await deposit(2n)
  await catchUp(indexer)
  await hardhat.request('evm_revert', [fork])
  await deposit(3n)
  await catchUp(indexer)
  await expectComplete()
  const { events } = await tenant.listChainEvents(key, { names: ['Deposited'] })
  expect(events.map(({ args }) => args['amount'])).toEqual(['3'])
})

test('indexer: a reorganisation in the middle of a step leaves no row of the old chain', async () => {
  await deposit(1_000n)
  const fork = await hardhat.request('evm_snapshot')
  await claim(10n)
  let reorganised = false
  const reorganise = async (method: string, params: unknown[] = []) => {
    const answer = await hardhat.request(method, params)
    if (method !== 'eth_getLogs' || reorganised) return answer
    // The old logs are on their way when the chain changes.
    reorganised = true
    await hardhat.request('evm_revert', [fork])
    await claim(20n)
    return answer
  }
  const service = await served(undefined, reorganise)
  try {
    const indexer = new ChainIndexer({ chain: service.chain, store: tenant, confirmations: 0 })
    expect(await indexer.step()).toMatchObject({ added: 0, isCaughtUp: false })
    expect(reorganised).toBe(true)
    await catchUp(indexer)
    await expectComplete()
  } finally {
    await service.close()
  }
})

test('indexer: a service that lags behind what is known takes nothing back', async () => {
  await deposit(1n)
  await mine(20)
  await catchUp(new ChainIndexer({ chain, store: tenant, confirmations: 0 }))
  const before = await listed()
  const head = (await chain.provider.getBlockNumber()) - 5
  const lagging = async (method: string, params: unknown[] = []) =>
    method === 'eth_blockNumber' ? `0x${head.toString(16)}` : await hardhat.request(method, params)
  const service = await served(undefined, lagging)
  try {
    const step = await new ChainIndexer({ chain: service.chain, store: tenant, confirmations: 0 }).step()
    expect(step).toMatchObject({ added: 0, removed: 0, isCaughtUp: true })
    expect(await listed()).toEqual(before)
  } finally {
    await service.close()
  }
})

test('indexer: a store that closes between two ranges goes on with the next one, and no event is there twice', async () => {
  await deposit(1_000n)
  await mine(chainLogBlocksMax)
  await claim(1n)
  await mine(chainLogBlocksMax)
  await claim(2n)
  for (let open = 0; open < 3; open++) {
    const step = await new ChainIndexer({ chain, store: tenant, confirmations: 0 }).step()
    expect(step.added).toBeGreaterThan(0)
    await store.close()
    await openStore()
  }
  expect((await new ChainIndexer({ chain, store: tenant, confirmations: 0 }).step()).isCaughtUp).toBe(true)
  await expectComplete()
})

test('indexer: a process that is killed while it reads leaves a store that goes on, with each event once', async () => {
  await deposit(1_000n)
  for (const amount of [1n, 2n, 3n, 4n, 5n, 6n]) {
    await claim(amount)
    await mine(20)
  }
  const service = await served((method, [filter]) => {
    if (method !== 'eth_getLogs') return undefined
    const { fromBlock, toBlock } = filter as { fromBlock: string; toBlock: string }
    return Number(toBlock) - Number(fromBlock) >= 5 ? 'too many blocks' : undefined
  })
  const module = (name: string) => JSON.stringify(new URL(name, import.meta.url).href)
  const { addresses, deployedAtBlock } = chain
  const source = `
    const { ChainIndexer, connectRpc } = await import(${module('./chain.ts')})
    const { openEmbeddedStore } = await import(${module('../../sql/store/index.ts')})
    const store = await openEmbeddedStore({ path: ${JSON.stringify(join(folder, 'shard.db'))} })
    const chain = { ...(await connectRpc({ url: ${JSON.stringify(service.server.url)} })), ...${JSON.stringify({ addresses, deployedAtBlock })} }
    const indexer = new ChainIndexer({ chain, store: store.forTenant('local:owner'), confirmations: 0 })
    for (;;) console.log((await indexer.step()).added)`
  try {
    await store.close()
    for (let kill = 0; kill < 2; kill++) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const exited = once(child, 'exit')
      // In the middle of the steps that follow: some narrow the range, some add events.
      let steps = 0
      for await (const _ of createInterface(child.stdout)) if (++steps === 15) child.kill('SIGKILL')
      expect((await exited)[1]).toBe('SIGKILL')
    }
    await openStore()
    expect(await listed()).not.toHaveLength(0)
    await catchUp(new ChainIndexer({ chain: service.chain, store: tenant, confirmations: 0 }))
    await expectComplete()
  } finally {
    await service.close()
  }
})

test('indexer: killed after the events were written and before the step was, it finds its way back all the same', async () => {
  await catchUp(new ChainIndexer({ chain, store: tenant, confirmations: 0 }))
  const fork = await hardhat.request('evm_snapshot')
  await deposit(1n)
  const cut = Object.create(tenant, {
    putSetting: { value: () => Promise.reject(new Error('killed')) },
  }) as TenantStore
  await expect(new ChainIndexer({ chain, store: cut, confirmations: 0 }).step()).rejects.toThrow('killed')
  await hardhat.request('evm_revert', [fork])
  await deposit(2n)
  await mine(3)
  expect((await catchUp(new ChainIndexer({ chain, store: tenant, confirmations: 0 }))).removed).toBe(1)
  await expectComplete()
})

test('indexer: a service that fails half of the time is followed to the end', async () => {
  await deposit(1_000n)
  for (const amount of [1n, 2n, 3n]) await claim(amount)
  let [random, refused] = [7, 0]
  const service = await served((method) => {
    // The same numbers in every run (minimal standard generator).
    random = (random * 48_271) % 2_147_483_647
    if (method === 'eth_chainId' || random % 2 === 0) return undefined
    return refused++ % 2 === 0 ? 500 : 'try again'
  })
  const end = new AbortController()
  const failures: unknown[] = []
  try {
    await new ChainIndexer({ chain: service.chain, store: tenant, confirmations: 0 }).run({
      signal: end.signal,
      pollMs: 1,
      onStep: (step) => step.isCaughtUp && end.abort(),
      onFailure: (error) => failures.push(error),
    })
    expect(refused).toBeGreaterThan(2)
    for (const failure of failures) expect(failure).toMatchObject({ code: 'ERR_CHAIN_UNAVAILABLE' })
    await expectComplete()
  } finally {
    await service.close()
  }
})

test('indexer: a service that is gone for a while is told, and followed again when it is back', async () => {
  await deposit(1_000n)
  let gone = true
  const service = await served((method) => (gone && method !== 'eth_chainId' ? 503 : undefined))
  const end = new AbortController()
  const failures: unknown[] = []
  try {
    await new ChainIndexer({ chain: service.chain, store: tenant, confirmations: 0 }).run({
      signal: end.signal,
      pollMs: 1,
      onStep: (step) => step.isCaughtUp && end.abort(),
      onFailure: (error) => {
        failures.push(error)
        if (failures.length === 3) gone = false
      },
    })
    expect(failures).toHaveLength(3)
    expect(failures[0]).toMatchObject({ code: 'ERR_CHAIN_UNAVAILABLE', fields: { url: service.server.url } })
    await expectComplete()
  } finally {
    await service.close()
  }
})

test('indexer: a service that answers for ten blocks at a time is asked for ten', async () => {
  await deposit(1_000n)
  await mine(60)
  await claim(5n)
  const spans: number[] = []
  const service = await served((method, [filter]) => {
    if (method !== 'eth_getLogs') return undefined
    const { fromBlock, toBlock } = filter as { fromBlock: string; toBlock: string }
    spans.push(Number(toBlock) - Number(fromBlock) + 1)
    return spans.at(-1)! > 10 ? 'query returned more than 10 blocks' : undefined
  })
  try {
    await catchUp(new ChainIndexer({ chain: service.chain, store: tenant, confirmations: 0 }))
    expect(spans.filter((span) => span <= 10).length).toBeGreaterThan(6)
    await expectComplete()
  } finally {
    await service.close()
  }
})

test('indexer: two that follow one chain into one store do not disturb each other', async () => {
  await deposit(1_000n)
  await mine(chainLogBlocksMax)
  await claim(1n)
  const indexers = [1, 2].map(() => new ChainIndexer({ chain, store: tenant, confirmations: 0 }))
  await Promise.all(indexers.map(catchUp))
  await expectComplete()
})

test('indexer: a text that is long, or no text, is kept in short and stops nobody', async () => {
  const reputation = new Interface(artifacts.Reputation.abi)
  const send = (data: string) =>
    payerSigner.sendTransaction({ to: chain.addresses.Reputation, data }).then((tx) => tx.wait())
  await send(reputation.encodeFunctionData('register(string)', [`https://page.example/${'x'.repeat(20_000)}`]))
  const valid = reputation.encodeFunctionData('setAgentURI', [BigInt(payer), 'marker'])
  await send(valid.replace(Buffer.from('marker').toString('hex'), 'ffffffffffff'))
  await catchUp(new ChainIndexer({ chain, store: tenant, confirmations: 0 }))
  const { events } = await tenant.listChainEvents(key, { names: ['Registered', 'URIUpdated'] })
  expect(events.map(({ args }) => String(args['agentURI'] ?? args['newURI']).length)).toEqual([512, 8])
  expect(events[1]!.args['newURI']).toBe('not text')
  expect(events[1]!.addresses).toEqual([payer])
})
