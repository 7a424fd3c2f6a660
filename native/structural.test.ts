import { expect, test } from 'vitest'
import { bits, weights } from './compliance.ts'
import { fallback } from './fallback/index.ts'
import { loadNative } from './load.ts'
import { structuralVector } from './structural.ts'

test('structural: one pass gives moments, sketch and spectrum, to the same bits from both implementations', () => {
  const values = weights(64 * 96, 31)
  const parts = [values.subarray(0, 1024), values.subarray(1024)]
  const sample = { rows: 32, columns: 96, values: values.subarray(0, 32 * 96) }
  const options = { parts, sample, sketchWidth: 128, seed: 5, singularValueCount: 4 } as const
  const [mine, other] = [structuralVector(loadNative().binding, options), structuralVector(fallback, options)]
  expect(mine.moments).toEqual(other.moments)
  expect(bits(mine.sketch)).toBe(bits(other.sketch))
  expect(bits(mine.singularValues)).toBe(bits(other.singularValues))
  expect(mine.moments.count).toBe(values.length)
  expect(mine.sketch).toHaveLength(128)
  expect([...mine.singularValues]).toEqual([...mine.singularValues].sort((a, b) => b - a))
  // The sum of squares of all singular values of the sample is that of its elements.
  const energy = sample.values.reduce((sum, value) => sum + value * value, 0)
  const found = mine.singularValues.reduce((sum, value) => sum + value * value, 0)
  expect(found).toBeGreaterThan(0.1 * energy)
  expect(found).toBeLessThan(energy)
})

test('structural: parts that are cut between the groups of a sketch are refused', () => {
  const values = weights(300, 32)
  const parts = [values.subarray(0, 100), values.subarray(100)]
  const sample = { rows: 2, columns: 2, values: weights(4, 33) }
  const run = () =>
    structuralVector(loadNative().binding, { parts, sample, sketchWidth: 64, seed: 1, singularValueCount: 1 })
  expect(run).toThrow(expect.objectContaining({ code: 'ERR_NATIVE_ARGUMENT' }))
})
