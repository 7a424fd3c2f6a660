import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import { HartonomousError } from '#protocol/errors.ts'
import { chunkAheadBytesFirst, chunkAheadBytesMax, overchargeBytesMax } from '#protocol/limits.ts'
import { encodePayment, topicOf } from '#protocol/payment/index.ts'
import { day, MiB } from '#protocol/units.ts'
import { readEarnings, verifyEarnings } from './earnings.ts'
import { voucherEntry } from './ledger.ts'
import { domain, modelId, openParty, type Party, type TalkOptions, talk, weiPerByte } from './payment.fixture.ts'
import { sellerBook } from './seller-channel.ts'

const parties: Party[] = []
afterEach(async () => {
  for (const party of parties.splice(0)) await party.close()
})

async function party(options: Parameters<typeof openParty>[0] = {}): Promise<Party> {
  const opened = await openParty(options)
  parties.push(opened)
  return opened
}

async function twoParties(): Promise<{ from: Party; to: Party }> {
  return { from: await party(), to: await party() }
}

/** A session that has been opened, and whose quote has arrived. */
async function opened(from: Party, to: Party, options: TalkOptions = {}) {
  const session = talk(from, to, options)
  session.open()
  await vi.waitFor(() => expect(session.state.saidBySeller.length).toBeGreaterThan(0))
  return session
}

const sourcesOf = ({ store, signer, reader }: Party) => ({ store, signer, funds: reader, payee: signer.address })

const promised = async (to: Party) => (await readEarnings({ store: to.store, payee: to.signer.address })).promisedWei

test('what was done is promised to the wei, and receipted, by both ledgers alike', async () => {
  const { from, to } = await twoParties()
  const session = await opened(from, to)
  session.work(1_234_567)
  const receipt = await session.finish()
  await session.end()
  expect(receipt).toBeDefined()
  expect(await promised(to)).toBe(1_234_567n)
  const [signed] = await to.store.listLedger({ kinds: ['receipt-signed'] })
  const [received] = await from.store.listLedger({ kinds: ['receipt-received'] })
  expect(received!.body).toEqual(signed!.body)
  expect(await verifyEarnings(sourcesOf(to))).toEqual([])
})

test('a stranger gets four mebibytes ahead, and no more before it pays', async () => {
  const { from, to } = await twoParties()
  const session = await opened(from, to)
  await vi.waitFor(() => expect(session.state.credit).toBe(chunkAheadBytesFirst))
  session.work(chunkAheadBytesFirst)
  // What was done is promised: as much again may follow.
  await vi.waitFor(() => expect(session.state.credit).toBe(2 * chunkAheadBytesFirst))
})

test('who has paid gets as much again ahead, up to the most', async () => {
  const { from, to } = await twoParties()
  const session = await opened(from, to)
  for (let done = 4 * MiB; done <= 4 * chunkAheadBytesMax; done += Math.min(chunkAheadBytesMax, done)) {
    session.work(done)
    const ahead = Math.min(chunkAheadBytesMax, done)
    await vi.waitFor(() => expect(session.state.credit).toBe(done + ahead))
  }
})

test('work that goes on is asked for once until its voucher is here, and then in one sum', async () => {
  const { from, to } = await twoParties()
  const session = await opened(from, to)
  const asked = () => session.state.saidBySeller.flatMap((said) => (said.type === 'due' ? [said.cumulativeWei] : []))
  // A source that is faster than a voucher: all of it is done before the buyer can answer.
  for (let bytes = MiB; bytes <= chunkAheadBytesFirst; bytes += MiB / 16) session.work(bytes)
  expect(asked()).toHaveLength(1)
  await vi.waitFor(async () => expect(await promised(to)).toBe(BigInt(session.state.done)))
  expect(asked()).toHaveLength(2)
  expect(session.state.saidByBuyer.filter(({ type }) => type === 'voucher')).toHaveLength(2)
})

test('a free rider is stopped at its first credit, in this session and the next', async () => {
  const from = await party({ isFreeRider: true })
  const to = await party()
  const session = await opened(from, to)
  await vi.waitFor(() => expect(session.state.credit).toBe(chunkAheadBytesFirst))
  session.work(chunkAheadBytesFirst)
  await vi.waitFor(() => expect(session.sale.stopped).toBe('voucher'))
  await session.end()
  const again = await opened(from, to)
  await vi.waitFor(() => expect(again.state.credit).toBe(0))
  expect(again.state.saidBySeller.map(({ type }) => type)).not.toContain('due')
  const { unpaidWei, channels } = await readEarnings({ store: to.store, payee: to.signer.address })
  expect(unpaidWei).toBe(BigInt(chunkAheadBytesFirst))
  expect(channels).toEqual([expect.objectContaining({ vouchers: 0, unpaidWhy: 'voucher' })])
})

test('a debt is forgiven after a day', async () => {
  let nowMs = 1e12
  const from = await party({ isFreeRider: true })
  const to = await party({ now: () => nowMs })
  const session = await opened(from, to)
  session.work(chunkAheadBytesFirst)
  await vi.waitFor(() => expect(session.sale.stopped).toBe('voucher'))
  await session.end()
  nowMs += 2 * day
  // The books are read anew, as after a restart.
  const { store, signer, reader, now } = to
  const book = sellerBook({ store, signer, funds: reader, now })
  const again = await opened(from, { ...to, seller: { ...to.seller, book } })
  await vi.waitFor(() => expect(again.state.credit).toBe(chunkAheadBytesFirst))
})

test('a buyer pays no more than it counted and a little, whatever is asked', async () => {
  const { from, to } = await twoParties()
  const received = 100_000
  const session = await opened(from, to, { received: () => received, buyer: { now: stepping(600) } })
  session.work(50 * MiB)
  await vi.waitFor(() => expect(session.purchase.stopped).toBe('overcharged'))
  expect(await promised(to)).toBe(BigInt(received + overchargeBytesMax))
  expect(from.bought).toContainEqual(expect.objectContaining({ type: 'broken-promise' }))
  await session.end()
})

test('a price above the limit, or another chain, is refused before any work', async () => {
  const { from, to } = await twoParties()
  const dear = { terms: { prices: { ...weiPerByte, weiPerGiB: 2n * weiPerByte.weiPerGiB } } }
  const session = await opened(from, to, dear)
  await vi.waitFor(() => expect(session.purchase.stopped).toBe('price'))
  await vi.waitFor(() => expect(session.sale.stopped).toBe('price'))
  const elsewhere = await opened(from, to, { terms: { chainId: 1 } })
  await vi.waitFor(() => expect(elsewhere.purchase.stopped).toBe('chain'))
})

test('a payer that takes its money out in the middle of a session is told of once, and trusted no further', async () => {
  const { from, to } = await twoParties()
  const session = await opened(from, to)
  session.work(2 * MiB)
  await vi.waitFor(async () => expect(await promised(to)).toBe(BigInt(2 * MiB)))
  to.party.funds = { ...to.party.funds, freeWei: 0n, thawingWei: 10n ** 24n }
  session.work(4 * MiB)
  await vi.waitFor(() => expect(session.sale.stopped).toBe('funds'))
  // Kept: it is paid while the balance thaws.
  expect(await promised(to)).toBe(BigInt(4 * MiB))
  expect((await readEarnings(sourcesOf(to))).claimableWei).toBe(BigInt(4 * MiB))
  await session.end()
  const again = await opened(from, to)
  await vi.waitFor(() => expect(again.sale.stopped).toBe('funds'))
  await again.end()
  expect(to.sold.map(({ type }) => type).filter((type) => type === 'leave')).toHaveLength(2)
})

test('a chain that goes away stops the session, loses no voucher, and hinders the next session no more', async () => {
  const { from, to } = await twoParties()
  const session = await opened(from, to)
  const { channel } = to.reader
  to.reader.channel = () => Promise.reject(new HartonomousError('ERR_CHAIN_UNAVAILABLE', { url: 'a', reason: 'gone' }))
  session.work(2 * MiB)
  await vi.waitFor(() => expect(session.purchase.stopped).toBe('offline'))
  expect(await promised(to)).toBe(BigInt(2 * MiB))
  expect(to.sold.map(({ type }) => type)).toEqual(['voucher', 'stop'])
  await session.end()
  to.reader.channel = channel
  const again = await opened(from, to)
  await vi.waitFor(() => expect(again.state.credit).toBe(chunkAheadBytesFirst))
  await again.end()
  expect(await verifyEarnings(sourcesOf(to))).toEqual([])
})

test('work is stopped where nothing stands behind the vouchers', async () => {
  const { from, to } = await twoParties()
  to.party.funds = { lockedWei: 0n, claimedWei: 0n, freeWei: 0n, thawingWei: 0n }
  const session = await opened(from, to)
  await vi.waitFor(() => expect(session.sale.stopped).toBe('funds'))
  expect(session.state.credit).toBeLessThanOrEqual(0)
})

test('of a payer that takes its money out only the lock counts', async () => {
  const { from, to } = await twoParties()
  to.party.funds = { lockedWei: 1000n, claimedWei: 0n, freeWei: 10n ** 24n, thawingWei: 1n }
  const session = await opened(from, to)
  await vi.waitFor(() => expect(session.state.credit).toBe(1000))
})

test('a session key signs for its payer, a stranger does not', async () => {
  const { from, to } = await twoParties()
  const payer = (await party()).signer.address
  const session = await opened(from, to, { buyer: { payer: () => payer } })
  session.work(chunkAheadBytesFirst)
  await vi.waitFor(() => expect(session.sale.stopped).toBe('voucher'))
  await session.end()
  const other = await party()
  other.party.sessionKeys.set(payer, from.signer.address)
  const again = await opened(from, other, { buyer: { payer: () => payer } })
  again.work(chunkAheadBytesFirst)
  await vi.waitFor(async () => expect(await promised(other)).toBe(BigInt(chunkAheadBytesFirst)))
})

test('a free node asks nothing and gives receipts', async () => {
  const { from, to } = await twoParties()
  const free = { terms: { prices: { weiPerGiB: 0n, weiPerKiloToken: 0n } } }
  const session = await opened(from, to, free)
  expect(session.state.credit).toBe(Number.POSITIVE_INFINITY)
  session.work(100 * MiB)
  expect(await session.finish()).toBeDefined()
  await session.end()
  const { freeReceipts, channels } = await readEarnings({ store: to.store, payee: to.signer.address })
  expect([freeReceipts, channels]).toEqual([1, []])
  expect(session.state.saidByBuyer.map(({ type }) => type)).toEqual(['finish'])
})

test('the same job and attempt get the same receipt, also when the output is another', async () => {
  const { from, to } = await twoParties()
  const job = new Uint8Array(32).fill(9)
  const first = await opened(from, to, { job })
  first.work(10)
  const receipt = await first.finish(new Uint8Array(32).fill(1))
  await first.end()
  const second = await opened(from, to, { job })
  second.work(10)
  await second.finish(new Uint8Array(32).fill(2))
  const said = second.state.saidBySeller.find((message) => message.type === 'receipt')
  expect(said).toEqual(receipt)
  // The buyer got something else than what is receipted, and says so.
  expect(from.bought).toContainEqual(expect.objectContaining({ reason: 'a receipt for another output' }))
  await second.end()
  expect(await to.store.listLedger({ kinds: ['receipt-signed'] })).toHaveLength(1)
})

test('a buyer that lost its books goes on from the voucher that the seller holds', async () => {
  const { from, to } = await twoParties()
  const session = await opened(from, to)
  session.work(1000)
  await session.finish()
  await session.end()
  const lost = await party({ privateKey: from.privateKey })
  const again = await opened(lost, to)
  again.work(500)
  await again.finish()
  await again.end()
  expect(await promised(to)).toBe(1500n)
})

test('a seller that claims a voucher which was never signed is told on', async () => {
  const { from, to } = await twoParties()
  const key = { domain, payer: from.signer.address, payee: to.signer.address, topic: topicOf(modelId) }
  const forged = { key, cumulativeWei: 5n, signature: new Uint8Array(64).fill(1) }
  await to.store.appendLedger([voucherEntry('voucher-received', forged, 1)])
  await opened(from, to)
  await vi.waitFor(() =>
    expect(from.bought).toContainEqual(expect.objectContaining({ reason: 'it claims a voucher that we never signed' })),
  )
})

test('who names a payer without its key gets nothing, learns nothing, and leaves no debt behind', async () => {
  const { from, to } = await twoParties()
  const victim = await party()
  const honest = await opened(victim, to)
  honest.work(1000)
  await honest.finish()
  await honest.end()
  const thief = await opened(from, to, { buyer: { payer: () => victim.signer.address } })
  await vi.waitFor(() => expect(thief.sale.stopped).toBe('voucher'))
  expect(thief.state.credit).toBeLessThanOrEqual(0)
  expect(thief.state.saidBySeller.map(({ type }) => type)).toEqual(['quote', 'stop'])
  await thief.end()
  const again = await opened(victim, to)
  await vi.waitFor(() => expect(again.state.credit).toBe(chunkAheadBytesFirst))
})

test('a proof of one session is none in another', async () => {
  const { from, to } = await twoParties()
  const session = await opened(from, to)
  await vi.waitFor(() => expect(session.state.credit).toBeGreaterThan(0))
  const proof = session.state.saidByBuyer.find(({ type }) => type === 'prove')!
  const replay = talk(from, to, { job: session.job })
  replay.sale.receive(replay.purchase.first)
  replay.sale.receive(encodePayment(proof))
  await vi.waitFor(() => expect(replay.sale.stopped).toBe('voucher'))
})

test('a voucher that a later one has overtaken is no offence', async () => {
  const { from, to } = await twoParties()
  const channel = await to.seller.book.open({
    domain,
    payer: from.signer.address,
    payee: to.signer.address,
    topic: topicOf(modelId),
  })
  const { payer, payee, topic } = channel.key
  const voucherOver = (cumulativeWei: bigint) => from.signer.signVoucher(domain, { payer, payee, topic, cumulativeWei })
  await channel.refresh()
  expect(await channel.take(1000n, voucherOver(1000n))).toBeUndefined()
  expect(await channel.take(500n, voucherOver(500n))).toBeUndefined()
  expect(await channel.take(500n, voucherOver(400n))).toBe('voucher')
  expect(channel.promisedWei).toBe(1000n)
})

test('a buyer that lost count in a crash is served less for a day, and neither calls the other a liar', async () => {
  const { from, to } = await twoParties()
  const session = await opened(from, to)
  await vi.waitFor(() => expect(session.state.credit).toBe(chunkAheadBytesFirst))
  session.work(MiB)
  await session.sale.end('the connection broke')
  const lost = await party({ privateKey: from.privateKey })
  const again = await opened(lost, to)
  await vi.waitFor(() => expect(again.state.credit).toBe(chunkAheadBytesFirst - MiB))
  again.work(MiB)
  await again.finish()
  await again.end()
  expect(await promised(to)).toBe(BigInt(MiB))
  expect(lost.bought.filter(({ type }) => type !== 'voucher' && type !== 'receipt')).toEqual([])
})

test('a buyer that remembers pays what an earlier session left', async () => {
  const { from, to } = await twoParties()
  const session = await opened(from, to)
  await vi.waitFor(() => expect(session.state.credit).toBe(chunkAheadBytesFirst))
  session.work(MiB)
  await session.end()
  const again = await opened(from, to)
  await vi.waitFor(async () => expect(await promised(to)).toBe(BigInt(MiB)))
  await vi.waitFor(() => expect(again.state.credit).toBe(chunkAheadBytesFirst))
})

test('two sessions of one channel share its credit and its total', async () => {
  const { from, to } = await twoParties()
  const [a, b] = [await opened(from, to), await opened(from, to)]
  a.work(1000)
  b.work(500)
  await Promise.all([a.finish(), b.finish()])
  await Promise.all([a.end(), b.end()])
  expect(await promised(to)).toBe(1500n)
  expect(await verifyEarnings(sourcesOf(to))).toEqual([])
})

test('what a session that runs counts at most is not paid for when another one begins', async () => {
  const { from, to } = await twoParties()
  // Tokens of a prompt are bounded by its bytes until the seller has counted them.
  let bound = 1000
  const a = await opened(from, to, { received: () => bound })
  a.work(10)
  const b = await opened(from, to)
  b.work(500)
  bound = 10
  await Promise.all([a.finish(), b.finish()])
  await Promise.all([a.end(), b.end()])
  expect(await promised(to)).toBe(510n)
  expect(await verifyEarnings(sourcesOf(to))).toEqual([])
})

test('a bound is no debt where the session ends before it was counted', async () => {
  const { from, to } = await twoParties()
  const refused = await opened(from, to, { received: () => 1_000_000, receivedAtLeast: () => 0 })
  await vi.waitFor(() => expect(refused.state.credit).toBe(chunkAheadBytesFirst))
  await refused.end()
  // Asked for as far as credit reached, and paid: that much is owed, and no more.
  const bound = chunkAheadBytesFirst + MiB
  const cancelled = await opened(from, to, { received: () => bound, receivedAtLeast: () => 0 })
  await vi.waitFor(() => expect(cancelled.state.credit).toBe(chunkAheadBytesFirst))
  cancelled.work(chunkAheadBytesFirst)
  await vi.waitFor(async () => expect(await promised(to)).toBe(BigInt(chunkAheadBytesFirst)))
  await cancelled.end()
  const last = await opened(from, to)
  last.work(500)
  await last.finish()
  await last.end()
  expect(await promised(to)).toBe(BigInt(chunkAheadBytesFirst + 500))
  expect(await verifyEarnings(sourcesOf(to))).toEqual([])
})

test('whatever is done in whatever steps: promised is what was done, and never less than what was credited ahead', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: MiB }), { minLength: 1, maxLength: 6 }), async (steps) => {
      const { from, to } = await twoParties()
      let total = 0
      const session = await opened(from, to)
      for (const step of steps) {
        total += step
        await vi.waitFor(() => expect(session.state.credit).toBeGreaterThanOrEqual(total))
        session.work(total)
      }
      await session.finish()
      await session.end()
      expect(await promised(to)).toBe(BigInt(total))
      expect(from.bought.filter(({ type }) => type === 'broken-promise')).toEqual([])
      expect(await verifyEarnings(sourcesOf(to))).toEqual([])
    }),
    { numRuns: 15 },
  )
})

test('every difference between vouchers, receipts and chain is named', async () => {
  const { from, to } = await twoParties()
  const session = await opened(from, to)
  session.work(1000)
  await session.finish()
  await session.end()
  to.party.funds = { lockedWei: 0n, claimedWei: 5000n, freeWei: 0n, thawingWei: 0n }
  const differences = await verifyEarnings({
    ...sourcesOf(to),
    claimedEvents: async () => new Map([['eip155:31415:0xelsewhere', 3n]]),
  })
  expect(differences).toEqual([
    expect.stringContaining('the chain paid 5000 wei, the ledger has vouchers for 1000'),
    expect.stringContaining('the contract says 5000 wei were paid, its events 0'),
    expect.stringContaining('the chain paid 3 wei for vouchers that are not in the ledger'),
  ])
  expect(domain.chainId).toBe(31415)
})

/** A clock that moves by so much each time that it is read. */
function stepping(stepMs: number): () => number {
  let nowMs = 1e12
  return () => {
    nowMs += stepMs
    return nowMs
  }
}
