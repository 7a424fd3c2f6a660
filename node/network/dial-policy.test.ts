import { multiaddr } from '@multiformats/multiaddr'
import { afterAll, expect, test, vi } from 'vitest'
import { lanPeersMax } from '#protocol/limits.ts'
import { DialPolicy } from './dial-policy.ts'
import { addressOf, Swarm } from './swarm.fixture.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 30_000 })

const swarm = new Swarm()
afterAll(() => swarm.stop())

const peer = '12D3KooWGRUjo4QZjdyC5tCrsGzHJp7Nmh4Lq8fVnDQxVhoqBPjN'
const other = '12D3KooWPoxeHFusHe7B8WNM7D27KCCAqgPVP5bz5o55hjh5t3ae'

test('dial policy: on the public network nobody is dialled at home, unless named by the owner or seen there', () => {
  const policy = new DialPolicy({ isPublic: true })
  const home = ['/ip4/192.168.1.1/tcp/80', '/ip4/127.0.0.1/tcp/22', '/ip6/::1/tcp/22', '/ip4/100.64.0.1/tcp/1']
  for (const address of home) expect(policy.denies(multiaddr(`${address}/p2p/${peer}`))).toBe(true)
  expect(policy.denies(multiaddr('/ip4/10.0.0.1/tcp/1'))).toBe(true)
  expect(policy.denies(multiaddr(`/ip4/11.0.0.1/tcp/1/p2p/${peer}`))).toBe(false)
  const relayed = multiaddr(`/ip4/127.0.0.1/tcp/1/p2p/${other}/p2p-circuit/p2p/${peer}`)
  policy.allow(peer)
  for (const address of home) expect(policy.denies(multiaddr(`${address}/p2p/${peer}`))).toBe(false)
  expect(policy.denies(relayed)).toBe(true)
  policy.allow(other)
  expect(policy.denies(relayed)).toBe(false)
  for (let i = 0; i < 2 * lanPeersMax; i++) policy.allow(`made up ${i}`)
  expect(policy.denies(relayed)).toBe(true)
  expect(new DialPolicy({ isPublic: false }).denies(relayed)).toBe(false)
})

test('dial policy: a public node dials the private address of a named peer, and not what another peer says', async () => {
  const named = await swarm.start('named')
  const hidden = await swarm.start('hidden', { bootstrap: [await addressOf(named)] })
  const bootstrap = [await addressOf(named)]
  const open = await swarm.start('open', { allowPrivateAddresses: false, natTraversal: true, bootstrap })
  await expect.poll(async () => (await open.peers()).map(({ peerId }) => peerId)).toEqual([named.peerId])
  await expect(open.request(hidden.peerId, '/x/1', new Uint8Array(1), { frameBytesMax: 10 })).rejects.toMatchObject({
    code: 'ERR_PEER_UNREACHABLE',
  })
  expect(await open.dial(await addressOf(hidden))).toBe(hidden.peerId)
})
