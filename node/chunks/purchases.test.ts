/** Buyers and sellers that are real data planes: messages of payment, and figures that agree however a fetch ends. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { MessageChannel } from 'node:worker_threads'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Bitfield } from '#protocol/codec/bitfield.ts'
import { paymentMessagesPerSecondMax } from '#protocol/limits.ts'
import { KiB, MiB } from '#protocol/units.ts'
import { type TestModel, type TestNode, TestSwarm, testModel } from './swarm.fixture.ts'
import type { DataPlaneEvents } from './types.ts'

const swarm = new TestSwarm()
beforeEach(() => swarm.open())
afterEach(() => swarm.close())

const hello = Uint8Array.of(1)
const bye = Uint8Array.of(2)
const receipt = Uint8Array.of(3)

const isBye = ({ body }: { body: Uint8Array }) => body[0] === bye[0]

/** Answers `bye` with a receipt, and gives each session as much credit as it asks for, `stepBytes` at a time. */
function sellAll(seller: TestNode, stepBytes: number): void {
  seller.core.setSelling(true)
  seller.on('sale-progress', ({ sessionId, creditBytes }) => seller.core.setCredit(sessionId, creditBytes + stepBytes))
  seller.on('sale-message', ({ sessionId, body }) => {
    if (isBye({ body })) seller.core.sendToBuyer(sessionId, receipt)
  })
}

async function startFetch(model: TestModel, sellers: TestNode[]): Promise<TestNode> {
  const buyer = await swarm.node()
  buyer.on('purchase-open', ({ linkId }) => {
    buyer.core.keepForReceipt(linkId)
    buyer.core.sendToSeller(linkId, hello)
  })
  await buyer.want(model)
  await buyer.fetchAll(model)
  for (const seller of sellers) await buyer.addSource(model, seller)
  return buyer
}

/** Finishes one purchase: what the buyer counts, and what the seller counted when it was told. */
async function finish(buyer: TestNode, seller: TestNode) {
  const { linkId } = buyer.payloads('purchase-open').find(({ peerId }) => peerId === seller.peerId)!
  const bought = await buyer.core.finishPurchase(linkId)
  buyer.core.sendToSeller(linkId, bye)
  const sold = await seller.until('sale-message', isBye)
  const answer = await buyer.until('purchase-message', (message) => message.linkId === linkId)
  expect(answer.body).toEqual(receipt)
  buyer.core.closeLink(linkId)
  const end = await buyer.until('purchase-end', (one) => one.linkId === linkId)
  expect({ receivedBytes: end.receivedBytes, transcript: end.transcript }).toEqual(bought)
  return { bought, sold: { receivedBytes: sold.servedBytes, transcript: sold.transcript } }
}

test('purchase: both ends count the same when a paid fetch is over, and the receipt still comes', async () => {
  const model = testModel([6 * MiB, 300, 2000, 700 * KiB])
  const seller = await swarm.node()
  await seller.seed(model)
  sellAll(seller, 512 * KiB)
  const buyer = await startFetch(model, [seller])
  await buyer.until('fetch-complete')
  const { bought, sold } = await finish(buyer, seller)
  expect(bought).toEqual(sold)
  expect(bought.receivedBytes).toBeGreaterThanOrEqual(model.bytes.length)
  await seller.until('sale-end')
})

test('purchase: they agree with every seller when the end of a fetch was asked of several', async () => {
  const model = testModel([12 * MiB, 5000])
  const sellers: TestNode[] = []
  for (const rate of [2, 4, 12]) sellers.push(await swarm.node({ uploadBytesPerSecond: rate * MiB }))
  for (const seller of sellers) {
    await seller.seed(model)
    sellAll(seller, MiB)
  }
  const buyer = await startFetch(model, sellers)
  await buyer.until('fetch-complete')
  const pairs = await Promise.all(sellers.map((seller) => finish(buyer, seller)))
  for (const { bought, sold } of pairs) expect(bought).toEqual(sold)
  const boughtBytes = pairs.reduce((sum, { bought }) => sum + bought.receivedBytes, 0)
  expect(boughtBytes).toBeGreaterThanOrEqual(model.bytes.length)
})

test('purchase: one that is finished in mid-fetch agrees too, and others bring the rest', async () => {
  const model = testModel([16 * MiB])
  const [dear, free] = [await swarm.node({ uploadBytesPerSecond: 4 * MiB }), await swarm.node()]
  await dear.seed(model)
  await free.seed(model)
  sellAll(dear, 4 * MiB)
  const buyer = await startFetch(model, [dear])
  await buyer.until('chunks-held')
  const { bought, sold } = await finish(buyer, dear)
  expect(bought).toEqual(sold)
  expect(bought.receivedBytes).toBeLessThan(model.bytes.length)
  expect(buyer.payloads('source-end')).toMatchObject([{ peerId: dear.peerId, banned: false }])
  await buyer.addSource(model, free)
  await buyer.until('fetch-complete')
})

test('purchase: when the connection drops both ends are told what went over it', async () => {
  const model = testModel([16 * MiB])
  const seller = await swarm.node({ uploadBytesPerSecond: 8 * MiB })
  await seller.seed(model)
  sellAll(seller, 2 * MiB)
  const buyer = await startFetch(model, [seller])
  await buyer.until('chunks-held')
  const { linkId } = buyer.payloads('purchase-open')[0]!
  const finished = buyer.core.finishPurchase(linkId)
  const failed = expect(finished).rejects.toMatchObject({ code: 'ERR_PEER_UNREACHABLE' })
  await seller.core.close()
  await failed
  const bought = await buyer.until('purchase-end')
  const sold = await seller.until('sale-end')
  expect(bought.receivedBytes).toBeGreaterThan(0)
  expect(bought.receivedBytes).toBeLessThanOrEqual(sold.servedBytes)
  await expect(buyer.core.finishPurchase(linkId)).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
  buyer.core.sendToSeller(linkId, bye)
})

test('purchase: a link that nobody keeps closes with its fetch; one that is kept waits for its receipt, but not for ever', async () => {
  const model = testModel([MiB])
  const seller = await swarm.node()
  await seller.seed(model)
  const plain = await swarm.node()
  await plain.want(model)
  await plain.fetchAll(model)
  await plain.addSource(model, seller)
  expect((await plain.until('purchase-end')).reason).toBe('everything was fetched')
  expect(seller.payloads('sale-open')).toEqual([])

  const keeper = await startFetch(model, [seller])
  await keeper.until('fetch-complete')
  const { sessionId } = await seller.until('sale-open')
  seller.core.sendToBuyer(sessionId, receipt)
  expect((await keeper.until('purchase-message')).body).toEqual(receipt)
  expect((await keeper.until('purchase-end')).receivedBytes).toBe(MiB)
})

test('purchase: a seller that is not paid is left alone for a while, and not banned', async () => {
  const model = testModel([4 * MiB])
  const dear = await swarm.node({}, { unpaidWaitMs: 20 })
  const free = await swarm.node({ uploadBytesPerSecond: 8 * MiB })
  await dear.seed(model)
  await free.seed(model)
  dear.core.setSelling(true)
  const buyer = await startFetch(model, [dear, free])
  await buyer.until('fetch-complete')
  expect(buyer.payloads('source-end').filter(({ peerId, banned }) => banned || peerId !== dear.peerId)).toEqual([])
  const stats = buyer.payloads('fetch-progress').at(-1)!.sources
  expect(stats.find(({ peerId }) => peerId === dear.peerId)).toMatchObject({ bytes: 0 })
})

test('purchase: the only seller goes on when it is paid, though it had refused', async () => {
  const model = testModel([2 * MiB])
  const seller = await swarm.node({}, { unpaidWaitMs: 20 })
  await seller.seed(model)
  seller.core.setSelling(true)
  const buyer = await startFetch(model, [seller])
  const { sessionId } = await seller.until('sale-progress', ({ isWaiting }) => isWaiting)
  await new Promise((resolve) => setTimeout(resolve, 100))
  seller.core.setCredit(sessionId, Number.POSITIVE_INFINITY)
  await buyer.until('fetch-complete')
})

test('purchase: a seller that dials us, and one behind a libp2p stream, are purchases; an HTTP origin is none', async () => {
  const model = testModel([2 * MiB])
  const have = Bitfield.full(model.chunkCount).bytes
  const seller = await swarm.node()
  await seller.seed(model)
  sellAll(seller, MiB)
  const served = (request: { headers: { range?: string | undefined } }) =>
    /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? []
  const origin = createServer((request, response) => {
    const [, from, to] = served(request)
    const body = model.bytes.subarray(Number(from), Number(to) + 1)
    response.writeHead(206, { 'content-range': `bytes ${from}-${to}/${model.bytes.length}` }).end(body)
  })
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve))
  try {
    const reverse = await startFetch(model, [])
    const token = reverse.core.issueToken(seller.peerId, undefined)
    const { certificateSha256 } = seller.core.endpoint
    const address = { transport: 'tls' as const, peerId: reverse.peerId, ...reverse.core.endpoint, token }
    const dialling = seller.core.dialAndServe(address)
    const source = { transport: 'tls-reverse' as const, peerId: seller.peerId, certificateSha256, token }
    await reverse.core.addSource(model.modelId, source, have)
    await dialling

    const streamed = await startFetch(model, [])
    const { port1, port2 } = new MessageChannel()
    seller.core.attachChannel(streamed.peerId, 'serve', port1)
    streamed.core.attachChannel(seller.peerId, 'fetch', port2)
    await streamed.core.addSource(model.modelId, { transport: 'libp2p', peerId: seller.peerId }, have)

    for (const buyer of [reverse, streamed]) {
      await buyer.until('fetch-complete')
      const { linkId } = buyer.payloads('purchase-open')[0]!
      const bought = await buyer.core.finishPurchase(linkId)
      const isHis = ({ peerId }: { peerId: string }) => peerId === buyer.peerId
      buyer.core.closeLink(linkId)
      const sold = await seller.until('sale-end', isHis)
      expect(bought).toEqual({ receivedBytes: sold.servedBytes, transcript: sold.transcript })
    }

    const surfer = await startFetch(model, [])
    const urls = [`http://127.0.0.1:${(origin.address() as AddressInfo).port}/model`]
    await surfer.core.addSource(model.modelId, { transport: 'http', peerId: 'origin', urls }, have)
    await surfer.until('fetch-complete')
    expect(surfer.payloads('purchase-open')).toEqual([])
  } finally {
    origin.closeAllConnections()
    origin.close()
  }
})

test('purchase: a seller that floods messages of payment is closed, and what it owes comes from others', async () => {
  const model = testModel([8 * MiB])
  const [noisy, quiet] = [await swarm.node({ uploadBytesPerSecond: MiB }), await swarm.node()]
  await noisy.seed(model)
  await quiet.seed(model)
  const flood = ({ sessionId }: DataPlaneEvents['sale-message']) => {
    for (let i = 0; i < 3 * paymentMessagesPerSecondMax; i++) noisy.core.sendToBuyer(sessionId, hello)
  }
  noisy.on('sale-message', flood)
  const buyer = await startFetch(model, [noisy])
  expect((await buyer.until('purchase-end')).reason).toMatch(/too many messages/)
  await buyer.addSource(model, quiet)
  await buyer.until('fetch-complete')
  expect(buyer.payloads('source-end').filter(({ banned }) => banned)).toEqual([])
})
