import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Address } from '#protocol/ids.ts'
import { ask, interfaceOf, signerOf } from '../contract-call.ts'
import { EscrowClient } from '../escrow-client.ts'
import { type HardhatChain, startDeployedHardhat } from '../hardhat.fixture.ts'
import { StakingClient } from '../staking-client.ts'
import { TokenClient } from '../token-client.ts'
import { addressOf, signVoucher } from '../typed-data.ts'
import type { Chain, ChainSigner } from '../types.ts'
import { BlockClock } from './epoch-blocks.ts'
import { rewardTerms, shareOut, weightOf } from './reward-rule.ts'
import { createRewardTree } from './reward-tree.ts'
import { RewardsClient } from './rewards-client.ts'
import { computeWeights } from './weights.ts'

const HART = 10n ** 18n
const day = rewardTerms.epochSeconds
const halfDay = day / 2
const noTopic = new Uint8Array(32)
/** The payer, then nodes. */
const keys = [1, 2, 3, 4, 5, 6].map((byte) => new Uint8Array(32).fill(byte))
const [payer, ...nodes] = keys.map(addressOf) as [Address, ...Address[]]
const [steady, late, weak, fourth] = nodes as [Address, Address, Address, Address]

let hardhat: HardhatChain
let chain: Chain
let signers: Map<Address, ChainSigner>
let rewards: RewardsClient
let staking: StakingClient
let snapshot: unknown
const promised = new Map<Address, bigint>()

beforeAll(async () => {
  ;({ hardhat, chain } = await startDeployedHardhat())
  const owner = await hardhat.signer(0)
  signers = new Map(keys.map((key) => [addressOf(key), signerOf(chain, key)]))
  rewards = new RewardsClient(chain)
  staking = new StakingClient(chain)
  const [token, escrow] = [new TokenClient(chain), new EscrowClient(chain)]
  for (const [account, signer] of signers) {
    await hardhat.request('hardhat_setBalance', [account, '0x56bc75e2d63100000'])
    const amount = account === payer ? 500_000n * HART : 2_000n * HART
    await token.transfer(account, amount).send(owner)
    if (account === payer) await (await escrow.depositWithPermit(signer, payer, amount)).send(signer)
  }
  await register(steady)
  await register(weak)
})
beforeEach(async () => {
  if (snapshot !== undefined) await hardhat.request('evm_revert', [snapshot])
  snapshot = await hardhat.request('evm_snapshot')
  promised.clear()
})
afterAll(() => hardhat?.close())

async function register(node: Address): Promise<void> {
  const signer = signers.get(node)!
  await new TokenClient(chain).approve(chain.addresses.Staking, 1_000n * HART).send(signer)
  await staking.register(new Uint8Array(32).fill(9), 0, 1_000n * HART).send(signer)
}

/** Settles a voucher of the payer. */
async function pay(payee: Address, amountWei: bigint): Promise<void> {
  const cumulativeWei = (promised.get(payee) ?? 0n) + amountWei
  promised.set(payee, cumulativeWei)
  const voucher = { payer, payee, topic: noTopic, cumulativeWei }
  const domain = { chainId: chain.chainId, escrow: chain.addresses.Escrow }
  const signed = { ...voucher, signature: signVoucher(keys[0]!, domain, voucher) }
  await new EscrowClient(chain).claim(payee, [signed]).send(signers.get(steady)!)
}

async function proposeAndFinalize(root: Uint8Array): Promise<void> {
  await rewards.propose(root).send(signers.get(steady)!)
  await hardhat.wait(halfDay)
  await rewards.finalize().send(signers.get(payer)!)
}

test('reward rule: its figures are those of the contracts', async () => {
  const read = async (contract: 'Rewards' | 'Escrow' | 'Staking', method: string, ...args: unknown[]) =>
    (await ask(chain, contract, method, ...args))[0]
  expect(await read('Escrow', 'BURN_BPS')).toBe(rewardTerms.burnBps)
  expect(await read('Rewards', 'BURN_RETURN_BPS')).toBe(rewardTerms.burnReturnBps)
  expect(await read('Rewards', 'NODE_SHARE_BPS')).toBe(rewardTerms.nodeShareBps)
  expect(await read('Rewards', 'FIRST_EMISSION')).toBe(rewardTerms.firstEmissionWei)
  expect(await read('Rewards', 'HALVING')).toBe(BigInt(rewardTerms.halvingEpochs))
  expect(await read('Rewards', 'EPOCH')).toBe(BigInt(rewardTerms.epochSeconds))
  expect(await read('Staking', 'MIN_BOND')).toBe(rewardTerms.minBondWei)
})

test('reward rule: whatever was earned, all shares fit the emission and each fits its caps', () => {
  const figure = fc.record({ income: fc.bigInt(0n, 10n ** 27n), bond: fc.bigInt(0n, 2_000n * HART) })
  fc.assert(
    fc.property(fc.array(figure, { maxLength: 40 }), fc.bigInt(0n, 7_000n * HART), (figures, emission) => {
      const weights = new Map(
        figures.map(({ income, bond }, index) => [`0x${index}` as Address, weightOf(income, bond)]),
      )
      const shares = [...shareOut(weights, emission).values()]
      expect(shares.reduce((sum, share) => sum + share, 0n)).toBeLessThanOrEqual(emission)
      for (const [index, share] of shares.entries()) {
        expect(share).toBeLessThanOrEqual((emission * 500n) / 10_000n)
        expect(share).toBeLessThanOrEqual((figures[index]!.income * 9n) / 1_000n)
      }
    }),
    { numRuns: 200 },
  )
})

test('rewards: the contract pays each node exactly what the recomputed root says, in trees of one to four leaves', async () => {
  await register(late)
  await register(fourth)
  for (const node of nodes) await pay(node, 1_000n * HART + 7n)
  await hardhat.wait(day)
  const weights = await computeWeights(chain)
  // The last one has no bond, and therefore no weight.
  expect(weights.nodes.map(({ node }) => node)).toEqual([steady, late, weak, fourth].sort())
  await proposeAndFinalize(weights.tree.root!)
  for (const { node, cumulativeWei } of weights.nodes) {
    expect(cumulativeWei).toBe(9n * HART)
    const sent = await rewards.claim(node, cumulativeWei, weights.tree.proofOf(node)!).send(signers.get(payer)!)
    expect(sent.amountWei).toBe(cumulativeWei)
  }
  for (const count of [1, 2, 3]) {
    const totals = new Map(nodes.slice(0, count).map((node, index) => [node, BigInt(index + 20) * HART]))
    const tree = createRewardTree(totals)
    await hardhat.wait(day)
    await proposeAndFinalize(tree.root!)
    // Beyond its cap nothing is paid: a proof that leads to the root is told from one that does not.
    for (const [node, total] of totals)
      await expect(rewards.claim(node, total, tree.proofOf(node)!).simulate(payer)).rejects.toMatchObject({
        fields: { error: 'NothingToClaim' },
      })
    await expect(rewards.claim(steady, 1n, tree.proofOf(steady)!).simulate(payer)).rejects.toMatchObject({
      fields: { error: 'BadProof' },
    })
  }
})

test('weights: income counts for the day of its block, and a day that nobody finalised is never paid', async () => {
  await pay(steady, 1_000n * HART)
  await hardhat.wait(day)
  const first = await computeWeights(chain)
  await pay(steady, 500n * HART)
  await hardhat.wait(day)
  const second = await computeWeights(chain)
  expect([first.epoch, second.epoch]).toEqual([0, 1])
  expect(first.nodes).toEqual([
    { node: steady, incomeWei: 1_000n * HART, bondWei: 1_000n * HART, shareWei: 9n * HART, cumulativeWei: 9n * HART },
  ])
  expect(second.nodes[0]).toMatchObject({ incomeWei: 500n * HART, cumulativeWei: (45n * HART) / 10n })
  await proposeAndFinalize(second.tree.root!)
  await hardhat.wait(day)
  const third = await computeWeights(chain)
  expect(third.countedEpochs).toEqual([1])
  expect(third.nodes[0]).toMatchObject({ shareWei: 0n, cumulativeWei: (45n * HART) / 10n })
  // An earlier day, asked for later, gives the same root.
  expect((await computeWeights(chain, 1)).tree.root).toEqual(second.tree.root)
  await expect(computeWeights(chain, third.epoch + 1)).rejects.toMatchObject({ code: 'ERR_USAGE' })
})

test('weights: a day is over when no block can fall into it any more, also on a chain that sleeps', async () => {
  await pay(steady, 1_000n * HART)
  await hardhat.request('evm_increaseTime', [day])
  // Nothing is mined: the last block is of the day that is over.
  expect(await computeWeights(chain)).toMatchObject({ epoch: 0, nodes: [{ node: steady }] })
})

test('weights: the first block of a day counts for that day, also where both days are counted', async () => {
  const [start] = (await ask(chain, 'Rewards', 'start')).map(Number)
  await pay(steady, 1_000n * HART)
  await hardhat.request('evm_setNextBlockTimestamp', [start! + day])
  await pay(steady, 500n * HART)
  await proposeAndFinalize((await computeWeights(chain)).tree.root!)
  await hardhat.wait(day)
  const { countedEpochs, nodes: found } = await computeWeights(chain)
  expect(countedEpochs).toEqual([0])
  expect(found).toMatchObject([{ incomeWei: 500n * HART, cumulativeWei: (135n * HART) / 10n }])
})

/** As a dispute would; the contract burns it all. */
async function slash(node: Address, wei: bigint): Promise<void> {
  const { Disputes: from, Staking: to } = chain.addresses
  await hardhat.request('hardhat_impersonateAccount', [from])
  await hardhat.request('hardhat_setBalance', [from, '0x56bc75e2d63100000'])
  const data = interfaceOf('Staking').encodeFunctionData('slash', [node, wei, payer, 0])
  await hardhat.request('eth_sendTransaction', [{ from, to, data }])
}

/** Adds to a bond. */
async function stake(node: Address, wei: bigint): Promise<void> {
  const signer = signers.get(node)!
  await new TokenClient(chain).approve(chain.addresses.Staking, wei).send(signer)
  await staking.stake(node, wei).send(signer)
}

test('weights: bonds are replayed as the contract keeps them, through slashes of what thaws', async () => {
  await pay(weak, 1_000n * HART)
  await pay(steady, 1_000n * HART)
  await stake(weak, 700n * HART)
  await staking.unbond(weak, 700n * HART).send(signers.get(weak)!)
  await slash(weak, 333n * HART + 1n)
  await slash(weak, 500n * HART)
  await staking.unbond(steady, 2n ** 256n - 1n).send(signers.get(steady)!)
  await hardhat.wait(day)
  const { nodes: found } = await computeWeights(chain)
  const bond = await staking.stakeOf(weak, weak)
  expect(bond).toBeLessThan(1_000n * HART)
  expect(found).toHaveLength(1)
  expect(found[0]).toMatchObject({ node: weak, bondWei: bond, shareWei: (9n * bond) / 1_000n })
})

test('weights: bonds are replayed after withdrawals, and after slashes that leave nearly nothing of what thaws', async () => {
  await stake(weak, 700n * HART)
  const { id } = await staking.unbond(weak, 700n * HART).send(signers.get(weak)!)
  await hardhat.wait(14 * day)
  await staking.withdraw(id).send(signers.get(weak)!)
  await stake(weak, 300n * HART)
  await staking.unbond(weak, 300n * HART).send(signers.get(weak)!)
  await slash(weak, 100n * HART)
  await staking.unbond(steady, 2n ** 256n - 1n).send(signers.get(steady)!)
  await slash(steady, 1_000n * HART - 1n)
  await stake(steady, 1_000n * HART)
  await pay(weak, 1_000n * HART)
  await pay(steady, 1_000n * HART)
  await hardhat.wait(day)
  const { nodes: found } = await computeWeights(chain)
  const bondOf = new Map(found.map(({ node, bondWei }) => [node, bondWei]))
  expect(bondOf.get(weak)).toBe(await staking.stakeOf(weak, weak))
  // What was left of the thawing bond went back to it.
  expect(bondOf.get(steady)).toBe(1_000n * HART + 1n)
  expect(await staking.stakeOf(steady, steady)).toBe(1_000n * HART + 1n)
})

test('block clock: finds the first block from a moment as a walk over all blocks does', async () => {
  for (let index = 0; index < 30; index++) await hardhat.wait(index % 7 === 0 ? 5_000 : 1 + (index % 3))
  const clock = await BlockClock.open(chain, chain.deployedAtBlock)
  const blocks: { number: number; timestamp: number }[] = []
  for (let number = chain.deployedAtBlock; number <= clock.latest.number; number++) {
    const block = await chain.provider.getBlock(number)
    blocks.push({ number, timestamp: block!.timestamp })
  }
  for (const { timestamp } of blocks) {
    for (const moment of [timestamp - 1, timestamp, timestamp + 1]) {
      const walked = blocks.find((block) => block.timestamp >= moment)?.number ?? clock.latest.number + 1
      expect(await clock.firstBlockFrom(moment)).toBe(walked)
    }
  }
})
