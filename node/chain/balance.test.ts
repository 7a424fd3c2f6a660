import { Contract, JsonRpcSigner, Wallet, ZeroHash } from 'ethers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { artifacts } from '#contracts/abi/artifacts.ts'
import type { BalanceView } from '#protocol/api/payment.ts'
import { parseHart } from '#protocol/hart.ts'
import { type Address, parseAddress } from '#protocol/ids.ts'
import { readBalance } from './balance.ts'
import { type HardhatChain, startDeployedHardhat } from './hardhat.fixture.ts'
import { connectRpc } from './rpc.ts'
import { serveRpc } from './rpc-server.fixture.ts'
import { signVoucher } from './typed-data.ts'
import type { Chain, ChainSigner, ContractName } from './types.ts'

const day = 86_400
const start = parseHart('10000')

let hardhat: HardhatChain
let chain: Chain
/** A holder, and another whose node it delegates to. */
let [holder, other]: ChainSigner[] = []
let address: Address
let node: Address
beforeAll(async () => {
  ;({ hardhat, chain } = await startDeployedHardhat())
  ;[holder, other] = [await hardhat.signer(1), await hardhat.signer(2)]
  address = parseAddress(await holder!.getAddress())
  node = parseAddress(await other!.getAddress())
  const treasury = await hardhat.signer(0)
  for (const [index, to] of [address, node].entries()) {
    await send(treasury, 'Token', 'transfer', to, start * BigInt(index + 1))
  }
  for (const signer of [holder!, other!])
    for (const spender of ['Staking', 'Escrow'] as const)
      await send(signer, 'Token', 'approve', chain.addresses[spender], start)
  await send(other!, 'Staking', 'register', `0x${'11'.repeat(32)}`, 1000, parseHart('1000'))
})
afterAll(() => hardhat?.close())

async function send(signer: ChainSigner, name: ContractName, method: string, ...args: unknown[]): Promise<void> {
  const contract = new Contract(chain.addresses[name], artifacts[name].abi, signer)
  await (await contract.getFunction(method)(...args)).wait()
}

/** To act in the name of an address whose key is not at hand, such as a contract. */
async function impersonate(of: Address): Promise<ChainSigner> {
  await hardhat.request('hardhat_impersonateAccount', [of])
  await hardhat.request('hardhat_setBalance', [of, '0x56bc75e2d63100000'])
  return new JsonRpcSigner(chain.provider, of)
}

/** Parts in HART, after it was checked that they are the whole. */
async function partsOf(of: Address): Promise<Record<string, string> & { view: BalanceView }> {
  const view = await readBalance(chain, of)
  const { freeWei, escrowedWei, stakedWei, unlockingWei, totalWei } = view
  const parts = [freeWei, escrowedWei, stakedWei, unlockingWei].map(BigInt)
  expect(parts.reduce((sum, part) => sum + part)).toBe(BigInt(totalWei))
  expect(view.stakes.reduce((sum, { wei }) => sum + BigInt(wei), 0n)).toBe(BigInt(stakedWei))
  expect(view.unlocks.reduce((sum, { wei }) => sum + BigInt(wei), 0n)).toBe(BigInt(unlockingWei))
  const hart = (wei: string) => String(Number(BigInt(wei) / 10n ** 15n) / 1000)
  return {
    free: hart(freeWei),
    escrowed: hart(escrowedWei),
    staked: hart(stakedWei),
    unlocking: hart(unlockingWei),
    total: hart(totalWei),
    view,
  } as never
}

test('balance: an address that never did anything has nothing', async () => {
  const { view } = await partsOf(parseAddress(`0x${'9'.repeat(40)}`))
  expect(view).toMatchObject({ totalWei: '0', stakes: [], locks: [], unlocks: [] })
})

test('balance: whatever a holder does with its tokens, the parts are the whole, until it pays or is slashed', async () => {
  const hart = parseHart
  const expectParts = async (free: string, escrowed: string, staked: string, unlocking: string, total = '10000') => {
    const { view, ...parts } = await partsOf(address)
    expect(parts).toEqual({ free, escrowed, staked, unlocking, total })
    return view
  }
  await expectParts('10000', '0', '0', '0')
  await send(holder!, 'Staking', 'register', `0x${'22'.repeat(32)}`, 0, hart('2000'))
  await send(holder!, 'Staking', 'stake', node, hart('300'))
  const staked = await expectParts('7700', '0', '2300', '0')
  expect(staked.stakes.map(({ kind, node: at }) => [kind, at])).toEqual([
    ['bond', address],
    ['delegation', node],
  ])
  await send(holder!, 'Staking', 'unbond', address, hart('500'))
  await send(holder!, 'Staking', 'unbond', node, hart('100'))
  await send(holder!, 'Escrow', 'deposit', address, hart('1000'))
  await expectParts('6700', '1000', '1700', '600')
  await send(holder!, 'Escrow', 'thaw', hart('250'))
  const unlocking = await expectParts('6700', '750', '1700', '850')
  // What thaws takes three days, what unbonds fourteen.
  expect(unlocking.unlocks.map(({ kind, wei, isReady }) => [kind, wei, isReady])).toEqual([
    ['escrow', String(hart('250')), false],
    ['bond', String(hart('500')), false],
    ['delegation', String(hart('100')), false],
  ])
  const latest = await chain.provider.getBlock('latest')
  const daysUntil = unlocking.unlocks.map(({ readyAtMs }) => Math.round((readyAtMs / 1000 - latest!.timestamp) / day))
  expect(daysUntil).toEqual([3, 14, 14])

  await send(holder!, 'Escrow', 'lock', node, ZeroHash, hart('200'))
  await send(holder!, 'Escrow', 'release', node, ZeroHash, hart('50'))
  const locked = await expectParts('6700', '750', '1700', '850')
  expect(locked.locks).toMatchObject([
    { payee: node, topic: ZeroHash, wei: String(hart('200')), releasing: { wei: String(hart('50')) } },
  ])
  await hardhat.wait(3 * day)
  expect((await expectParts('6700', '750', '1700', '850')).unlocks.map(({ isReady }) => isReady)).toEqual([
    true,
    false,
    false,
  ])
  await send(holder!, 'Escrow', 'withdraw')
  await expectParts('6950', '750', '1700', '600')
  await hardhat.wait(11 * day)
  for (const id of [1, 2]) await send(holder!, 'Staking', 'withdraw', id)
  expect((await expectParts('7550', '750', '1700', '0')).unlocks).toEqual([])
})

test('balance: what vouchers draw below an announced withdrawal no longer thaws, and is paid', async () => {
  const wallet = Wallet.createRandom()
  const payer = parseAddress(wallet.address)
  await send(other!, 'Escrow', 'deposit', payer, parseHart('100'))
  await send(await impersonate(payer), 'Escrow', 'thaw', parseHart('80'))
  const before = await partsOf(payer)
  expect(before).toMatchObject({ free: '0', escrowed: '20', unlocking: '80', total: '100' })
  const voucher = { payer, payee: node, topic: new Uint8Array(32), cumulativeWei: parseHart('70') }
  const key = Buffer.from(wallet.privateKey.slice(2), 'hex')
  const signature = signVoucher(key, { chainId: chain.chainId, escrow: chain.addresses.Escrow }, voucher)
  const [r, vs] = [signature.subarray(0, 32), signature.subarray(32)]
  await send(other!, 'Escrow', 'claim', node, [[payer, ZeroHash, voucher.cumulativeWei, r, vs]])
  expect(await partsOf(payer)).toMatchObject({ free: '0', escrowed: '0', unlocking: '30', total: '30' })
})

test('balance: a slash takes from what is staked and from what unbonds, and both show it', async () => {
  await send(other!, 'Staking', 'stake', node, parseHart('1000'))
  await send(other!, 'Staking', 'unbond', node, parseHart('1000'))
  const before = await partsOf(node)
  expect(before).toMatchObject({ staked: '1000', unlocking: '1000' })
  const disputes = await impersonate(chain.addresses.Disputes)
  await send(disputes, 'Staking', 'slash', node, parseHart('500'), chain.addresses.Disputes, 0)
  expect(await partsOf(node)).toMatchObject({
    free: before['free'],
    staked: '750',
    unlocking: '750',
    total: String(Number(before['total']) - 500),
  })
})

test('balance: a service that answers for few blocks only gives the same, and one that is down is told', async () => {
  const expected = await readBalance(chain, address)
  let narrowest = Number.POSITIVE_INFINITY
  const server = await serveRpc(hardhat.request, (method, params) => {
    if (method !== 'eth_getLogs') return undefined
    const { fromBlock, toBlock } = params[0] as { fromBlock: string; toBlock: string }
    const blocks = Number(toBlock) - Number(fromBlock) + 1
    narrowest = Math.min(narrowest, blocks)
    return blocks > 5 ? 'query exceeds max block range 5' : undefined
  })
  const connection = await connectRpc({ url: server.url })
  const remote: Chain = { ...connection, addresses: chain.addresses, deployedAtBlock: chain.deployedAtBlock }
  try {
    expect(await readBalance(remote, address)).toEqual(expected)
    expect(narrowest).toBeLessThanOrEqual(5)
    expect(expected.blockNumber - chain.deployedAtBlock).toBeGreaterThan(10)
    await server.close()
    await expect(readBalance(remote, address)).rejects.toMatchObject({ code: 'ERR_CHAIN_UNAVAILABLE' })
  } finally {
    await connection.close()
  }
})
