import { randomBytes } from 'node:crypto'
import { cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { EarningsView } from '#protocol/api/earnings.ts'
import { parseHart } from '#protocol/hart.ts'
import { type Address, parseModelId } from '#protocol/ids.ts'
import { encodeReceiptDetails, topicOf } from '#protocol/payment/index.ts'
import { tamperWithLedger } from '#sql/store/embedded/tamper.fixture.ts'
import { openEmbeddedStore } from '#sql/store/index.ts'
import { loadOrCreateHotKey, signReceipt, signVoucher, writeAddressBook } from '../../chain/index.ts'
import { type ServedHardhat, startServedHardhat } from '../../chain/served-hardhat.fixture.ts'
import { dataFiles } from '../../config/index.ts'
import { detailsHash, receiptEntry, voucherEntry } from '../../payment/ledger.ts'
import { type TestNode, TestNodes } from '../../runtime/node.fixture.ts'
import { createHome, type Home } from '../home.fixture.ts'
import { hartIn, type Outcome } from '../run.fixture.ts'
import type { Finding } from '../store-findings.ts'

const modelId = parseModelId('bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua')
const totals = ['1', '2.5', '4'].map(parseHart)

let fixture: ServedHardhat
let nodes: TestNodes
let payer: Home
let payee: Address
let settings: Record<string, string | boolean>
/** Data folder of a node that was promised 4 HART and has receipts for it. */
let earned: string

beforeAll(async () => {
  fixture = await startServedHardhat()
  nodes = await TestNodes.create()
  payer = await createHome(fixture)
  await fixture.fund(await payer.hotKey(), '100')
  await payer.json('job', 'fund', '100', '--wallet', 'hot', '--yes')
  earned = join(nodes.folder, 'earned')
  await mkdir(earned)
  await writeAddressBook(dataFiles.addressBook(earned), fixture.book)
  payee = await earn(earned)
  await fixture.fund(payee, '0.1')
  settings = { 'chain.rpc': fixture.url, 'payment.claim': false, 'payment.pricePerGiB': '2' }
})
afterAll(async () => {
  await nodes?.close()
  await payer?.remove()
  await fixture?.close()
})

/** Three vouchers, and a receipt for all of it, in the ledger of a node that has never run. */
async function earn(dataDir: string): Promise<Address> {
  const own = await loadOrCreateHotKey(dataDir)
  const { address, privateKey } = await loadOrCreateHotKey(payer.folder)
  const { Escrow: escrow, Disputes: disputes } = fixture.book.addresses
  const domain = { chainId: fixture.book.chainId, escrow, disputes }
  const topic = topicOf(modelId)
  const store = await openEmbeddedStore({ path: dataFiles.database(dataDir) })
  await store.migrate()
  const tenant = store.forTenant('local:owner')
  const key = { domain, payer: address, payee: own.address, topic }
  for (const [index, cumulativeWei] of totals.entries()) {
    const signature = signVoucher(privateKey, domain, { payer: address, payee: own.address, topic, cumulativeWei })
    await tenant.appendLedger([voucherEntry('voucher-received', { key, cumulativeWei, signature }, index)])
  }
  const details = {
    kind: 'chunk' as const,
    modelId,
    bytes: 4_000_000,
    promptTokens: 0,
    completionTokens: 0,
    durationMs: 1000,
    dueWei: totals.at(-1)!,
    build: 'test 1',
  }
  const encoded = encodeReceiptDetails(details)
  const receipt = {
    node: own.address,
    requester: address,
    job: new Uint8Array(randomBytes(32)),
    attempt: 0,
    input: new Uint8Array(32).fill(1),
    output: new Uint8Array(32).fill(2),
    details: detailsHash(encoded),
    finishedAt: 1_800_000_000,
  }
  const signature = signReceipt(own.privateKey, domain, receipt)
  const message = { type: 'receipt' as const, receipt, details: encoded, signature }
  await tenant.appendLedger([receiptEntry({ domain, role: 'signed', message, details }, 3)])
  await store.close()
  return own.address
}

/** A node with a copy of that ledger, which somebody has changed while it was off. */
async function damaged(name: string, change: string): Promise<TestNode> {
  const dataDir = join(nodes.folder, name)
  await cp(earned, dataDir, { recursive: true })
  tamperWithLedger(dataFiles.database(dataDir), change)
  return nodes.start(name, [], settings)
}

const verify = ({ dataDir }: { dataDir: string }): Promise<Outcome> => hartIn(dataDir, ['earnings', '--verify'])

test('hart earnings --verify: agrees with receipts, vouchers and chain, before and after the claim', async () => {
  await cp(earned, join(nodes.folder, 'whole'), { recursive: true })
  const node = await nodes.start('whole', [], settings)
  expect(await verify(node)).toMatchObject({ status: 0, stdout: expect.stringMatching(/claimable +4\n/) })
  const { stdout } = await hartIn(node.dataDir, ['earnings', 'claim', '--dry-run'])
  expect(stdout).toMatch(/ 4 +4\n/)
  const claim = await hartIn(node.dataDir, ['earnings', 'claim', '--all', '--json'])
  expect(JSON.parse(claim.stdout)).toEqual([expect.objectContaining({ vouchers: 1, paidWei: String(parseHart('4')) })])
  expect(await verify(node)).toMatchObject({ status: 0, stdout: expect.stringContaining('vouchers and chain agree') })
  const view: EarningsView = JSON.parse((await hartIn(node.dataDir, ['earnings', '--json'])).stdout)
  expect(view).toMatchObject({ claimedWei: String(parseHart('4')), claimableWei: '0', unpaidWei: '0' })
  expect(view.channels).toEqual([expect.objectContaining({ vouchers: 3, receipts: 1 })])
  await nodes.stop(node)
})

test('hart status, doctor: say what is asked and promised, and whether chain, gas and ledger are as they should be', async () => {
  const environment = { HARTONOMOUS_CHAIN_RPC: fixture.url, HARTONOMOUS_INFERENCE_ENABLED: 'false' }
  const doctor = async (changed: Record<string, string> = {}) => {
    const { stdout } = await hartIn(join(nodes.folder, 'told'), ['doctor', '--json'], { ...environment, ...changed })
    const { findings }: { findings: Finding[] } = JSON.parse(stdout)
    return findings.flatMap(({ check, level }) => (/ledger|chain|gas/.test(check) ? `${check} ${level}` : []))
  }
  await cp(earned, join(nodes.folder, 'told'), { recursive: true })
  // Of the file, while no node runs.
  expect(await doctor()).toEqual(['ledger ok', 'chain ok', 'gas ok'])
  await fixture.hardhat.request('hardhat_setBalance', [payee, '0x0'])
  expect(await doctor()).toEqual(['ledger ok', 'chain ok', 'gas fail'])
  expect(await doctor({ HARTONOMOUS_CHAIN_RPC: 'http://127.0.0.1:1/' })).toEqual(['ledger ok', 'chain fail'])
  const node = await nodes.start('told', [], settings)
  const { stdout } = await hartIn(node.dataDir, ['status'])
  expect(stdout).toMatch(
    /pay +asks 2 HART a GiB, 0 for 1,000 tokens; promised 4 HART, paid [04], claimable [04], unpaid 0\n/,
  )
  await nodes.stop(node)
  const free = await nodes.start('free')
  expect((await hartIn(free.dataDir, ['status'])).stdout).toMatch(/pay +work is free; hart config set chain.rpc URL/)
  await nodes.stop(free)
  const lonely = await nodes.start('told', [], { ...settings, 'chain.rpc': 'http://127.0.0.1:1/' })
  expect((await hartIn(lonely.dataDir, ['status'])).stdout).toMatch(/pay +paid work waits: .*promised 4 HART\n/)
  await nodes.stop(lonely)
})

test.for([
  [
    'a byte of a voucher',
    "update ledger set body = cast(substr(body, 1, 1) || x'00' || substr(body, 3) as blob) where seq = 2",
    'ledger entry 2: ',
  ],
  [
    'a byte of a receipt',
    "update ledger set body = cast(substr(body, 1, 90) || x'00' || substr(body, 92) as blob) where seq = 4",
    'ledger entry 4: ',
  ],
  ['a deleted entry', 'delete from ledger where seq = 2', 'ledger entry 3: entry 2 is missing before it'],
  [
    'a voucher put in the place of another',
    'update ledger set body = (select body from ledger where seq = 3) where seq = 1',
    'voucher 2: 2500000000000000000 wei, not more than the one before it',
  ],
])('hart earnings --verify: names %s, and exits 1', async ([what, change, named]) => {
  const node = await damaged(what!.replaceAll(' ', '-'), change!)
  const { status, stdout, stderr } = await verify(node)
  expect(stdout, stderr).toContain(named)
  expect(stdout).toContain('ledger entry ')
  expect(status).toBe(1)
  const doctor = await hartIn(node.dataDir, ['doctor', '--json'], { HARTONOMOUS_INFERENCE_ENABLED: 'false' })
  const { findings } = JSON.parse(doctor.stdout)
  expect(findings).toContainEqual(expect.objectContaining({ check: 'ledger', level: 'fail' }))
  await nodes.stop(node)
})
