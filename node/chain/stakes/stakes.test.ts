/** A real chain in this process: what is replayed from its events is compared with what its contracts answer, to the wei. */
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Address, parseAddress } from '#protocol/ids.ts'
import { giveDevelopmentFunds } from '../anvil/faucet.ts'
import { ask, interfaceOf, signerOf } from '../contract-call.ts'
import { EscrowClient } from '../escrow-client.ts'
import { type HardhatChain, startDeployedHardhat } from '../hardhat.fixture.ts'
import { rewardTerms } from '../rewards/reward-rule.ts'
import { RewardsClient } from '../rewards/rewards-client.ts'
import { computeWeights } from '../rewards/weights.ts'
import { allStakeWei, StakingClient } from '../staking-client.ts'
import { TokenClient } from '../token-client.ts'
import { addressOf, signVoucher } from '../typed-data.ts'
import type { Chain, ChainSigner } from '../types.ts'
import { BlockTimes } from './block-times.ts'
import { PublicChain } from './public-chain.ts'

const HART = 10n ** 18n
const day = rewardTerms.epochSeconds
const keys = [1, 2, 3, 4].map((byte) => new Uint8Array(32).fill(byte))
const people = keys.map(addressOf)
/** Two nodes, and two who delegate. */
const [first, second, alice, bob] = people as [Address, Address, Address, Address]

let hardhat: HardhatChain
let chain: Chain
let staking: StakingClient
let token: TokenClient
let publicChain: PublicChain
let snapshot: unknown
const signers = new Map<Address, ChainSigner>()
const signer = (address: Address) => signers.get(address)!

beforeAll(async () => {
  ;({ hardhat, chain } = await startDeployedHardhat())
  staking = new StakingClient(chain)
  token = new TokenClient(chain)
  publicChain = await PublicChain.open(chain)
  for (const [index, key] of keys.entries()) signers.set(people[index]!, signerOf(chain, key))
  const owner = await hardhat.signer(0)
  for (const person of [...people, chain.addresses.Rewards, chain.addresses.Disputes]) {
    await hardhat.request('hardhat_setBalance', [person, '0x56bc75e2d63100000'])
    await token.transfer(person, 20_000n * HART).send(owner)
  }
  for (const person of people) await token.approve(chain.addresses.Staking, 20_000n * HART).send(signer(person))
  await staking.register(new Uint8Array(32).fill(9), 1_000, 1_000n * HART).send(signer(first))
  await staking.register(new Uint8Array(32).fill(8), 0, 1_500n * HART).send(signer(second))
  for (const contract of ['Rewards', 'Disputes'] as const)
    await hardhat.request('hardhat_impersonateAccount', [chain.addresses[contract]])
})
beforeEach(async () => {
  if (snapshot !== undefined) await hardhat.request('evm_revert', [snapshot])
  snapshot = await hardhat.request('evm_snapshot')
})
afterAll(() => hardhat?.close())

/** A call in the name of a contract that alone may make it. */
async function callAs(from: 'Rewards' | 'Disputes', method: string, ...args: unknown[]): Promise<void> {
  const data = interfaceOf('Staking').encodeFunctionData(method, args)
  const sent = { from: chain.addresses[from], to: chain.addresses.Staking, data }
  await hardhat.request('eth_sendTransaction', [sent])
}
const emit = (node: Address, wei: bigint) => callAs('Rewards', 'distribute', node, wei)
const slash = (node: Address, wei: bigint) => callAs('Disputes', 'slash', node, wei, bob, 1_000)

/** `stakeOf` as of a block: this chain remembers all of them. */
async function stakeAt(node: Address, holder: Address, block: number): Promise<bigint> {
  const abi = interfaceOf('Staking')
  const data = abi.encodeFunctionData('stakeOf', [node, holder])
  const call = { to: chain.addresses.Staking, data }
  const answer = await hardhat.request('eth_call', [call, `0x${block.toString(16)}`])
  return BigInt(abi.decodeFunctionResult('stakeOf', String(answer))[0])
}

async function paymentsAndSlashes(): Promise<{ node: Address; at: number }[]> {
  const abi = interfaceOf('Staking')
  const topics = ['Distributed', 'Slashed'].map((name) => abi.getEvent(name)!.topicHash)
  const filter = { address: chain.addresses.Staking, topics: [topics], fromBlock: 0 }
  const logs = await chain.provider.getLogs(filter)
  return logs.map((log) => ({ node: parseAddress(abi.parseLog(log)!.args['node']), at: log.blockNumber }))
}

const allRewards = async (address: Address) => (await publicChain.rewards(address, { limit: 200 })).view
const delegateOf = async (address: Address) =>
  (await publicChain.delegates()).find((delegate) => delegate.address === address)!

/** Each is done if the contract lets it be done. */
const steps = fc.array(
  fc.record({
    kind: fc.constantFrom('stake', 'unbond', 'unbondAll', 'emit', 'give', 'slash', 'withdraw'),
    who: fc.constantFrom(...people),
    node: fc.constantFrom(first, second),
    wei: fc.bigInt(1n, 900n * HART),
  }),
  { minLength: 12, maxLength: 20 },
)

async function run({ kind, who, node, wei }: { kind: string; who: Address; node: Address; wei: bigint }) {
  if (kind === 'stake') await staking.stake(node, wei).send(signer(who))
  else if (kind === 'unbond') await staking.unbond(node, wei).send(signer(who))
  else if (kind === 'unbondAll') await staking.unbond(node, allStakeWei).send(signer(who))
  else if (kind === 'emit') await emit(node, wei)
  else if (kind === 'give')
    await signer(who).sendTransaction({
      to: chain.addresses.Staking,
      data: interfaceOf('Staking').encodeFunctionData('distribute', [node, wei]),
    })
  else if (kind === 'slash') await slash(node, wei * 4n)
  else {
    const [unbonding] = await staking.unbondingsOf(who)
    if (unbonding === undefined) return
    await hardhat.wait(Math.max(0, unbonding.releaseAtSeconds - (await chain.provider.getBlock('latest'))!.timestamp))
    await staking.withdraw(unbonding.id).send(signer(who))
  }
}

test('stakes: whatever happens, what the events say is what the contract answers, and each reward is what it added to a stake', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      await hardhat.request('evm_revert', [snapshot])
      snapshot = await hardhat.request('evm_snapshot')
      for (const step of all) await run(step).catch(() => undefined)
      const { totals, block } = await publicChain.state()
      let stakedWei = 0n
      for (const node of [first, second]) {
        const view = await delegateOf(node)
        const [bond, pool] = [await staking.bondOf(node), await staking.poolOf(node)]
        stakedWei += bond.assetsWei + pool.assetsWei
        expect(BigInt(view.bondWei)).toBe(bond.assetsWei)
        expect(BigInt(view.delegatedWei)).toBe(pool.assetsWei)
        expect(view.isActive).toBe(await staking.isActive(node))
      }
      expect(BigInt(totals.stakedWei)).toBe(stakedWei)
      const changes = await paymentsAndSlashes()
      for (const holder of people) {
        const { rewards, blockNumber } = await allRewards(holder)
        expect(blockNumber).toBe(block.number)
        const told = new Map<string, bigint>()
        for (const { kind, node, wei, blockNumber: at } of rewards)
          told.set(`${node} ${at}`, kind === 'slash' ? -BigInt(wei) : BigInt(wei))
        for (const { node, at } of changes) {
          const gainedWei = (await stakeAt(node, holder, at)) - (await stakeAt(node, holder, at - 1))
          expect(told.get(`${node} ${at}`) ?? 0n).toBe(gainedWei)
          told.delete(`${node} ${at}`)
        }
        expect([...told]).toEqual([])
      }
    }),
    { numRuns: 6 },
  )
})

test('account rewards: a bond gets its commission, delegators the rest, a gift is no emission, and pages join without a gap', async () => {
  await staking.stake(first, 3_000n * HART).send(signer(alice))
  await emit(first, 40n * HART)
  await staking.stake(second, 10n * HART).send(signer(alice))
  await signer(bob).sendTransaction({
    to: chain.addresses.Staking,
    data: interfaceOf('Staking').encodeFunctionData('distribute', [second, 151n * HART]),
  })
  const view = await allRewards(alice)
  // 40 x 3/4 x 0.9, and 151 x 10/1510, each less what virtual shares round away.
  expect(view.rewards.map(({ kind, source, node }) => [kind, source, node])).toEqual([
    ['delegation', 'gift', second],
    ['delegation', 'emission', first],
  ])
  const [gift, emission] = view.rewards.map(({ wei }) => BigInt(wei)) as [bigint, bigint]
  expect(HART - gift).toBeLessThan(10n)
  expect(27n * HART - emission).toBeLessThan(10n)
  expect(BigInt(view.rewardedWei)).toBe(gift + emission)
  expect((await allRewards(first)).rewards).toMatchObject([{ kind: 'bond', wei: String(13n * HART), epoch: 0 }])
  const one = await publicChain.rewards(alice, { limit: 1 })
  const two = await publicChain.rewards(alice, { limit: 1, before: one.next! })
  expect([one.view.rewards, two.view.rewards].flat()).toEqual(view.rewards)
  expect(two.next).toBeUndefined()
  expect(await allRewards(bob)).toMatchObject({ rewardedWei: '0', rewards: [] })
})

test('account rewards: what a slash took shows as a loss, also where it took all that was delegated', async () => {
  await staking.stake(first, 200n * HART).send(signer(alice))
  await slash(first, 1_100n * HART)
  await slash(first, 5_000n * HART)
  const { slashedWei, rewardedWei, byNode } = await allRewards(alice)
  expect(200n * HART - BigInt(slashedWei)).toBeLessThan(10n)
  expect(byNode).toEqual([{ node: first, rewardedWei, slashedWei }])
  const { slashes, isActive, delegators, roomWei } = await delegateOf(first)
  expect({ isActive, delegators, roomWei }).toEqual({ isActive: false, delegators: 0, roomWei: '0' })
  expect(slashes).toMatchObject([
    { fromBondWei: String(1_000n * HART), fromDelegatorsWei: String(100n * HART) },
    { fromBondWei: '0', fromDelegatorsWei: String(100n * HART) },
  ])
})

test('account rewards: emission of a node with which nobody has stake went to its address', async () => {
  const escrow = new EscrowClient(chain)
  const voucher = { payer: alice, payee: bob, topic: new Uint8Array(32), cumulativeWei: 1_000n * HART }
  const domain = { chainId: chain.chainId, escrow: chain.addresses.Escrow }
  await (await escrow.depositWithPermit(signer(alice), alice, 1_000n * HART)).send(signer(alice))
  // A bond that is there at the end of the day, and gone when it is paid.
  await staking.register(new Uint8Array(32).fill(7), 0, 1_000n * HART).send(signer(bob))
  await escrow.claim(bob, [{ ...voucher, signature: signVoucher(keys[2]!, domain, voucher) }]).send(signer(bob))
  await hardhat.wait(day)
  const rewards = new RewardsClient(chain)
  const { tree, nodes } = await computeWeights(chain)
  await rewards.propose(tree.root!).send(signer(first))
  await staking.unbond(bob, allStakeWei).send(signer(bob))
  await hardhat.wait(day / 2)
  await rewards.finalize().send(signer(first))
  await rewards.claim(bob, nodes[0]!.cumulativeWei, tree.proofOf(bob)!).send(signer(first))
  expect((await allRewards(bob)).rewards).toMatchObject([
    { kind: 'transfer', source: 'emission', node: bob, wei: String(9n * HART), epoch: 1 },
  ])
  expect(await publicChain.state()).toMatchObject({
    finalizedEpochs: 1,
    skippedEpochs: { count: 0, recent: [] },
    epoch: { number: 1 },
  })
})

test('delegates: terms, signers and each commission with its notice are those of the contract at every time', async () => {
  const set = (bps: number) => staking.setCommission(bps).send(signer(first))
  const inForce = async () => {
    const { commissionBps, nextCommission } = await delegateOf(first)
    const [now] = await ask(chain, 'Staking', 'commissionOf', first)
    expect(BigInt(commissionBps)).toBe(now)
    return [commissionBps, nextCommission?.commissionBps]
  }
  await staking.addSigner(bob).send(signer(first))
  await set(2_000)
  expect(await inForce()).toEqual([1_000, 2_000])
  await hardhat.wait(day)
  await set(500)
  expect(await inForce()).toEqual([1_000, 500])
  await hardhat.wait(7 * day)
  expect(await inForce()).toEqual([500, undefined])
  await set(0)
  expect(await inForce()).toEqual([500, 0])
  await staking.removeSigner(bob).send(signer(first))
  await staking.setPeerKey(new Uint8Array(32).fill(10)).send(signer(first))
  const { peerKey, commissions, signers: bound, roomWei, delegators, history } = await delegateOf(first)
  expect(commissions.map(({ commissionBps }) => commissionBps)).toEqual([1_000, 2_000, 500, 0])
  const notice = commissions.slice(1).map(({ announcedAtMs, startsAtMs }) => startsAtMs - announcedAtMs)
  expect(notice).toEqual([7, 7, 7].map((days) => days * day * 1000))
  expect(bound).toEqual([{ address: bob, validUntilMs: (await staking.signerValidUntil(first, bob)) * 1000 }])
  expect(peerKey).toBe(`0x${'0a'.repeat(32)}`)
  expect([roomWei, delegators]).toEqual([String(16_000n * HART), 0])
  expect(history).toEqual({ epochs: 8, weiPerHart: '0' })
})

test('delegates: the history is what one HART would have earned, with and without delegators, in complete epochs', async () => {
  // Alone: 100 x 0.9 of a bond of 1,000. Then beside 4,400 of delegation, at the same commission.
  await emit(first, 100n * HART)
  await hardhat.wait(day)
  await staking.stake(first, 4_400n * HART).send(signer(alice))
  await emit(first, 55n * HART)
  await hardhat.wait(day)
  await emit(first, 77n * HART)
  const { epochs, history } = await delegateOf(first)
  expect(epochs.map(({ epoch }) => epoch)).toEqual([0, 1, 2])
  expect(epochs[0]).toEqual({ epoch: 0, toBondWei: String(100n * HART), toDelegatorsWei: '0' })
  expect(history).toEqual({ epochs: 2, weiPerHart: String((99n * HART) / 1_000n) })
})

test('stakes: after a reorganisation nothing is left of what is no longer on the chain', async () => {
  const fork = await hardhat.request('evm_snapshot')
  await staking.stake(first, 200n * HART).send(signer(alice))
  await emit(first, 10n * HART)
  expect((await allRewards(alice)).rewards).toHaveLength(1)
  await hardhat.request('evm_revert', [fork])
  await staking.stake(first, 300n * HART).send(signer(bob))
  await hardhat.wait(1)
  expect((await allRewards(alice)).rewards).toEqual([])
  expect(await delegateOf(first)).toMatchObject({ delegators: 1, delegatedWei: String(300n * HART) })
})

test('block times: however many payments a day has, few blocks are asked for', async () => {
  for (let block = 0; block < 60; block++) await hardhat.request('evm_mine')
  await hardhat.wait(day)
  for (let block = 0; block < 60; block++) await hardhat.request('evm_mine')
  const last = await chain.provider.getBlockNumber()
  const blocks = Array.from({ length: 121 }, (_, at) => last - 120 + at)
  const [start] = await ask(chain, 'Rewards', 'start')
  let asked = 0
  const provider = Object.create(chain.provider, {
    getBlock: {
      value: (number: number) => {
        asked++
        return chain.provider.getBlock(number)
      },
    },
  })
  const times = new BlockTimes({ ...chain, provider }, Number(start))
  const epochs = await times.epochsOf(blocks)
  expect(asked).toBeLessThan(40)
  const exact = await Promise.all(
    blocks.map(async (block) => times.epochAt((await chain.provider.getBlock(block))!.timestamp)),
  )
  expect(blocks.map((block) => epochs.get(block))).toEqual(exact)
  const ofSecond = [...(await times.epochsOf(blocks, 1)).keys()].sort((a, b) => a - b)
  expect(ofSecond).toEqual(blocks.filter((block) => epochs.get(block)! >= 1))
})

test('faucet: gives HART and gas on a development chain, and nothing on any other', async () => {
  const newcomer = addressOf(new Uint8Array(32).fill(77))
  const given = await giveDevelopmentFunds(chain, newcomer)
  expect(given.hartWei).toBe(10_000n * HART)
  expect(await token.balanceOf(newcomer)).toBe(10_000n * HART)
  expect(await chain.provider.getBalance(newcomer)).toBe(given.etherWei)
  await expect(giveDevelopmentFunds({ ...chain, chainId: 1 }, newcomer)).rejects.toMatchObject({
    code: 'ERR_CHAIN_WRONG',
  })
  expect(await token.balanceOf(newcomer)).toBe(10_000n * HART)
})
