/** A session that sells: what it serves for which credit, to raw sockets that pay or do not. */
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { chunkStatus, encodeCancel, encodePay, encodeRecheck } from '#protocol/chunk/index.ts'
import { paymentMessageBytesMax, paymentMessagesPerSecondMax } from '#protocol/limits.ts'
import { KiB, MiB } from '#protocol/units.ts'
import { closeRawPeers, enter, type RawPeer, range } from './raw-peer.fixture.ts'
import { type TestNode, TestSwarm, testModel } from './swarm.fixture.ts'

const swarm = new TestSwarm()
const block = 64 * KiB
const model = testModel([4 * MiB])
beforeEach(() => swarm.open())
afterEach(async () => {
  closeRawPeers()
  await swarm.close()
})

type NodeOptions = { unpaidWaitMs?: number; uploadBytesPerSecond?: number; isSelling?: boolean }

/** A node that holds the model, sells it where asked to, and has let one peer in. */
async function shop({ unpaidWaitMs = 60_000, uploadBytesPerSecond, isSelling = true }: NodeOptions = {}) {
  const config = uploadBytesPerSecond === undefined ? {} : { uploadBytesPerSecond }
  const node = await swarm.node(config, { unpaidWaitMs })
  await node.seed(model)
  node.core.setSelling(isSelling)
  const peer = enter(node)
  expect(await peer.isAlive()).toBe(true)
  return { node, peer }
}

const sessionOf = (node: TestNode) => node.payloads('sale-open').at(-1)!.sessionId
const blockAt = (index: number, sizeBytes = block) => [range(model, index * block, sizeBytes)]

/** Both ends, when nothing is owed any more. */
async function figures(node: TestNode, peer: RawPeer) {
  peer.socket.write(encodePay(Uint8Array.of(1)))
  const count = node.payloads('sale-message').length
  await expect.poll(() => node.payloads('sale-message').length, { interval: 5 }).toBeGreaterThan(count)
  const { servedBytes, transcript } = node.payloads('sale-message').at(-1)!
  return { served: { bytes: servedBytes, transcript }, received: peer.received.snapshot() }
}

test('sale: nothing is served without credit; what waits goes out as it comes, and want is told in time', async () => {
  const { node, peer } = await shop()
  const { sessionId } = await node.until('sale-open')
  for (const id of [1, 2, 3, 4]) peer.ask(id, blockAt(id))
  const want = { sessionId, servedBytes: 0, creditBytes: 0, isWaiting: true }
  expect(await node.until('sale-progress')).toEqual(want)
  await peer.pong(1)
  expect(peer.answered()).toEqual([])
  node.core.setCredit(sessionId, 2 * block + 1)
  await node.until('sale-progress', ({ isWaiting, servedBytes }) => isWaiting && servedBytes > 0)
  await peer.pong(2)
  expect(peer.answered()).toEqual([1, 2])
  const told = node.payloads('sale-progress').slice(1)
  expect(told.map(({ isWaiting }) => isWaiting).sort()).toEqual([false, true])
  for (const { servedBytes, creditBytes } of told) {
    expect(servedBytes).toBeLessThanOrEqual(creditBytes)
    expect(creditBytes).toBe(2 * block + 1)
  }
  node.core.setCredit(sessionId, Number.POSITIVE_INFINITY)
  await expect.poll(() => peer.answered()).toEqual([1, 2, 3, 4])
  expect(peer.bytesOf(4).equals(model.bytes.subarray(4 * block, 5 * block))).toBe(true)
  expect(peer.refusals()).toEqual([])
  const { served, received } = await figures(node, peer)
  expect(served).toEqual(received)
  expect(served.bytes).toBe(4 * block)
})

test('sale: what waited in vain is refused as unpaid, and so is the rest at once, until there is credit', async () => {
  const { node, peer } = await shop({ unpaidWaitMs: 50 })
  const { unpaid } = chunkStatus
  for (const id of [1, 2, 3]) peer.ask(id, blockAt(id))
  await expect.poll(() => peer.refusals()).toEqual([unpaid, unpaid, unpaid])
  peer.ask(4, blockAt(4))
  await peer.pong(1)
  expect(peer.refusals()).toEqual([unpaid, unpaid, unpaid, unpaid])
  expect(node.payloads('sale-progress')).toHaveLength(1)
  node.core.setCredit(sessionOf(node), block)
  peer.ask(5, blockAt(5))
  await expect.poll(() => peer.answered()).toEqual([5])
  peer.ask(6, blockAt(6))
  await expect.poll(() => peer.refusals().length).toBe(5)
  const told = node.payloads('sale-progress').length
  node.core.setCredit(sessionOf(node), block)
  node.core.setCredit(sessionOf(node), 0)
  peer.ask(7, blockAt(7))
  await peer.pong(2)
  expect(peer.refusals()).toHaveLength(6)
  expect(node.payloads('sale-progress')).toHaveLength(told)
  const { served, received } = await figures(node, peer)
  expect(served).toEqual(received)
  expect(served.bytes).toBe(block)
})

test('sale: a block that is cancelled, or cannot be had, gives its credit to the next one', async () => {
  const { node, peer } = await shop({ uploadBytesPerSecond: 256 * KiB })
  node.core.setCredit(sessionOf(node), 2 * block)
  peer.socket.cork()
  peer.ask(1, blockAt(1))
  peer.ask(2, [range(model, 4 * MiB, block)])
  peer.ask(3, blockAt(3))
  peer.ask(4, blockAt(4))
  peer.socket.write(encodeCancel(3))
  peer.socket.uncork()
  await expect.poll(() => peer.answered()).toEqual([1, 4])
  expect(peer.refusals()).toEqual([chunkStatus.invalid])
})

test('sale: a smaller request goes ahead when the one before it is cancelled, and rechecks never wait', async () => {
  const { node, peer } = await shop()
  const sessionId = sessionOf(node)
  node.core.setCredit(sessionId, block)
  peer.ask(1, blockAt(1, 2 * block))
  peer.ask(2, blockAt(2))
  peer.socket.write(encodeRecheck(3, range(model, 0, MiB)))
  await expect.poll(() => peer.frames.some((frame) => frame.requestId === 3)).toBe(true)
  expect(peer.answered()).toEqual([])
  peer.socket.write(encodeCancel(1))
  await expect.poll(() => peer.answered()).toEqual([2])
})

test('sale: whatever is asked, cancelled and credited, no lane overdraws, all is answered, and both ends count the same', async () => {
  const { node, peer: first } = await shop({ unpaidWaitMs: 60_000 })
  first.socket.destroy()
  await node.until('sale-end')
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ type: fc.constant('ask' as const), blocks: fc.integer({ min: 1, max: 4 }) }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('cancel' as const), back: fc.nat(6) }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('credit' as const), kib: fc.nat(300) }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('wait' as const) }) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const peer = enter(node)
      await peer.pong(1)
      const sessionId = sessionOf(node)
      let creditBytes = 0
      let overdrawn = 0
      let asked = 0
      const cancelled = new Set<number>()
      peer.onBlock = () => {
        overdrawn = Math.max(overdrawn, peer.received.bytes - creditBytes)
      }
      for (const one of steps) {
        if (one.type === 'ask') peer.ask(++asked, blockAt(asked % 32, one.blocks * block))
        else if (one.type === 'cancel' && asked > one.back) {
          cancelled.add(asked - one.back)
          peer.socket.write(encodeCancel(asked - one.back))
        } else if (one.type === 'credit') {
          creditBytes += one.kib * KiB
          node.core.setCredit(sessionId, creditBytes)
        } else await peer.pong(1000 + asked)
      }
      await peer.pong(2)
      creditBytes = Number.POSITIVE_INFINITY
      node.core.setCredit(sessionId, creditBytes)
      const wanted = Array.from({ length: asked }, (_, index) => index + 1).filter((id) => !cancelled.has(id))
      await expect.poll(() => wanted.every((id) => peer.data.has(id)), { interval: 5, timeout: 5000 }).toBe(true)
      await peer.pong(3)
      expect(overdrawn).toBeLessThanOrEqual(0)
      const { served, received } = await figures(node, peer)
      expect(served).toEqual(received)
      peer.socket.destroy()
    }),
    { numRuns: 15 },
  )
}, 30_000)

test('sale: messages go both ways, and a session that is given away opens a sale with the first one', async () => {
  const { node, peer } = await shop({ isSelling: false })
  peer.ask(1, blockAt(1))
  await expect.poll(() => peer.answered()).toEqual([1])
  await peer.pong(1)
  expect(node.payloads('sale-open')).toEqual([])
  const { served, received } = await figures(node, peer)
  expect(node.payloads('sale-open')).toHaveLength(1)
  expect(served).toEqual(received)
  expect(node.payloads('sale-message')[0]!.body).toEqual(Uint8Array.of(1))
  node.core.sendToBuyer(sessionOf(node), Uint8Array.of(2, 3))
  await expect.poll(() => peer.payments()).toEqual([Uint8Array.of(2, 3)])
  expect(() => node.core.sendToBuyer(sessionOf(node), new Uint8Array(paymentMessageBytesMax + 1))).toThrow(
    expect.objectContaining({ code: 'ERR_LIMIT' }),
  )
  peer.socket.destroy()
  const end = await node.until('sale-end')
  expect({ bytes: end.servedBytes, transcript: end.transcript }).toEqual(received)
  node.core.sendToBuyer(end.sessionId, Uint8Array.of(4))
  node.core.setCredit(end.sessionId, 1)
})

test('sale: a peer that floods messages of payment is closed, the others are not', async () => {
  const { node, peer } = await shop()
  const other = enter(node, 'other')
  const flood = Buffer.concat(
    Array.from({ length: 10 * paymentMessagesPerSecondMax }, () => encodePay(Uint8Array.of(1))),
  )
  peer.socket.write(flood)
  await peer.closed
  expect((await node.until('sale-end')).reason).toMatch(/too many messages/)
  expect(node.payloads('sale-message').length).toBeLessThan(2 * paymentMessagesPerSecondMax)
  expect(await other.isAlive()).toBe(true)
})

test('sale: sessions that run when selling begins go on as they began', async () => {
  const { node, peer } = await shop({ isSelling: false })
  node.core.setSelling(true)
  peer.ask(1, blockAt(1))
  await expect.poll(() => peer.answered()).toEqual([1])
  const later = enter(node, 'later')
  await node.until('sale-open', ({ peerId }) => peerId === 'later')
  later.ask(1, blockAt(1))
  await node.until('sale-progress', ({ isWaiting }) => isWaiting)
  expect(later.answered()).toEqual([])
})
