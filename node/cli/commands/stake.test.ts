import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseHart } from '#protocol/hart.ts'
import { checksumAddress, loadChain, loadOrCreateHotKey } from '../../chain/index.ts'
import { type ServedHardhat, startServedHardhat } from '../../chain/served-hardhat.fixture.ts'
import { loadOrCreateIdentity } from '../../network/identity.ts'
import { createHome, type Home, mainAddress } from '../home.fixture.ts'

const day = 86_400

let fixture: ServedHardhat
const homes: Home[] = []
let home: Home
/** The wallet `main` owns the bond of the node in `home`. */
const owner = mainAddress
beforeAll(async () => {
  fixture = await startServedHardhat()
  home = await newHome()
  await fixture.fund(owner, '5000')
  await home.hart('config', 'set', 'payment.owner', owner)
})
afterAll(async () => {
  await Promise.all(homes.map((each) => each.remove()))
  await fixture?.close()
})

async function newHome(): Promise<Home> {
  const created = await createHome(fixture)
  homes.push(created)
  return created
}

interface Call {
  contract: string
  method: string
  arguments: Record<string, string>
  transactionHash?: string
}
interface Sent {
  calls: Call[]
}
const named = (calls: Call[]) => calls.map(({ contract, method }) => `${contract}.${method}`)
const nonce = () => fixture.chain.provider.getTransactionCount(owner)

test('hart stake: without a chain, or with one that is not there, it says what to set', async () => {
  const bare = await newHome()
  await writeFile(join(bare.folder, 'config.json'), '{}')
  expect(await bare.hart('stake', 'status')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('hart config set chain.rpc URL'),
  })
  await bare.hart('config', 'set', 'chain.rpc', 'http://127.0.0.1:1/')
  expect(await bare.hart('stake', 'status')).toMatchObject({
    status: expect.any(Number),
    stderr: expect.stringContaining('ERR_CHAIN_UNAVAILABLE'),
  })
  await bare.hart('config', 'set', 'chain.addressBook', join(bare.folder, 'nowhere.json'))
  expect(await bare.hart('stake', 'status')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('chain.addressBook'),
  })
})

test('hart stake add --dry-run: shows the exact calls, approves no more than the bond, and sends nothing', async () => {
  const before = await nonce()
  const shown = await home.json<Sent & { dryRun: boolean }>('stake', 'add', '--bond', '1000', '--dry-run')
  const { calls, dryRun } = shown
  expect(dryRun).toBe(true)
  expect(named(calls)).toEqual(['Token.approve', 'Staking.register', 'Staking.addSigner'])
  expect(calls[0]!.arguments).toEqual({
    spender: fixture.chain.addresses.Staking,
    value: String(parseHart('1000')),
  })
  const hotKey = await loadOrCreateHotKey(home.folder)
  expect(calls[2]!.arguments).toEqual({ signer: hotKey.address })
  const { stdout } = await home.hart('stake', 'add', '--bond', '1000', '--dry-run')
  expect(stdout).toContain('1000000000000000000000  (1000 HART)')
  expect(stdout).toContain(`${checksumAddress(fixture.chain.addresses.Staking)}  (Staking)`)
  expect(stdout).toMatch(/gas +\d{5}/)
  expect(await nonce()).toBe(before)
})

test('hart stake add: is not sent unasked, below the least bond, or beyond what is free', async () => {
  const before = await nonce()
  expect(await home.hart('stake', 'add', '--bond', '1000')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('--yes sends it'),
  })
  expect((await home.hart('stake', 'add', '--bond', '999.9', '--yes')).stderr).toContain('1000 are the least')
  expect(await home.hart('stake', 'add', '--bond', '5000.5', '--yes')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('has 5000 HART free, and 5000.5 HART are needed'),
  })
  expect(await home.hart('stake', 'add', '--yes')).toMatchObject({ status: 2 })
  for (const [flag, value] of [
    ['--bond', '1e3'],
    ['--bond', '0'],
    ['--commission', '101'],
    ['--commission', '1.234'],
  ])
    expect(await home.hart('stake', 'add', '--yes', flag!, value!)).toMatchObject({ status: 2 })
  expect(await nonce()).toBe(before)
})

test('hart stake add: registers the node with its identity and hot key; a plan stopped half way is finished', async () => {
  const { StakingClient, TokenClient, signerOf } = await loadChain()
  const bareKey = join(home.folder, 'key')
  await home.hart('wallet', 'export', 'main', '--raw', '--out', bareKey)
  const signer = signerOf(fixture.chain, (await readFile(bareKey, 'utf8')).trim())
  // As if the first run had been stopped after its first transaction.
  await new TokenClient(fixture.chain).approve(fixture.chain.addresses.Staking, parseHart('1000')).send(signer)
  const { calls } = await home.json<Sent>('stake', 'add', '--bond', '1000', '--commission', '12.5', '--yes')
  expect(named(calls)).toEqual(['Staking.register', 'Staking.addSigner'])
  for (const { transactionHash } of calls) expect(transactionHash).toMatch(/^0x[0-9a-f]{64}$/)
  const { privateKey } = await loadOrCreateIdentity(join(home.folder, 'network'))
  const staking = new StakingClient(fixture.chain)
  expect(await staking.nodeOf(owner)).toMatchObject({ commissionBps: 1250 })
  expect(Buffer.from((await staking.nodeOf(owner))!.peerKey)).toEqual(Buffer.from(privateKey.publicKey.raw))
  expect(await new TokenClient(fixture.chain).allowance(owner, fixture.chain.addresses.Staking)).toBe(0n)
  const { address } = await loadOrCreateHotKey(home.folder)
  expect(await staking.signerValidUntil(owner, address)).toBe(Number.POSITIVE_INFINITY)
  expect(await home.json('stake', 'status')).toMatchObject({
    node: owner,
    isActive: true,
    bondWei: String(parseHart('1000')),
    isThisIdentity: true,
    isHotKeySigner: true,
  })
  expect((await home.hart('stake', 'status')).stdout).toMatch(/state +active\nbond +1000 HART\n/)
})

test('hart stake add: again, it does only what is not there yet, with a permit in one transaction', async () => {
  const before = await nonce()
  expect(await home.hart('stake', 'add', '--yes')).toMatchObject({
    status: 0,
    stderr: expect.stringContaining('registered as it is'),
  })
  expect(await nonce()).toBe(before)
  const { calls } = await home.json<Sent>('stake', 'add', '--bond', '500', '--yes')
  expect(named(calls)).toEqual(['Staking.stakeWithPermit'])
  expect(await home.json('stake', 'status')).toMatchObject({ bondWei: String(parseHart('1500')) })
})

test('hart stake add: a second machine does not take the bond from the first unasked', async () => {
  const second = await newHome()
  const before = await nonce()
  expect(await second.hart('stake', 'add', '--bond', '10', '--wallet', 'main', '--yes')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('--take-over'),
  })
  expect(await nonce()).toBe(before)
  const shown = await second.json<Sent>('stake', 'add', '--take-over', '--wallet', 'main', '--dry-run')
  expect(named(shown.calls)).toEqual(['Staking.setPeerKey', 'Staking.addSigner'])
})

test('hart stake delegate: to a node of others, not to a mistyped one', async () => {
  const other = await newHome()
  const hot = await other.hotKey()
  await fixture.fund(hot, '100')
  // Without wallet and owner it is the hot key that holds and sends.
  const checksummed = (await home.hart('wallet', 'address', 'main')).stdout.trim()
  const swapped = checksummed.replace(/[a-f]|[A-F]/, (digit) =>
    digit === digit.toLowerCase() ? digit.toUpperCase() : digit.toLowerCase(),
  )
  expect(await other.hart('stake', 'delegate', swapped, '25', '--yes')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('checksum'),
  })
  expect((await other.hart('stake', 'delegate', hot, '25', '--yes')).stderr).toContain('is no node')
  expect((await other.hart('stake', 'delegate', checksummed, '0.5', '--yes')).stderr).toContain('at least 1 HART')
  const { calls } = await other.json<Sent>('stake', 'delegate', checksummed, '25', '--yes')
  expect(named(calls)).toEqual(['Staking.stakeWithPermit'])
  expect(await other.json('wallet', 'balance')).toMatchObject({
    freeWei: String(parseHart('75')),
    stakedWei: String(parseHart('25')),
    stakes: [{ kind: 'delegation', node: owner }],
  })
})

test('hart stake unbond and withdraw: say the date, and pay when it has come', async () => {
  expect((await home.hart('stake', 'withdraw', '--yes')).stderr).toContain('nothing is unbonding')
  const tooMuch = await home.hart('stake', 'unbond', '600', '--yes')
  expect([tooMuch.status, tooMuch.stderr]).toEqual([
    2,
    expect.stringContaining('900 HART would stay: at least 1000 do'),
  ])
  expect((await home.hart('stake', 'unbond', '1500.1', '--yes')).stderr).toContain(
    '1500 HART at stake with its own node',
  )
  const { unbonding } = await home.json<Sent & { unbonding: { wei: string; readyAtMs: number } }>(
    'stake',
    'unbond',
    '400',
    '--yes',
  )
  const { timestamp } = (await fixture.chain.provider.getBlock('latest'))!
  expect(unbonding).toMatchObject({ wei: String(parseHart('400')), readyAtMs: (timestamp + 14 * day) * 1000 })
  const date = new Date(unbonding.readyAtMs).toISOString().slice(0, 10)
  expect((await home.hart('stake', 'withdraw', '--yes')).stderr).toContain(`400 HART, can be withdrawn from ${date}`)
  expect((await home.hart('wallet', 'balance')).stdout).toMatch(
    new RegExp(`unlocking +400 HART\n +total +5000 HART\n.*\n400 HART +${date} .* unbonding from the bond`),
  )
  await fixture.hardhat.wait(14 * day)
  expect(await home.json('stake', 'withdraw', '--yes')).toMatchObject({ withdrawnWei: String(parseHart('400')) })
  expect(await home.json('wallet', 'balance', 'main')).toMatchObject({
    freeWei: String(parseHart('3900')),
    stakedWei: String(parseHart('1100')),
    unlockingWei: '0',
  })
})

test('hart wallet revoke: receipts of the hot key stop to bind the node, two weeks later', async () => {
  const { StakingClient } = await loadChain()
  const hotKey = (await loadOrCreateHotKey(home.folder)).address
  const { calls } = await home.json<Sent>('wallet', 'revoke', '--yes')
  expect(named(calls)).toEqual(['Staking.removeSigner'])
  const { timestamp } = (await fixture.chain.provider.getBlock('latest'))!
  expect(await new StakingClient(fixture.chain).signerValidUntil(owner, hotKey)).toBe(timestamp + 14 * day)
  expect(await home.json('stake', 'status')).toMatchObject({ isHotKeySigner: false })
})

test('hart stake: a wrong passphrase sends nothing and is one line', async () => {
  const before = await nonce()
  const wrong = join(home.folder, 'wrong')
  await writeFile(wrong, 'zebra staple 8', { mode: 0o600 })
  expect(await home.hart('stake', 'unbond', '10', '--yes', '--passphrase-file', wrong)).toEqual({
    status: 2,
    stdout: '',
    stderr: 'error ERR_KEY: wallet main: the passphrase is wrong\n',
  })
  expect(await nonce()).toBe(before)
})
