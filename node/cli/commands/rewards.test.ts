import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RewardsStatusView, RewardWeightsView } from '#protocol/api/justice.ts'
import type { Address } from '#protocol/ids.ts'
import { type ChainSigner, loadChain, loadOrCreateHotKey, signVoucher } from '../../chain/index.ts'
import { type ServedHardhat, startServedHardhat } from '../../chain/served-hardhat.fixture.ts'
import { createHome, type Home } from '../home.fixture.ts'

const HART = 10n ** 18n
const day = 86_400

let fixture: ServedHardhat
/** An active node. */
let node: Home
let address: Address
let signer: ChainSigner
/** Pays, and is no node. */
let payer: Home

beforeAll(async () => {
  fixture = await startServedHardhat()
  ;[node, payer] = [await createHome(fixture), await createHome(fixture)]
  const { signerOf, StakingClient, TokenClient } = await loadChain()
  const { chain } = fixture
  address = await node.hotKey()
  await fixture.fund(address, '2000')
  await fixture.fund(await payer.hotKey(), '5000')
  signer = signerOf(chain, (await loadOrCreateHotKey(node.folder)).privateKey)
  await new TokenClient(chain).approve(chain.addresses.Staking, 1_000n * HART).send(signer)
  await new StakingClient(chain).register(new Uint8Array(32).fill(1), 0, 1_000n * HART).send(signer)
})
afterAll(async () => {
  await Promise.all([node, payer].map((each) => each.remove()))
  await fixture?.close()
})

/** All that the payer has ever promised the node. */
async function pay(cumulativeWei: bigint): Promise<void> {
  const { EscrowClient, signerOf } = await loadChain()
  const { chain } = fixture
  const { address: from, privateKey } = await loadOrCreateHotKey(payer.folder)
  const escrow = new EscrowClient(chain)
  const payerSigner = signerOf(chain, privateKey)
  await (await escrow.depositWithPermit(payerSigner, from, 1_000n * HART)).send(payerSigner)
  const voucher = { payer: from, payee: address, topic: new Uint8Array(32), cumulativeWei }
  const domain = { chainId: chain.chainId, escrow: chain.addresses.Escrow }
  await escrow.claim(address, [{ ...voucher, signature: signVoucher(privateKey, domain, voucher) }]).send(payerSigner)
}

async function proposeByHand(root: Uint8Array): Promise<void> {
  const { RewardsClient } = await loadChain()
  await new RewardsClient(fixture.chain).propose(root).send(signer)
}

test('hart rewards: before the first epoch is over there is nothing to compute, propose or claim, and it is said', async () => {
  expect(await node.hart('rewards', 'weights')).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/epoch 0 ends at .*; the chain is in epoch 0/),
  })
  expect(await node.hart('rewards', 'weights', '--epoch', 'x')).toMatchObject({ status: 2 })
  expect((await node.hart('rewards', 'challenge', '--yes')).stdout).toContain('no root waits')
  expect((await node.hart('rewards', 'finalize', '--yes')).stderr).toContain('no root waits')
  expect((await node.hart('rewards', 'claim', '--yes')).stderr).toContain('no epoch is finalised yet')
  expect(await node.json<RewardsStatusView>('rewards', 'status')).toEqual({
    account: address,
    claimedWei: '0',
    capWei: '0',
  })
})

test('hart rewards propose: an empty day, another than a node, and a day that is about to change are refused', async () => {
  await fixture.hardhat.wait(day)
  const nothing = await node.json<RewardWeightsView>('rewards', 'weights')
  expect(nothing).toMatchObject({ epoch: 0, nodes: [], countedEpochs: [] })
  expect(nothing).not.toHaveProperty('root')
  expect((await node.hart('rewards', 'propose', '--yes')).stderr).toContain('nobody has earned anything')
  await pay(1_000n * HART)
  await fixture.hardhat.wait(day)
  expect(await payer.hart('rewards', 'propose', '--yes')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('NotActive'),
  })
  const snapshot = await fixture.hardhat.request('evm_snapshot')
  await fixture.hardhat.wait(day - 300)
  expect(await node.hart('rewards', 'propose', '--yes')).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/epoch 2 ends in \d+ seconds/),
  })
  await fixture.hardhat.request('evm_revert', [snapshot])
})

test('hart rewards: a right root is proposed, confirmed, finalised and claimed once', async () => {
  const dry = await node.json<{ calls: { method: string }[] }>('rewards', 'propose', '--dry-run')
  expect(dry.calls).toMatchObject([{ method: 'propose' }])
  await node.json('rewards', 'propose', '--yes')
  expect(await node.hart('rewards', 'propose', '--yes')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('the root of epoch 1 waits'),
  })
  const weights = await payer.json<RewardWeightsView>('rewards', 'weights')
  const { pending } = await payer.json<RewardsStatusView>('rewards', 'status')
  expect(pending).toMatchObject({ epoch: 1, root: weights.root, proposer: address, isDisputed: false })
  expect(await payer.json('rewards', 'challenge', '--yes')).toEqual({
    epoch: 1,
    pendingRoot: weights.root,
    computedRoot: weights.root,
    isRight: true,
  })
  expect((await payer.hart('rewards', 'finalize', '--yes')).stderr).toContain('WindowOpen')
  await fixture.hardhat.wait(day / 2)
  expect(await payer.json('rewards', 'finalize', '--yes')).toMatchObject({
    epoch: 1,
    emissionWei: String(7_000n * HART),
  })
  expect(await payer.json('rewards', 'claim', address, '--yes')).toMatchObject({ amountWei: String(9n * HART) })
  expect((await node.hart('rewards', 'claim', '--yes')).stderr).toContain('has been paid all that it earned')
  expect((await payer.hart('rewards', 'claim', '--yes')).stderr).toContain('has earned nothing')
  expect((await node.hart('rewards', 'propose', '--yes')).stderr).toContain('epoch 1 is finalised already')
  const { stdout } = await node.hart('rewards', 'weights', '--epoch', '1')
  expect(stdout).toContain('emission 7000 HART')
  expect(stdout).toMatch(/1000 HART +1000 HART +9 HART +9 HART/)
  expect((await node.hart('rewards', 'status')).stdout).toContain('9 HART of at most 9 HART')
})

test('hart rewards: a wrong root is told from the right one; with too few jurors or no node it cannot be disputed', async () => {
  await fixture.hardhat.wait(day)
  await proposeByHand(new Uint8Array(32).fill(0xee))
  expect((await payer.hart('rewards', 'challenge', '--yes')).stderr).toContain('is no active node')
  const shown = await node.hart('rewards', 'challenge', '--yes')
  expect(shown.stderr).toContain('a jury needs 9 enlisted nodes')
  await fixture.hardhat.wait(day / 2)
  await payer.json('rewards', 'finalize', '--yes')
  // It was finalised all the same: nobody can prove anything under it, until the next root is right.
  expect(await node.hart('rewards', 'claim', '--yes')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('is not what the logs give'),
  })
  await pay(3_000n * HART)
  await fixture.hardhat.wait(day)
  await node.json('rewards', 'propose', '--yes')
  await fixture.hardhat.wait(day / 2)
  await payer.json('rewards', 'finalize', '--yes')
  // 2,000 more were earned, but the payer's second deposit covers 1,000 of it.
  expect(await node.json('rewards', 'claim', '--yes')).toMatchObject({ amountWei: String(9n * HART) })
})
