import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RateTable } from './rate-table.ts'

const rate = fc.record({ count: fc.integer({ min: 1, max: 1000 }), periodMs: fc.integer({ min: 1, max: 100_000 }) })
const steps = fc.array(
  fc.record({ afterMs: fc.integer({ min: 0, max: 5000 }), count: fc.integer({ min: 0, max: 50 }) }),
  {
    minLength: 1,
    maxLength: 100,
  },
)

describe('rate table', () => {
  test('no key gets more in any stretch of time than a full bucket and what flows in', () => {
    fc.assert(
      fc.property(rate, steps, (of, takes) => {
        const table = new RateTable(10)
        const taken: { atMs: number; count: number }[] = []
        let nowMs = 1_000_000
        for (const { afterMs, count } of takes) {
          nowMs += afterMs
          if (table.take('key', of, count, nowMs) === 0) taken.push({ atMs: nowMs, count })
        }
        for (const [first, { atMs: fromMs }] of taken.entries()) {
          let sum = 0
          for (const { atMs, count } of taken.slice(first)) {
            sum += count
            expect(sum).toBeLessThanOrEqual(of.count * (1 + (atMs - fromMs) / of.periodMs) + 1e-6)
          }
        }
      }),
    )
  })

  test('the wait that is named is enough, and a ms less than half of it is not', () => {
    fc.assert(
      fc.property(rate, steps, (of, takes) => {
        const table = new RateTable(10)
        let nowMs = 1_000_000
        for (const { afterMs, count } of takes) {
          nowMs += afterMs
          const waitMs = table.take('key', of, count, nowMs)
          if (waitMs === 0 || waitMs === Number.POSITIVE_INFINITY) {
            expect(count > of.count).toBe(waitMs !== 0)
            continue
          }
          expect(table.wait('key', of, count, nowMs + waitMs)).toBeLessThanOrEqual(1)
          if (waitMs > 2) expect(table.wait('key', of, count, nowMs + Math.floor(waitMs / 2) - 1)).toBeGreaterThan(0)
        }
      }),
    )
  })

  test('keys do not meet, and what one takes changes nothing for another', () => {
    fc.assert(
      fc.property(rate, steps, (of, takes) => {
        const [both, alone] = [new RateTable(10), new RateTable(10)]
        let nowMs = 0
        for (const { afterMs, count } of takes) {
          nowMs += afterMs
          both.take('other', of, count, nowMs)
          expect(both.take('mine', of, count, nowMs)).toBe(alone.take('mine', of, count, nowMs))
        }
      }),
    )
  })

  test('what is charged beyond the bucket must flow in first; what is given back is there at once, and never too much', () => {
    const table = new RateTable(10)
    const of = { count: 100, periodMs: 1000 }
    table.charge('key', of, 150, 0)
    expect(table.wait('key', of, 1, 0)).toBe(510)
    table.charge('key', of, -1000, 0)
    expect(table.level('key', of, 0)).toBe(100)
  })

  test('a clock that is set back fills nothing, and does not freeze the key', () => {
    const table = new RateTable(10)
    const of = { count: 10, periodMs: 1000 }
    expect(table.take('key', of, 10, 5000)).toBe(0)
    expect(table.take('key', of, 1, 1000)).toBe(100)
    expect(table.take('key', of, 1, 5100)).toBe(0)
  })

  test('a crowd of keys is forgotten oldest first, and takes no more room', () => {
    const table = new RateTable(100)
    const of = { count: 1, periodMs: 1e9 }
    for (let key = 0; key < 10_000; key++) {
      expect(table.take(`key ${key}`, of, 1, key)).toBe(0)
      table.charge('busy', of, 0.0001, key)
    }
    expect(table.size).toBe(100)
    expect(table.level('busy', of, 10_000)).toBeLessThan(0.5)
    expect(table.wait('key 9999', of, 1, 10_000)).toBeGreaterThan(0)
  })
})
