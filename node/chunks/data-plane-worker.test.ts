import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MessageChannel } from 'node:worker_threads'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Bitfield } from '#protocol/codec/bitfield.ts'
import type { PeerId } from '#protocol/ids.ts'
import { MiB } from '#protocol/units.ts'
import { startDataPlane } from './data-plane.ts'
import { identityFromStat } from './file-identity.ts'
import { TestSwarm, testModel } from './swarm.fixture.ts'
import type { DataPlane, DataPlaneEvents } from './types.ts'

const swarm = new TestSwarm()
const planes: DataPlane[] = []
beforeEach(() => swarm.open())
afterEach(async () => {
  await Promise.all(planes.splice(0).map((plane) => plane.close()))
  await swarm.close()
})

async function plane(): Promise<DataPlane> {
  const started = await startDataPlane({ listenHost: '127.0.0.1', listenPort: 0 })
  planes.push(started)
  return started
}

test('data worker: hashes, serves and fetches behind its port, and tells what happens', async () => {
  const model = testModel([200, 9 * MiB, 3000])
  const [seed, fetcher] = [await plane(), await plane()]
  const path = join(swarm.dir, 'seed')
  await writeFile(path, model.bytes)
  const progress: number[] = []
  seed.on('hash-progress', ({ doneBytes }) => progress.push(doneBytes))
  const parts: Uint8Array[] = []
  const extents = model.extents.map((extent) => ({ ...extent, kind: 'gap' as const }))
  const hashed = await seed.hashFile({ jobId: 'a', path, extents }, { onLeaves: (part) => parts.push(part) })
  expect(Buffer.from(hashed.leaves).equals(model.leaves)).toBe(true)
  expect(Buffer.concat(parts).equals(model.leaves)).toBe(true)
  expect(progress.at(-1)).toBe(model.bytes.length)
  expect(hashed.identity).toEqual(identityFromStat(await stat(path, { bigint: true })))

  const { modelId, leaves } = model
  const sizeBytes = model.bytes.length
  const have = Bitfield.full(model.chunkCount).bytes
  await seed.addModel({ modelId, files: [{ path, sizeBytes, identity: hashed.identity, extents }], leaves, held: have })
  const own = join(swarm.dir, 'own')
  await fetcher.addModel({
    modelId,
    files: [{ path: own, sizeBytes, extents }],
    leaves,
    held: new Bitfield(model.chunkCount).bytes,
  })
  const complete = new Promise((resolve) => fetcher.on('fetch-complete', resolve))
  await fetcher.startFetch(modelId, have)
  const token = await seed.issueToken('fetcher' as PeerId, fetcher.endpoint.certificateSha256)
  await fetcher.addSource(modelId, { transport: 'tls', peerId: 'seed' as PeerId, ...seed.endpoint, token }, have)
  await complete
  expect((await readFile(own)).equals(model.bytes)).toBe(true)
  expect(new Bitfield(model.chunkCount, await fetcher.held(modelId)).isFull()).toBe(true)
})

test('data worker: a stream comes in as a port that moves to the worker', async () => {
  const model = testModel([2 * MiB])
  const seed = await swarm.node()
  await seed.seed(model)
  const fetcher = await plane()
  const own = join(swarm.dir, 'own')
  const { modelId, leaves, extents } = model
  await fetcher.addModel({
    modelId,
    files: [{ path: own, sizeBytes: 2 * MiB, extents }],
    leaves,
    held: new Uint8Array(1),
  })
  const complete = new Promise((resolve) => fetcher.on('fetch-complete', resolve))
  await fetcher.startFetch(modelId, Bitfield.full(2).bytes)
  const { port1, port2 } = new MessageChannel()
  seed.core.attachChannel('fetcher' as PeerId, 'serve', port1)
  await fetcher.attachChannel(seed.peerId, 'fetch', port2)
  await fetcher.addSource(modelId, { transport: 'libp2p', peerId: seed.peerId }, Bitfield.full(2).bytes)
  await complete
  expect((await readFile(own)).equals(model.bytes)).toBe(true)
})

test('data worker: a paid fetch goes through both ports, and both ends count the same', async () => {
  const model = testModel([3 * MiB])
  const [seller, buyer] = [await plane(), await plane()]
  const { modelId, leaves, extents } = model
  const path = join(swarm.dir, 'sold')
  await writeFile(path, model.bytes)
  const identity = identityFromStat(await stat(path, { bigint: true }))
  const have = Bitfield.full(3).bytes
  await seller.addModel({ modelId, files: [{ path, sizeBytes: 3 * MiB, identity, extents }], leaves, held: have })
  await seller.setSelling(true)
  seller.on('sale-message', ({ sessionId, body }) => {
    if (body[0] === 1) void seller.setCredit(sessionId, Number.POSITIVE_INFINITY)
    else void seller.sendToBuyer(sessionId, Uint8Array.of(3))
  })
  const sold = new Promise<DataPlaneEvents['sale-end']>((resolve) => seller.on('sale-end', resolve))
  buyer.on('purchase-open', ({ linkId }) => {
    void buyer.keepForReceipt(linkId)
    void buyer.sendToSeller(linkId, Uint8Array.of(1))
  })
  const own = join(swarm.dir, 'bought')
  const files = [{ path: own, sizeBytes: 3 * MiB, extents }]
  await buyer.addModel({ modelId, files, leaves, held: new Uint8Array(1) })
  const opened = new Promise<DataPlaneEvents['purchase-open']>((resolve) => buyer.on('purchase-open', resolve))
  const complete = new Promise((resolve) => buyer.on('fetch-complete', resolve))
  const answer = new Promise<DataPlaneEvents['purchase-message']>((resolve) => buyer.on('purchase-message', resolve))
  await buyer.startFetch(modelId, have)
  const token = await seller.issueToken('buyer' as PeerId, buyer.endpoint.certificateSha256)
  await buyer.addSource(modelId, { transport: 'tls', peerId: 'seller' as PeerId, ...seller.endpoint, token }, have)
  await complete
  const { linkId } = await opened
  const { receivedBytes, transcript } = await buyer.finishPurchase(linkId)
  await buyer.sendToSeller(linkId, Uint8Array.of(2))
  expect((await answer).body).toEqual(Uint8Array.of(3))
  await buyer.closeLink(linkId)
  expect(await sold).toMatchObject({ peerId: 'buyer', servedBytes: receivedBytes, transcript })
  expect((await readFile(own)).equals(model.bytes)).toBe(true)
})

test('data worker: errors keep their code across the port, and a bad address is one', async () => {
  const started = await plane()
  const missing = started.hashFile({ jobId: 'b', path: join(swarm.dir, 'none'), extents: [] })
  await expect(missing).rejects.toMatchObject({ name: 'HartonomousError', code: 'ERR_IO' })
  await expect(started.startFetch('nobody' as never, new Uint8Array())).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
  const taken = startDataPlane({ listenHost: '127.0.0.1', listenPort: started.endpoint.port })
  await expect(taken).rejects.toMatchObject({ code: 'ERR_PORT_IN_USE' })
})
