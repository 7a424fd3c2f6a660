import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { Bitfield } from '#protocol/codec/bitfield.ts'
import { type PeerId, parsePeerId } from '#protocol/ids.ts'
import { unpaidWaitMs } from '#protocol/limits.ts'
import type { Prices } from '#protocol/payment/index.ts'
import { MiB } from '#protocol/units.ts'
import { type DataPlane, startDataPlane } from '../chunks/index.ts'
import { testModel } from '../chunks/swarm.fixture.ts'
import { buyChunks } from './chunk-purchases.ts'
import { sellChunks } from './chunk-sales.ts'
import { readEarnings, verifyEarnings } from './earnings.ts'
import { domain, modelId, openParty, type Party, type PartyOptions, weiPerByte } from './payment.fixture.ts'
import { PaymentService } from './service.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const peerIds = [
  '12D3KooWGzBfVfKJtXyfZ5AoLJ8gFW9jY9WZ5wEJzSVJ3NJ9Ks1u',
  '12D3KooWA1bysjrTACSWqf6q172inxvwKHUxAnBtVgaVDKMxpZtx',
]

interface Trader extends Party {
  dataPlane: DataPlane
  peerId: PeerId
  folder: string
}

async function trader(index: number, options: PartyOptions = {}): Promise<Trader> {
  const party = await openParty(options)
  const folder = await mkdtemp(join(tmpdir(), 'hartonomous-payment-'))
  const dataPlane = await startDataPlane({ listenHost: '127.0.0.1', listenPort: 0 })
  closers.push(
    () => party.close(),
    () => rm(folder, { recursive: true, force: true }),
    () => dataPlane.close(),
  )
  return { ...party, dataPlane, peerId: parsePeerId(peerIds[index]!), folder }
}

const model = { ...testModel([5000, 9 * MiB, 100, 2 * MiB]), modelId }

async function seed({ dataPlane, folder }: Trader): Promise<void> {
  const path = join(folder, 'seed')
  await writeFile(path, model.bytes)
  const { dev, ino, size, mtimeNs } = await stat(path, { bigint: true })
  const identity = { device: String(dev), inode: String(ino), sizeBytes: Number(size), mtimeNs: String(mtimeNs) }
  const file = { path, sizeBytes: model.bytes.length, identity, extents: model.extents }
  const held = Bitfield.full(model.chunkCount).bytes
  await dataPlane.addModel({ modelId, files: [file], leaves: model.leaves, held })
}

/** Everything from one source, whose link the data plane opens itself. */
async function fetchFrom(buyer: Trader, seller: Trader): Promise<{ path: string; complete: Promise<unknown> }> {
  const path = join(buyer.folder, 'own')
  const file = { path, sizeBytes: model.bytes.length, extents: model.extents }
  const held = new Bitfield(model.chunkCount).bytes
  await buyer.dataPlane.addModel({ modelId, files: [file], leaves: model.leaves, held })
  const complete = new Promise((resolve) => buyer.dataPlane.on('fetch-complete', resolve))
  await buyer.dataPlane.startFetch(modelId, Bitfield.full(model.chunkCount).bytes)
  await connect(buyer, seller)
  return { path, complete }
}

async function connect(buyer: Trader, seller: Trader): Promise<void> {
  const { port, certificateSha256 } = seller.dataPlane.endpoint
  const token = await seller.dataPlane.issueToken(buyer.peerId, buyer.dataPlane.endpoint.certificateSha256)
  const source = { transport: 'tls' as const, peerId: seller.peerId, host: '127.0.0.1', port, certificateSha256, token }
  await buyer.dataPlane.addSource(modelId, source, Bitfield.full(model.chunkCount).bytes)
}

async function trade(options: { prices?: Prices; buyer?: PartyOptions; limit?: bigint } = {}) {
  const [buyer, seller] = [await trader(0, options.buyer), await trader(1)]
  const terms = () => ({ ...seller.seller.terms(), prices: options.prices ?? weiPerByte })
  const unusable: PeerId[] = []
  await sellChunks({ ...seller.seller, terms, dataPlane: seller.dataPlane, build: 'test 1' })
  const limitWei = options.limit === undefined ? buyer.buyer.limitWei : () => options.limit!
  buyChunks({ ...buyer.buyer, limitWei, dataPlane: buyer.dataPlane, onUnusable: (peerId) => unusable.push(peerId) })
  await seed(seller)
  return { buyer, seller, unusable, ...(await fetchFrom(buyer, seller)) }
}

const earningsOf = ({ store, signer }: Trader) => readEarnings({ store, payee: signer.address })

test('chunks over a real connection: each byte is paid, with one receipt that both ends agree on', async () => {
  const { buyer, seller, path, complete } = await trade()
  await complete
  await vi.waitFor(async () => expect(await buyer.store.listLedger({ kinds: ['receipt-received'] })).toHaveLength(1))
  expect((await readFile(path)).equals(model.bytes)).toBe(true)
  const { promisedWei, channels } = await earningsOf(seller)
  expect(promisedWei).toBe(BigInt(model.bytes.length))
  expect(channels).toMatchObject([{ receipts: 1, receiptsWei: promisedWei, unpaidWei: 0n }])
  const { store, signer, reader: funds } = seller
  expect(await verifyEarnings({ store, signer, funds, payee: signer.address })).toEqual([])
  expect(buyer.bought.filter(({ type }) => type === 'broken-promise')).toEqual([])
})

test('chunks for nothing: no voucher, one receipt on each side', async () => {
  const { buyer, seller, complete } = await trade({ prices: { weiPerGiB: 0n, weiPerKiloToken: 0n } })
  await complete
  await vi.waitFor(async () => expect(await buyer.store.listLedger({})).toHaveLength(1))
  expect((await seller.store.listLedger({})).map(({ kind }) => kind)).toEqual(['receipt-signed'])
})

test('a free rider gets what a stranger gets ahead, and then waits', async () => {
  const { seller } = await trade({ buyer: { isFreeRider: true } })
  await vi.waitFor(() => expect(seller.sold).toContainEqual(expect.objectContaining({ reason: 'voucher' })), {
    timeout: unpaidWaitMs,
  })
  const { promisedWei } = await earningsOf(seller)
  expect(promisedWei).toBe(0n)
})

test('a source that is too dear is left, and named', async () => {
  const { unusable, seller } = await trade({ limit: 0n })
  await vi.waitFor(() => expect(unusable).toEqual([seller.peerId]))
  expect((await earningsOf(seller)).promisedWei).toBe(0n)
})

test('prices that change while a node runs hold for sessions that begin then, and for what is bought', async () => {
  const [buyer, seller] = [await trader(0), await trader(1)]
  const service = (one: Trader, asked: bigint, most: bigint) =>
    new PaymentService({
      dataPlane: one.dataPlane,
      store: one.store,
      signer: one.signer,
      owner: one.signer.address,
      domain,
      prices: { weiPerGiB: asked, weiPerKiloToken: 0n },
      limits: { weiPerGiB: most, weiPerKiloToken: 0n },
      funds: one.reader,
      build: 'test 1',
      now: Date.now,
      onEvent: () => undefined,
    })
  const price = weiPerByte.weiPerGiB
  const [sells, buys] = [service(seller, 0n, 0n), service(buyer, 0n, price - 1n)]
  await Promise.all([sells.start(), buys.start()])
  await seed(seller)
  await sells.setPrices({ weiPerGiB: price, weiPerKiloToken: 0n }, { weiPerGiB: 0n, weiPerKiloToken: 0n })
  expect(sells.terms.prices.weiPerGiB).toBe(price)
  expect(buys.isAffordable(seller.peerId, sells.terms, 'chunk')).toBe(false)
  await buys.setPrices({ weiPerGiB: 0n, weiPerKiloToken: 0n }, { weiPerGiB: price, weiPerKiloToken: 0n })
  expect(buys.isAffordable(seller.peerId, sells.terms, 'chunk')).toBe(true)
  const { complete } = await fetchFrom(buyer, seller)
  await complete
  await vi.waitFor(async () => expect((await earningsOf(seller)).promisedWei).toBe(BigInt(model.bytes.length)))
  sells.stop()
  buys.stop()
})
