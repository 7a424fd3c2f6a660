import { afterEach, expect, test } from 'vitest'
import { HartonomousError } from '#protocol/errors.ts'
import type { PeerId } from '#protocol/ids.ts'
import { answers, type Behaviour, chat, JobBench, type TestNode } from './bench.fixture.ts'

const benches: JobBench[] = []
async function open(nodes: TestNode[]): Promise<JobBench> {
  const bench = await JobBench.open(nodes)
  benches.push(bench)
  return bench
}
afterEach(async () => {
  for (const bench of benches.splice(0)) await bench.close()
})

const unreachable: Behaviour = () =>
  Promise.reject(new HartonomousError('ERR_PEER_UNREACHABLE', { peer: 'x', reason: 'gone' }))
const hangs: Behaviour = (_, { signal }) =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))

test('lying nodes: one that says nothing and lets others win is soon asked no more, whatever its lease promises', async () => {
  const bench = await open([
    { name: 'honest', behave: answers('yes') },
    { name: 'mute', slots: 10_000, behave: hangs },
  ])
  bench.latencies.add('honest' as PeerId, 1500)
  for (let round = 0; round < 3; round++) {
    const jobs = Array.from({ length: 8 }, () => bench.run(chat()))
    for (const job of await Promise.all(jobs)) expect(job.state).toBe('succeeded')
  }
  const asked = bench.asked.filter(({ node }) => node === 'mute').length
  expect(asked).toBeLessThanOrEqual(10)
  expect(bench.slots.runningOn('mute' as PeerId)).toBe(0)
}, 60_000)

test('lying nodes: one that fails at once does not look fast by it', async () => {
  const bench = await open([
    { name: 'honest', behave: answers('yes') },
    { name: 'hole', slots: 10_000, behave: unreachable },
  ])
  for (let round = 0; round < 200; round++) {
    bench.latencies.add('honest' as PeerId, 1500)
    expect((await bench.run(chat())).state).toBe('succeeded')
    expect(bench.windows.sizeOf('hole' as PeerId)).toBeLessThanOrEqual(4)
  }
  // Both of two draws fall on it once in four: never more.
  expect(bench.asked.filter(({ node }) => node === 'hole').length).toBeLessThan(100)
}, 60_000)
