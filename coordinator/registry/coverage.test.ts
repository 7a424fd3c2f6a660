import { expect, test } from 'vitest'
import { Bitfield } from '#protocol/codec/bitfield.ts'
import type { ComponentHit } from '#sql/store/types.ts'
import { countHolders } from './coverage.ts'

const component = (key: string, kind: string, more: Partial<ComponentHit> = {}) =>
  ({ key, kind, sizeBytes: 10, extents: [], ...more }) as unknown as ComponentHit

test('coverage: parts come in the order of the model, whatever order the store has', () => {
  const parts = countHolders(
    [
      component('blk.0.expert.10', 'expert', { layer: 0, expert: 10 }),
      component('blk.0.expert.2', 'expert', { layer: 0, expert: 2 }),
      component('blk.10.ffn', 'ffn', { layer: 10 }),
      component('blk.2.ffn', 'ffn', { layer: 2 }),
      component('embedding', 'embedding'),
      component('head', 'head'),
      component('output_norm', 'norm'),
    ],
    [],
    [],
  )
  expect(parts.map(({ key }) => key)).toEqual([
    'embedding',
    'blk.0.expert.2',
    'blk.0.expert.10',
    'blk.2.ffn',
    'blk.10.ffn',
    'output_norm',
    'head',
  ])
})

test('coverage: a node holds a part when it holds all of its chunks', () => {
  const places = [0, 1, 2].map((chunkIndex) => ({ fileIndex: 0, extentIndex: chunkIndex < 2 ? 0 : 1, chunkIndex }))
  const held = new Bitfield(3)
  held.set(0)
  held.set(2)
  const parts = countHolders(
    [component('a', 'ffn', { extents: [[0, 0]] }), component('b', 'ffn', { extents: [[0, 1]] })],
    places as never,
    ['all', held],
  )
  expect(parts.map(({ key, holders }) => [key, holders])).toEqual([
    ['a', 1],
    ['b', 2],
  ])
})
