import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ProtocolDescriptor } from '#protocol/descriptor.ts'
import { streamsPerPeerMax } from '#protocol/limits.ts'
import { second } from '#protocol/units.ts'
import type { FrameStream, Network } from '../network/index.ts'
import { TestNetworks } from './network.fixture.ts'
import { firstFrame, serveProtocol, serveRequests } from './serve.ts'

const networks = new TestNetworks()
let node: Network
let hostile: Network
beforeAll(async () => {
  node = await networks.start()
  hostile = await networks.start()
})
afterAll(() => networks.close())

const descriptor = (name: string, over: Partial<ProtocolDescriptor> = {}): ProtocolDescriptor => ({
  id: `/hartonomous/${name}/1.0.0`,
  direction: 'request-response',
  frameBytesMax: 1024,
  timeoutMs: 400,
  quota: { requests: 100, windowMs: 60 * second },
  ...over,
})

const open = (protocol: ProtocolDescriptor) =>
  hostile.openStream(node.peerId, protocol.id, { frameBytesMax: 64 * 1024 * 1024 })

/** How the other side ended it. */
async function endOf(stream: FrameStream): Promise<'ended' | 'reset'> {
  try {
    for await (const _frame of stream.frames());
    return 'ended'
  } catch {
    return 'reset'
  }
}

test('serve: a stream that never asks, or asks for ever, is reset within the time of its protocol', async () => {
  const echo = descriptor('slow-echo')
  await serveRequests(node, echo, async (request) => request)
  const silent = await open(echo)
  const beganAtMs = performance.now()
  expect(await endOf(silent)).toBe('reset')
  expect(performance.now() - beganAtMs).toBeLessThan(3 * second)
})

test('serve: an answered stream gives its place back', async () => {
  const echo = descriptor('often-echo', { timeoutMs: 10 * second, quota: { requests: 200, windowMs: second } })
  await serveRequests(node, echo, async (request) => request)
  for (let n = 0; n < 3 * streamsPerPeerMax; n++) {
    await hostile.request(node.peerId, echo.id, Uint8Array.of(n), { frameBytesMax: 1024 })
  }
})

test('serve: a subscription whose first frame never comes is reset', async () => {
  const subscription = descriptor('slow-subscription', { direction: 'subscription' })
  await serveProtocol(node, subscription, async (stream) => {
    await firstFrame(stream.frames()[Symbol.asyncIterator](), subscription)
  })
  expect(await endOf(await open(subscription))).toBe('reset')
})

test('serve: frames that are too long, and streams over the quota, reach no handler', async () => {
  const echo = descriptor('strict-echo', { quota: { requests: 5, windowMs: 60 * second } })
  const seen: number[] = []
  await serveRequests(node, echo, async (request) => {
    seen.push(request.length)
    return request
  })
  const long = await open(echo)
  await long.send(new Uint8Array(2048)).catch(() => undefined)
  expect(await endOf(long)).toBe('reset')
  const attempts = Array.from({ length: 20 }, () =>
    hostile.request(node.peerId, echo.id, Uint8Array.of(1), { frameBytesMax: 1024 }).then(
      () => 'answered',
      () => 'refused',
    ),
  )
  const answers = await Promise.all(attempts)
  expect(answers.filter((answer) => answer === 'answered')).toHaveLength(4)
  expect(seen).toEqual([1, 1, 1, 1])
})
