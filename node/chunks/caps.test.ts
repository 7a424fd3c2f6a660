import { afterEach, beforeEach, expect, test } from 'vitest'
import { KiB, MiB } from '#protocol/units.ts'
import { FairLimiter, TokenBucket } from './rate-limit.ts'
import { TestSwarm, testModel } from './swarm.fixture.ts'

const swarm = new TestSwarm()
beforeEach(() => swarm.open())
afterEach(() => swarm.close())

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

test('token bucket: spends exactly its rate over any time, with a burst of 64 KiB', () => {
  let nowMs = 0
  const bucket = new TokenBucket(() => nowMs, MiB)
  let sent = 0
  for (; nowMs < 10_000; nowMs += 1) {
    while (bucket.waitMs() === 0) {
      bucket.spend(48 * KiB)
      sent += 48 * KiB
    }
  }
  expect(sent).toBeGreaterThan(10 * MiB - 64 * KiB)
  expect(sent).toBeLessThan(10 * MiB + 128 * KiB)
  nowMs += 60_000
  let burst = 0
  while (bucket.waitMs() === 0) {
    bucket.spend(16 * KiB)
    burst += 16 * KiB
  }
  expect(burst).toBeLessThanOrEqual(80 * KiB)
})

test('fair limiter: peers take turns, whoever asked more', async () => {
  const limiter = new FairLimiter(() => performance.now(), 4 * MiB)
  const order: string[] = []
  const ask = (key: string) => limiter.acquire(key, 64 * KiB)?.then(() => order.push(key))
  const asked = [...Array.from({ length: 10 }, () => ask('greedy')), ask('modest'), ask('modest')]
  await Promise.all(asked)
  expect(order.indexOf('modest')).toBeLessThan(3)
  expect(order.lastIndexOf('modest')).toBeLessThan(6)
  limiter.close()
})

test('upload cap: the measured rate is the cap within 10 %, and two peers get the same', async () => {
  const model = testModel([32 * MiB])
  const cap = 6 * MiB
  const seed = await swarm.node({ uploadBytesPerSecond: cap })
  const fetchers = [await swarm.node(), await swarm.node()]
  await seed.seed(model)
  for (const fetcher of fetchers) {
    await fetcher.want(model)
    await fetcher.fetchAll(model)
    await fetcher.addSource(model, seed)
  }
  await pause(300)
  const bytesNow = () => seed.payloads('upload-progress').at(-1)
  const from = await seed.until('upload-progress')
  const startedAtMs = performance.now()
  await seed.until('upload-progress', (payload) => payload.totalBytes > from.totalBytes + 2 * cap)
  const seconds = (performance.now() - startedAtMs) / 1000
  const rate = (bytesNow()!.totalBytes - from.totalBytes) / seconds
  expect(rate).toBeGreaterThan(0.9 * cap)
  expect(rate).toBeLessThan(1.1 * cap)
  expect(bytesNow()!.bytesPerSecond).toBeGreaterThan(0.85 * cap)
  const received = fetchers.map((fetcher) => fetcher.payloads('fetch-progress').at(-1)!.sources[0]!.bytes)
  expect(received[0]! / received[1]!).toBeGreaterThan(0.75)
  expect(received[0]! / received[1]!).toBeLessThan(1.33)
})

test('download cap: the measured rate is the cap within 10 %, and lifting it lets the rest through', async () => {
  const model = testModel([24 * MiB])
  const cap = 5 * MiB
  const seeds = [await swarm.node(), await swarm.node()]
  const fetcher = await swarm.node({ downloadBytesPerSecond: cap })
  for (const seed of seeds) await seed.seed(model)
  await fetcher.want(model)
  await fetcher.fetchAll(model)
  for (const seed of seeds) await fetcher.addSource(model, seed)
  const received = () =>
    fetcher
      .payloads('fetch-progress')
      .at(-1)!
      .sources.reduce((sum, one) => sum + one.bytes, 0)
  await fetcher.until('fetch-progress', () => received() > cap / 2)
  const from = received()
  const startedAtMs = performance.now()
  await fetcher.until('fetch-progress', () => received() > from + 2 * cap)
  const rate = ((received() - from) * 1000) / (performance.now() - startedAtMs)
  expect(rate).toBeGreaterThan(0.88 * cap)
  expect(rate).toBeLessThan(1.12 * cap)
  fetcher.core.setCaps({})
  const liftedAtMs = performance.now()
  await fetcher.until('fetch-complete')
  expect(performance.now() - liftedAtMs).toBeLessThan(2000)
})
