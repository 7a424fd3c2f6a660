import { id, MaxUint256, parseEther, type TransactionReceipt, Wallet, ZeroHash } from 'ethers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ContractName } from '../abi/deployment.ts'
import { AUTHORIZATION_TYPES, ESCROW_DOMAIN } from '../abi/typed-data.ts'
import { gasOf, startChain, type TestChain } from './chain.ts'
import { createRandom, type Random } from './random.ts'
import { EscrowReference, type ReferenceVoucher } from './reference/escrow.ts'
import { Ledger, least, Refusal } from './reference/ledger.ts'
import { ALL, StakingReference } from './reference/staking.ts'
import { signVoucher } from './voucher.ts'

const OPERATIONS = 10_000
const SEED = 0x4841_5254
const HART = parseEther('1')
const DAY = 86_400
const MODEL = id('a model')
const TOPICS = [ZeroHash, MODEL]
const ROYALTY_BPS = 1_500n

const people = Array.from({ length: 6 }, (_, i) => new Wallet(id(`hartonomous/differential/${i}`)))
const sessions = Array.from({ length: 40 }, (_, i) => new Wallet(id(`hartonomous/differential/session/${i}`)))
const author = people[5]!.address
const nodes = people.slice(0, 3).map(({ address }) => address)

let chain: TestChain
let now = 0
const ledger = new Ledger()
const escrow = new EscrowReference(ledger, (topic) =>
  topic === MODEL ? { receiver: author, bps: ROYALTY_BPS } : undefined,
)
const staking = new StakingReference(ledger)

/** One call on the chain, and what the reference does for the same. */
interface Operation {
  contract: ContractName
  method: string
  args: unknown[]
  from: string
  reference: () => void
}
type Generator = (random: Random) => Operation | Promise<Operation>

beforeAll(async () => {
  chain = await startChain()
  const { Token, Models, Escrow, Staking, Disputes } = chain.contracts
  const deployer = await chain.deployer.getAddress()
  ledger.mint(deployer, 560_000n * HART)
  for (const address of [...people.map((person) => person.address), String(Disputes.target)]) {
    await chain.request('hardhat_impersonateAccount', [address])
    await chain.request('hardhat_setBalance', [address, '0xffffffffffffffffffff'])
  }
  for (const { address } of people) {
    const amount = 60_000n * HART
    await gasOf(Token, 'transfer', address, amount)
    ledger.move(deployer, address, amount)
    for (const { target } of [Escrow, Staking]) {
      const data = Token.interface.encodeFunctionData('approve', [target, MaxUint256])
      await chain.request('eth_sendTransaction', [{ from: address, to: Token.target, data }])
    }
  }
  const terms = [MODEL, `0x${'00'.repeat(22)}`, ROYALTY_BPS, '', []]
  const data = Models.interface.encodeFunctionData('mint', terms)
  await chain.request('eth_sendTransaction', [{ from: author, to: Models.target, data }])
  now = (await chain.provider.getBlock('latest'))!.timestamp
})
afterAll(() => chain?.close())

/** Amounts at and beyond the edges of what is there, and any in between. */
function amountAround(random: Random, available: bigint): bigint {
  const choice = random.below(10)
  if (choice === 0) return 0n
  if (choice === 1) return available
  if (choice === 2) return available + 1n
  if (choice === 3) return 1n
  return (available * BigInt(random.below(1_000_000))) / 1_000_000n
}

/** Mostly larger than the least stake, in a size that holders have. */
function stakeAmount(random: Random): bigint {
  return random.below(12) === 0 ? BigInt(random.below(1_000)) : BigInt(1 + random.below(3_000_000)) * 10n ** 15n
}

async function vouchersOf(random: Random, payee: string): Promise<[unknown[], ReferenceVoucher[]]> {
  const { chainId } = await chain.provider.getNetwork()
  const domain = { ...ESCROW_DOMAIN, chainId, verifyingContract: String(chain.contracts.Escrow.target) }
  const entries: unknown[] = []
  const reference: ReferenceVoucher[] = []
  for (let i = 0; i <= random.below(3); i++) {
    const payer = random.pick(people)
    const topic = random.pick(TOPICS)
    const { claimed } = escrow.channel(payer.address, payee, topic)
    const cumulative =
      random.below(20) === 0 ? 2n ** 128n - 1n : claimed + amountAround(random, 400n * HART) - (i === 2 ? 1n : 0n)
    const signer = random.below(3) === 0 ? random.pick([...sessions, ...people]) : payer
    const terms = { payer: payer.address, payee, topic, cumulative: cumulative < 0n ? 0n : cumulative }
    entries.push(await signVoucher(signer, domain, terms))
    reference.push({ ...terms, signer: signer.address })
  }
  return [entries, reference]
}

function onEscrow(from: string, method: string, args: unknown[], reference: () => void): Operation {
  return { contract: 'Escrow', method, args, from, reference }
}

function onStaking(from: string, method: string, args: unknown[], reference: () => void): Operation {
  return { contract: 'Staking', method, args, from, reference }
}

async function authorization(random: Random): Promise<Operation> {
  const { address } = random.pick(people)
  const signer = random.pick(sessions)
  const allowance = random.below(3) === 0 ? 2n ** 128n - 1n : amountAround(random, 2_000n * HART)
  if (random.below(2) === 0) {
    return onEscrow(address, 'setAllowance', [signer.address, allowance], () =>
      escrow.setAllowance(address, signer.address, allowance),
    )
  }
  if (random.below(4) === 0) {
    return onEscrow(address, 'revoke', [signer.address], () => escrow.revoke(address, signer.address, BigInt(now)))
  }
  const { chainId } = await chain.provider.getNetwork()
  const domain = { ...ESCROW_DOMAIN, chainId, verifyingContract: String(chain.contracts.Escrow.target) }
  const message = { payer: address, signer: signer.address, deadline: MaxUint256 }
  const proof = await signer.signTypedData(domain, AUTHORIZATION_TYPES, message)
  return onEscrow(address, 'authorize', [signer.address, allowance, MaxUint256, proof], () =>
    escrow.authorize(address, signer.address, allowance),
  )
}

const escrowOperations: Generator[] = [
  (random) => {
    const [from, payer] = [random.pick(people).address, random.pick(people).address]
    const amount = amountAround(random, least(ledger.balanceOf(from), 3_000n * HART))
    return onEscrow(from, 'deposit', [payer, amount], () => escrow.deposit(from, payer, amount))
  },
  (random) => {
    const { address } = random.pick(people)
    const amount = amountAround(random, escrow.account(address).balance)
    return onEscrow(address, 'thaw', [amount], () => escrow.thaw(address, amount, BigInt(now)))
  },
  (random) => {
    const { address } = random.pick(people)
    return onEscrow(address, 'withdraw', [], () => escrow.withdraw(address, BigInt(now)))
  },
  (random) => {
    const [from, payee, topic] = [random.pick(people).address, random.pick(people).address, random.pick(TOPICS)]
    const { balance, thawing } = escrow.account(from)
    const amount = amountAround(random, balance - least(thawing, balance))
    return onEscrow(from, 'lock', [payee, topic, amount], () => escrow.lock(from, payee, topic, amount))
  },
  (random) => {
    const [from, payee, topic] = [random.pick(people).address, random.pick(people).address, random.pick(TOPICS)]
    const amount = amountAround(random, escrow.channel(from, payee, topic).locked)
    const args = [payee, topic, amount]
    return onEscrow(from, 'release', args, () => escrow.release(from, payee, topic, amount, BigInt(now)))
  },
  (random) => {
    const [from, payee, topic] = [random.pick(people).address, random.pick(people).address, random.pick(TOPICS)]
    return onEscrow(from, 'finishRelease', [payee, topic], () => escrow.finishRelease(from, payee, topic, BigInt(now)))
  },
  authorization,
  async (random) => {
    const payee = random.pick(people).address
    const [entries, reference] = await vouchersOf(random, payee)
    const from = random.pick(people).address
    return onEscrow(from, 'claim', [payee, entries], () => escrow.claim(payee, reference, BigInt(now)))
  },
  (random) => {
    const payees = [random.pick(people).address, random.pick(people).address]
    return onEscrow(payees[0]!, 'flush', [payees], () => escrow.flush(payees))
  },
]

const unbondings = new Map<string, bigint[]>()
let lastUnbonding = 0n

const stakingOperations: Generator[] = [
  (random) => {
    const from = random.pick(people.slice(0, 4)).address
    const commission = BigInt(random.below(10_002))
    const bond = BigInt(900 + random.below(2_000)) * HART
    return onStaking(from, 'register', [id('peer'), commission, bond], () => staking.register(from, commission, bond))
  },
  (random) => {
    const from = random.pick(people).address
    const commission = BigInt(random.below(10_002))
    return onStaking(from, 'setCommission', [commission], () => staking.setCommission(from, commission, BigInt(now)))
  },
  (random) => {
    const [from, node] = [random.pick(people).address, random.pick(nodes)]
    const amount = stakeAmount(random)
    return onStaking(from, 'stake', [node, amount], () => staking.stake(from, node, amount))
  },
  (random) => {
    const node = random.pick(nodes)
    if (!staking.nodes.has(node)) return stakingOperations[0]!(random)
    const from = random.below(4) === 0 ? node : random.pick(people).address
    const amount = random.below(4) === 0 ? ALL : amountAround(random, staking.stakeOf(node, from))
    return onStaking(from, 'unbond', [node, amount], () => {
      staking.unbond(from, node, amount, BigInt(now))
      unbondings.set(from, [...(unbondings.get(from) ?? []), ++lastUnbonding])
    })
  },
  (random) => {
    const from = random.pick(people).address
    // The oldest first: it is the most likely one to be due.
    const known = unbondings.get(from)?.[0] ?? 1n
    const which = random.below(8) === 0 ? BigInt(random.below(200)) : known
    return onStaking(from, 'withdraw', [which], () => {
      staking.withdraw(from, which, BigInt(now))
      const rest = (unbondings.get(from) ?? []).filter((other) => other !== which)
      unbondings.set(from, rest)
    })
  },
  (random) => {
    const [from, node] = [random.pick(people).address, random.pick(nodes)]
    const amount = amountAround(random, 200n * HART)
    return onStaking(from, 'distribute', [node, amount], () => staking.distribute(from, node, amount, BigInt(now)))
  },
  (random) => {
    const node = random.pick(nodes)
    if (!staking.nodes.has(node)) return stakingOperations[0]!(random)
    const disputes = String(chain.contracts.Disputes.target)
    const choice = random.below(3)
    const { frozen } = staking.nodes.get(node)!
    if (choice === 0 && frozen === 0) {
      return onStaking(disputes, 'freeze', [node], () => staking.freeze(node, 1))
    }
    if (frozen > 0) return onStaking(disputes, 'unfreeze', [node], () => staking.freeze(node, -1))
    const amount = random.below(6) === 0 ? amountAround(random, staking.slashable(node)) : stakeAmount(random)
    const receiver = random.pick(people).address
    const bounty = BigInt(random.below(10_001))
    return onStaking(disputes, 'slash', [node, amount, receiver, bounty], () =>
      staking.slash(node, amount, receiver, bounty),
    )
  },
  (random) => onStaking(random.pick(people).address, 'flush', [], () => staking.flush()),
]

/** The name of the custom error that the chain reverted with, or undefined. */
async function runOnChain({ contract, method, args, from }: Operation): Promise<string | undefined> {
  const target = chain.contracts[contract]
  const data = target.interface.encodeFunctionData(method, args)
  await chain.request('evm_setNextBlockTimestamp', [now])
  try {
    const sent = await chain.request('eth_sendTransaction', [{ from, to: target.target, data, gas: '0x2dc6c0' }])
    const receipt = (await chain.request('eth_getTransactionReceipt', [sent])) as TransactionReceipt
    if (Number(receipt.status) === 1) return undefined
    throw new Error(`${method} failed without a reason`)
  } catch (error) {
    const reason = (error as { data?: string | { data?: string } }).data
    const bytes = typeof reason === 'string' ? reason : reason?.data
    if (bytes === undefined) throw error
    const decoded = target.interface.parseError(bytes) ?? chain.contracts.Token.interface.parseError(bytes)
    if (decoded === null) throw error
    return decoded.name
  }
}

function runOnReference({ reference }: Operation): string | undefined {
  try {
    reference()
    return undefined
  } catch (error) {
    if (error instanceof Refusal) return error.name
    throw error
  }
}

async function compareBalances(when: string): Promise<void> {
  const { Token, Escrow, Staking } = chain.contracts
  const read = async (contract: typeof Token, getter: string, ...args: unknown[]) =>
    await contract.getFunction(getter)(...args)
  for (const [holder, address] of [
    ...people.map(({ address }) => [address, address] as const),
    ['Escrow', Escrow.target] as const,
    ['Staking', Staking.target] as const,
  ]) {
    expect(await read(Token, 'balanceOf', address), `${when}: balance of ${holder}`).toBe(ledger.balanceOf(holder))
  }
  expect(await read(Token, 'totalSupply'), `${when}: supply`).toBe(560_000n * HART - ledger.burned)
  for (const { address } of people) {
    const { balance, thawing, thawEnd } = escrow.account(address)
    expect([...(await read(Escrow, 'accounts', address))], `${when}: account`).toEqual([balance, thawing])
    expect(await read(Escrow, 'thawEnd', address), `${when}: thaw end`).toBe(thawEnd)
    const { earned, burnable } = escrow.income(address)
    expect([...(await read(Escrow, 'incomes', address))], `${when}: income`).toEqual([earned, burnable])
  }
  for (const [key, { locked, claimed }] of escrow.channels) {
    const channel = await read(Escrow, 'channelId', ...key.split(' '))
    expect([...(await read(Escrow, 'channels', channel))], `${when}: channel`).toEqual([locked, claimed])
  }
  for (const [signer, { payer, revokedAt, allowance }] of escrow.signers) {
    expect([...(await read(Escrow, 'signers', signer))], `${when}: signer`).toEqual([payer, revokedAt, allowance])
  }
  for (const [node, { bond, pool, era, frozen }] of staking.nodes) {
    const found = { bond: await read(Staking, 'bondOf', node), pool: await read(Staking, 'poolOf', node) }
    expect([found.bond.assets, found.bond.thawing], `${when}: bond`).toEqual([bond.assets, bond.thawing])
    const { assets, shares, thawing } = found.pool
    expect([assets, shares, thawing], `${when}: pool`).toEqual([pool.assets, pool.shares, pool.thawing])
    const record = await read(Staking, 'nodeOf', node)
    expect([record.era, record.frozen], `${when}: era and freezes`).toEqual([BigInt(era), BigInt(frozen)])
    for (const { address } of people) {
      expect(await read(Staking, 'stakeOf', node, address), `${when}: stake`).toBe(staking.stakeOf(node, address))
    }
  }
  expect(await read(Staking, 'burnable'), `${when}: burnable`).toBe(staking.burnable)
}

// Invariant 13. The slowest test of this room: ten thousand transactions at some four milliseconds each.
test(`differential: ${OPERATIONS} random operations give the same balances in Solidity and in the reference`, async () => {
  const random = createRandom(SEED)
  const outcomes = new Map<string, number>()
  for (let i = 0; i < OPERATIONS; i++) {
    now += random.below(40) === 0 ? 1 + random.below(16 * DAY) : 1 + random.below(3_600)
    const operation = await random.pick(random.below(2) === 0 ? escrowOperations : stakingOperations)(random)
    const expected = runOnReference(operation)
    const found = await runOnChain(operation)
    const when = `operation ${i} of seed ${SEED} (${operation.method})`
    expect(found, when).toBe(expected)
    const outcome = `${operation.contract}.${operation.method} ${expected ?? 'done'}`
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    if (i % 250 === 249) await compareBalances(when)
  }
  console.log(
    [...outcomes]
      .sort()
      .map(([name, count]) => `${name} ${count}`)
      .join('\n'),
  )
  // A run in which an operation never succeeds would compare nothing.
  const methods = new Set([...outcomes.keys()].map((outcome) => outcome.split(' ')[0]!))
  expect(methods.size).toBe(21)
  for (const method of methods) expect(outcomes.get(`${method} done`) ?? 0, method).toBeGreaterThan(2)
}, 240_000)
