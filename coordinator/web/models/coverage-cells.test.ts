import { expect, test } from 'vitest'
import { coverageCells, holderClass, rarityText } from './coverage-cells.ts'

const part = (key: string, holders: number, layer?: number) => ({
  key,
  kind: key,
  sizeBytes: 10,
  holders,
  ...(layer === undefined ? {} : { layer }),
})

test('coverage cells: one per layer, as rare as its rarest part, and one for each part without a layer', () => {
  const cells = coverageCells({
    parts: [part('embedding', 4), part('a0', 3, 0), part('f0', 1, 0), part('a1', 2, 1), part('head', 4)],
  })
  expect(cells.map(({ name, holders, sizeBytes }) => [name, holders, sizeBytes])).toEqual([
    ['embedding', 4, 10],
    ['layer 0', 1, 20],
    ['layer 1', 2, 10],
    ['head', 4, 10],
  ])
  expect([0, 1, 2, 3, 900].map(holderClass)).toEqual([0, 1, 2, 3, 3])
})

test('coverage cells: what is at risk is said in words, runs of layers as one', () => {
  const say = (...holders: number[]) =>
    rarityText(coverageCells({ parts: [...holders.map((count, at) => part(`l${at}`, count, at)), part('head', 1)] }))
  expect(say(2, 2)).toBe('head is held by 1 node')
  expect(say(0, 2, 0, 0)).toBe('layers 0, 2-3 are held by nobody')
  expect(say(1, 1, 5, 1)).toBe('layers 0-1, 3 and head are held by 1 node')
  expect(say(1, 1)).toBe('every part is held by 1 node')
  expect(rarityText([])).toBe('its parts are not known yet')
})
