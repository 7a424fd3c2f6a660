import fc from 'fast-check'
import { expect, test } from 'vitest'
import { planGrowth } from './grow-index.ts'

const bounds = { unindexedRows: 1000, pendingRows: 10, stepRows: 1000 }
const sizes = (...values: number[]) => values.map((size) => ({ size }))

test('index growth: nothing is done for a few new rows', () => {
  expect(planGrowth([], [], 9, bounds)).toBeUndefined()
  expect(planGrowth(sizes(100), [100], 9, bounds)).toBeUndefined()
  expect(planGrowth([], [], 10, bounds)).toEqual({ keep: 0, base: undefined, take: 10 })
})

test('index growth: many rows are taken in step by step, each on top of the graph before', () => {
  expect(planGrowth([], [], 5000, bounds)).toEqual({ keep: 0, base: undefined, take: 1000 })
  expect(planGrowth(sizes(20_000), [20_000], 2000, bounds)).toEqual({ keep: 0, base: 0, take: 1000 })
  expect(planGrowth(sizes(20_001), [20_001], 2000, bounds)).toEqual({ keep: 1, base: undefined, take: 1000 })
})

test('index growth: small graphs become one, the largest is grown', () => {
  expect(planGrowth(sizes(9000, 20, 30, 10), [9000, 20, 30, 10], 10, bounds)).toEqual({ keep: 1, base: 2, take: 10 })
})

test('index growth: a graph of which more than a fifth has gone is made anew, with those after it', () => {
  expect(planGrowth(sizes(100, 5), [80, 5], 0, bounds)).toBeUndefined()
  expect(planGrowth(sizes(100, 5), [79, 5], 0, bounds)).toEqual({ keep: 0, base: 1, take: 0 })
  expect(planGrowth(sizes(100, 50), [100, 39], 0, bounds)).toEqual({ keep: 1, base: undefined, take: 0 })
})

test('index growth: a graph with fewer vectors than its rows is made anew', () => {
  expect(planGrowth(sizes(100), [101], 0, bounds)).toEqual({ keep: 0, base: undefined, take: 0 })
})

test('index growth: however rows arrive, there are few graphs, and each row is added to one a few times', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 50, maxLength: 300 }), (arrivals) => {
      let segments: { size: number }[] = []
      let [pending, rows, added] = [0, 0, 0]
      for (const count of arrivals) {
        pending += count
        rows += count
        for (;;) {
          const counts = segments.map(({ size }) => size)
          const plan = planGrowth(segments, counts, pending, bounds)
          if (plan === undefined) break
          const merged = counts.slice(plan.keep).reduce((sum, size) => sum + size, 0)
          added += plan.take + merged - (plan.base === undefined ? 0 : counts[plan.base]!)
          segments = [...segments.slice(0, plan.keep), { size: merged + plan.take }]
          pending -= plan.take
        }
      }
      expect(pending).toBeLessThan(bounds.pendingRows)
      expect(segments.length).toBeLessThanOrEqual(2 + Math.log(rows / bounds.pendingRows) / Math.log(20))
      expect(added).toBeLessThanOrEqual(rows * (2 + Math.log(rows / bounds.pendingRows) / Math.log(20)))
    }),
  )
})
