import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Address } from '#protocol/ids.ts'
import type { Receipt } from '#protocol/payment/message.ts'
import { signerOf } from '../contract-call.ts'
import { type HardhatChain, startDeployedHardhat } from '../hardhat.fixture.ts'
import { RewardsClient } from '../rewards/rewards-client.ts'
import { StakingClient } from '../staking-client.ts'
import { TokenClient } from '../token-client.ts'
import { addressOf, expandSignature, signReceipt } from '../typed-data.ts'
import type { Chain, ChainSigner } from '../types.ts'
import { DisputesClient } from './disputes-client.ts'
import {
  type EvidenceContext,
  equivocationProblem,
  parseEquivocation,
  parseSignedReceipt,
  receiptProblem,
  type SignedReceipt,
  signedReceiptToJson,
} from './evidence.ts'

const HART = 10n ** 18n
const hour = 3_600
/** The challenger, the accused, its hot key, then jurors. */
const keys = Array.from({ length: 14 }, (_, index) => new Uint8Array(32).fill(index + 1))
const [challenger, accused, hotKey, ...jurors] = keys.map(addressOf) as [Address, Address, Address, ...Address[]]
const [challengerKey, accusedKey, hotPrivateKey] = keys as [Uint8Array, Uint8Array, Uint8Array]

let hardhat: HardhatChain
let chain: Chain
let signers: Map<Address, ChainSigner>
let disputes: DisputesClient
let staking: StakingClient
let token: TokenClient
let snapshot: unknown

beforeAll(async () => {
  ;({ hardhat, chain } = await startDeployedHardhat())
  const owner = await hardhat.signer(0)
  signers = new Map(keys.map((key) => [addressOf(key), signerOf(chain, key)]))
  ;[disputes, staking, token] = [new DisputesClient(chain), new StakingClient(chain), new TokenClient(chain)]
  for (const [account, signer] of signers) {
    await hardhat.request('hardhat_setBalance', [account, '0x56bc75e2d63100000'])
    await token.transfer(account, 3_000n * HART).send(owner)
    if (account === hotKey) continue
    await token.approve(chain.addresses.Staking, 1_000n * HART).send(signer)
    await staking.register(new Uint8Array(32).fill(9), 0, 1_000n * HART).send(signer)
  }
  await staking.addSigner(hotKey).send(signers.get(accused)!)
})
beforeEach(async () => {
  if (snapshot !== undefined) await hardhat.request('evm_revert', [snapshot])
  snapshot = await hardhat.request('evm_snapshot')
})
afterAll(() => hardhat?.close())

async function chainNow(): Promise<number> {
  return (await chain.provider.getBlock('latest'))!.timestamp
}

function receiptOf(changes: Partial<Receipt> = {}): Receipt {
  const hash = (byte: number) => new Uint8Array(32).fill(byte)
  const fields = { job: hash(1), attempt: 0, input: hash(2), output: hash(3), details: hash(4) }
  return { node: accused, requester: challenger, ...fields, finishedAt: 1, ...changes }
}

function signed(changes: Partial<Receipt> = {}, key = accusedKey): SignedReceipt {
  const receipt = receiptOf(changes)
  return {
    receipt,
    signature: signReceipt(key, { chainId: chain.chainId, disputes: chain.addresses.Disputes }, receipt),
  }
}

async function evidenceContext(): Promise<EvidenceContext> {
  return {
    domain: { chainId: chain.chainId, disputes: chain.addresses.Disputes },
    nowSeconds: await chainNow(),
    signerValidUntil: (node, signer) => staking.signerValidUntil(node, signer),
  }
}

const other = { output: new Uint8Array(32).fill(5) }

test('evidence: two outputs for one attempt, one signed by the hot key, slash the node and pay who reports it', async () => {
  const evidence = { first: signed(), second: signed(other, hotPrivateKey) }
  const text = JSON.stringify({
    first: signedReceiptToJson(evidence.first),
    second: signedReceiptToJson(evidence.second),
  })
  const read = parseEquivocation(text, 'evidence.json')
  expect(read).toEqual(evidence)
  expect(await equivocationProblem(read, await evidenceContext())).toBeUndefined()
  const reporter = jurors[0]!
  const before = await token.balanceOf(reporter)
  const call = disputes.slashEquivocation(read.first, read.second)
  const shown = await call.simulate(reporter)
  expect(shown).toMatchObject({ method: 'slashEquivocation', result: 500n * HART })
  const sent = await call.send(signers.get(reporter)!)
  expect(sent.slashedWei).toBe(500n * HART)
  expect(await token.balanceOf(reporter)).toBe(before + 250n * HART)
  expect(await staking.stakeOf(accused, accused)).toBe(500n * HART)
  await expect(call.simulate(reporter)).rejects.toMatchObject({ fields: { error: 'AlreadyPunished' } })
})

test('evidence: what is no proof is told in words, and the contract refuses each of these too', async () => {
  const context = await evidenceContext()
  const first = signed()
  const cases: [SignedReceipt, RegExp][] = [
    [signed({ node: jurors[0]!, ...other }, keys[3]), /two nodes/],
    [signed({ ...other, job: new Uint8Array(32).fill(7) }), /two jobs/],
    [signed({ ...other, attempt: 1 }), /attempts 0 and 1/],
    [signed({ ...other, input: new Uint8Array(32).fill(7) }), /inputs differ/],
    [signed({ details: new Uint8Array(32).fill(7) }), /same output/],
    [signed(other, challengerKey), /second receipt does not bind .* never named/],
    [{ ...signed(other), signature: new Uint8Array(64) }, /none that the contract takes/],
  ]
  for (const [second, expected] of cases) {
    expect(await equivocationProblem({ first, second }, context)).toMatch(expected)
    await expect(disputes.slashEquivocation(first, second).simulate(challenger)).rejects.toMatchObject({
      code: 'ERR_CHAIN_REVERTED',
    })
  }
  await staking.removeSigner(hotKey).send(signers.get(accused)!)
  await hardhat.wait(15 * 24 * hour)
  expect(await receiptProblem(signed({}, hotPrivateKey), await evidenceContext())).toMatch(/took back/)
})

test('evidence: a file is read with signatures of 64 and of 65 bytes, and refused with the field that is wrong', () => {
  const one = signed()
  const json = signedReceiptToJson(one)
  const long = `0x${Buffer.from(expandSignature(one.signature)).toString('hex')}`
  expect(parseSignedReceipt(JSON.stringify({ ...json, signature: long }), 'r.json')).toEqual(one)
  const bad: [unknown, RegExp][] = [
    [{ ...json, signature: '0x12' }, /r\.json: signature: not a signature/],
    [{ ...json, receipt: { ...json.receipt, job: 'x' } }, /receipt\.job/],
    [{ ...json, receipt: { ...json.receipt, attempt: -1 } }, /receipt\.attempt/],
    [{ ...json, more: 1 }, /the whole/],
  ]
  for (const [value, expected] of bad)
    expect(() => parseSignedReceipt(JSON.stringify(value), 'r.json')).toThrow(expected)
  expect(() => parseSignedReceipt('{', 'r.json')).toThrow(/not JSON/)
})

async function openAndDraw(): Promise<string> {
  for (const juror of jurors) await disputes.enlist().send(signers.get(juror)!)
  const { bondWei } = await disputes.terms()
  await token.approve(chain.addresses.Disputes, bondWei).send(signers.get(challenger)!)
  const { id } = await disputes.open(signed({ finishedAt: await chainNow() })).send(signers.get(challenger)!)
  await hardhat.request('hardhat_mine', ['0x3'])
  const { jurors: drawn } = await disputes.draw(id).send(signers.get(hotKey)!)
  expect(drawn).toHaveLength(7)
  return id
}

async function commitAll(id: string, isGuilty: (index: number) => boolean | undefined): Promise<Map<Address, string>> {
  const salts = new Map<Address, string>()
  for (const [index, { juror }] of (await disputes.seatsOf(id)).entries()) {
    const vote = isGuilty(index)
    if (vote === undefined) continue
    const salt = `0x${Buffer.alloc(32, index + 1).toString('hex')}`
    const commitment = await disputes.commitmentOf(id, 0, juror, vote, salt)
    await disputes.commit(id, commitment).send(signers.get(juror)!)
    expect(await disputes.commitmentBy(id, 0, juror)).toBe(commitment)
    salts.set(juror, salt)
  }
  return salts
}

test('jury: seven are drawn, commit, reveal and are dismissed with what the contract owes each of them', async () => {
  const id = await openAndDraw()
  expect(await disputes.dispute(id)).toMatchObject({ phase: 'drawn', subject: 'receipt', node: accused, seats: 7 })
  const salts = await commitAll(id, (index) => (index === 6 ? undefined : index !== 5))
  await hardhat.wait(12 * hour)
  for (const [index, { juror }] of (await disputes.seatsOf(id)).entries())
    if (index < 6) await disputes.reveal(id, index !== 5, salts.get(juror)!).send(signers.get(juror)!)
  await expect(disputes.resolve(id).simulate(hotKey)).rejects.toMatchObject({ fields: { error: 'WrongTime' } })
  await hardhat.wait(12 * hour)
  const resolved = await disputes.resolve(id).send(signers.get(hotKey)!)
  expect(resolved).toMatchObject({ outcome: 'guilty', slashedWei: 500n * HART })
  const seats = await disputes.seatsOf(id)
  expect(seats.map(({ ballot }) => ballot)).toEqual([...Array(5).fill('guilty'), 'innocent', 'seated'])
  const paid = await Promise.all(seats.map(({ juror }) => disputes.dismiss(id, 0, juror).send(signers.get(juror)!)))
  expect(paid.map(({ rewardWei, penaltyWei }) => [rewardWei, penaltyWei])).toEqual([
    ...Array(5).fill([10n * HART, 0n]),
    [0n, 0n],
    [0n, 10n * HART],
  ])
  expect(await disputes.isEnlisted(seats[6]!.juror)).toBe(false)
  expect(await disputes.isEnlisted(seats[0]!.juror)).toBe(true)
  expect(await disputes.jurorCount()).toBe(jurors.length - 1)
  expect(await disputes.disputes()).toHaveLength(1)
  expect(await disputes.drawnFor(seats[0]!.juror)).toEqual([{ id, round: 0 }])
})

test('jury: a wrong root of rewards is disputed by its id, and one that was replaced is not hit', async () => {
  const rewards = new RewardsClient(chain)
  for (const juror of jurors) await disputes.enlist().send(signers.get(juror)!)
  await hardhat.wait(24 * hour)
  const { id } = await rewards.propose(new Uint8Array(32).fill(1)).send(signers.get(accused)!)
  expect(await rewards.pending()).toMatchObject({ id, epoch: 0, proposer: accused })
  const { rootBondWei } = await disputes.terms()
  await token.approve(chain.addresses.Disputes, rootBondWei).send(signers.get(challenger)!)
  await expect(disputes.openRoot(`0x${'11'.repeat(32)}`).simulate(challenger)).rejects.toMatchObject({
    fields: { error: 'NotPending' },
  })
  await disputes.openRoot(id).send(signers.get(challenger)!)
  expect(await disputes.dispute(id)).toMatchObject({ subject: 'root', node: accused, phase: 'open' })
  await hardhat.wait(12 * hour)
  await expect(rewards.finalize().simulate(challenger)).rejects.toMatchObject({ fields: { error: 'Disputed' } })
})
