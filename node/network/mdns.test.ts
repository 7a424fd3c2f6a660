import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { afterAll, expect, test, vi } from 'vitest'
import { second } from '#protocol/units.ts'
import { Swarm } from './swarm.fixture.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 30_000 })

const swarm = new Swarm()
afterAll(() => swarm.stop())

test('mdns: nodes of one swarm find each other without any address given, and only those of their swarm', async ({
  skip,
}) => {
  if (!(await multicastWorks())) skip('no multicast on this machine')
  // Real nodes on the same network must not join in.
  const config = { mdns: true, swarm: randomBytes(32).toString('hex') }
  const first = await swarm.start('first', config)
  const [other, stranger] = await Promise.all([
    swarm.start('second', config),
    swarm.start('stranger', { mdns: true, swarm: randomBytes(32).toString('hex') }),
  ])
  await expect
    .poll(async () => (await other.peers()).map((peer) => peer.peerId), { timeout: 8 * second })
    .toEqual([first.peerId])
  expect((await other.peers())[0]?.discoveredBy).toContain('mdns')
  expect(await stranger.peers()).toEqual([])
})

/** Whether a datagram to a multicast group comes back on this machine. */
async function multicastWorks(): Promise<boolean> {
  const group = '224.0.0.251'
  const socket = createSocket({ type: 'udp4', reuseAddr: true })
  const heard = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => heard.resolve(false), 1000)
  socket.on('error', () => heard.resolve(false))
  socket.on('message', () => heard.resolve(true))
  socket.bind(0, () => {
    try {
      socket.addMembership(group)
      socket.send('hello', socket.address().port, group)
    } catch {
      heard.resolve(false)
    }
  })
  const works = await heard.promise
  clearTimeout(timer)
  socket.close()
  return works
}
