import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Ranking } from './ranking.ts'
import { dotProduct, unitVector, vectorBytes, vectorOfBytes } from './vector.ts'

test('vector: has length 1 whatever it was, from the smallest numbers to the largest', () => {
  const number = fc.float({ noNaN: true, noDefaultInfinity: true })
  fc.assert(
    fc.property(fc.array(number, { minLength: 1, maxLength: 20 }), (values) => {
      const vector = Float32Array.from(values)
      if (vector.every((value) => value === 0)) {
        expect(() => unitVector(vector, vector.length)).toThrowError(expect.objectContaining({ code: 'ERR_USAGE' }))
        return
      }
      const unit = unitVector(vector, vector.length)
      expect(dotProduct(unit, unit)).toBeCloseTo(1, 5)
      unit.forEach((value, index) => {
        expect(Math.sign(value) * Math.sign(vector[index]!)).toBeGreaterThanOrEqual(0)
      })
    }),
  )
})

test('vector: its bytes are f32, little endian, and come back from any place in memory', () => {
  const vector = Float32Array.of(1, -0, 0.1)
  expect(Buffer.from(vectorBytes(vector)).toString('hex')).toBe('0000803f00000080cdcccc3d')
  const larger = new Uint8Array(20)
  larger.set(vectorBytes(vector), 3)
  expect(vectorOfBytes(larger.subarray(3, 15), 3)).toEqual(vector)
  expect(vectorOfBytes(vectorBytes(vector.subarray(1)), 2)).toEqual(vector.slice(1))
  expect(() => vectorOfBytes(larger, 3)).toThrowError(expect.objectContaining({ code: 'ERR_STORE_CORRUPT' }))
})

test('vector: a dot product is the sum of all products, from any place on', () => {
  const number = fc.integer({ min: -100, max: 100 })
  fc.assert(
    fc.property(fc.array(fc.tuple(number, number), { maxLength: 23 }), fc.nat(5), (pairs, at) => {
      const a = Float32Array.from(pairs, ([value]) => value)
      const b = new Float32Array(pairs.length + at)
      b.set(
        pairs.map(([_, value]) => value),
        at,
      )
      expect(dotProduct(a, b, at)).toBe(pairs.reduce((sum, [x, y]) => sum + x * y, 0))
    }),
  )
})

test('ranking: keeps the best, of equals the older', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 300 }),
      fc.integer({ min: 1, max: 40 }),
      (scores, limit) => {
        const ranking = new Ranking(limit)
        scores.forEach((score, rev) => {
          ranking.add(rev, score)
        })
        const all = scores.map((score, rev) => ({ rev, score })).sort((a, b) => b.score - a.score || a.rev - b.rev)
        expect(ranking.best()).toEqual(all.slice(0, limit))
      },
    ),
  )
})
