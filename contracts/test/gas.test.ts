import { readFileSync, writeFileSync } from 'node:fs'
import { id, keccak256, MaxUint256, parseEther, Signature, toUtf8Bytes, Wallet, ZeroHash } from 'ethers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DISPUTES_DOMAIN, ESCROW_DOMAIN, RECEIPT_TYPES } from '../abi/typed-data.ts'
import { as, gasOf, startChain, type TestChain } from './chain.ts'
import { rewardTree } from './reward-tree.ts'
import { signVoucher, type VoucherEntry } from './voucher.ts'

/** Gas of one operation: the most that is allowed, and what was measured last; `why` where the ceiling is our own. */
interface GasBudget {
  ceiling: number
  measured: number
  why?: string
}

const budgetFile = new URL('../gas.json', import.meta.url)
const budgets = JSON.parse(readFileSync(budgetFile, 'utf8')) as Record<string, GasBudget>
/** `HARTONOMOUS_GAS=write npm test -- --project contracts gas` writes what was measured; it never raises a ceiling. */
const writesMeasured = process.env['HARTONOMOUS_GAS'] === 'write'
/** Signatures differ in zero bytes, whose calldata is cheaper. */
const TOLERANCE = 0.01
const HART = parseEther('1')
const ONE_DAY = 86_400

const measured: Record<string, number> = {}
let chain: TestChain

beforeAll(async () => {
  chain = await startChain()
})
afterAll(() => chain?.close())

async function permitOf(owner: Wallet, spender: string, value: bigint): Promise<[bigint, number, string, string]> {
  const { Token } = chain.contracts
  const { chainId } = await chain.provider.getNetwork()
  const domain = { name: 'Hartonomous', version: '1', chainId, verifyingContract: String(Token.target) }
  const fields = ['owner:address', 'spender:address', 'value:uint256', 'nonce:uint256', 'deadline:uint256']
  const types = { Permit: fields.map((field) => ({ name: field.split(':')[0]!, type: field.split(':')[1]! })) }
  const nonce = await Token.getFunction('nonces')(owner.address)
  const message = { owner: owner.address, spender, value, nonce, deadline: MaxUint256 }
  const { v, r, s } = Signature.from(await owner.signTypedData(domain, types, message))
  return [MaxUint256, v, r, s]
}

/** An account with ether and tokens, which has approved both contracts. */
async function fundedWallet(name: string): Promise<Wallet> {
  const { Token, Escrow, Staking } = chain.contracts
  const wallet = new Wallet(id(`hartonomous/gas/${name}`), chain.provider)
  await (await chain.deployer.sendTransaction({ to: wallet.address, value: parseEther('10') })).wait()
  await gasOf(Token, 'transfer', wallet.address, 20_000n * HART)
  for (const { target } of [Escrow, Staking, chain.contracts.Disputes])
    await gasOf(as(Token, wallet), 'approve', target, MaxUint256)
  return wallet
}

test('gas: a transfer is measured', async () => {
  const { Token } = chain.contracts
  const holder = new Wallet(id('hartonomous/gas/holder')).address
  measured['token.transfer.newHolder'] = await gasOf(Token, 'transfer', holder, HART)
  measured['token.transfer'] = await gasOf(Token, 'transfer', holder, HART)
})

test('gas: every operation of staking is measured', async () => {
  const { Staking, Token } = chain.contracts
  const [node, delegator, other] = [
    await fundedWallet('node'),
    await fundedWallet('delegator'),
    await fundedWallet('o'),
  ]
  const bond = 2_000n * HART
  measured['staking.register'] = await gasOf(as(Staking, node), 'register', id('peer'), 500, bond)
  await gasOf(as(Staking, other), 'stake', node.address, HART)
  measured['staking.stake.first'] = await gasOf(as(Staking, delegator), 'stake', node.address, 100n * HART)
  measured['staking.stake'] = await gasOf(as(Staking, delegator), 'stake', node.address, 100n * HART)
  const holder = await fundedWallet('permit')
  await gasOf(as(Token, holder), 'approve', Staking.target, 0)
  const permit = await permitOf(holder, String(Staking.target), 10n * HART)
  measured['staking.stakeWithPermit'] = await gasOf(
    as(Staking, holder),
    'stakeWithPermit',
    node.address,
    10n * HART,
    ...permit,
  )
  await gasOf(as(Staking, other), 'unbond', node.address, HART / 2n)
  const started = await as(Staking, delegator)
    .getFunction('unbond')
    .staticCall(node.address, 50n * HART)
  measured['staking.unbond'] = await gasOf(as(Staking, delegator), 'unbond', node.address, 50n * HART)
  await chain.wait(14 * ONE_DAY)
  measured['staking.withdraw'] = await gasOf(as(Staking, delegator), 'withdraw', started)
  await gasOf(Token, 'approve', Staking.target, MaxUint256)
  await gasOf(Staking, 'distribute', node.address, HART)
  measured['staking.distribute'] = await gasOf(Staking, 'distribute', node.address, HART)
  const beneficiary = new Wallet(id('hartonomous/gas/beneficiary')).address
  await gasOf(as(Staking, node), 'unbond', node.address, 100n * HART)
  await chain.impersonate(String(chain.contracts.Disputes.target), async (disputes) => {
    await gasOf(as(Staking, disputes), 'slash', node.address, 10n * HART, beneficiary, 5_000)
    const slash = [node.address, 500n * HART, beneficiary, 5_000]
    measured['staking.slash'] = await gasOf(as(Staking, disputes), 'slash', ...slash)
  })
})

async function batchOf(payers: readonly Wallet[], payee: string, cumulative: bigint, topic = ZeroHash) {
  const { chainId } = await chain.provider.getNetwork()
  const domain = { ...ESCROW_DOMAIN, chainId, verifyingContract: String(chain.contracts.Escrow.target) }
  const entries: VoucherEntry[] = []
  for (const payer of payers) {
    entries.push(await signVoucher(payer, domain, { payer: payer.address, payee, topic, cumulative }))
  }
  return entries
}

test('gas: deposits and claims are measured', async () => {
  const { Escrow, Token, Models } = chain.contracts
  await gasOf(Token, 'approve', Escrow.target, MaxUint256)
  const payers = Array.from({ length: 100 }, (_, i) => new Wallet(id(`hartonomous/gas/payer/${i}`)))
  measured['escrow.deposit.first'] = await gasOf(Escrow, 'deposit', payers[0]!.address, 100n * HART)
  measured['escrow.deposit'] = await gasOf(Escrow, 'deposit', payers[0]!.address, 100n * HART)
  for (const payer of payers.slice(1)) await gasOf(Escrow, 'deposit', payer.address, 100n * HART)
  const payee = new Wallet(id('hartonomous/gas/payee')).address
  await gasOf(Token, 'transfer', payee, 1)
  const claim = async (count: number, cumulative: bigint, topic?: string) =>
    await gasOf(Escrow, 'claim', payee, await batchOf(payers.slice(0, count), payee, cumulative, topic))
  await claim(1, HART)
  measured['escrow.claim.one'] = await claim(1, 2n * HART)
  await claim(10, 3n * HART)
  measured['escrow.claim.perVoucherOf10'] = Math.round((await claim(10, 4n * HART)) / 10)
  measured['escrow.claim.firstPerVoucherOf100'] = Math.round((await claim(100, 5n * HART)) / 100)
  measured['escrow.claim.perVoucherOf100'] = Math.round((await claim(100, 6n * HART)) / 100)

  const model = keccak256(toUtf8Bytes('model'))
  const author = await fundedWallet('author')
  const licence = `0x${Buffer.from('Apache-2.0').toString('hex').padEnd(44, '0')}`
  measured['models.mint'] = await gasOf(as(Models, author), 'mint', model, licence, 500, 'https://example.org/m', [])
  await claim(1, HART, model)
  measured['escrow.claim.royalty'] = await claim(1, 2n * HART, model)
})

/** Signs as `node`: a receipt that nobody has seen before. */
async function receiptOf(node: Wallet, job: string): Promise<[unknown[], string]> {
  const { chainId } = await chain.provider.getNetwork()
  const domain = { ...DISPUTES_DOMAIN, chainId, verifyingContract: String(chain.contracts.Disputes.target) }
  const { timestamp } = (await chain.provider.getBlock('latest'))!
  const requester = await chain.deployer.getAddress()
  const values = [node.address, requester, id(job), 0, id('input'), id('output'), id('details'), timestamp]
  const message = Object.fromEntries(RECEIPT_TYPES.Receipt.map(({ name }, index) => [name, values[index]]))
  return [values, await node.signTypedData(domain, RECEIPT_TYPES, message)]
}

test('gas: a dispute with seven jurors is measured', async () => {
  const { Disputes, Staking, Token } = chain.contracts
  const node = await fundedWallet('accused')
  const jurors: Wallet[] = []
  for (let i = 0; i < 9; i++) jurors.push(await fundedWallet(`juror/${i}`))
  for (const staked of [node, ...jurors]) {
    await gasOf(as(Staking, staked), 'register', id(staked.address), 0, 1_000n * HART)
  }
  for (const juror of jurors) await gasOf(as(Disputes, juror), 'enlist')
  await gasOf(Token, 'approve', Disputes.target, MaxUint256)
  const run = async (job: string) => {
    const [receipt, signature] = await receiptOf(node, job)
    const dispute = await Disputes.getFunction('open').staticCall(receipt, signature)
    measured['disputes.open'] = await gasOf(Disputes, 'open', receipt, signature)
    await chain.mine(3)
    measured['disputes.draw'] = await gasOf(Disputes, 'draw', dispute)
    const seated: Wallet[] = []
    for (const juror of jurors) {
      if ((await Disputes.getFunction('ballotOf')(dispute, 0, juror.address)) === 1n) seated.push(juror)
    }
    expect(seated).toHaveLength(7)
    for (const juror of seated) {
      const hash = await Disputes.getFunction('commitmentOf')(dispute, 0, juror.address, true, id('salt'))
      measured['disputes.commit'] = await gasOf(as(Disputes, juror), 'commit', dispute, hash)
    }
    await chain.wait(ONE_DAY / 2)
    for (const juror of seated) {
      measured['disputes.reveal'] = await gasOf(as(Disputes, juror), 'reveal', dispute, true, id('salt'))
    }
    measured['disputes.resolve'] = await gasOf(Disputes, 'resolve', dispute)
    for (const juror of seated) {
      measured['disputes.dismiss'] = await gasOf(Disputes, 'dismiss', dispute, 0, juror.address)
    }
  }
  await run('first')
  // The bond of another dispute lies there, as it mostly will: the first one pays for a new balance.
  await gasOf(Disputes, 'open', ...(await receiptOf(node, 'another')))
  await gasOf(as(Staking, node), 'stake', node.address, 2_000n * HART)
  await run('second')
})

test('gas: a reward epoch of 1,024 leaves is measured', async () => {
  const { Rewards, Staking, Escrow, Token } = chain.contracts
  const node = await fundedWallet('earner')
  await gasOf(as(Staking, node), 'register', id('earner'), 0, 2_000n * HART)
  await gasOf(Token, 'approve', Escrow.target, MaxUint256)
  const payer = new Wallet(id('hartonomous/gas/payer/0'))
  await gasOf(Escrow, 'deposit', payer.address, 10_000n * HART)
  await gasOf(Escrow, 'claim', node.address, await batchOf([payer], node.address, 10_000n * HART))
  for (const total of [1n * HART, 2n * HART]) {
    await chain.wait(ONE_DAY)
    const { root, proof } = rewardTree(node.address, total, 1_024)
    measured['rewards.propose'] = await gasOf(as(Rewards, node), 'propose', root)
    await chain.wait(ONE_DAY / 2)
    measured['rewards.finalize'] = await gasOf(Rewards, 'finalize')
    measured['rewards.claim'] = await gasOf(Rewards, 'claim', node.address, total, proof)
  }
})

test('gas: reputation is measured', async () => {
  const { Reputation, Escrow } = chain.contracts
  const [agent, client] = [await fundedWallet('agent'), await fundedWallet('client')]
  measured['reputation.register'] = await gasOf(as(Reputation, agent), 'register()')
  await gasOf(as(Escrow, client), 'deposit', client.address, 10n * HART)
  await gasOf(Escrow, 'claim', agent.address, await batchOf([client], agent.address, 5n * HART))
  const feedback = [BigInt(agent.address), 95, 0, 'quality', 'llm', '', '', ZeroHash]
  measured['reputation.giveFeedback.first'] = await gasOf(as(Reputation, client), 'giveFeedback', ...feedback)
  measured['reputation.giveFeedback'] = await gasOf(as(Reputation, client), 'giveFeedback', ...feedback)
  const picture = await Reputation.getFunction('tokenURI').estimateGas(BigInt(agent.address))
  expect(picture).toBeLessThan(3_000_000n)
})

test('gas: every operation stays under its ceiling, and gas.json is fresh', () => {
  console.log(
    Object.entries(measured)
      .map(([name, gas]) => `${name} ${gas}`)
      .join('\n'),
  )
  expect(Object.keys(measured).sort()).toEqual(Object.keys(budgets).sort())
  if (writesMeasured) {
    for (const [name, gas] of Object.entries(measured)) budgets[name]!.measured = gas
    writeFileSync(budgetFile, `${JSON.stringify(budgets, null, 2)}\n`)
  }
  for (const [name, gas] of Object.entries(measured)) {
    const budget = budgets[name]!
    expect(gas, `${name}: ceiling`).toBeLessThanOrEqual(budget.ceiling)
    const change = Math.abs(gas - budget.measured) / budget.measured
    expect(change, `${name} needs ${gas} gas, gas.json says ${budget.measured}: write the new figure`).toBeLessThan(
      TOLERANCE,
    )
  }
})
