import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Address, parseAddress } from '#protocol/ids.ts'
import {
  allStakeWei,
  connectRpc,
  EscrowClient,
  openChain,
  ReputationClient,
  StakingClient,
  signerOf,
  TokenClient,
  unlimitedWei,
} from './chain.ts'
import { type HardhatChain, startDeployedHardhat } from './hardhat.fixture.ts'
import { addressOf, signAuthorization, signVoucher } from './index.ts'
import { serveRpc } from './rpc-server.fixture.ts'
import type { AddressBook, Chain, ChainSigner, SignedVoucher } from './types.ts'

const HART = 10n ** 18n
const noTopic = new Uint8Array(32)
const payerKey = new Uint8Array(32).fill(1)
const nodeKey = new Uint8Array(32).fill(2)
const sessionKey = new Uint8Array(32).fill(3)
const [payer, node, session] = [payerKey, nodeKey, sessionKey].map(addressOf) as [Address, Address, Address]

let hardhat: HardhatChain
let chain: Chain
let book: AddressBook
let payerSigner: ChainSigner
let nodeSigner: ChainSigner
let owner: ChainSigner
let token: TokenClient
let escrow: EscrowClient
let staking: StakingClient
let snapshot: unknown

beforeAll(async () => {
  ;({ hardhat, chain, book } = await startDeployedHardhat())
  owner = await hardhat.signer(0)
  ;[payerSigner, nodeSigner] = [signerOf(chain, payerKey), signerOf(chain, nodeKey)]
  ;[token, escrow, staking] = [new TokenClient(chain), new EscrowClient(chain), new StakingClient(chain)]
  for (const account of [payer, node]) {
    await hardhat.request('hardhat_setBalance', [account, '0x56bc75e2d63100000'])
    await token.transfer(account, 10_000n * HART).send(owner)
  }
})
beforeEach(async () => {
  if (snapshot !== undefined) await hardhat.request('evm_revert', [snapshot])
  snapshot = await hardhat.request('evm_snapshot')
})
afterAll(() => hardhat?.close())

function voucher(cumulativeWei: bigint, key = payerKey, topic = noTopic): SignedVoucher {
  const terms = { payer, payee: node, topic, cumulativeWei }
  const domain = { chainId: chain.chainId, escrow: chain.addresses.Escrow }
  return { ...terms, signature: signVoucher(key, domain, terms) }
}

test('token: a transfer moves what it says, and the supply is what was minted', async () => {
  const stranger = parseAddress(`0x${'77'.repeat(20)}`)
  const sent = await token.transfer(stranger, 5n).send(payerSigner)
  expect(sent.transactionHash).toMatch(/^0x[0-9a-f]{64}$/)
  expect(sent.gasUsed).toBeGreaterThan(21_000n)
  expect(await token.balanceOf(stranger)).toBe(5n)
  const supply = await token.supply()
  expect(supply).toEqual({ existingWei: 560_000n * HART, mintedWei: 560_000n * HART, maxWei: 21_000_000n * HART })
})

test('escrow: a deposit with permit is one transaction and leaves no allowance', async () => {
  const call = await escrow.depositWithPermit(payerSigner, payer, 100n * HART)
  await call.send(payerSigner)
  expect(await escrow.account(payer)).toEqual({ balanceWei: 100n * HART, thawingWei: 0n, thawEndSeconds: 0 })
  expect(await token.allowance(payer, chain.addresses.Escrow)).toBe(0n)
  expect(await token.balanceOf(payer)).toBe(9_900n * HART)
})

test('escrow: a claim pays each voucher once, and tells of every entry that paid nothing', async () => {
  await token.approve(chain.addresses.Escrow, 10n * HART).send(payerSigner)
  await escrow.deposit(payer, 10n * HART).send(payerSigner)
  const topic = new Uint8Array(32).fill(9)
  const forged = voucher(4n * HART, nodeKey)
  const batch = [
    voucher(3n * HART),
    forged,
    voucher(3n * HART),
    voucher(20n * HART, payerKey, topic),
    voucher(4n * HART),
  ]
  const { gas } = await escrow.claim(node, batch).simulate(node)
  const claimed = await escrow.claim(node, batch).send(nodeSigner)
  expect(claimed.paid).toEqual([
    { payer, topic: noTopic, amountWei: 3n * HART },
    { payer, topic, amountWei: 7n * HART },
  ])
  expect(claimed.refused).toEqual([
    { index: 1, reason: 'bad-signature' },
    { index: 2, reason: 'already-paid' },
    { index: 4, reason: 'no-funds' },
  ])
  expect(claimed.gasUsed).toBeLessThanOrEqual(gas)
  expect(await escrow.income(node)).toEqual({ earnedWei: 10n * HART, burnableWei: HART / 10n })
  expect(await escrow.channel(payer, node, topic)).toEqual({ lockedWei: 0n, claimedWei: 7n * HART })
  const flushed = await escrow.flush([node]).send(payerSigner)
  expect(flushed.blockNumber).toBeGreaterThan(claimed.blockNumber)
  expect((await escrow.income(node)).burnableWei).toBe(0n)
})

test('escrow: a session key is authorised by its own proof, draws within its allowance, and ends after thawing', async () => {
  expect(await escrow.signer(session)).toBeUndefined()
  const domain = { chainId: chain.chainId, escrow: chain.addresses.Escrow }
  const deadline = 4_000_000_000
  const proof = signAuthorization(sessionKey, domain, { payer, signer: session, deadline })
  await escrow.authorize(session, 2n * HART, deadline, proof).send(payerSigner)
  expect(await escrow.signer(session)).toEqual({ payer, revokedAtSeconds: undefined, allowanceWei: 2n * HART })
  await (await escrow.depositWithPermit(payerSigner, payer, 10n * HART)).send(payerSigner)
  const { paid } = await escrow.claim(node, [voucher(5n * HART, sessionKey)]).send(nodeSigner)
  expect(paid).toEqual([{ payer, topic: noTopic, amountWei: 2n * HART }])
  await escrow.setAllowance(session, unlimitedWei).send(payerSigner)
  const { revokedAtSeconds } = await escrow.revoke(session).send(payerSigner)
  expect(await escrow.signer(session)).toEqual({ payer, revokedAtSeconds, allowanceWei: unlimitedWei })
  await hardhat.wait(await escrow.thawSeconds())
  const late = await escrow.claim(node, [voucher(6n * HART, sessionKey)]).send(nodeSigner)
  expect(late.refused).toEqual([{ index: 0, reason: 'bad-signature' }])
})

test('escrow: what was locked comes back after its release, and a balance after its thaw', async () => {
  await (await escrow.depositWithPermit(payerSigner, payer, 10n * HART)).send(payerSigner)
  await escrow.lock(node, noTopic, 4n * HART).send(payerSigner)
  expect(await escrow.channel(payer, node, noTopic)).toEqual({ lockedWei: 4n * HART, claimedWei: 0n })
  expect(await escrow.pendingRelease(payer, node, noTopic)).toBeUndefined()
  const { releaseAtSeconds } = await escrow.release(node, noTopic, 4n * HART).send(payerSigner)
  expect(await escrow.pendingRelease(payer, node, noTopic)).toEqual({ amountWei: 4n * HART, releaseAtSeconds })
  const { thawEndSeconds } = await escrow.thaw(5n * HART).send(payerSigner)
  expect(await escrow.account(payer)).toEqual({ balanceWei: 6n * HART, thawingWei: 5n * HART, thawEndSeconds })
  await expect(escrow.withdraw().send(payerSigner)).rejects.toMatchObject({
    code: 'ERR_CHAIN_REVERTED',
    fields: { call: 'Escrow.withdraw', error: 'StillThawing', values: { end: String(thawEndSeconds) } },
  })
  await hardhat.wait(await escrow.thawSeconds())
  expect(await escrow.finishRelease(node, noTopic).send(payerSigner)).toMatchObject({ amountWei: 4n * HART })
  expect(await escrow.withdraw().send(payerSigner)).toMatchObject({ amountWei: 5n * HART })
  expect((await escrow.account(payer)).balanceWei).toBe(5n * HART)
})

test('staking: a node bonds, others delegate, and what they take out is listed with its date until it is paid', async () => {
  const { minBondWei, unbondingSeconds } = await staking.terms()
  const peerKey = new Uint8Array(32).fill(5)
  expect(await staking.nodeOf(node)).toBeUndefined()
  await token.approve(chain.addresses.Staking, minBondWei * 2n).send(nodeSigner)
  await staking.register(peerKey, 500, minBondWei * 2n).send(nodeSigner)
  expect(await staking.nodeOf(node)).toMatchObject({ peerKey, commissionBps: 500, frozen: 0 })
  expect(await staking.isActive(node)).toBe(true)
  expect(await staking.bondOf(node)).toEqual({ assetsWei: minBondWei * 2n, thawingWei: 0n })

  await (await staking.stakeWithPermit(payerSigner, node, 50n * HART)).send(payerSigner)
  expect(await staking.poolOf(node)).toEqual({ assetsWei: 50n * HART, thawingWei: 0n })
  expect(await staking.stakesOf(payer)).toEqual([{ node, amountWei: 50n * HART }])
  expect(await staking.stakesOf(node)).toEqual([{ node, amountWei: minBondWei * 2n }])
  expect(await staking.slashable(node)).toBe(minBondWei * 2n + 50n * HART)

  const first = await staking.unbond(node, 20n * HART).send(payerSigner)
  const second = await staking.unbond(node, allStakeWei).send(payerSigner)
  expect(second.amountWei).toBe(30n * HART)
  const listed = await staking.unbondingsOf(payer)
  expect(listed).toEqual(
    [first, second].map(({ id, amountWei, releaseAtSeconds }) => ({ id, node, amountWei, releaseAtSeconds })),
  )
  await expect(staking.withdraw(first.id).simulate(payer)).rejects.toMatchObject({
    fields: { error: 'StillUnbonding' },
  })
  await hardhat.wait(unbondingSeconds)
  expect(await staking.withdraw(first.id).send(payerSigner)).toMatchObject({ amountWei: 20n * HART })
  expect((await staking.unbondingsOf(payer)).map(({ id }) => id)).toEqual([second.id])
  expect(await staking.stakesOf(payer)).toEqual([])
})

test('staking: keys that sign receipts for a node are named and ended', async () => {
  const { minBondWei } = await staking.terms()
  await token.approve(chain.addresses.Staking, minBondWei).send(nodeSigner)
  await staking.register(new Uint8Array(32).fill(5), 0, minBondWei).send(nodeSigner)
  expect(await staking.signerValidUntil(node, session)).toBe(0)
  await staking.addSigner(session).send(nodeSigner)
  expect(await staking.signerValidUntil(node, session)).toBe(Number.POSITIVE_INFINITY)
  await staking.removeSigner(session).send(nodeSigner)
  expect(Number.isFinite(await staking.signerValidUntil(node, session))).toBe(true)
  const renamed = new Uint8Array(32).fill(6)
  await staking.setPeerKey(renamed).send(nodeSigner)
  await staking.setCommission(100).send(nodeSigner)
  expect(await staking.nodeOf(node)).toMatchObject({ peerKey: renamed, commissionBps: 0 })
})

test('reputation: the summary tells what a node earned, and feedback counts for clients who paid', async () => {
  const reputation = new ReputationClient(chain)
  const before = await reputation.summary(node)
  expect(before).toMatchObject({ isRegistered: false, isActive: false, earnedWei: 0n, slashableWei: 0n })
  await (await escrow.depositWithPermit(payerSigner, payer, 10n * HART)).send(payerSigner)
  await escrow.claim(node, [voucher(10n * HART)]).send(nodeSigner)
  await reputation.register().send(nodeSigner)
  const disputes = { open: 0, guilty: 0, innocent: 0, equivocations: 0 }
  expect(await reputation.summary(node)).toMatchObject({ isRegistered: true, earnedWei: 10n * HART, disputes })
  expect(await reputation.feedback(node, [payer, session], ['speed', ''])).toMatchObject({ count: 0, decimals: 18 })
})

test('calls: a simulation shows exactly what would be sent, and changes nothing', async () => {
  await token.approve(chain.addresses.Escrow, 3n).send(payerSigner)
  const call = escrow.deposit(payer, 3n)
  const shown = await call.simulate(payer)
  expect(shown).toMatchObject({
    contract: 'Escrow',
    to: chain.addresses.Escrow,
    method: 'deposit',
    arguments: { payer, amount: '3' },
    data: call.data,
    valueWei: 0n,
  })
  expect((await escrow.account(payer)).balanceWei).toBe(0n)
  const { gasUsed } = await call.send(payerSigner)
  expect(gasUsed).toBeLessThanOrEqual(shown.gas)
  expect(JSON.stringify((await escrow.claim(node, [voucher(1n)]).simulate(node)).arguments)).toContain(
    '"cumulative":"1"',
  )
})

test('calls: what a contract refuses is told by the name and values of its error, also when another contract refused', async () => {
  const poor = escrow.deposit(payer, 5n)
  const fields = { call: 'Escrow.deposit', error: 'ERC20InsufficientAllowance' }
  await expect(poor.simulate(payer)).rejects.toMatchObject({ code: 'ERR_CHAIN_REVERTED', fields })
  await expect(poor.send(payerSigner)).rejects.toMatchObject({ fields })
  await expect(escrow.deposit(payer, 0n).send(payerSigner)).rejects.toThrow('Escrow.deposit is refused: ZeroAmount')
  await expect(escrow.thaw(7n).send(payerSigner)).rejects.toThrow('Escrow.thaw is refused: Insufficient (available 0)')
})

test('calls: what is refused only in its block is told by the name of its error, too', async () => {
  const domain = { chainId: chain.chainId, escrow: chain.addresses.Escrow }
  const now = (await chain.provider.getBlock('latest'))!.timestamp
  const deadline = now + 600
  const proof = signAuthorization(sessionKey, domain, { payer, signer: session, deadline })
  const nonce = await chain.provider.getTransactionCount(payer)
  await hardhat.request('evm_setAutomine', [false])
  try {
    const ended = escrow
      .authorize(session, 1n, deadline, proof)
      .send(payerSigner)
      .catch((error: unknown) => error)
    await expect.poll(() => chain.provider.getTransactionCount(payer, 'pending')).toBe(nonce + 1)
    // The block comes so late that the proof, good when it was sent, has expired.
    await hardhat.request('evm_setNextBlockTimestamp', [deadline + 1])
    await hardhat.request('evm_mine')
    const fields = { call: 'Escrow.authorize', error: 'ProofExpired', values: { deadline: String(deadline) } }
    expect(await ended).toMatchObject({ code: 'ERR_CHAIN_REVERTED', fields })
  } finally {
    await hardhat.request('evm_setAutomine', [true])
  }
})

test('calls: a transaction that is in no block in time is told by its hash, and may still be mined', async () => {
  await hardhat.request('evm_setAutomine', [false])
  try {
    const late = await token
      .transfer(node, 1n)
      .send(payerSigner, 50)
      .catch((error: unknown) => error)
    expect(late).toMatchObject({ code: 'ERR_CHAIN_UNAVAILABLE' })
    const hash = /transaction (0x[0-9a-f]{64}) was sent and may still be mined/.exec(String(late))?.[1]
    await hardhat.request('evm_mine')
    expect((await chain.provider.getTransactionReceipt(hash!))?.status).toBe(1)
  } finally {
    await hardhat.request('evm_setAutomine', [true])
  }
})

test('calls: an account without ether is told so', async () => {
  const nobody = signerOf(chain, new Uint8Array(32).fill(44))
  const failure = await token
    .transfer(payer, 0n)
    .send(nobody)
    .catch((error: unknown) => error)
  expect(failure).toMatchObject({ code: 'ERR_CHAIN_REVERTED', fields: { error: 'InsufficientEther' } })
})

test('calls: a service that has gone is unavailable, whoever asks', async () => {
  const server = await serveRpc(hardhat.request)
  const connection = await connectRpc({ url: server.url })
  const served = await openChain(connection, book)
  await server.close()
  const unavailable = { code: 'ERR_CHAIN_UNAVAILABLE', fields: { url: server.url } }
  await expect(new EscrowClient(served).account(payer)).rejects.toMatchObject(unavailable)
  const sender = signerOf(served, payerKey)
  await expect(new TokenClient(served).transfer(node, 1n).send(sender)).rejects.toMatchObject(unavailable)
  await served.close()
})

test('calls: many transactions of one key at once take one nonce each', async () => {
  const stranger = parseAddress(`0x${'78'.repeat(20)}`)
  const sent = await Promise.all(Array.from({ length: 8 }, () => token.transfer(stranger, 1n).send(payerSigner)))
  expect(new Set(sent.map(({ transactionHash }) => transactionHash)).size).toBe(8)
  expect(await token.balanceOf(stranger)).toBe(8n)
})

test('calls: a client at addresses without our code says that the chain is the wrong one', async () => {
  const elsewhere = { ...chain, addresses: { ...chain.addresses, Escrow: payer } }
  await expect(new EscrowClient(elsewhere).account(payer)).rejects.toMatchObject({ code: 'ERR_CHAIN_WRONG' })
  expect((await openChain(hardhat, book)).addresses).toEqual(chain.addresses)
})
