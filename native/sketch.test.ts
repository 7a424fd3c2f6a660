import { expect, test } from 'vitest'
import { weights } from './compliance.ts'
import { splitMix } from './fallback/sketch.ts'
import { loadNative } from './load.ts'
import { createSketch, sketchCosine, sketchOf } from './sketch.ts'

const native = loadNative().binding

function sketch(values: Float32Array, width: 64 | 128 | 256 = 64, seed = 1): Float64Array {
  const state = createSketch(width)
  native.accumulateSketch(state, values, 0, seed)
  return sketchOf(state)
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).reduce((sum, value, i) => sum + value * b[i]!, 0)
}

test('sketch: the random words are those of splitmix64', () => {
  // The first outputs for seed 1234567, as other implementations print them.
  const word = { low: 0, high: 0 }
  const outputs = [0, 1, 2].map((counter) => {
    const { low, high } = splitMix(word, 1_234_567, counter)
    return (BigInt(high) << 32n) | BigInt(low)
  })
  expect(outputs).toEqual([6457827717110365317n, 3203168211198807973n, 9817491932198370423n])
  for (const [seed, counter] of [
    [0, 0],
    [2 ** 53 - 1, 2 ** 52 + 12_345],
    [77, 2 ** 32 - 1],
  ] as const) {
    const mask = (1n << 64n) - 1n
    let z = (BigInt(seed) + (BigInt(counter) + 1n) * 0x9e3779b97f4a7c15n) & mask
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask
    z ^= z >> 31n
    const { low, high } = splitMix(word, seed, counter)
    expect((BigInt(high) << 32n) | BigInt(low)).toBe(z)
  }
})

test('sketch: it is linear, so the sketch of a difference is the difference of sketches', () => {
  const [a, b] = [weights(1000, 21), weights(1000, 22)]
  const [x, y, difference] = [sketch(a), sketch(b), sketch(a.map((value, i) => value - b[i]!))]
  difference.forEach((value, i) => {
    expect(value).toBeCloseTo(x[i]! - y[i]!, 5)
  })
})

test.each([64, 128, 256] as const)(
  'sketch: over many seeds, dot products of width %i are right on average and spread as they should',
  (width) => {
    const [a, b] = [weights(4096, 23), weights(4096, 24).map((value, i) => value + weights(4096, 23)[i]! / 2)]
    const truth = dot(a, b)
    const size = Math.sqrt(dot(a, a) * dot(b, b))
    const seeds = 200
    const errors = Array.from(
      { length: seeds },
      (_, seed) => (dot(sketch(a, width, seed), sketch(b, width, seed)) - truth) / size,
    )
    const mean = errors.reduce((sum, error) => sum + error, 0) / seeds
    const deviation = Math.sqrt(errors.reduce((sum, error) => sum + error * error, 0) / seeds)
    // Deterministic: the same seeds every time. Theory: the deviation is at most sqrt(2 / width), the mean that over sqrt(200).
    expect(deviation).toBeLessThan(Math.sqrt(2 / width))
    expect(Math.abs(mean)).toBeLessThan((4 * deviation) / Math.sqrt(seeds))
  },
)

test('sketch: a matrix with one strong column is as well kept as any other', () => {
  const strong = (seed: number) => weights(256 * 64, seed).map((value, i) => (i % 64 === 7 ? value * 20 : value))
  const [a, b] = [strong(25), strong(26)]
  const truth = dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
  const errors = Array.from(
    { length: 100 },
    (_, seed) => sketchCosine(sketch(a, 64, seed), sketch(b, 64, seed)) - truth,
  )
  // Without the rotation all of the column meets in one place, and the estimate is a coin toss: near -1 or 1.
  expect(Math.sqrt(errors.reduce((sum, error) => sum + error * error, 0) / errors.length)).toBeLessThan(0.2)
})
