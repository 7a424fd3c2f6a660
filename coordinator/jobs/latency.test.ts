import { expect, test } from 'vitest'
import type { PeerId } from '#protocol/ids.ts'
import { Latencies } from './latency.ts'

const a = 'a' as PeerId

test('latency: a peak counts at once and fades; one fast answer does not wipe it out', () => {
  let nowMs = 0
  const latencies = new Latencies(() => nowMs)
  latencies.add(a, 2000)
  latencies.add(a, 9000)
  expect(latencies.expectedMs(a)).toBe(9000)
  latencies.add(a, 1000)
  expect(latencies.expectedMs(a)).toBeGreaterThan(6000)
  nowMs += 120_000
  expect(latencies.expectedMs(a)).toBeLessThan(1100)
})

test('latency: a node that is faster than one knows of a stranger stays faster', () => {
  let nowMs = 0
  const latencies = new Latencies(() => nowMs)
  latencies.add(a, 50)
  nowMs += 600_000
  expect(latencies.expectedMs(a)).toBe(50)
})

test('latency: the 95th percentile needs twenty answers, and forgets the oldest', () => {
  const latencies = new Latencies(() => 0)
  for (let each = 1; each < 20; each++) latencies.add(a, each)
  expect(latencies.p95Ms()).toBeUndefined()
  for (let each = 0; each < 300; each++) latencies.add(a, 1000 + each)
  expect(latencies.p95Ms()).toBeGreaterThan(1250)
})
