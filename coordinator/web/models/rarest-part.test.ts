import { expect, test } from 'vitest'
import { rarestText } from './rarest-part.ts'

const say = (...parts: [key: string, kind: string, holders: number, layer?: number][]) =>
  rarestText({
    parts: parts.map(([key, kind, holders, layer]) => ({
      key,
      kind,
      holders,
      sizeBytes: 1,
      ...(layer === undefined ? {} : { layer }),
    })),
    holdersMin: Math.min(...parts.map(([, , holders]) => holders)),
  })

test('rarest part: is named, with how many hold it', () => {
  expect(say(['embedding', 'embedding', 3], ['blk.7.ffn', 'ffn', 1, 7])).toBe('layer 7 ffn is held by 1 node')
  expect(say(['embedding', 'embedding', 3], ['blk.7.expert.12', 'expert', 0, 7])).toBe(
    'layer 7 expert 12 is held by nobody',
  )
  expect(say(['head', 'head', 2], ['blk.7.ffn', 'ffn', 2, 7], ['x', 'norm', 9])).toBe(
    'head and layer 7 ffn are held by 2 nodes',
  )
})

test('rarest part: where all are as rare, or many, layers are told instead', () => {
  expect(say(['a', 'ffn', 5, 0], ['b', 'ffn', 5, 1], ['c', 'ffn', 5, 2])).toBe('every part is held by 5 nodes')
  expect(say(['a', 'ffn', 1, 0], ['b', 'ffn', 1, 1], ['c', 'ffn', 1, 2], ['head', 'head', 4])).toBe(
    'layers 0-2 are held by 1 node',
  )
})
