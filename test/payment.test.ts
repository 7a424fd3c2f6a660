import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import type { DevnetNode, EventOf } from '#node/cli/devnet/child.ts'
import { generateModel } from '#node/ingest/index.ts'
import type { ModelView } from '#protocol/api/control.ts'
import type { ClaimView, EarningsChannelView, EarningsView } from '#protocol/api/earnings.ts'
import { parseHart } from '#protocol/hart.ts'
import type { Address, ModelId } from '#protocol/ids.ts'
import { chunkAheadBytesFirst } from '#protocol/limits.ts'
import { priceOfBytes } from '#protocol/payment/index.ts'
import { MiB } from '#protocol/units.ts'
import { hart, hartJson, pricePerGiB, TestEconomy, weiPerMiB } from './payment.fixture.ts'
import { bootstrap, smallModel, TestSwarm, until } from './swarm.fixture.ts'

let swarm: TestSwarm
let economy: TestEconomy
let seller: DevnetNode
let payee: Address
let modelId: ModelId
let sizeBytes: number
const sellerIndex = 0
const prices = { weiPerGiB: parseHart(pricePerGiB), weiPerKiloToken: 0n }
/** What a stranger gets before it pays. */
const firstWei = priceOfBytes(chunkAheadBytesFirst, prices)

/** Slow enough to be caught in the middle. */
const sellerArgs = () => [...economy.settings(), '--upload-rate', '2MB']
const limit = () => AbortSignal.timeout(150_000)

beforeAll(async () => {
  swarm = await TestSwarm.create()
  economy = await TestEconomy.create(swarm.folder)
  const path = join(swarm.folder, 'model.gguf')
  ;({ sizeBytes } = await generateModel({ path, sizeBytes: 12 * MiB, seed: 7, licence: 'MIT' }))
  payee = await economy.fund(folderOf(sellerIndex), '0')
  seller = swarm.spawn(sellerIndex, ...sellerArgs(), '--ingest', path)
  const released = seller.waitFor('release', limit())
  await seller.start(limit())
  modelId = (await released).modelId as ModelId
})
afterAll(async () => {
  await swarm?.close()
  await economy?.close()
})

const folderOf = (index: number) => join(swarm.folder, `node-${index}`)

/** Fetches by itself what it hears of. */
const spawnBuyer = (index: number, changed: Record<string, string> = {}) =>
  swarm.spawn(index, ...bootstrap(seller), ...economy.settings(changed), '--pledge', '1GiB')

/** It listens on another port then: who was connected does not find it, unless it finds them. */
async function restartSeller(peers: DevnetNode[] = []): Promise<void> {
  await seller.stop()
  seller = await swarm.start(sellerIndex, ...sellerArgs(), ...peers.flatMap(bootstrap))
}

const stopsOf = (node: DevnetNode): string[] =>
  swarm.eventsOf(node).flatMap((event) => (event.event === 'payment-stop' ? event.reason : []))

const refused = (node: DevnetNode, reason: string) =>
  until(`${node.dataDir} is refused: ${reason}`, () => stopsOf(node).includes(reason) || undefined, 60_000)

/** Totals of the vouchers that a node has signed or received, oldest first. */
const vouchersOf = (node: DevnetNode): bigint[] =>
  swarm.eventsOf(node).flatMap((event) => (event.event === 'voucher' ? BigInt(event.cumulativeWei) : []))

const hasPromised = (node: DevnetNode, amountWei: bigint) =>
  until(`vouchers for ${amountWei} wei`, () => (vouchersOf(node).at(-1) ?? 0n) >= amountWei || undefined, 60_000)

const receiptsOf = (node: DevnetNode, side: 'sale' | 'purchase'): EventOf<'receipt'>[] =>
  swarm.eventsOf(node).flatMap((event) => (event.event === 'receipt' && event.side === side ? event : []))

async function heldBytes(node: DevnetNode): Promise<number> {
  const models = await hartJson<ModelView[]>(node, ['models', 'ls'])
  return models.find((model) => model.modelId === modelId)?.heldBytes ?? 0
}

const completed = (node: DevnetNode) =>
  until(
    `${node.dataDir} is complete`,
    () =>
      swarm
        .eventsOf(node)
        .some(
          (event) => event.event === 'transfer-complete' && event.modelId === modelId && event.chunksVerified > 0,
        ) || undefined,
    120_000,
  )

const earningsOf = (node: DevnetNode) => hartJson<EarningsView>(node, ['earnings', '--verify'])

async function channelOf(node: DevnetNode, payer: Address): Promise<EarningsChannelView | undefined> {
  const { channels, differences } = await earningsOf(node)
  expect(differences).toEqual([])
  return channels.find((channel) => channel.payer === payer)
}

/** How the channel stands once the session on it has ended, with everything receipted. */
const settled = (payer: Address): Promise<EarningsChannelView> =>
  until(
    'the session is settled',
    async () => {
      const channel = await channelOf(seller, payer)
      return channel !== undefined && channel.receipts > 0 && channel.unpaidWei === '0' ? channel : undefined
    },
    60_000,
  )

/**
 * The same where a session was broken off: of what was on its way then the buyer knows nothing. It stays unpaid, within the
 * first credit, and is not asked for again.
 */
const receipted = (buyer: DevnetNode, payer: Address): Promise<EarningsChannelView> =>
  until(
    'the session is receipted',
    async () => (receiptsOf(buyer, 'purchase').length > 0 ? await channelOf(seller, payer) : undefined),
    60_000,
  )

test('payment: a buyer pays for every byte, and what the seller claims is what the contract paid', async () => {
  const payer = await economy.fund(folderOf(1), '200')
  const buyer = spawnBuyer(1)
  await completed(buyer)
  const before = await settled(payer)
  const [receipt] = receiptsOf(buyer, 'purchase')
  // Pieces that are alike travel once.
  expect(receipt!.bytes).toBeLessThanOrEqual(sizeBytes)
  expect(receipt!.bytes).toBeGreaterThan(0.99 * sizeBytes)
  const paidWei = priceOfBytes(receipt!.bytes, prices)
  expect(before).toMatchObject({ promisedWei: String(paidWei), receiptsWei: String(paidWei), claimedWei: '0' })
  const claims = await hartJson<ClaimView[]>(seller, ['earnings', 'claim'])
  expect(claims).toEqual([expect.objectContaining({ vouchers: 1, paidWei: String(paidWei), refused: [] })])
  expect(await economy.claimedWei(payer, payee, modelId)).toBe(paidWei)
  expect(await earningsOf(seller)).toMatchObject({ claimedWei: String(paidWei), claimableWei: '0', unpaidWei: '0' })
  const shown = await hart(seller, 'earnings', '--verify')
  expect(shown).toMatchObject({ status: 0, stdout: expect.stringContaining('vouchers and chain agree') })
  // A second claim has nothing left to settle.
  expect(await hartJson<ClaimView[]>(seller, ['earnings', 'claim', '--all'])).toEqual([])
  await buyer.stop()
})

test('payment: who cannot pay, or names the money of another, gets nothing, whatever it tries; who pays beside it completes', async () => {
  // One without a deposit, and one that names the deposit of somebody else, for whom it cannot sign.
  await economy.fund(folderOf(2), '0')
  const robbed = await economy.fund(join(swarm.folder, 'robbed'), '200')
  await economy.fund(folderOf(3), '0')
  const payer = await economy.fund(folderOf(4), '200')
  const asRobbed = { 'payment.owner': robbed }
  let [penniless, thief] = [spawnBuyer(2), spawnBuyer(3, asRobbed)]
  await Promise.all([refused(penniless, 'funds'), refused(thief, 'voucher')])
  // What it has it sells at a price that neither takes.
  const honest = spawnBuyer(4, { 'payment.pricePerGiB': '2048' })
  await completed(honest)
  expect((await settled(payer)).receipts).toBe(1)
  await honest.stop()
  // Nothing was served in the name of the robbed one, and nothing is held against it.
  expect(await channelOf(seller, robbed)).toBeUndefined()

  // Both start anew, and so does the seller.
  await Promise.all([penniless.stop(), thief.stop()])
  await restartSeller()
  ;[penniless, thief] = [spawnBuyer(2), spawnBuyer(3, asRobbed)]
  await Promise.all([refused(penniless, 'funds'), refused(thief, 'voucher')])
  expect(await channelOf(seller, robbed)).toBeUndefined()
  expect(await heldBytes(penniless)).toBe(0)
  expect(await heldBytes(thief)).toBe(0)
  await Promise.all([penniless.stop(), thief.stop()])
})

test('payment: a payer that takes its money out cannot touch what it locked, and is lent nothing more', async () => {
  const payer = await economy.fund(folderOf(5), '200')
  await economy.lock(folderOf(5), payee, modelId, '6')
  const buyer = spawnBuyer(5)
  await completed(buyer)
  const promisedWei = BigInt((await settled(payer)).promisedWei)
  // It leaves while the seller is away: three days of thaw pass without a claim.
  await seller.stop()
  expect(await economy.transact(buyer, 'job', 'withdraw', 'all')).toMatchObject({ status: 0 })
  await economy.passDays(4)
  expect(await economy.transact(buyer, 'job', 'withdraw')).toMatchObject({ status: 0 })
  await buyer.stop()
  await restartSeller()
  expect(await hart(seller, 'earnings', 'claim', '--all')).toMatchObject({ status: 0 })
  expect(await economy.claimedWei(payer, payee, modelId)).toBe(parseHart('6'))
  // The rule counts on an eighth of the pooled balance.
  expect(promisedWei - parseHart('6')).toBeLessThanOrEqual(parseHart('194') / 8n)
  expect(await channelOf(seller, payer)).toMatchObject({
    promisedWei: String(promisedWei),
    claimedWei: String(parseHart('6')),
    claimableWei: '0',
  })
})

test('payment: seller and buyer are killed in the middle; both agree, no promise is lost, no byte is paid twice', async () => {
  const payer = await economy.fund(folderOf(7), '200')
  await restartSeller()
  const buyer = spawnBuyer(7)
  // Were it left, later tests would buy from it.
  onTestFinished(() => buyer.stop())
  await hasPromised(seller, 2n * weiPerMiB)
  const killedSeller = seller
  process.kill(killedSeller.pid, 'SIGKILL')
  await restartSeller([buyer])
  expect(BigInt((await channelOf(seller, payer))!.promisedWei)).toBeGreaterThanOrEqual(vouchersOf(killedSeller).at(-1)!)
  await hasPromised(buyer, 5n * weiPerMiB)
  process.kill(buyer.pid, 'SIGKILL')
  await buyer.stop()
  const again = spawnBuyer(7)
  onTestFinished(() => again.stop())
  await completed(again)
  const { promisedWei } = await receipted(again, payer)
  const signed = [...vouchersOf(buyer), ...vouchersOf(again)]
  expect(signed).toEqual([...new Set(signed)].sort((a, b) => (a < b ? -1 : 1)))
  expect(String(signed.at(-1))).toBe(promisedWei)
  // What was under way in a crash may be sent, and then also paid, again.
  expect(BigInt(promisedWei)).toBeLessThanOrEqual(priceOfBytes(sizeBytes, prices) + firstWei)
  expect(await hart(seller, 'earnings', 'claim', '--all')).toMatchObject({ status: 0 })
  expect(String(await economy.claimedWei(payer, payee, modelId))).toBe(promisedWei)
  expect(await hartJson<ClaimView[]>(seller, ['earnings', 'claim', '--all'])).toEqual([])
  await again.stop()
})

test('payment: while the chain is away paid work stops with the reason and free work goes on; then it resumes', async () => {
  const payer = await economy.fund(folderOf(8), '200')
  await seller.stop()
  const gift = ['--set', 'payment.pricePerGiB=0', '--ingest', smallModel]
  const buyer = swarm.spawn(8, ...economy.settings(), ...gift, '--pledge', '1GiB')
  await until('the gift', () => swarm.eventsOf(buyer).some(({ event }) => event === 'release') || undefined)
  // Whoever connects reads the catalogue of the other.
  seller = await swarm.start(sellerIndex, ...economy.settings(), '--upload-rate', '500KB', ...bootstrap(buyer))
  await hasPromised(buyer, weiPerMiB)
  economy.setReachable(false)
  await refused(buyer, 'offline')
  const { chainProblem, promisedWei } = await hartJson<EarningsView>(seller, ['earnings'])
  expect(chainProblem).toContain('the chain')
  expect(await hart(seller, 'pull', 'hartling-q8_0')).toMatchObject({ status: 0 })
  economy.setReachable(true)
  await completed(buyer)
  const channel = await receipted(buyer, payer)
  expect(BigInt(channel.promisedWei)).toBeGreaterThan(0n)
  expect(BigInt(channel.unpaidWei)).toBeLessThanOrEqual(firstWei)
  expect(BigInt(promisedWei)).toBeGreaterThan(0n)
  expect(BigInt(channel.promisedWei)).toBeLessThanOrEqual(priceOfBytes(sizeBytes, prices) + firstWei)
  await buyer.stop()
})
