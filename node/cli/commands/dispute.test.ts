import { readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DisputeDetailView, DisputeView, JurorView } from '#protocol/api/justice.ts'
import type { Address } from '#protocol/ids.ts'
import type { Receipt } from '#protocol/payment/message.ts'
import { loadChain, loadOrCreateHotKey, signReceipt } from '../../chain/index.ts'
import { signedReceiptToJson } from '../../chain/justice/evidence.ts'
import { type ServedHardhat, startServedHardhat } from '../../chain/served-hardhat.fixture.ts'
import { createHome, type Home } from '../home.fixture.ts'

const hour = 3_600
const HART = 10n ** 18n

let fixture: ServedHardhat
/** The one that disputes: a node, and not on the list of jurors. */
let watcher: Home
/** The accused. */
let accused: Home
/** Two jurors with a data folder; the others exist on the chain alone. */
const homes: Home[] = []
const jurorOf = new Map<Address, Home | undefined>()
let accusedKey: Uint8Array
let node: Address

beforeAll(async () => {
  fixture = await startServedHardhat()
  for (let index = 0; index < 4; index++) homes.push(await createHome(fixture))
  ;[watcher, accused] = homes as [Home, Home]
  accusedKey = (await loadOrCreateHotKey(accused.folder)).privateKey
  node = await accused.hotKey()
  for (const home of homes) await register((await loadOrCreateHotKey(home.folder)).privateKey)
})
afterAll(async () => {
  await Promise.all(homes.map((each) => each.remove()))
  await fixture?.close()
})

async function register(privateKey: Uint8Array): Promise<Address> {
  const { chain } = fixture
  const { signerOf, StakingClient, TokenClient } = await loadChain()
  const { addressOf } = await import('../../chain/index.ts')
  const address = addressOf(privateKey)
  await fixture.fund(address, '1500')
  await new TokenClient(chain).approve(chain.addresses.Staking, 1_000n * HART).send(signerOf(chain, privateKey))
  await new StakingClient(chain)
    .register(new Uint8Array(32).fill(1), 0, 1_000n * HART)
    .send(signerOf(chain, privateKey))
  return address
}

function receiptJson(changes: Partial<Receipt> = {}, chainId = fixture.chain.chainId) {
  const hash = (byte: number) => new Uint8Array(32).fill(byte)
  const fields = { job: hash(1), attempt: 0, input: hash(2), output: hash(3), details: hash(4), finishedAt: 1 }
  const receipt = { node, requester: node, ...fields, ...changes }
  const domain = { chainId, disputes: fixture.chain.addresses.Disputes }
  return signedReceiptToJson({ receipt, signature: signReceipt(accusedKey, domain, receipt) })
}

async function fileOf(content: unknown): Promise<string> {
  const path = join(watcher.folder, 'given.json')
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

const nonceOf = async (home: Home) => fixture.chain.provider.getTransactionCount(await home.hotKey())
const chainNow = async () => (await fixture.chain.provider.getBlock('latest'))!.timestamp

test('hart dispute: what is missing, unreadable or proves nothing is said before anything is sent', async () => {
  const before = await nonceOf(watcher)
  const second = receiptJson({ output: new Uint8Array(32).fill(9) }, 1)
  const cases: [string[], number, RegExp][] = [
    [['dispute', 'equivocation', '--yes'], 2, /--evidence FILE is needed/],
    [['dispute', 'open', '--receipt', join(watcher.folder, 'nowhere.json'), '--yes'], 1, /nowhere\.json/],
    [['dispute', 'equivocation', '--evidence', await fileOf('{'), '--yes'], 2, /is not JSON/],
    [['dispute', 'status', '0x12'], 2, /not a dispute id/],
    [['dispute', 'status', `0x${'ab'.repeat(32)}`], 1, /no dispute 0xabab/],
    [['jury', 'vote', `0x${'ab'.repeat(32)}`, 'maybe', '--yes'], 2, /guilty or innocent/],
  ]
  for (const [argv, status, expected] of cases) {
    const outcome = await watcher.hart(...argv)
    expect([outcome.status, outcome.stderr]).toEqual([status, expect.stringMatching(expected)])
  }
  const elsewhere = await fileOf({ first: receiptJson(), second })
  expect(await watcher.hart('dispute', 'equivocation', '--evidence', elsewhere, '--yes')).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/proves nothing: the second receipt .* another chain/),
  })
  expect(await nonceOf(watcher)).toBe(before)
})

test('hart dispute open: an expired receipt, too few jurors and too little HART are told; a dry run sends nothing', async () => {
  const old = await fileOf(receiptJson({ finishedAt: (await chainNow()) - 8 * 24 * hour }))
  expect((await watcher.hart('dispute', 'open', '--receipt', old, '--yes')).stderr).toMatch(/could be disputed until/)
  const fresh = await fileOf(receiptJson({ finishedAt: await chainNow() }))
  expect((await watcher.hart('dispute', 'open', '--receipt', fresh, '--yes')).stderr).toContain(
    'a jury needs 9 enlisted nodes, and there are 0',
  )
  await enlistJurors()
  const before = await nonceOf(watcher)
  const shown = await watcher.json<{ calls: { contract: string; method: string; arguments: { value?: string } }[] }>(
    ...['dispute', 'open', '--receipt', fresh, '--dry-run'],
  )
  expect(shown.calls.map(({ contract, method }) => `${contract}.${method}`)).toEqual(['Token.approve', 'Disputes.open'])
  expect(shown.calls[0]!.arguments.value).toBe(String(100n * HART))
  expect(await nonceOf(watcher)).toBe(before)
  const poor = await createHome(fixture)
  homes.push(poor)
  expect(await poor.hart('dispute', 'open', '--receipt', fresh, '--yes')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('ERR_FUNDS'),
  })
})

/** Two with a data folder, and as many others as a jury of fifteen needs. */
async function enlistJurors(): Promise<void> {
  const { DisputesClient, signerOf } = await loadChain()
  for (const home of homes.slice(2)) {
    expect(await home.json('jury', 'enlist', '--yes')).toMatchObject({ calls: [{ method: 'enlist' }] })
    expect(await home.json('jury', 'enlist', '--yes')).toMatchObject({ calls: [] })
    jurorOf.set(await home.hotKey(), home)
  }
  for (let index = 0; index < 14; index++) {
    const key = new Uint8Array(32).fill(index + 100)
    jurorOf.set(await register(key), undefined)
    await new DisputesClient(fixture.chain).enlist().send(signerOf(fixture.chain, key))
  }
}

test('hart jury: a vote is kept for the reveal, and a round without a majority goes on with fifteen', async () => {
  const fresh = await fileOf(receiptJson({ finishedAt: await chainNow() }))
  const { id } = await watcher.json<{ id: string }>('dispute', 'open', '--receipt', fresh, '--yes')
  const [open] = await watcher.json<DisputeView[]>('dispute', 'status')
  expect(open).toMatchObject({ id, phase: 'open', next: { step: 'draw', afterBlock: expect.any(Number) } })
  expect(await watcher.hart('dispute', 'draw', id, '--yes')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('SeedNotReady'),
  })
  await fixture.hardhat.request('hardhat_mine', ['0x3'])
  await watcher.json('dispute', 'draw', id, '--yes')
  await fixture.hardhat.wait(25 * hour)
  // Nobody voted: the second round draws fifteen of sixteen, so that one of the two with a folder is among them.
  expect(await watcher.json('dispute', 'resolve', id, '--yes')).toMatchObject({ outcome: 'second-round' })
  await fixture.hardhat.request('hardhat_mine', ['0x3'])
  const { jurors } = await watcher.json<{ jurors: Address[] }>('dispute', 'draw', id, '--yes')
  expect(jurors).toHaveLength(15)
  const juror = jurors.map((address) => jurorOf.get(address)).find((home) => home !== undefined)!
  await vote(juror, id)
  const status = await watcher.json<DisputeDetailView>('dispute', 'status', id)
  expect(status).toMatchObject({ round: 1, seats: 15, innocent: 1, next: { step: 'reveal' } })
  expect(status.jurors).toHaveLength(22)
  const text = (await watcher.hart('dispute', 'status', id)).stdout
  expect(text).toMatch(/phase +drawn, round 2 with 15 seats/)
  expect(text).toMatch(/next +jurors reveal until 20/)
  const { dismissed } = await watcher.json<{ dismissed: { penaltyWei: string }[] }>('dispute', 'dismiss', id, '--yes')
  expect(dismissed.map(({ penaltyWei }) => penaltyWei)).toEqual(Array(7).fill(String(10n * HART)))
  expect(await watcher.json('dispute', 'dismiss', id, '--yes')).toMatchObject({ calls: [] })
  await fixture.hardhat.wait(13 * hour)
  expect(await watcher.json('dispute', 'resolve', id, '--yes')).toMatchObject({ outcome: 'void' })
})

async function vote(juror: Home, id: string): Promise<void> {
  const folder = join(juror.folder, 'votes')
  const [waiting] = (await juror.json<JurorView>('jury', 'status')).seats.filter((seat) => seat.round === 1)
  expect(waiting).toMatchObject({ ballot: 'seated', next: { step: 'commit', untilMs: expect.any(Number) } })
  expect((await juror.hart('jury', 'status')).stdout).toContain('hart jury vote until')
  await juror.json('jury', 'vote', id, 'innocent', '--dry-run')
  await expect(readdir(folder)).rejects.toThrow(/ENOENT/)
  expect((await watcher.hart('jury', 'vote', id, 'guilty', '--yes')).stderr).toContain('has no seat in this jury')
  expect((await juror.hart('jury', 'reveal', id, '--yes')).stderr).toContain('has not voted')
  await juror.json('jury', 'vote', id, 'innocent', '--yes')
  const [file] = await readdir(folder)
  expect((await stat(join(folder, file!))).mode & 0o777).toBe(0o600)
  expect((await juror.hart('jury', 'vote', id, 'guilty', '--yes')).stderr).toContain('cannot be taken back')
  expect((await juror.hart('jury', 'reveal', id, '--yes')).stderr).toContain('WrongTime')
  await fixture.hardhat.wait(13 * hour)
  const seats = (await juror.json<JurorView>('jury', 'status')).seats
  expect(seats.at(-1)).toMatchObject({ id, round: 1, ballot: 'committed', next: { step: 'reveal' } })
  expect((await juror.hart('jury', 'status')).stdout).toContain('hart jury reveal until')
  expect(await juror.json('jury', 'reveal', id, '--yes')).toMatchObject({ vote: 'innocent' })
  await rm(folder, { recursive: true })
  expect((await juror.hart('jury', 'reveal', id, '--yes')).stderr).toContain('the vote is shown: innocent')
}
