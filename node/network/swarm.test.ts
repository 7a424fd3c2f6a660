import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { second } from '#protocol/units.ts'
import type { Network } from './index.ts'
import { addressOf, blockOf, collect, Swarm } from './swarm.fixture.ts'

// Several nodes of ~0.6 s CPU each: on a busy machine that alone takes long.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

/** Nodes without gossip and mDNS. `first` is the one whose address everybody knows; the seed is another. */
const swarm = new Swarm()
let first: Network
let seed: Network
let others: Network[]
let key: string

beforeAll(async () => {
  key = (await blockOf(Buffer.from('a model'))).cid
  first = await swarm.start('first')
  const bootstrap = [await addressOf(first)]
  ;[seed, ...others] = (await Promise.all(['seed', 'c', 'd'].map((name) => swarm.start(name, { bootstrap })))) as [
    Network,
    Network,
    Network,
  ]
})
afterAll(() => swarm.stop())

async function findersOf(network: Network, wanted: string): Promise<string[]> {
  return (await collect(network.findProviders(wanted))).map((provider) => provider.peerId)
}

test('swarm: everybody finds everybody who holds a key, within seconds of the start', async () => {
  const all = [first, seed, ...others]
  await Promise.all(all.map((network) => network.announce([key])))
  for (const network of all) {
    const expected = all.filter((other) => other !== network).map((other) => other.peerId)
    await expect
      .poll(async () => (await findersOf(network, key)).toSorted(), { timeout: 30 * second })
      .toEqual(expected.toSorted())
  }
  expect(await seed.announceStatus()).toEqual([{ key, announcedAtMs: expect.any(Number) }])
  expect((await seed.dhtMode()).mode).toBe('server')
})

test('swarm: who joins late and knows one address finds the seed, and can dial it by its id', async () => {
  await seed.handle('/hartonomous/hello/1.0.0', { frameBytesMax: 100 }, async (stream) => {
    for await (const frame of stream.frames()) await stream.send(frame)
    await stream.close()
  })
  const startedAtMs = performance.now()
  const late = await swarm.start('late', { bootstrap: [await addressOf(others[0]!)] })
  // One look-up may miss a peer that is slow to answer; who looks for a source looks again.
  let providers: { peerId: string; addresses: string[] }[] = []
  await expect
    .poll(
      async () => {
        providers = await collect(late.findProviders(key))
        return providers.map((provider) => provider.peerId)
      },
      { timeout: 20 * second },
    )
    .toContain(seed.peerId)
  // ~1 s on a quiet machine.
  expect(performance.now() - startedAtMs).toBeLessThan(20 * second)
  const found = providers.find((provider) => provider.peerId === seed.peerId)
  expect(found?.addresses.some((address) => address.startsWith('/ip4/127.0.0.1/tcp/'))).toBe(true)
  const answer = await late.request(seed.peerId, '/hartonomous/hello/1.0.0', Buffer.from('hi'), { frameBytesMax: 100 })
  expect(Buffer.from(answer).toString()).toBe('hi')
  const peer = (await late.peers()).find(({ peerId }) => peerId === seed.peerId)
  expect(peer).toMatchObject({ direction: expect.any(String), connectedAtMs: expect.any(Number) })
  await late.announce([key])
  await expect.poll(() => findersOf(first, key), { timeout: 10 * second }).toContain(late.peerId)
})

test('swarm: a look-up ends after its limit, and when the caller leaves or gives up', async () => {
  expect(await collect(first.findProviders(key, { limit: 1 }))).toHaveLength(1)
  for await (const provider of first.findProviders(key)) {
    expect(provider.peerId).not.toBe(first.peerId)
    break
  }
  const signal = AbortSignal.abort(new Error('not any more'))
  await expect(collect(first.findProviders(key, { signal }))).rejects.toThrow('not any more')
  const unknown = (await blockOf(Buffer.from('nobody has this'))).cid
  expect(await collect(first.findProviders(unknown))).toEqual([])
  await expect(collect(first.findProviders('no key'))).rejects.toMatchObject({ code: 'ERR_ID' })
})

test('swarm: a block comes from a connected peer, then from the own store; nobody is asked beyond', async () => {
  const block = await blockOf(Buffer.alloc(300_000, 7))
  await seed.putBlocks([block])
  await first.dial(await addressOf(seed))
  expect(Buffer.compare(await first.getBlock(block.cid), block.bytes)).toBe(0)
  const alone = await swarm.start('alone')
  await expect(alone.getBlock(block.cid)).rejects.toMatchObject({ code: 'ERR_NO_SOURCE' })
  // Asked before anybody has it: the want stays until the block appears.
  const later = await blockOf(Buffer.from('later'))
  const waiting = first.getBlock(later.cid)
  await new Promise((resolve) => setTimeout(resolve, 300))
  await seed.putBlocks([later])
  expect(Buffer.from(await waiting).toString()).toBe('later')
  const never = (await blockOf(Buffer.from('never'))).cid
  await expect(first.getBlock(never, { signal: AbortSignal.timeout(100) })).rejects.toMatchObject({
    name: 'TimeoutError',
  })
})

test('swarm: blocks that are too large, or do not match their CID, are refused', async () => {
  const { cid } = await blockOf(Buffer.from('something'))
  await expect(seed.putBlocks([{ cid, bytes: Buffer.from('else') }])).rejects.toMatchObject({ code: 'ERR_DECODE' })
  const large = await blockOf(new Uint8Array(1024 * 1024 + 1))
  await expect(seed.putBlocks([large])).rejects.toMatchObject({ code: 'ERR_LIMIT' })
  await expect(seed.getBlock('nonsense')).rejects.toMatchObject({ code: 'ERR_ID' })
})

test('swarm: more keys than allowed are refused, and the old set stays', async () => {
  const cids = await Promise.all(Array.from({ length: 257 }, async (_, i) => (await blockOf(Buffer.from(`${i}`))).cid))
  await expect(seed.announce(cids)).rejects.toMatchObject({ code: 'ERR_LIMIT' })
  expect((await seed.announceStatus()).map((status) => status.key)).toEqual([key])
})
