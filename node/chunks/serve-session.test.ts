/** What a listener and its serving sessions do with peers that do not behave: raw sockets speak to the real data plane. */
import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  chunkOp,
  chunkStatus,
  encodeCancel,
  encodeHello,
  encodePing,
  encodeRecheck,
  encodeRequest,
} from '#protocol/chunk/index.ts'
import type { ExtentRoot } from '#protocol/ids.ts'
import { dataConnectionsPerPeerMax, queuedRequestsPerConnectionMax } from '#protocol/limits.ts'
import { KiB, MiB } from '#protocol/units.ts'
import { createDataCertificate } from './certificate.ts'
import { closeRawPeers, enter, RawPeer, range, rawCertificate } from './raw-peer.fixture.ts'
import { TestSwarm, testModel } from './swarm.fixture.ts'

const swarm = new TestSwarm()
beforeEach(() => swarm.open())
afterEach(async () => {
  closeRawPeers()
  await swarm.close()
})

test('tls listener: a peer with a good token under its certificate is let in', async () => {
  expect(await enter(await swarm.node()).isAlive()).toBe(true)
})

test('tls listener: no token, a made-up one, a used one, another certificate or none at all are refused', async () => {
  const node = await swarm.node()
  const hello = (token: Uint8Array) => encodeHello({ version: 1, role: 'fetch', token })
  const madeUp = new RawPeer(node, rawCertificate)
  madeUp.socket.write(hello(randomBytes(32)))
  expect(await madeUp.isAlive()).toBe(false)

  const token = node.core.issueToken('a' as never, rawCertificate.certificateSha256)
  const first = new RawPeer(node, rawCertificate)
  first.socket.write(hello(token))
  expect(await first.isAlive()).toBe(true)
  const second = new RawPeer(node, rawCertificate)
  second.socket.write(hello(token))
  expect(await second.isAlive()).toBe(false)

  const stolen = new RawPeer(node, createDataCertificate(Date.now()))
  stolen.socket.write(hello(node.core.issueToken('a' as never, rawCertificate.certificateSha256)))
  expect(await stolen.isAlive()).toBe(false)

  const bare = new RawPeer(node, undefined)
  bare.socket.write(hello(node.core.issueToken('a' as never, undefined)))
  expect(await bare.isAlive()).toBe(false)

  const silent = new RawPeer(node, rawCertificate)
  silent.socket.write(encodePing(1))
  await silent.closed
})

test('tls listener: one peer has a bounded number of connections', async () => {
  const node = await swarm.node()
  const peers: RawPeer[] = []
  for (let i = 0; i < dataConnectionsPerPeerMax; i++) {
    peers.push(enter(node, 'greedy'))
    expect(await peers.at(-1)!.isAlive()).toBe(true)
  }
  expect(await enter(node, 'greedy').isAlive()).toBe(false)
  expect(await enter(node, 'other').isAlive()).toBe(true)
  peers[0]!.socket.destroy()
  await expect.poll(async () => enter(node, 'greedy').isAlive()).toBe(true)
})

test('serve session: many ranges of one request come concatenated, in order', async () => {
  const model = testModel([1000, MiB + 5, 300])
  const node = await swarm.node()
  await node.seed(model)
  const peer = enter(node)
  const ranges = [range(model, 10, 20), range(model, MiB - 100, 105, 1), range(model, 0, 300, 2), range(model, 0, 5, 2)]
  peer.socket.write(encodeRequest(9, ranges))
  await expect.poll(() => peer.bytesOf(9).length).toBe(430)
  const expected = ranges.map(({ root, offsetBytes, lengthBytes }) => {
    const from = model.extents.find((extent) => extent.root === root)!.offsetBytes + offsetBytes
    return model.bytes.subarray(from, from + lengthBytes)
  })
  expect(peer.bytesOf(9).equals(Buffer.concat(expected))).toBe(true)
})

test('serve session: what is not held, unknown, or past the end is refused with its reason', async () => {
  const model = testModel([3 * MiB])
  const node = await swarm.node()
  await node.seed(model)
  const { modelId, extents, leaves } = model
  const path = `${node.dir}/${modelId}.seed`
  await node.core.addModel({
    modelId,
    files: [{ path, sizeBytes: 3 * MiB, extents }],
    leaves,
    held: Buffer.from([0x80]),
  })
  const peer = enter(node)
  peer.socket.write(encodeRequest(1, [range(model, MiB, 10)]))
  peer.socket.write(encodeRequest(2, [range(model, MiB - 5, 10)]))
  peer.socket.write(encodeRequest(3, [range(model, 3 * MiB - 5, 10)]))
  peer.socket.write(encodeRequest(4, [{ root: 'ab'.repeat(32) as ExtentRoot, offsetBytes: 0, lengthBytes: 1 }]))
  peer.socket.write(encodeRequest(5, [range(model, 0, 10)]))
  await expect.poll(() => peer.bytesOf(5).length).toBe(10)
  const { notHeld, invalid } = chunkStatus
  await expect.poll(() => peer.refusals()).toEqual([notHeld, notHeld, invalid, notHeld])
})

test('serve session: a queue that is full refuses as busy, and a cancelled request is never sent', async () => {
  const model = testModel([8 * MiB])
  const node = await swarm.node({ uploadBytesPerSecond: 2 * MiB })
  await node.seed(model)
  const peer = enter(node)
  const asked = queuedRequestsPerConnectionMax + 10
  const frames = Array.from({ length: asked }, (_, i) => encodeRequest(i + 1, [range(model, 0, 64 * KiB)]))
  peer.socket.write(Buffer.concat(frames))
  await expect.poll(() => peer.refusals().length).toBeGreaterThan(5)
  expect(new Set(peer.refusals())).toEqual(new Set([chunkStatus.busy]))
  expect(peer.refusals().length).toBeLessThanOrEqual(10)
  peer.socket.write(Buffer.concat(Array.from({ length: asked - 3 }, (_, i) => encodeCancel(i + 4))))
  await new Promise((resolve) => setTimeout(resolve, 600))
  expect(peer.data.size).toBeLessThanOrEqual(8)
  expect(peer.data.has(40)).toBe(false)
  expect(await peer.isAlive()).toBe(true)
})

test('serve session: garbage, a second hello or an oversized request end the connection, not the server', async () => {
  const node = await swarm.node()
  const bad = [
    randomBytes(500),
    encodeHello({ version: 1, role: 'fetch', token: randomBytes(32) }),
    Buffer.from('02000000 01000000 ffffffff'.replaceAll(' ', ''), 'hex'),
  ]
  for (const bytes of bad) {
    const peer = enter(node)
    expect(await peer.isAlive()).toBe(true)
    peer.socket.write(bytes)
    await peer.closed
  }
  expect(await enter(node).isAlive()).toBe(true)
})

test('serve session: one request id twice at once ends the connection', async () => {
  const model = testModel([4 * MiB])
  const node = await swarm.node({ uploadBytesPerSecond: 64 * KiB })
  await node.seed(model)
  const peer = enter(node)
  peer.socket.write(Buffer.concat([1, 2, 3, 3].map((id) => encodeRequest(id, [range(model, 0, 256 * KiB)]))))
  await peer.closed
})

test('serve session: a peer that only writes and never reads is cut off', async () => {
  const node = await swarm.node()
  const peer = enter(node)
  expect(await peer.isAlive()).toBe(true)
  peer.socket.pause()
  const pings = Buffer.concat(Array.from({ length: 4096 }, (_, i) => encodePing(i, Buffer.alloc(8))))
  // Enough pongs to fill the socket buffers of both sides and the bounded queue behind them.
  const flood = async () => {
    for (let i = 0; i < 2000 && !peer.socket.destroyed; i++) {
      if (!peer.socket.write(pings)) await new Promise((resolve) => setTimeout(resolve, 1))
      if (peer.socket.writableLength > 8 * MiB) return
    }
  }
  await flood()
  peer.socket.resume()
  await peer.closed
})

test('serve session: a recheck says whether the bytes on disk are still good', async () => {
  const model = testModel([2 * MiB + 5])
  const node = await swarm.node()
  await node.seed(model)
  const peer = enter(node)
  peer.socket.write(encodeRecheck(1, range(model, MiB, MiB)))
  peer.socket.write(encodeRecheck(2, range(model, 2 * MiB, 5)))
  const results = () => peer.frames.flatMap((frame) => (frame.op === chunkOp.recheckResult ? [frame.status] : []))
  await expect.poll(results).toEqual([chunkStatus.ok, chunkStatus.ok])
  const { writeFile } = await import('node:fs/promises')
  await writeFile(`${node.dir}/${model.modelId}.seed`, Buffer.alloc(2 * MiB + 5))
  peer.socket.write(encodeRecheck(3, range(model, 0, MiB)))
  await expect.poll(results).toEqual([chunkStatus.ok, chunkStatus.ok, chunkStatus.withdrawn])
  expect(node.payloads('withdrawn')).toHaveLength(1)
})
