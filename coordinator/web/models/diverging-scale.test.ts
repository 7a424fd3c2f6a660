import { expect, test } from 'vitest'
import { ends, paint } from './diverging-scale.ts'

const scale = { ...ends.light, neutral: [255, 255, 255] } as const
const colours = (values: (number | null)[], limit: number) => {
  const pixels = paint(values, limit, scale)
  return values.map((_, at) => [...pixels.slice(4 * at, 4 * at + 4)])
}

test('scale: zero is the ground, both ends are full from the limit on, and what is no number stands out', () => {
  expect(colours([0, -2, -9, 2, null], 2)).toEqual([
    [255, 255, 255, 255],
    [...ends.light.below, 255],
    [...ends.light.below, 255],
    [...ends.light.above, 255],
    [...ends.light.missing, 255],
  ])
})

test('scale: a larger value is never paler', () => {
  const strengths = colours([0, 0.01, 0.1, 0.5, 0.9, 1], 1).map(([, , blue]) => 255 - blue!)
  expect(strengths).toEqual(strengths.toSorted((a, b) => a - b))
  expect(strengths[1]).toBeGreaterThan(0)
})
