import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseHart } from '#protocol/hart.ts'
import type { Address } from '#protocol/ids.ts'
import { checksumAddress, loadChain, loadOrCreateHotKey, signVoucher } from '../../chain/index.ts'
import { type ServedHardhat, startServedHardhat } from '../../chain/served-hardhat.fixture.ts'
import { createHome, type Home, mainAddress } from '../home.fixture.ts'

const day = 86_400

let fixture: ServedHardhat
const homes: Home[] = []
let home: Home
/** The wallet `main` pays for the jobs of the node in `home`. */
const payer = mainAddress
beforeAll(async () => {
  fixture = await startServedHardhat()
  home = await newHome()
  await fixture.fund(payer, '100')
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
}
interface Sent {
  calls: Call[]
}
const main = ['--wallet', 'main']
const wei = (amount: string) => String(parseHart(amount))
const named = ({ calls }: Sent) => calls.map(({ contract, method }) => `${contract}.${method}`)

test('hart job fund --dry-run: a deposit by permit and a consent of the hot key, and nothing is sent', async () => {
  const shown = await home.json<Sent>('job', 'fund', '20', '--allowance', '5', ...main, '--dry-run')
  expect(named(shown)).toEqual(['Escrow.depositWithPermit', 'Escrow.authorize'])
  const [deposit, authorize] = shown.calls
  expect(deposit!.arguments).toMatchObject({ payer, amount: wei('20') })
  const { address } = await loadOrCreateHotKey(home.folder)
  expect(authorize!.arguments).toMatchObject({ signer: address, allowance: wei('5') })
  expect(await home.json('job', 'status', ...main)).toMatchObject({ escrowedWei: '0', isAuthorized: false })
  expect((await home.hart('job', 'fund', '20', ...main)).status).toBe(2)
})

test('hart job fund: what it deposits the hot key can spend by vouchers, up to its allowance', async () => {
  const funded = await home.json<Sent>('job', 'fund', '20', '--allowance', '5', ...main, '--yes')
  expect(named(funded)).toEqual(['Escrow.depositWithPermit', 'Escrow.authorize'])
  expect(await home.json('job', 'status')).toMatchObject({
    payer,
    escrowedWei: wei('20'),
    isAuthorized: true,
    allowanceWei: wei('5'),
  })
  expect((await home.hart('job', 'status')).stdout).toMatch(/deposited +20 HART\n(.*\n)may spend +5 HART\n/)
  const { EscrowClient } = await loadChain()
  const worker = await fixture.hardhat.signer(3)
  const payee = (await worker.getAddress()).toLowerCase() as Address
  const hotKey = await loadOrCreateHotKey(home.folder)
  const voucher = { payer, payee, topic: new Uint8Array(32), cumulativeWei: parseHart('9') }
  const domain = { chainId: fixture.chain.chainId, escrow: fixture.chain.addresses.Escrow }
  const signature = signVoucher(hotKey.privateKey, domain, voucher)
  const { paid } = await new EscrowClient(fixture.chain).claim(payee, [{ ...voucher, signature }]).send(worker)
  expect(paid).toMatchObject([{ payer, amountWei: parseHart('5') }])
  expect(await home.json('job', 'status')).toMatchObject({ escrowedWei: wei('15'), allowanceWei: '0' })
})

test('hart job fund: again, it adds to the allowance, or sets it; nothing is done twice', async () => {
  const more = await home.json<Sent>('job', 'fund', '10', ...main, '--yes')
  expect(named(more)).toEqual(['Escrow.depositWithPermit', 'Escrow.setAllowance'])
  expect(await home.json('job', 'status')).toMatchObject({ escrowedWei: wei('25'), allowanceWei: wei('10') })
  const set = await home.json<Sent>('job', 'fund', '0', '--allowance', '3', ...main, '--yes')
  expect(named(set)).toEqual(['Escrow.setAllowance'])
  expect(await home.json('job', 'fund', '0', '--allowance', '3', ...main, '--yes')).toMatchObject({ calls: [] })
  expect(await home.hart('job', 'fund', '0', ...main, '--yes')).toMatchObject({ status: 2 })
})

test('hart job fund: more than is free is refused before anything is sent; a key of another payer, too', async () => {
  expect(await home.hart('job', 'fund', '70.5', ...main, '--yes')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('has 70 HART free, and 70.5 HART are needed'),
  })
  const second = await home.createWallet('second')
  await fixture.fund(second, '10')
  expect(await home.hart('job', 'fund', '1', '--wallet', 'second', '--yes')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining(`signs for ${checksumAddress(payer)} already`),
  })
})

test('hart job withdraw: announces, says when, takes back when the time has come; or not at all', async () => {
  expect((await home.hart('job', 'withdraw', ...main, '--yes')).stderr).toContain('no withdrawal is announced')
  expect((await home.hart('job', 'withdraw', '26', ...main, '--yes')).stderr).toContain('25 HART in escrow')
  const announced = await home.json('job', 'withdraw', 'all', ...main, '--yes')
  const { timestamp } = (await fixture.chain.provider.getBlock('latest'))!
  expect(announced).toMatchObject({ thawingWei: wei('25'), readyAtMs: (timestamp + 3 * day) * 1000 })
  expect((await home.hart('job', 'withdraw', ...main, '--yes')).stderr).toMatch(
    /25 HART can be taken back from .*in 3d/,
  )
  expect((await home.hart('job', 'status')).stdout).toMatch(/deposited +0 HART, and 25 HART on the way out/)
  expect(named(await home.json<Sent>('job', 'withdraw', '--cancel', ...main, '--yes'))).toEqual(['Escrow.thaw'])
  await home.json('job', 'withdraw', '5', ...main, '--yes')
  // Nobody mines: the last block stays three days behind.
  await fixture.hardhat.request('evm_increaseTime', [3 * day])
  const dry = await home.hart('job', 'withdraw', ...main, '--dry-run')
  expect(dry.stdout).toMatch(/Escrow\.withdraw .*\n.*\n? +gas +\d+\n +result +5000000000000000000 {2}\(5 HART\)/)
  expect(await home.json('job', 'withdraw', ...main, '--yes')).toMatchObject({ withdrawnWei: wei('5') })
  expect(await home.json('wallet', 'balance', 'main')).toMatchObject({
    freeWei: wei('75'),
    escrowedWei: wei('20'),
    unlockingWei: '0',
    totalWei: wei('95'),
  })
})

test('hart job fund: a hot key that is its own payer needs no consent', async () => {
  const alone = await newHome()
  const hot = await alone.hotKey()
  await fixture.fund(hot, '3')
  expect(named(await alone.json<Sent>('job', 'fund', '2', '--yes'))).toEqual(['Escrow.depositWithPermit'])
  expect((await alone.hart('job', 'status')).stdout).toContain('may spend   all of it: it is the payer')
  expect(await alone.json('wallet', 'balance')).toMatchObject({ freeWei: wei('1'), escrowedWei: wei('2') })
})

test('hart wallet revoke: ends vouchers of the hot key, at once or in three days, and for ever', async () => {
  expect(named(await home.json<Sent>('wallet', 'revoke', ...main, '--dry-run'))).toEqual(['Escrow.revoke'])
  const revoked = await home.json<Sent>('wallet', 'revoke', '--at-once', ...main, '--yes')
  expect(named(revoked)).toEqual(['Escrow.setAllowance', 'Escrow.revoke'])
  expect(await home.json('job', 'status')).toMatchObject({ isAuthorized: false, allowanceWei: '0' })
  expect((await home.hart('job', 'status')).stdout).toMatch(/may spend +nothing from .* it was revoked/)
  expect((await home.hart('wallet', 'revoke', ...main, '--yes')).stderr).toContain('signs nothing for main')
  expect(await home.hart('job', 'fund', '1', ...main, '--yes')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('a new one is needed'),
  })
  expect(await home.hart('wallet', 'revoke', '--wallet', 'hot', '--yes')).toMatchObject({ status: 2 })
})

test('hart wallet send: to people, and never to a contract that could not give it back', async () => {
  const to = `0x${'ab'.repeat(20)}`
  const { Escrow } = fixture.chain.addresses
  for (const wrong of [Escrow, `0x${'0'.repeat(40)}`])
    expect(await home.hart('wallet', 'send', wrong, '1', ...main, '--yes')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('nobody could take it out again'),
    })
  expect(await home.hart('wallet', 'send', to, '1000', ...main, '--yes')).toMatchObject({ status: 1 })
  const sent = await home.json<Sent>('wallet', 'send', to, '0.000000000000000001', ...main, '--yes')
  expect(named(sent)).toEqual(['Token.transfer'])
  expect(await home.json('wallet', 'balance', to)).toMatchObject({ freeWei: '1', totalWei: '1' })
})

test('hart job fund: on a chain on which nothing happened for long, what is signed now counts', async () => {
  const quiet = await newHome()
  await fixture.fund(mainAddress, '3')
  await fixture.hardhat.request('evm_increaseTime', [day])
  expect(named(await quiet.json<Sent>('job', 'fund', '2', ...main, '--yes'))).toEqual([
    'Escrow.depositWithPermit',
    'Escrow.authorize',
  ])
})

test('hart job fund: an account without ether is told that nothing can be sent', async () => {
  const poor = await newHome()
  const hot = await poor.hotKey()
  await fixture.fund(hot, '3')
  await fixture.hardhat.request('hardhat_setBalance', [hot, '0x0'])
  expect(await poor.json('job', 'fund', '2', '--dry-run')).toMatchObject({ dryRun: true })
  const { status, stderr } = await poor.hart('job', 'fund', '2', '--yes')
  expect([status, stderr]).toEqual([1, expect.stringContaining('InsufficientEther')])
})
