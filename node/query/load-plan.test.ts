import { expect, test } from 'vitest'
import { Bitfield } from '#protocol/codec/bitfield.ts'
import type { PeerId } from '#protocol/ids.ts'
import { chunkPlaces, contentSizeBytes } from '#protocol/model/content.ts'
import { MiB } from '#protocol/units.ts'
import { modelIdOf, sampleContent } from '#sql/store/compliance/sample.ts'
import { planLoad } from './load-plan.ts'

// Chunks: header 0 | 1 2 3 4 (3 MiB + 1) | 5 6 (2 MiB) | 7 (17 bytes) | 8 (1 MiB - 1); second file: 9 | 10 to 14.
const content = sampleContent('load')
const places = chunkPlaces(content)
const model = (held: number[]) => ({
  modelId: modelIdOf('load'),
  content,
  places,
  held: Bitfield.of(places.length, held),
  sizeBytes: contentSizeBytes(content),
})
const rates = { localBytesPerSecond: 100 * MiB, peersBytesPerSecond: 10 * MiB }
const components = [
  {
    key: 'a',
    extents: [
      [0, 1],
      [0, 3],
    ] as [number, number][],
  },
  { key: 'b', extents: [[1, 1]] as [number, number][] },
]
const peer = (name: string, chunks: number[]) => [name as PeerId, Bitfield.of(places.length, chunks)] as const

test('load plan: what is here and what peers have are runs of their own, neighbours are one', () => {
  const plan = planLoad(model([1, 2, 5]), components, new Map([peer('full', [...places.keys()])]), rates)
  expect(
    plan.ranges.map(({ firstChunk, chunkCount, source, roots }) => [firstChunk, chunkCount, source, roots.length]),
  ).toEqual([
    [1, 2, 'local', 1],
    [3, 2, 'peers', 1],
    [5, 1, 'local', 1],
    [6, 1, 'peers', 1],
    [10, 5, 'peers', 1],
  ])
  expect(plan.components).toEqual([
    { key: 'a', sizeBytes: 5 * MiB + 1, source: 'both' },
    { key: 'b', sizeBytes: 5 * MiB, source: 'peers' },
  ])
  expect(plan).toMatchObject({ sizeBytes: 10 * MiB + 1, localBytes: 3 * MiB, missingBytes: 0, isRateMeasured: true })
  // 7 MiB and a byte from peers take longest.
  expect(plan.expectedMs).toBe(701)
})

test('load plan: neighbouring extents of one place are one run with both hashes', () => {
  const all = planLoad(model([...places.keys()]), components, new Map(), rates)
  expect(
    all.ranges.map(({ firstChunk, chunkCount, roots, offsetBytes }) => [
      firstChunk,
      chunkCount,
      roots.length,
      offsetBytes,
    ]),
  ).toEqual([
    [1, 6, 2, 4096],
    [10, 5, 1, 512],
  ])
  expect(all).toMatchObject({ sources: [], localBytes: 10 * MiB + 1, isRateMeasured: true })
})

test('load plan: says what nobody has, and what each peer could give', () => {
  const haves = new Map([peer('one', [3, 4]), peer('two', [4, 10]), peer('none', [])])
  const plan = planLoad(model([1, 2]), components, haves, { ...rates, peersBytesPerSecond: undefined })
  expect(plan.sources).toEqual([
    { peerId: 'one', sizeBytes: MiB + 1 },
    { peerId: 'two', sizeBytes: MiB + 1 },
  ])
  expect(plan.missingBytes).toBe(2 * MiB + 4 * MiB)
  expect(plan.components.map(({ source }) => source)).toEqual(['nobody', 'nobody'])
  expect(plan.isRateMeasured).toBe(false)
})

test('load plan: of nothing is nothing', () => {
  expect(planLoad(model([]), [], new Map(), rates)).toMatchObject({ ranges: [], sizeBytes: 0, expectedMs: 0 })
})
