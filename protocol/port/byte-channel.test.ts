import { MessageChannel } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { portFramesInFlightMax } from '../limits.ts'
import { type ByteMessage, byteChannel } from './byte-channel.ts'

function pair() {
  const { port1, port2 } = new MessageChannel()
  return [byteChannel(port1, 'a'), byteChannel(port2, 'b')] as const
}

async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of chunks) parts.push(part)
  return Buffer.concat(parts)
}

test('byte channel: carries bytes both ways, and closes when both sides ended', async () => {
  const [a, b] = pair()
  const fromA = readAll(b.chunks())
  const fromB = readAll(a.chunks())
  for (let i = 0; i < 100; i++) void a.send(Buffer.from(`part ${i};`))
  await b.send(Buffer.from('answer'))
  await Promise.all([a.end(), b.end()])
  expect((await fromA).toString()).toBe(Array.from({ length: 100 }, (_, i) => `part ${i};`).join(''))
  expect((await fromB).toString()).toBe('answer')
  expect(await a.closed).toEqual({})
  expect(await b.closed).toEqual({})
})

test('byte channel: a sender waits while nobody reads', async () => {
  const { port1, port2 } = new MessageChannel()
  const arrived: ByteMessage[] = []
  port2.on('message', (message) => arrived.push(message))
  const a = byteChannel(port1, 'a')
  let taken = 0
  const count = () => {
    taken++
  }
  for (let i = 0; i < 3 * portFramesInFlightMax; i++) void a.send(new Uint8Array(10)).then(count, () => {})
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(arrived).toHaveLength(portFramesInFlightMax)
  expect(taken).toBe(0)
  port2.postMessage({ type: 'ack', count: 4 } satisfies ByteMessage)
  await expect.poll(() => arrived.length).toBe(portFramesInFlightMax + 4)
  expect(taken).toBe(4)
  a.abort('done')
})

test('byte channel: an abort fails the sends and the reader of the other side', async () => {
  const [a, b] = pair()
  const sends = Array.from({ length: 40 }, () => a.send(new Uint8Array(1000)))
  const results = Promise.allSettled(sends)
  b.abort('enough')
  expect((await results).every((result) => result.status === 'rejected')).toBe(true)
  await expect(readAll(a.chunks())).rejects.toMatchObject({
    code: 'ERR_PEER_UNREACHABLE',
    fields: { peer: 'a', reason: 'enough' },
  })
  await expect(a.send(new Uint8Array(1))).rejects.toMatchObject({ code: 'ERR_PEER_UNREACHABLE' })
  expect(await a.closed).toEqual({ reason: 'enough' })
})

test('byte channel: a caller may go on using a buffer that it did not move', async () => {
  const [a, b] = pair()
  const buffer = Buffer.from('first')
  const sent = a.send(buffer)
  buffer.fill(0)
  const reader = b.chunks()[Symbol.asyncIterator]()
  expect(Buffer.from((await reader.next()).value).toString()).toBe('first')
  const moved = new Uint8Array([1, 2, 3])
  void a.send(moved, { move: true })
  expect([...(await reader.next()).value]).toEqual([1, 2, 3])
  await sent
  expect(moved.byteLength).toBe(0)
  a.abort('done')
})

test('byte channel: a port that disappears ends the stream with an error', async () => {
  const { port1, port2 } = new MessageChannel()
  const a = byteChannel(port1, 'a')
  const reading = readAll(a.chunks())
  port2.close()
  await expect(reading).rejects.toMatchObject({ code: 'ERR_PEER_UNREACHABLE' })
})
