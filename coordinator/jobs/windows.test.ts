import { expect, test } from 'vitest'
import type { PeerId } from '#protocol/ids.ts'
import { Windows } from './windows.ts'

const node = 'node' as PeerId

test('windows: a full one that answers all doubles with each round, and each failure halves it, down to one', () => {
  const windows = new Windows()
  const sizes = [windows.sizeOf(node)]
  for (let round = 0; round < 3; round++) {
    for (let running = windows.sizeOf(node); running > 0; running--) windows.answered(node, windows.sizeOf(node))
    sizes.push(windows.sizeOf(node))
  }
  expect(sizes).toEqual([4, 8, 16, 32])
  windows.failed(node)
  expect(windows.sizeOf(node)).toBe(16)
  for (let failure = 0; failure < 9; failure++) windows.failed(node)
  expect(windows.sizeOf(node)).toBe(1)
  windows.answered(node, 1)
  expect(windows.sizeOf(node)).toBe(2)
})

test('windows: a node that is asked for less than it may have shows nothing by it', () => {
  const windows = new Windows()
  for (let job = 0; job < 1000; job++) windows.answered(node, 1)
  expect(windows.sizeOf(node)).toBe(4)
})
