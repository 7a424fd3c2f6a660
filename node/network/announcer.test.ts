import { CID } from 'multiformats/cid'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { dhtReprovideMs } from '#protocol/limits.ts'
import { Announcer } from './announcer.ts'

const keys = [
  'bafyreigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi',
  'bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi',
].map((text) => CID.parse(text))

/** A DHT of so many peers that notes what is asked of it. */
function dhtOf(peers: number) {
  const dht = {
    peers,
    provided: [] as string[],
    cancelled: [] as string[],
    failing: false,
    missing: 0,
    size: () => dht.peers,
    provide: async (key: CID) => {
      dht.provided.push(key.toString())
      if (dht.failing) throw new Error('all dials failed')
      return dht.peers - dht.missing
    },
    cancel: async (key: CID) => {
      dht.cancelled.push(key.toString())
    },
  }
  return dht
}

let announcer: Announcer
beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  announcer.stop()
  vi.useRealTimers()
})

test('announcer: a key that found no DHT peer is announced soon after the first one appears', async () => {
  const dht = dhtOf(0)
  announcer = new Announcer(dht, { random: () => 0.5 })
  announcer.setKeys(keys)
  await vi.advanceTimersByTimeAsync(10)
  expect(announcer.status()[0]).toMatchObject({ error: 'no DHT peer is known yet' })
  dht.provided = []
  dht.peers = 1
  announcer.topologyChanged()
  await vi.advanceTimersByTimeAsync(300)
  expect(dht.provided).toEqual(keys.map(String))
  expect(announcer.status()[0]?.announcedAtMs).toBe(Date.now() - 50)
  expect(announcer.status()[0]?.error).toBeUndefined()
})

test('announcer: each peer that joins a small swarm gets the record; a large one is told only when it grew by half', async () => {
  const dht = dhtOf(3)
  announcer = new Announcer(dht, { random: () => 0.5 })
  announcer.topologyChanged()
  announcer.setKeys(keys.slice(0, 1))
  await vi.advanceTimersByTimeAsync(10)
  for (const peers of [4, 5]) {
    dht.peers = peers
    announcer.topologyChanged()
    await vi.advanceTimersByTimeAsync(2000)
  }
  expect(dht.provided).toHaveLength(3)
  dht.peers = 40
  announcer.topologyChanged()
  await vi.advanceTimersByTimeAsync(2000)
  dht.peers = 41
  announcer.topologyChanged()
  await vi.advanceTimersByTimeAsync(2000)
  expect(dht.provided).toHaveLength(4)
})

test('announcer: failures are retried with a growing distance, success is repeated twice a day', async () => {
  const dht = dhtOf(5)
  dht.failing = true
  announcer = new Announcer(dht, { random: () => 0.5 })
  announcer.setKeys(keys.slice(0, 1))
  await vi.advanceTimersByTimeAsync(3500)
  expect(dht.provided).toHaveLength(3)
  expect(announcer.status()[0]).toMatchObject({ error: 'all dials failed' })
  dht.failing = false
  await vi.advanceTimersByTimeAsync(10_000)
  const after = dht.provided.length
  await vi.advanceTimersByTimeAsync(dhtReprovideMs)
  expect(dht.provided).toHaveLength(after + 1)
})

test('announcer: a key that is no longer wanted is cancelled, and not announced again', async () => {
  const dht = dhtOf(2)
  announcer = new Announcer(dht)
  announcer.setKeys(keys)
  await vi.advanceTimersByTimeAsync(10)
  announcer.setKeys(keys.slice(1))
  dht.provided = []
  await vi.advanceTimersByTimeAsync(2 * dhtReprovideMs)
  expect(dht.cancelled).toEqual([keys[0]!.toString()])
  expect(new Set(dht.provided)).toEqual(new Set([keys[1]!.toString()]))
})

test('announcer: a peer of a small swarm that did not take the record is tried again soon', async () => {
  const dht = dhtOf(4)
  dht.missing = 1
  announcer = new Announcer(dht, { random: () => 0.5 })
  announcer.setKeys(keys.slice(0, 1))
  await vi.advanceTimersByTimeAsync(10)
  expect(announcer.status()[0]?.error).toBeUndefined()
  dht.missing = 0
  await vi.advanceTimersByTimeAsync(1500)
  expect(dht.provided).toHaveLength(2)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(dht.provided).toHaveLength(2)
})
