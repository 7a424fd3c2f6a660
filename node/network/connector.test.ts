import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { lanPeersMax } from '#protocol/limits.ts'
import { Connector } from './connector.ts'
import type { DialTarget } from './dial-targets.ts'

function dialler() {
  const state = {
    connected: new Set<string>(),
    dials: [] as string[],
    addresses: new Map<string, string[]>(),
    reachable: true,
    connectedPeers: () => state.connected,
    dial: async (target: DialTarget) => {
      state.dials.push(target.peerId)
      state.addresses.set(target.peerId, target.addresses)
      if (!state.reachable) throw new Error('refused')
      state.connected.add(target.peerId)
    },
  }
  return state
}
const target = (peerId: string, kind: DialTarget['kind']): DialTarget => ({ peerId, addresses: ['x'], kind })

let connector: Connector
beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  connector.stop()
  vi.useRealTimers()
})

test('connector: a bootstrap node that is down at start is tried again until it answers, ever more slowly', async () => {
  const peers = dialler()
  peers.reachable = false
  connector = new Connector(peers, [target('a', 'bootstrap')], { random: () => 0.5 })
  connector.start()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(peers.dials.length).toBeGreaterThan(4)
  expect(peers.dials.length).toBeLessThan(12)
  peers.reachable = true
  await vi.advanceTimersByTimeAsync(120_000)
  expect(peers.connected).toEqual(new Set(['a']))
})

test('connector: a static peer is dialled again whenever it is lost', async () => {
  const peers = dialler()
  connector = new Connector(peers, [target('a', 'static')], { random: () => 0.5 })
  connector.start()
  await vi.advanceTimersByTimeAsync(100)
  peers.connected.delete('a')
  await vi.advanceTimersByTimeAsync(5000)
  expect(peers.dials).toEqual(['a', 'a'])
})

test('connector: a well connected node leaves bootstrap and cached peers alone', async () => {
  const peers = dialler()
  for (let i = 0; i < 8; i++) peers.connected.add(`peer ${i}`)
  connector = new Connector(peers, [target('b', 'bootstrap'), target('c', 'cache'), target('s', 'static')])
  connector.start()
  await vi.advanceTimersByTimeAsync(5000)
  expect(peers.dials).toEqual(['s'])
})

test('connector: a peer seen on the local network is dialled at once, and again as soon as its address changes', async () => {
  const peers = dialler()
  peers.reachable = false
  connector = new Connector(peers, [target('configured', 'bootstrap')], { random: () => 0.5 })
  connector.start()
  connector.found('a', ['one'])
  connector.found('configured', ['elsewhere'])
  await vi.advanceTimersByTimeAsync(20_000)
  const before = peers.dials.length
  connector.found('a', ['one'])
  await vi.advanceTimersByTimeAsync(0)
  expect(peers.dials).toHaveLength(before)
  peers.reachable = true
  connector.found('a', ['two'])
  await vi.advanceTimersByTimeAsync(0)
  expect(peers.dials).toHaveLength(before + 1)
  expect(peers.connected).toContain('a')
  expect(peers.addresses.get('configured')).toEqual(['x'])
})

test('connector: made up peers of the local network do not pile up, and never push out one that answers', async () => {
  const peers = dialler()
  connector = new Connector(peers, [], { random: () => 0.5 })
  connector.start()
  connector.found('real', ['one'])
  await vi.advanceTimersByTimeAsync(0)
  peers.reachable = false
  for (let i = 0; i < 3 * lanPeersMax; i++) {
    connector.found(`made up ${i}`, ['nowhere'])
    await vi.advanceTimersByTimeAsync(100)
  }
  peers.connected.clear()
  peers.reachable = true
  peers.dials = []
  await vi.advanceTimersByTimeAsync(130_000)
  expect(peers.connected).toContain('real')
  expect(new Set(peers.dials).size).toBeLessThanOrEqual(lanPeersMax)
})
