import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { addressesPerPeerMax, peerCacheMax } from '#protocol/limits.ts'
import { PeerCache } from './peer-cache.ts'

let dataDir: string
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hart-peers-'))
})
afterEach(() => rm(dataDir, { recursive: true, force: true }))

test('peer cache: survives a restart, bounded, most recently seen first', async () => {
  const cache = new PeerCache(dataDir)
  const addresses = Array.from({ length: 20 }, (_, i) => `/ip4/127.0.0.1/tcp/${i + 1}`)
  for (let i = 0; i < peerCacheMax + 10; i++) cache.seen({ peerId: `peer${i}`, addresses, lastSeenMs: i })
  await cache.save()
  const again = new PeerCache(dataDir)
  await again.load()
  expect(again.peers()).toHaveLength(peerCacheMax)
  expect(again.peers()[0]).toMatchObject({ peerId: `peer${peerCacheMax + 9}` })
  expect(again.peers()[0]?.addresses).toHaveLength(addressesPerPeerMax)
  expect(await readdir(dataDir)).toEqual(['peers.json'])
})

test('peer cache: a damaged file is an empty cache', async () => {
  for (const content of ['{"peers": [', '[]', 'null', '{"peers":[{"peerId":1},null,{"peerId":"x","lastSeenMs":1}]}']) {
    await writeFile(join(dataDir, 'peers.json'), content)
    const cache = new PeerCache(dataDir)
    await cache.load()
    expect(cache.peers()).toEqual([])
  }
})
