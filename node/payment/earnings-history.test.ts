import { afterEach, expect, test, vi } from 'vitest'
import { day, hour } from '#protocol/units.ts'
import { EarningsHistory } from './earnings-history.ts'
import { modelId, openParty, type Party, talk } from './payment.fixture.ts'

const parties: Party[] = []
afterEach(async () => {
  for (const party of parties.splice(0)) await party.close()
})

const startMs = 20_000 * day + 30 * 60_000

async function trade() {
  const clock = { ms: startMs }
  const [from, to] = [await openParty({ now: () => clock.ms }), await openParty({ now: () => clock.ms })]
  parties.push(from, to)
  /** One fetch of so many bytes, paid in full, at a wei for each. */
  const sell = async (bytes: number) => {
    const session = talk(from, to)
    session.open()
    await vi.waitFor(() => expect(session.state.saidBySeller.length).toBeGreaterThan(0))
    session.work(bytes)
    await session.finish()
    await session.end()
  }
  return { clock, to, from, sell, history: new EarningsHistory(to.store) }
}

test('earnings: each hour has what was newly promised in it, and what its receipts are due', async () => {
  const { clock, history, sell } = await trade()
  await sell(1000)
  clock.ms += hour
  await sell(500)
  await sell(200)
  clock.ms += hour
  const hours = await history.buckets('hour', 4, clock.ms)
  expect(hours.map(({ startMs, ...sums }) => [(startMs - 20_000 * day) / hour, sums])).toEqual([
    [-1, { promisedWei: 0n, dueWei: 0n, receipts: 0, bytes: 0, tokens: 0 }],
    [0, { promisedWei: 1000n, dueWei: 1000n, receipts: 1, bytes: 1000, tokens: 0 }],
    [1, { promisedWei: 700n, dueWei: 700n, receipts: 2, bytes: 700, tokens: 0 }],
    [2, { promisedWei: 0n, dueWei: 0n, receipts: 0, bytes: 0, tokens: 0 }],
  ])
  expect(await history.buckets('day', 1, clock.ms)).toMatchObject([{ startMs: 20_000 * day, promisedWei: 1700n }])
})

test('earnings: what came since the last look is added to it, and nothing twice', async () => {
  const { clock, from, history, sell } = await trade()
  await sell(1000)
  const now = () => history.buckets('hour', 1, clock.ms)
  expect(await Promise.all([now(), now()])).toMatchObject([[{ promisedWei: 1000n }], [{ promisedWei: 1000n }]])
  await sell(50)
  expect(await now()).toMatchObject([{ promisedWei: 1050n, receipts: 2 }])
  const newest = await history.newest(3)
  expect(newest.map(({ type, wei }) => [type, wei])).toContainEqual(['receipt', 50n])
  expect(newest).toHaveLength(3)
  expect(newest[0]).toMatchObject({ payer: from.signer.address, modelId, atMs: startMs })
})
