import { expect, test } from 'vitest'
import { resolveConfig } from '../config/index.ts'
import { isDataReachable, isLoopbackOnly, networkConfig } from './endpoints.ts'

const config = (flags: Record<string, unknown> = {}) => resolveConfig(flags, {}, {}).config

test('endpoints: behind a router a node is reachable only once it has a public address of its own', () => {
  const home = config({ 'network.natTraversal': true })
  const relayed = '/ip4/203.0.113.9/tcp/7412/p2p/12D3KooWrelay/p2p-circuit'
  for (const address of [
    '/ip4/192.168.1.5/tcp/1',
    '/ip4/172.20.0.2/tcp/1',
    '/ip4/100.64.3.1/tcp/1',
    '/ip6/fd00::1/tcp/1',
    relayed,
  ]) {
    expect(isDataReachable(home, [address]), address).toBe(false)
  }
  expect(isDataReachable(home, ['/ip4/192.168.1.5/tcp/1', '/ip4/203.0.113.7/tcp/1'])).toBe(true)
  expect(isDataReachable(home, ['/ip6/2001:db8::7/tcp/1'])).toBe(true)
  expect(isDataReachable(config(), ['/ip4/127.0.0.1/tcp/1'])).toBe(true)
})

test('endpoints: nothing listens beyond loopback unless asked', () => {
  expect(isLoopbackOnly(config())).toBe(true)
  expect(networkConfig('/d', config()).mdns).toBe(false)
  const lan = config({ 'network.listen': '/ip4/0.0.0.0/tcp/7412' })
  expect(isLoopbackOnly(lan)).toBe(false)
  expect(networkConfig('/d', lan).mdns).toBe(true)
})

test('endpoints: the name of a private swarm becomes a key, the public one has none', () => {
  expect(networkConfig('/d', config()).swarm).toBe('')
  expect(networkConfig('/d', config({ 'network.swarm': 'family' })).swarm).toMatch(/^[0-9a-f]{64}$/)
})
