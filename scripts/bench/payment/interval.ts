/** What pairs of measurements say about a ratio. Logarithms, because a ratio and its reverse should weigh the same. */
import assert from 'node:assert/strict'

export interface RatioInterval {
  /** The geometric mean of the ratios. */
  ratio: number
  /** Ends of its 95 % interval by Student's t. */
  low: number
  high: number
}

export function ratioInterval(ratios: readonly number[]): RatioInterval {
  assert(ratios.length > 1, 'one pair says nothing about its error')
  const logs = ratios.map(Math.log)
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length
  const variance = logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / (logs.length - 1)
  const half = tQuantile(logs.length - 1) * Math.sqrt(variance / logs.length)
  return { ratio: Math.exp(mean), low: Math.exp(mean - half), high: Math.exp(mean + half) }
}

/** That 2.5 % lie above, from the normal one: Abramowitz and Stegun 26.7.5, to 0.01 from five degrees of freedom on. */
export function tQuantile(freedom: number): number {
  const z = 1.959963985
  const terms = [
    z,
    (z ** 3 + z) / 4,
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96,
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384,
  ]
  return terms.reduce((sum, term, power) => sum + term / freedom ** power, 0)
}
