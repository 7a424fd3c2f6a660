import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromString } from '@libp2p/peer-id'
import { afterAll, expect, test, vi } from 'vitest'
import type { PeerId } from '#protocol/ids.ts'
import { second } from '#protocol/units.ts'
import { type GossipMessage, identityPath } from './index.ts'
import { parsePeerAddress } from './libp2p-node.ts'
import { wireNames } from './names.ts'
import { addressOf, blockOf, collect, Swarm } from './swarm.fixture.ts'

// Several nodes of ~0.6 s CPU each: on a busy machine that alone takes long.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

const swarm = new Swarm()
afterAll(() => swarm.stop())

test('lifecycle: a restart keeps identity and blocks, finds the swarm again by its peer cache, and announces again', async () => {
  const key = (await blockOf(Buffer.from('model'))).cid
  const block = await blockOf(Buffer.from('published'))
  const hub = await swarm.start('hub')
  const before = await swarm.start('node', { bootstrap: [await addressOf(hub)] })
  await expect.poll(async () => (await before.dhtMode()).routingTableSize, { timeout: 5 * second }).toBe(1)
  await before.announce([key])
  await before.putBlocks([block])
  const closed = new Promise((resolve) => before.on('closed', resolve))
  await before.close()
  expect(await closed).toEqual({ reason: 'closed' })
  await expect(before.addresses()).rejects.toMatchObject({ code: 'ERR_WORKER_GONE' })
  expect((await stat(identityPath(swarm.dataDir('node')))).mode & 0o777).toBe(0o600)

  const after = await swarm.start('node')
  expect(after.peerId).toBe(before.peerId)
  await expect
    .poll(async () => (await after.peers()).map((peer) => peer.peerId), { timeout: 8 * second })
    .toEqual([hub.peerId])
  expect((await after.peers())[0]?.discoveredBy).toContain('cache')
  await after.announce([key])
  await expect
    .poll(async () => (await collect(hub.findProviders(key))).map((provider) => provider.peerId), {
      timeout: 8 * second,
    })
    .toEqual([after.peerId])
  expect(Buffer.from(await hub.getBlock(block.cid)).toString()).toBe('published')
  await expect.poll(async () => (await hub.peers())[0]?.rttMs, { timeout: 5 * second }).toEqual(expect.any(Number))

  const bytes = Buffer.from('to sign')
  const publicKey = peerIdFromString(after.peerId).publicKey
  const raw = publicKey?.raw ?? new Uint8Array()
  expect(await publicKeyFromRaw(raw).verify(bytes, await after.sign(bytes))).toBe(true)
})

test('lifecycle: a folder in use, a damaged identity and bad addresses are told by name', async () => {
  await swarm.start('used')
  await expect(swarm.start('used')).rejects.toMatchObject({ code: 'ERR_IO', fields: { path: expect.any(String) } })
  await swarm.start('broken').then((network) => network.close())
  await writeFile(join(swarm.dataDir('broken'), 'identity.key'), 'not a key')
  await expect(swarm.start('broken')).rejects.toMatchObject({ code: 'ERR_CONFIG' })
  await expect(swarm.start('bad', { listen: ['/ip4/203.0.113.7/tcp/0'] })).rejects.toMatchObject({
    code: 'ERR_CONFIG',
    fields: { key: 'listen' },
  })
  expect(() => parsePeerAddress('/ip4/127.0.0.1/tcp/1', 'bootstrap')).toThrow(
    expect.objectContaining({ code: 'ERR_CONFIG', fields: expect.objectContaining({ key: 'bootstrap' }) }),
  )
  expect(() => parsePeerAddress('nonsense', 'staticPeers')).toThrow(expect.objectContaining({ code: 'ERR_CONFIG' }))
  expect(() => wireNames('short')).toThrow(expect.objectContaining({ code: 'ERR_CONFIG' }))
})

test('lifecycle: a node that can only be reached through a relay answers requests of more than the usual 128 KiB', async () => {
  const relay = await swarm.start('relay', { natTraversal: true })
  const bootstrap = [await addressOf(relay)]
  const [hidden, asking] = await Promise.all([
    swarm.start('hidden', { natTraversal: true, bootstrap }),
    swarm.start('asking', { natTraversal: true }),
  ])
  await hidden.handle('/hartonomous/echo/1.0.0', { frameBytesMax: 1_000_000 }, async (stream) => {
    for await (const frame of stream.frames()) await stream.send(frame)
    await stream.close()
  })
  let relayed: string | undefined
  await expect
    .poll(
      async () => {
        relayed = (await hidden.addresses()).find((address) => address.includes('/p2p-circuit'))
        return relayed
      },
      { timeout: 8 * second },
    )
    .toBeDefined()
  expect(await asking.dial(relayed ?? '')).toBe(hidden.peerId)
  const frame = new Uint8Array(500_000)
  const answer = await asking.request(hidden.peerId, '/hartonomous/echo/1.0.0', frame, { frameBytesMax: 1_000_000 })
  expect(answer.byteLength).toBe(frame.byteLength)
})

test('lifecycle: a peer whose addresses nobody told is asked for at the relays that we know', async () => {
  const relay = await swarm.start('known-relay', { natTraversal: true })
  const address = await addressOf(relay)
  const [hidden, asking] = await Promise.all([
    swarm.start('unknown', { natTraversal: true, bootstrap: [address] }),
    swarm.start('seeker', { natTraversal: true, bootstrap: [address] }),
  ])
  await expect.poll(async () => (await hidden.addresses()).some((each) => each.includes('/p2p-circuit'))).toBe(true)
  await expect.poll(async () => (await asking.peers()).length).toBeGreaterThan(0)
  await asking.connect(hidden.peerId)
  expect((await asking.peers()).map(({ peerId }) => peerId)).toContain(hidden.peerId)
  const nobody = '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN' as PeerId
  await expect(asking.connect(nobody)).rejects.toMatchObject({ code: 'ERR_PEER_UNREACHABLE' })
})

test('lifecycle: gossip reaches subscribers with its author; what is too large does not', async () => {
  const a = await swarm.start('gossip-a', { gossip: true })
  const bootstrap = [await addressOf(a)]
  const [b, quiet] = await Promise.all([
    swarm.start('gossip-b', { gossip: true, bootstrap }),
    swarm.start('gossip-off', { bootstrap }),
  ])
  const got: GossipMessage[] = []
  await a.subscribe('leases', { bytesMax: 1000 }, (message) => got.push(message))
  await b.subscribe('leases', { bytesMax: 5000 }, () => {})
  await quiet.publish('leases', Buffer.from('nobody hears this'))
  let sent = 0
  await expect
    .poll(
      async () => {
        await b.publish('leases', Buffer.alloc(4000, 1))
        await b.publish('leases', Buffer.from(`lease ${sent++}`))
        return got.length
      },
      { interval: 200, timeout: 10 * second },
    )
    .toBeGreaterThan(10)
  expect(new Set(got.map((message) => message.from))).toEqual(new Set([b.peerId]))
  expect(got.every((message) => Buffer.from(message.bytes).toString().startsWith('lease '))).toBe(true)
  await expect(a.publish('leases', new Uint8Array(1001))).rejects.toMatchObject({ code: 'ERR_LIMIT' })
})

test('lifecycle: nodes of different swarms do not find each other', async () => {
  const key = (await blockOf(Buffer.from('secret model'))).cid
  const hub = await swarm.start('private-hub', { swarm: 'ab'.repeat(32) })
  const bootstrap = [await addressOf(hub)]
  const [member, stranger] = await Promise.all([
    swarm.start('member', { swarm: 'AB'.repeat(32), bootstrap }),
    swarm.start('stranger', { swarm: 'cd'.repeat(32), bootstrap }),
  ])
  await hub.announce([key])
  await hub.handle('/hartonomous/hello/1.0.0', { frameBytesMax: 100 }, (stream) => void stream.close())
  await expect
    .poll(async () => (await collect(member.findProviders(key))).map((provider) => provider.peerId), {
      timeout: 8 * second,
    })
    .toEqual([hub.peerId])
  expect((await stranger.dhtMode()).routingTableSize).toBe(0)
  expect(await collect(stranger.findProviders(key))).toEqual([])
  await expect(stranger.openStream(hub.peerId, '/hartonomous/hello/1.0.0', { frameBytesMax: 1 })).rejects.toMatchObject(
    {
      code: 'ERR_PEER_PROTOCOL',
    },
  )
})
