import { afterEach, beforeEach, expect, test } from 'vitest'
import type { PeerId } from '#protocol/ids.ts'
import { bannedPeersMax, peerBanMs } from '#protocol/limits.ts'
import { openEmbeddedStore } from '#sql/store/index.ts'
import type { ShardStore, TenantStore } from '#sql/store/types.ts'
import { BannedPeers } from './banned-peers.ts'

let store: ShardStore
let tenant: TenantStore
beforeEach(async () => {
  store = await openEmbeddedStore({ path: ':memory:' })
  tenant = store.forTenant('local:owner')
})
afterEach(() => store.close())

const peer = (name: string | number) => `peer ${name}` as PeerId

test('banned peers: a ban outlives a restart, and ends after its time', async () => {
  let nowMs = 1000
  const before = await BannedPeers.load(tenant, () => nowMs)
  await before.add(peer('liar'))
  const after = await BannedPeers.load(tenant, () => nowMs)
  expect([after.has(peer('liar')), after.has(peer('other'))]).toEqual([true, false])
  nowMs += peerBanMs
  expect(after.has(peer('liar'))).toBe(false)
  expect((await BannedPeers.load(tenant, () => nowMs)).has(peer('liar'))).toBe(false)
})

test('banned peers: are bounded, oldest out', async () => {
  await tenant.putSetting(
    'banned-peers',
    Array.from({ length: bannedPeersMax }, (_, index) => [peer(index), 1000]),
  )
  const banned = await BannedPeers.load(tenant, () => 2000)
  await banned.add(peer('late'))
  expect([banned.has(peer(0)), banned.has(peer(1)), banned.has(peer('late'))]).toEqual([false, true, true])
})
