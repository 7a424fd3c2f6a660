import { expect, test } from 'vitest'
import { ratioInterval, tQuantile } from './interval.ts'

test("quantiles of Student's t are those of the tables", () => {
  const table = { 5: 2.5706, 9: 2.2622, 14: 2.1448, 30: 2.0423, 1000: 1.9623 }
  for (const [freedom, expected] of Object.entries(table)) {
    expect(Math.abs(tQuantile(Number(freedom)) - expected)).toBeLessThan(0.01)
  }
})

test('the interval of a ratio and that of its reverse are each other turned over', () => {
  const ratios = [0.9, 0.95, 1.02, 0.97, 0.99, 1.01]
  const there = ratioInterval(ratios)
  const back = ratioInterval(ratios.map((ratio) => 1 / ratio))
  expect(there.low).toBeLessThan(there.ratio)
  expect(there.ratio).toBeLessThan(there.high)
  expect(back.ratio).toBeCloseTo(1 / there.ratio, 12)
  expect(back.low).toBeCloseTo(1 / there.high, 12)
})
