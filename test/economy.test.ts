import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadChain, signReceipt, signVoucher } from '#node/chain/index.ts'
import { signedReceiptToJson } from '#node/chain/justice/evidence.ts'
import type {
  DisputeDetailView,
  DisputeView,
  JurorView,
  RewardsStatusView,
  RewardWeightsView,
} from '#protocol/api/justice.ts'
import type { Receipt } from '#protocol/payment/message.ts'
import { type EconomyWorld, forEach, type Person, startWorld } from './economy.fixture.ts'

const HART = 10n ** 18n
const hour = 3_600
const day = 24 * hour

/** Some sixty processes take a minute of two cores; a machine that does other things as well takes its time. */
const patience = { timeout: 600_000 }

let world: EconomyWorld
let payer: Person
/** Signs two outputs for one attempt. */
let cheat: Person
/** Looks after others: reports, disputes, challenges. */
let watcher: Person
/** Its work goes to a jury. */
let accused: Person
/** Proposes a root that is not what the logs give. */
let liar: Person
/** Is paid for its work, and takes no seat that could cost it stake. */
let earner: Person
let jurors: Person[]
let personOf: (address: string) => Person

beforeAll(async () => {
  world = await startWorld()
  console.log(`the chain is ${world.kind}`)
  const { StakingClient, TokenClient } = await loadChain()
  const [staking, token] = [new StakingClient(world.chain), new TokenClient(world.chain)]
  const nodes: Person[] = []
  for (let index = 0; index < 14; index++) {
    const node = await world.createPerson('3000')
    await token.approve(world.chain.addresses.Staking, 1_000n * HART).send(node.signer)
    await staking.register(new Uint8Array(32).fill(index + 1), 0, 1_000n * HART).send(node.signer)
    nodes.push(node)
  }
  payer = await world.createPerson('100000')
  const [first, second, third, fourth, fifth, ...rest] = nodes as [Person, Person, Person, Person, Person, ...Person[]]
  ;[cheat, watcher, accused, liar, earner, jurors] = [first, second, third, fourth, fifth, rest]
  const byAddress = new Map(nodes.map((node) => [node.address as string, node]))
  personOf = (address) => byAddress.get(address)!
}, patience.timeout)
afterAll(() => world?.close())

function signedReceipt(node: Person, changes: Partial<Receipt>) {
  const hash = (byte: number) => new Uint8Array(32).fill(byte)
  const fields = { job: hash(1), attempt: 0, input: hash(2), output: hash(3), details: hash(4), finishedAt: 1 }
  const receipt = { node: node.address, requester: payer.address, ...fields, ...changes }
  const { chainId, addresses } = world.chain
  return signedReceiptToJson({
    receipt,
    signature: signReceipt(node.privateKey, { chainId, disputes: addresses.Disputes }, receipt),
  })
}

async function fileOf(person: Person, name: string, content: unknown): Promise<string> {
  const path = join(person.home.folder, name)
  await writeFile(path, JSON.stringify(content))
  return path
}

async function freeWei(person: Person): Promise<bigint> {
  const { TokenClient } = await loadChain()
  return await new TokenClient(world.chain).balanceOf(person.address)
}

async function bondWei(person: Person): Promise<bigint> {
  const { StakingClient } = await loadChain()
  return await new StakingClient(world.chain).stakeOf(person.address, person.address)
}

/** Draws the jury of a dispute, and lets the first of its jurors vote and reveal; the others stay away. */
async function judge(id: string, votes: readonly ('guilty' | 'innocent')[]): Promise<DisputeDetailView> {
  await world.mine(3)
  const { jurors: drawn } = await watcher.hart<{ jurors: string[] }>('dispute', 'draw', id, '--yes')
  expect(drawn).toHaveLength(7)
  const voters = drawn.slice(0, votes.length).map(personOf)
  await forEach(voters, (juror, index) => juror.hart('jury', 'vote', id, votes[index]!, '--yes'))
  await world.wait(12 * hour)
  await forEach(voters, (juror) => juror.hart('jury', 'reveal', id, '--yes'))
  await world.wait(12 * hour)
  return await watcher.hart<DisputeDetailView>('dispute', 'status', id)
}

test('a node that signed two outputs loses half its bond by evidence that another node submits', patience, async () => {
  const first = signedReceipt(cheat, {})
  const same = await fileOf(watcher, 'same.json', { first, second: signedReceipt(cheat, { finishedAt: 2 }) })
  expect(await watcher.hartFails('dispute', 'equivocation', '--evidence', same, '--yes')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('do not contradict each other'),
  })
  const second = signedReceipt(cheat, { output: new Uint8Array(32).fill(5) })
  const evidence = await fileOf(watcher, 'evidence.json', { first, second })
  const before = await freeWei(watcher)
  const shown = await watcher.hart<{ calls: { method: string }[] }>(
    ...['dispute', 'equivocation', '--evidence', evidence, '--dry-run'],
  )
  expect(shown.calls).toMatchObject([{ method: 'slashEquivocation', result: String(500n * HART) }])
  expect([await freeWei(watcher), await bondWei(cheat)]).toEqual([before, 1_000n * HART])
  await watcher.hart('dispute', 'equivocation', '--evidence', evidence, '--yes')
  expect(await freeWei(watcher)).toBe(before + 250n * HART)
  expect(await bondWei(cheat)).toBe(500n * HART)
  expect(await watcher.hartFails('dispute', 'equivocation', '--evidence', evidence, '--yes')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('AlreadyPunished'),
  })
})

test(
  'a jury of seven finds a node guilty: jurors are paid, and the one that stays away loses stake and place',
  patience,
  async () => {
    await forEach(jurors, (juror) => juror.hart('jury', 'enlist', '--yes'))
    const before = await freeWei(watcher)
    const receipt = signedReceipt(accused, { finishedAt: await world.nowSeconds() })
    const file = await fileOf(watcher, 'receipt.json', receipt)
    const { id } = await watcher.hart<{ id: string }>('dispute', 'open', '--receipt', file, '--yes')
    expect(await freeWei(watcher)).toBe(before - 100n * HART)
    const verdicts = ['guilty', 'guilty', 'guilty', 'guilty', 'guilty', 'innocent'] as const
    const dispute = await judge(id, verdicts)
    expect(dispute).toMatchObject({ phase: 'drawn', guilty: 5, innocent: 1, next: { step: 'resolve' } })
    expect(dispute.jurors.map(({ ballot }) => ballot)).toEqual([...verdicts, 'seated'])
    const free = await Promise.all(dispute.jurors.map(({ juror }) => freeWei(personOf(juror))))
    const resolved = await payer.hart('dispute', 'resolve', id, '--yes')
    expect(resolved).toMatchObject({ outcome: 'guilty', slashedWei: String(500n * HART) })
    await payer.hart('dispute', 'dismiss', id, '--yes')
    expect(await freeWei(watcher)).toBe(before + 250n * HART)
    expect(await bondWei(accused)).toBe(500n * HART)
    const gained = await Promise.all(
      dispute.jurors.map(async ({ juror }, index) => (await freeWei(personOf(juror))) - free[index]!),
    )
    expect(gained).toEqual([...Array(5).fill(10n * HART), 0n, 0n])
    const away = personOf(dispute.jurors[6]!.juror)
    expect(await bondWei(away)).toBe(990n * HART)
    expect(await away.hart<JurorView>('jury', 'status')).toMatchObject({ isEnlisted: false, seats: [] })
    expect(await watcher.hart<DisputeView[]>('dispute', 'status')).toMatchObject([{ id, phase: 'guilty' }])
    const ended = await watcher.hart<DisputeDetailView>('dispute', 'status', id)
    expect(ended.jurors.map(({ vote }) => vote)).toEqual([...verdicts, undefined])
    expect(ended.jurors.at(-1)).toMatchObject({ ballot: 'dismissed', penaltyWei: String(10n * HART) })
  },
)

/** Settles a voucher over what the payer has ever promised. */
async function pay(payee: Person, cumulativeWei: bigint): Promise<void> {
  const { EscrowClient } = await loadChain()
  const voucher = { payer: payer.address, payee: payee.address, topic: new Uint8Array(32), cumulativeWei }
  const domain = { chainId: world.chain.chainId, escrow: world.chain.addresses.Escrow }
  const signature = signVoucher(payer.privateKey, domain, voucher)
  await new EscrowClient(world.chain).claim(payee.address, [{ ...voucher, signature }]).send(payee.signer)
}

test(
  'a wrong root of rewards is disputed and cancelled, the right one of a later day is finalised and claimed',
  patience,
  async () => {
    const { EscrowClient, RewardsClient } = await loadChain()
    await (await new EscrowClient(world.chain).depositWithPermit(payer.signer, payer.address, 50_000n * HART)).send(
      payer.signer,
    )
    // The one that stayed away before is enlisted no more: nine are needed.
    await watcher.hart('jury', 'enlist', '--yes')
    await pay(earner, 1_000n * HART)
    await world.wait(day)
    await new RewardsClient(world.chain).propose(new Uint8Array(32).fill(0xee)).send(liar.signer)
    const challenged = await watcher.hart<{ id: string; isRight: boolean; epoch: number }>(
      'rewards',
      'challenge',
      '--yes',
    )
    expect(challenged).toMatchObject({ isRight: false, pendingRoot: `0x${'ee'.repeat(32)}` })
    const dispute = await judge(challenged.id, ['guilty', 'guilty', 'guilty', 'guilty'])
    expect(dispute).toMatchObject({ subject: 'root', node: liar.address, guilty: 4, next: { step: 'resolve' } })
    expect(await payer.hart('dispute', 'resolve', challenged.id, '--yes')).toMatchObject({ outcome: 'guilty' })
    expect(await bondWei(liar)).toBe(500n * HART)
    expect(await payer.hart<RewardsStatusView>('rewards', 'status')).not.toHaveProperty('pending')

    // That day is over for good: what counts is the income of the next one that is proposed.
    await pay(earner, 3_000n * HART)
    const payEpoch = await epochNow()
    await world.wait(day + hour)
    const [seen, elsewhere] = await forEach([payer, watcher], (person) =>
      person.hart<RewardWeightsView>('rewards', 'weights', '--epoch', String(payEpoch)),
    )
    expect(seen).toEqual(elsewhere)
    expect(seen!.nodes).toMatchObject([{ node: earner.address, cumulativeWei: String(18n * HART) }])
    expect(await earner.hart('rewards', 'propose', '--yes')).toMatchObject({ epoch: payEpoch })
    expect(await watcher.hart('rewards', 'challenge', '--yes')).toMatchObject({
      isRight: true,
      pendingRoot: seen!.root,
    })
    await world.wait(12 * hour)
    expect(await payer.hart('rewards', 'finalize', '--yes')).toMatchObject({ epoch: payEpoch })
    const before = await bondWei(earner)
    expect(await payer.hart('rewards', 'claim', earner.address, '--yes')).toMatchObject({
      amountWei: String(18n * HART),
    })
    expect(await bondWei(earner)).toBe(before + 18n * HART)
  },
)

/** The epoch that runs, by the clock of the chain. */
async function epochNow(): Promise<number> {
  const { Contract } = await import('ethers')
  const abi = ['function currentEpoch() view returns (uint256)']
  const rewards = new Contract(world.chain.addresses.Rewards, abi, world.chain.provider)
  return Number(await rewards.getFunction('currentEpoch')())
}
