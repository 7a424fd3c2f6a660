import fc from 'fast-check'
import { expect, test } from 'vitest'
import { day } from '#protocol/units.ts'
import { axisTicks } from './time-axis.ts'

test('axis: ticks are round, few, and within what is shown, however short or long that is', () => {
  fc.assert(
    fc.property(fc.double({ min: 1, max: 400 * day, noNaN: true }), (totalMs) => {
      const ticks = axisTicks(totalMs)
      expect(ticks[0]).toBe(0)
      expect(ticks.length).toBeLessThanOrEqual(6)
      for (const tick of ticks) expect(tick).toBeLessThan(totalMs)
      expect(new Set(ticks.slice(1).map((tick, index) => tick - ticks[index]!)).size).toBeLessThanOrEqual(1)
    }),
  )
  expect(axisTicks(190)).toEqual([0, 50, 100, 150])
  expect(axisTicks(95_000)).toEqual([0, 20_000, 40_000, 60_000, 80_000])
  expect(axisTicks(4200)).toEqual([0, 1000, 2000, 3000])
})
