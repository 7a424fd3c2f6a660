import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { streamsPerPeerMax } from '#protocol/limits.ts'
import { byteChannel } from '#protocol/port/byte-channel.ts'
import { KiB, MiB } from '#protocol/units.ts'
import type { FrameStream, Network } from './index.ts'
import { addressOf, collect, Swarm } from './swarm.fixture.ts'

// Several nodes of ~0.6 s CPU each: on a busy machine that alone takes long.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

const swarm = new Swarm()
let a: Network
let b: Network
const echo = '/hartonomous/echo/1.0.0'
const options = { frameBytesMax: 64 * KiB }

beforeAll(async () => {
  ;[a, b] = await Promise.all([swarm.start('a'), swarm.start('b')])
  await b.handle(echo, options, async (stream) => {
    try {
      for await (const frame of stream.frames()) await stream.send(frame)
      await stream.close()
    } catch {
      // What the caller did is what is tested.
    }
  })
  expect(await a.dial(await addressOf(b))).toBe(b.peerId)
})
afterAll(() => swarm.stop())

test('streams: a request gets its answer', async () => {
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) => a.request(b.peerId, echo, Buffer.from(`frame ${i}`), options)),
  )
  expect(answers.map((answer) => Buffer.from(answer).toString())).toEqual(answers.map((_, i) => `frame ${i}`))
})

test('streams: frames of all sizes come through in order, and a half-closed stream still answers', async () => {
  const stream = await a.openStream(b.peerId, echo, options)
  const frames = [0, 1, 127, 128, 16_383, 16_384, 64 * KiB].map((size) => randomBytes(size))
  const reading = collect(stream.frames())
  for (const frame of frames) await stream.send(frame)
  await stream.close()
  expect((await reading).map((frame) => Buffer.from(frame))).toEqual(frames)
})

test('streams: a receiver that does not read stops the sender; all arrives once it reads', async () => {
  const opened = Promise.withResolvers<FrameStream>()
  await b.handle('/hartonomous/slow/1.0.0', { frameBytesMax: MiB }, (stream) => opened.resolve(stream))
  const stream = await a.openStream(b.peerId, '/hartonomous/slow/1.0.0', { frameBytesMax: MiB })
  let taken = 0
  const frame = randomBytes(256 * KiB)
  const count = 200
  const sending = (async () => {
    for (; taken < count; taken++) await stream.send(frame)
    await stream.close()
  })()
  const receiver = await opened.promise
  await expect.poll(() => taken).toBeGreaterThan(0)
  let before = -1
  await expect
    .poll(
      () => {
        const same = taken === before
        before = taken
        return same
      },
      { interval: 300, timeout: 5000 },
    )
    .toBe(true)
  // The yamux window (4 MiB at most), the read buffer and the port's credit: well under the 50 MiB that are offered.
  expect(taken * frame.byteLength).toBeLessThan(16 * MiB)
  let received = 0
  for await (const each of receiver.frames()) {
    expect(Buffer.compare(each, frame)).toBe(0)
    received++
  }
  await sending
  expect(received).toBe(count)
  await receiver.close()
})

test('streams: a frame over the limit is refused before it is sent, and resets the stream that it comes on', async () => {
  const stream = await a.openStream(b.peerId, echo, options)
  await expect(stream.send(new Uint8Array(64 * KiB + 1))).rejects.toMatchObject({ code: 'ERR_LIMIT' })
  const failed = Promise.withResolvers<unknown>()
  await b.handle('/hartonomous/small/1.0.0', { frameBytesMax: 10 }, async (small) => {
    await collect(small.frames()).catch(failed.resolve)
  })
  const large = await a.openStream(b.peerId, '/hartonomous/small/1.0.0', options)
  await large.send(new Uint8Array(11))
  expect(await failed.promise).toMatchObject({ code: 'ERR_LIMIT', fields: { limit: 10, actual: 11 } })
  await expect(collect(large.frames())).rejects.toMatchObject({ code: 'ERR_PEER_UNREACHABLE' })
  stream.abort('done')
})

test('streams: an abort reaches the other side', async () => {
  const failed = Promise.withResolvers<unknown>()
  await b.handle('/hartonomous/abort/1.0.0', options, async (stream) => {
    await collect(stream.frames()).catch(failed.resolve)
  })
  const stream = await a.openStream(b.peerId, '/hartonomous/abort/1.0.0', options)
  await stream.send(Buffer.from('half'))
  stream.abort('changed my mind')
  expect(await failed.promise).toMatchObject({ code: 'ERR_PEER_UNREACHABLE', fields: { peer: a.peerId } })
  await expect(stream.send(Buffer.from('more'))).rejects.toMatchObject({ code: 'ERR_PEER_UNREACHABLE' })
})

test('streams: a peer may hold only so many streams of a protocol, and gets the places back', async () => {
  const held: FrameStream[] = []
  await b.handle('/hartonomous/many/1.0.0', options, (stream) => held.push(stream))
  const streams = await Promise.all(
    Array.from({ length: streamsPerPeerMax + 3 }, () => a.openStream(b.peerId, '/hartonomous/many/1.0.0', options)),
  )
  await Promise.allSettled(streams.map((stream) => stream.send(Buffer.from('x'))))
  await expect.poll(() => held.length).toBe(streamsPerPeerMax)
  for (const stream of streams) stream.abort('done')
  await expect
    .poll(async () => {
      const stream = await a.openStream(b.peerId, '/hartonomous/many/1.0.0', options)
      await stream.send(Buffer.from('x')).catch(() => {})
      return held.length
    })
    .toBeGreaterThan(streamsPerPeerMax)
})

test('streams: raw streams carry bytes from port to port', async () => {
  const ports = Promise.withResolvers<{ peerId: string; bytes: Promise<Uint8Array[]> }>()
  await b.handleRaw('/hartonomous/raw/1.0.0', (peerId, port) => {
    const channel = byteChannel(port, peerId)
    const bytes = collect(channel.chunks()).then(async (parts) => {
      await channel.end()
      return parts
    })
    ports.resolve({ peerId, bytes })
  })
  const channel = byteChannel(await a.openRawStream(b.peerId, '/hartonomous/raw/1.0.0'), b.peerId)
  const sent = randomBytes(3 * MiB)
  for (let at = 0; at < sent.length; at += 512 * KiB) await channel.send(sent.subarray(at, at + 512 * KiB))
  await channel.end()
  const { peerId, bytes } = await ports.promise
  expect(peerId).toBe(a.peerId)
  expect(Buffer.compare(Buffer.concat(await bytes), sent)).toBe(0)
  expect(await collect(channel.chunks())).toEqual([])
  expect(await channel.closed).toEqual({})
})

test('streams: unknown protocols, unknown peers and given up requests are told apart', async () => {
  await expect(a.request(b.peerId, '/hartonomous/none/1.0.0', Buffer.from('x'), options)).rejects.toMatchObject({
    code: 'ERR_PEER_PROTOCOL',
  })
  const port = 1
  const stranger = '12D3KooWGRUjo4QZjdyC5tCrsGzHJp7Nmh4Lq8fVnDQxVhoqBPjN' as typeof b.peerId
  await expect(a.dial(`/ip4/127.0.0.1/tcp/${port}/p2p/${stranger}`)).rejects.toMatchObject({
    code: 'ERR_PEER_UNREACHABLE',
  })
  const report = await a.dialReport(stranger)
  expect(report.attempts).toEqual([
    { address: `/ip4/127.0.0.1/tcp/${port}/p2p/${stranger}`, error: expect.any(String), atMs: expect.any(Number) },
  ])
  await expect(a.dial('not an address')).rejects.toMatchObject({ code: 'ERR_CONFIG' })
  await b.handle('/hartonomous/silent/1.0.0', options, () => {})
  const signal = AbortSignal.timeout(200)
  await expect(
    a.request(b.peerId, '/hartonomous/silent/1.0.0', Buffer.from('x'), { ...options, signal }),
  ).rejects.toMatchObject({ name: 'TimeoutError' })
})

test('streams: garbage on every protocol and on the socket leaves the node alive', async () => {
  const { host, port } = await tcpOf(b)
  await Promise.all(
    Array.from({ length: 5 }, async () => {
      const socket = connect(port, host)
      socket.on('error', () => {})
      socket.write(randomBytes(5000))
      await new Promise((resolve) => setTimeout(resolve, 50))
      socket.destroy()
    }),
  )
  const protocols = [
    echo,
    '/hartonomous/kad/1.0.0',
    '/ipfs/id/1.0.0',
    '/ipfs/id/push/1.0.0',
    '/ipfs/ping/1.0.0',
    '/ipfs/bitswap/1.2.0',
  ]
  for (const protocol of protocols) {
    for (let i = 0; i < 5; i++) {
      const opened = await a.openRawStream(b.peerId, protocol).catch(() => undefined)
      if (!opened) break
      const channel = byteChannel(opened, b.peerId)
      channel.send(randomBytes(1 + 700 * i)).catch(() => {})
      channel.end().catch(() => {})
      await Promise.race([channel.closed, new Promise((resolve) => setTimeout(resolve, 50))])
      channel.abort('done')
    }
  }
  const answer = await a.request(b.peerId, echo, Buffer.from('still there'), options)
  expect(Buffer.from(answer).toString()).toBe('still there')
})

test('streams: a peer that vanishes ends its streams with an error', async () => {
  const c = await swarm.start('c')
  await c.handle(echo, options, () => {})
  await a.dial(await addressOf(c))
  const stream = await a.openStream(c.peerId, echo, options)
  await stream.send(Buffer.from('x'))
  const readingFails = expect(collect(stream.frames())).rejects.toMatchObject({
    code: 'ERR_PEER_UNREACHABLE',
    fields: { peer: c.peerId },
  })
  const disconnected = new Promise((resolve) => a.on('peer-disconnect', resolve))
  const closed = new Promise((resolve) => c.on('closed', resolve))
  await swarm.crash(c)
  await readingFails
  expect(await disconnected).toEqual({ peerId: c.peerId })
  expect(await closed).toMatchObject({ reason: expect.any(String) })
  await expect(c.peers()).rejects.toMatchObject({ code: 'ERR_WORKER_GONE' })
  await expect(a.request(c.peerId, echo, Buffer.from('x'), options)).rejects.toMatchObject({
    code: 'ERR_PEER_UNREACHABLE',
  })
})

async function tcpOf(network: Network): Promise<{ host: string; port: number }> {
  const [, , host, , port] = (await addressOf(network)).split('/')
  return { host: host!, port: Number(port) }
}
