import { appendFile, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { MessageChannel } from 'node:worker_threads'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Bitfield } from '#protocol/codec/bitfield.ts'
import { KiB, MiB } from '#protocol/units.ts'
import { TestSwarm, testModel } from './swarm.fixture.ts'

const swarm = new TestSwarm()
beforeEach(() => swarm.open())
afterEach(() => swarm.close())

/** A header, many tiny tensors, a few large ones, gaps. */
const sizes = [5000, ...Array.from({ length: 200 }, (_, i) => 64 + i), 3 * MiB + 17, 40, 5 * MiB, MiB, 2 * MiB - 1]

test('data plane: a model of tiny and large extents arrives byte-identical', async () => {
  const model = testModel(sizes)
  const seed = await swarm.node()
  const fetcher = await swarm.node()
  await seed.seed(model)
  const path = await fetcher.want(model)
  await fetcher.fetchAll(model)
  await fetcher.addSource(model, seed)
  await fetcher.until('fetch-complete')
  expect((await readFile(path)).equals(model.bytes)).toBe(true)
  expect(new Bitfield(model.chunkCount, fetcher.core.held(model.modelId)).isFull()).toBe(true)
  const held = fetcher.payloads('chunks-held').flatMap((payload) => payload.chunkIndexes)
  expect(held.toSorted((a, b) => a - b)).toEqual(Array.from({ length: model.chunkCount }, (_, i) => i))
  const progress = fetcher.payloads('fetch-progress').at(-1)!
  expect(progress.heldBytes).toBe(model.bytes.length)
  expect(progress.chunksRejected).toBe(0)
  expect(progress.sources).toMatchObject([{ peerId: seed.peerId, transport: 'tls' }])
})

test('data plane: three seeds and a partial holder that serves what it got', async () => {
  const model = testModel([24 * MiB])
  const seeds = await Promise.all([swarm.node(), swarm.node(), swarm.node()])
  const fetcher = await swarm.node()
  for (const seed of seeds) await seed.seed(model)
  const path = await fetcher.want(model)
  await fetcher.fetchAll(model)
  await Promise.all(seeds.map((seed) => fetcher.addSource(model, seed)))
  await fetcher.until('fetch-complete')
  expect((await readFile(path)).equals(model.bytes)).toBe(true)
  const second = await swarm.node()
  const secondPath = await second.want(model)
  await second.fetchAll(model)
  await second.addSource(model, fetcher)
  await second.until('fetch-complete')
  expect((await readFile(secondPath)).equals(model.bytes)).toBe(true)
})

test('data plane: equal extents are fetched once and written everywhere', async () => {
  const shared = Buffer.alloc(2 * MiB, 'same')
  const model = testModel([1000, 2 * MiB, 500, 2 * MiB, 2 * MiB], 'twins', (i) =>
    i % 2 === 1 || i === 4 ? shared : undefined,
  )
  const seed = await swarm.node()
  const fetcher = await swarm.node()
  await seed.seed(model)
  const path = await fetcher.want(model)
  await fetcher.fetchAll(model)
  await fetcher.addSource(model, seed)
  await fetcher.until('fetch-complete')
  expect((await readFile(path)).equals(model.bytes)).toBe(true)
  const received = fetcher
    .payloads('fetch-progress')
    .at(-1)!
    .sources.reduce((sum, source) => sum + source.bytes, 0)
  expect(received).toBeLessThan(2.5 * MiB)
})

test('data plane: what another local file has is copied, without any source', async () => {
  const part = testModel([3 * MiB])
  const base = testModel([100, 3 * MiB], 'base', (i) => (i === 1 ? part.bytes : undefined))
  const tuned = testModel([200, 3 * MiB], 'tuned', (i) => (i === 1 ? part.bytes : undefined))
  const node = await swarm.node()
  await node.seed(base)
  const path = await node.want(tuned)
  await node.core.startFetch(tuned.modelId, Bitfield.of(tuned.chunkCount, [1, 2, 3]).bytes)
  await node.until('fetch-complete')
  expect((await readFile(path)).subarray(200).equals(part.bytes)).toBe(true)
})

test('data plane: a user file is never written to', async () => {
  const model = testModel([2 * MiB])
  const node = await swarm.node()
  const path = await node.seed(model)
  const { modelId, extents, leaves } = model
  const identity = { device: '0', inode: '0', sizeBytes: model.bytes.length, mtimeNs: '0' }
  const files = [{ path, sizeBytes: model.bytes.length, identity, extents }]
  await node.core.addModel({ modelId, files, leaves, held: new Uint8Array(1) })
  await expect(node.fetchAll(model)).rejects.toMatchObject({ code: 'ERR_REFUSED_BY_POLICY' })
  expect((await readFile(path)).equals(model.bytes)).toBe(true)
})

test('data plane: a file that changes under the server is withdrawn, and nobody is banned', async () => {
  const model = testModel([16 * MiB])
  const good = await swarm.node({ uploadBytesPerSecond: 8 * MiB })
  const changing = await swarm.node({ uploadBytesPerSecond: 8 * MiB })
  const fetcher = await swarm.node()
  await good.seed(model)
  const path = await changing.seed(model)
  const own = await fetcher.want(model)
  await fetcher.fetchAll(model)
  await fetcher.addSource(model, good)
  await fetcher.addSource(model, changing)
  await fetcher.until('chunks-held')
  await writeFile(path, Buffer.alloc(model.bytes.length, 7))
  await changing.until('withdrawn')
  await fetcher.until('fetch-complete')
  expect((await readFile(own)).equals(model.bytes)).toBe(true)
  expect(fetcher.payloads('source-end').filter((end) => end.banned)).toEqual([])
  expect(changing.payloads('withdrawn')).toHaveLength(1)
})

test('data plane: a deleted file is withdrawn even though its handle still reads', async () => {
  const model = testModel([4 * MiB])
  const seed = await swarm.node()
  const fetcher = await swarm.node()
  const path = await seed.seed(model)
  await fetcher.want(model)
  await rm(path)
  await fetcher.fetchAll(model)
  await fetcher.addSource(model, seed)
  expect((await seed.until('withdrawn')).reason).toMatch(/deleted/)
  expect(fetcher.payloads('chunks-held')).toEqual([])
})

test('data plane: a fetch that begins while the one before it still writes comes to its end', async () => {
  const model = testModel([12 * MiB])
  const seed = await swarm.node({ uploadBytesPerSecond: 16 * MiB })
  const fetcher = await swarm.node()
  await seed.seed(model)
  const path = await fetcher.want(model)
  await fetcher.fetchAll(model)
  await fetcher.addSource(model, seed)
  // Verified, and for the most part neither flushed nor told as held.
  await fetcher.until('fetch-progress', ({ chunksVerified }) => chunksVerified > 0)
  const stopped = fetcher.core.stopFetch(model.modelId)
  await fetcher.fetchAll(model)
  await fetcher.addSource(model, seed)
  await stopped
  await fetcher.until('fetch-complete')
  expect((await readFile(path)).equals(model.bytes)).toBe(true)
})

test('data plane: a peer that sends wrong bytes is banned on evidence, and none of them is written', async () => {
  const model = testModel([12 * MiB])
  const honest = await swarm.node({ uploadBytesPerSecond: 8 * MiB })
  const liar = await swarm.node({ uploadBytesPerSecond: 8 * MiB })
  const fetcher = await swarm.node()
  await honest.seed(model)
  // It lies to itself as well, so that its own recheck says that all is well.
  const wrong = Buffer.from(model.bytes).fill(1, 100, model.bytes.length - 100)
  await liar.seed({ ...model, leaves: testModel([wrong.length], 'wrong', () => wrong).leaves }, wrong)
  const path = await fetcher.want(model)
  await fetcher.fetchAll(model)
  await fetcher.addSource(model, honest)
  await fetcher.addSource(model, liar)
  const end = await fetcher.until('source-end', (payload) => payload.banned)
  expect(end.peerId).toBe(liar.peerId)
  expect(end.evidence).toBeTruthy()
  await fetcher.until('fetch-complete')
  expect((await readFile(path)).equals(model.bytes)).toBe(true)
  expect(fetcher.payloads('source-end').filter((one) => one.peerId === honest.peerId && one.banned)).toEqual([])
  const again = testModel([MiB], 'again')
  await fetcher.want(again)
  await fetcher.fetchAll(again)
  await expect(fetcher.addSource(again, liar)).rejects.toMatchObject({ code: 'ERR_REFUSED_BY_POLICY' })
})

test('data plane: a seed behind NAT dials the fetcher and serves over that connection', async () => {
  const model = testModel([6 * MiB])
  const seed = await swarm.node()
  const fetcher = await swarm.node()
  await seed.seed(model)
  const path = await fetcher.want(model)
  await fetcher.fetchAll(model)
  const { host, port, certificateSha256 } = fetcher.core.endpoint
  const token = fetcher.core.issueToken(seed.peerId, undefined)
  const dialling = seed.core.dialAndServe({
    transport: 'tls',
    peerId: fetcher.peerId,
    host,
    port,
    certificateSha256,
    token,
  })
  await fetcher.core.addSource(
    model.modelId,
    { transport: 'tls-reverse', peerId: seed.peerId, certificateSha256: seed.core.endpoint.certificateSha256, token },
    Bitfield.full(model.chunkCount).bytes,
  )
  await dialling
  await fetcher.until('fetch-complete')
  expect((await readFile(path)).equals(model.bytes)).toBe(true)
  expect(fetcher.payloads('fetch-progress').at(-1)!.sources[0]!.transport).toBe('tls-reverse')
})

test('data plane: the same frames go over a message port, as a libp2p stream does', async () => {
  const model = testModel([6 * MiB, 100, 2000])
  const seed = await swarm.node()
  const fetcher = await swarm.node()
  await seed.seed(model)
  const path = await fetcher.want(model)
  await fetcher.fetchAll(model)
  const { port1, port2 } = new MessageChannel()
  seed.core.attachChannel(fetcher.peerId, 'serve', port1)
  fetcher.core.attachChannel(seed.peerId, 'fetch', port2)
  const have = Bitfield.full(model.chunkCount).bytes
  await fetcher.core.addSource(model.modelId, { transport: 'libp2p', peerId: seed.peerId }, have)
  await fetcher.until('fetch-complete')
  expect((await readFile(path)).equals(model.bytes)).toBe(true)
})

test('data plane: an HTTP origin is a source of last resort', async () => {
  const model = testModel([3 * MiB, 999, 700])
  const server = createServer((request, response) => {
    const [, from, to] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? []
    const body = model.bytes.subarray(Number(from), Number(to) + 1)
    response.writeHead(206, { 'content-range': `bytes ${from}-${to}/${model.bytes.length}` }).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/model`
    const fetcher = await swarm.node()
    const path = await fetcher.want(model)
    await fetcher.fetchAll(model)
    const have = Bitfield.full(model.chunkCount).bytes
    await fetcher.core.addSource(model.modelId, { transport: 'http', peerId: 'origin', urls: [url] }, have)
    await fetcher.until('fetch-complete')
    expect((await readFile(path)).equals(model.bytes)).toBe(true)
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

test('data plane: an HTTP origin that ignores ranges or has other bytes is given up, and nothing of it is held', async () => {
  const model = testModel([MiB])
  for (const status of [200, 206, 404]) {
    const server = createServer((request, response) => {
      const [, from, to] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? []
      const body = Buffer.alloc(Number(to) - Number(from) + 1)
      response.writeHead(status, { 'content-range': `bytes ${from}-${to}/${model.bytes.length}` }).end(body)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const fetcher = await swarm.node()
    await fetcher.want(model)
    await fetcher.fetchAll(model)
    const urls = [`http://127.0.0.1:${(server.address() as AddressInfo).port}/`]
    await fetcher.core.addSource(model.modelId, { transport: 'http', peerId: 'origin', urls }, Bitfield.full(1).bytes)
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(fetcher.payloads('chunks-held')).toEqual([])
    server.closeAllConnections()
    server.close()
  }
})

test('data plane: a stopped fetch goes on where it was, and fetches nothing held again', async () => {
  const model = testModel([16 * MiB])
  const seed = await swarm.node({ uploadBytesPerSecond: 12 * MiB })
  const fetcher = await swarm.node()
  await seed.seed(model)
  await fetcher.want(model)
  await fetcher.fetchAll(model)
  await fetcher.addSource(model, seed)
  await fetcher.until('chunks-held')
  await fetcher.core.stopFetch(model.modelId)
  const before = fetcher.core.held(model.modelId)
  const heldChunks = new Bitfield(model.chunkCount, before).count()
  expect(heldChunks).toBeGreaterThan(0)
  expect(heldChunks).toBeLessThan(model.chunkCount)
  seed.core.setCaps({})
  const path = await fetcher.want(model, before)
  await fetcher.fetchAll(model)
  await fetcher.addSource(model, seed)
  await fetcher.until('fetch-complete')
  expect((await readFile(path)).equals(model.bytes)).toBe(true)
  const brought = fetcher.payloads('fetch-progress').at(-1)!.sources[0]!.bytes
  expect(brought).toBeLessThanOrEqual((model.chunkCount - heldChunks) * MiB + 256 * KiB)
})

test('data plane: damage in our own file is noticed when a peer complains, and the chunk is fetched again', async () => {
  const model = testModel([4 * MiB])
  const seed = await swarm.node()
  const middle = await swarm.node()
  const last = await swarm.node()
  await seed.seed(model)
  const path = await middle.want(model)
  await middle.fetchAll(model)
  await middle.addSource(model, seed)
  await middle.until('fetch-complete')
  const damaged = Buffer.from(model.bytes)
  damaged[MiB + 5]! ^= 1
  await writeFile(path, damaged)
  const lastPath = await last.want(model)
  await last.fetchAll(model)
  await last.addSource(model, middle)
  expect(await middle.until('chunks-lost')).toEqual({ modelId: model.modelId, chunkIndexes: [1] })
  expect(last.payloads('source-end').filter((end) => end.banned)).toEqual([])
  await last.addSource(model, seed)
  await last.until('fetch-complete')
  expect((await readFile(lastPath)).equals(model.bytes)).toBe(true)
})

test('data plane: growing a user file by one byte is enough to withdraw it', async () => {
  const model = testModel([MiB])
  const seed = await swarm.node()
  const fetcher = await swarm.node()
  const path = await seed.seed(model)
  await fetcher.want(model)
  await appendFile(path, 'x')
  await fetcher.fetchAll(model)
  await fetcher.addSource(model, seed)
  expect((await seed.until('withdrawn')).reason).toMatch(/size changed/)
})
