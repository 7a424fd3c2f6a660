import { expect, test } from 'vitest'
import type { Lease } from '#protocol/heartbeat/message.ts'
import type { PeerId } from '#protocol/ids.ts'
import { openEmbeddedStore } from '#sql/store/index.ts'
import { Standing } from '../standing/index.ts'
import { type Answerer, rankAnswerers } from './rank-answerers.ts'

const peer = (name: string) => name as PeerId

function answerer(name: string, { load = 0, rttMs = 10, slots = 1, isShunned = false } = {}): Answerer {
  const lease: Lease = {
    peerId: peer(name),
    epoch: 1,
    sequence: 1,
    issuedAtMs: 0,
    expiresAtMs: 30_000,
    version: '0',
    region: '',
    models: [],
    load,
    inferenceSlotsFree: slots,
    inferenceSlots: 1,
    uploadBytesPerSecond: 0,
    diskFreeBytes: 0,
    isDataReachable: true,
    isPaused: false,
  }
  return { lease, rttMs, isShunned }
}

/** `random` near 1: proven peers have their turn before newcomers. */
async function withStanding(run: (standing: Standing) => void | Promise<void>, random = () => 0.99): Promise<void> {
  const store = await openEmbeddedStore({ path: ':memory:' })
  const log = { warn: () => undefined }
  const dependencies = { store: store.forTenant('local:owner'), paymentOf: () => undefined, now: () => 0, random, log }
  await run(await Standing.load(dependencies))
  await store.close()
}

const namesOf = (answerers: readonly Answerer[]) => answerers.map(({ lease }) => lease.peerId)

test('rank answerers: free slots, then load, then distance count before standing, where they differ by more than a little', () =>
  withStanding((standing) => {
    standing.addTokens(peer('proven'), 1e6)
    const ranked = (other: Parameters<typeof answerer>[1]) =>
      namesOf(rankAnswerers([answerer('proven', other), answerer('fresh')], standing))
    expect(ranked({ slots: 0 })).toEqual(['fresh', 'proven'])
    expect(ranked({ load: 0.5 })).toEqual(['fresh', 'proven'])
    expect(ranked({ rttMs: 120 })).toEqual(['fresh', 'proven'])
    expect(ranked({ load: 0.2, rttMs: 45 })).toEqual(['proven', 'fresh'])
  }))

test('rank answerers: one against whom there is evidence is asked last, even after those that failed lately', () =>
  withStanding(async (standing) => {
    standing.addTokens(peer('liar'), 1e9)
    await standing.blame(peer('liar'), 'wrongBytes')
    const all = [answerer('liar'), answerer('failed', { isShunned: true }), answerer('full', { slots: 0, load: 1 })]
    expect(namesOf(rankAnswerers(all, standing))).toEqual(['full', 'failed', 'liar'])
  }))

test('rank answerers: among equals a newcomer has a turn in four', () => {
  let seed = 1
  // Park and Miller's generator: the same draws each time.
  const random = () => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed / 2_147_483_647
  }
  return withStanding((standing) => {
    standing.addTokens(peer('proven'), 1e6)
    const rounds = 2000
    let first = 0
    for (let round = 0; round < rounds; round++)
      if (namesOf(rankAnswerers([answerer('proven'), answerer('fresh')], standing))[0] === 'fresh') first++
    expect(first / rounds).toBeGreaterThan(0.22)
    expect(first / rounds).toBeLessThan(0.28)
  }, random)
})
