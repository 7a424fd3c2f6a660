/** Norms and shape of a tensor's values, from the sums that both implementations make. */
import { laneCount, momentFields, momentStateLength } from './binding.ts'
import { addLanes, fold } from './lanes.ts'

export interface Moments {
  /** All elements; the figures below are of those that are finite. */
  count: number
  nonFinite: number
  zeros: number
  l1: number
  l2: number
  maxAbs: number
  min: number
  max: number
  mean: number
  /** About the mean, divided by the count. */
  variance: number
  /** About zero: E[x^4] / E[x^2]^2; 3 for a normal distribution, 1 where all have one size. */
  kurtosis: number
}

export function createMoments(): Float64Array {
  const state = new Float64Array(momentStateLength)
  lanesOf(state, 'min').fill(Number.POSITIVE_INFINITY)
  lanesOf(state, 'max').fill(Number.NEGATIVE_INFINITY)
  return state
}

function lanesOf(state: Float64Array, field: (typeof momentFields)[number]): Float64Array {
  const from = 1 + momentFields.indexOf(field) * laneCount
  return state.subarray(from, from + laneCount)
}

export function momentsOf(state: Float64Array): Moments {
  const sum = (field: (typeof momentFields)[number]) => addLanes(lanesOf(state, field))
  const count = state[0]!
  const nonFinite = sum('nonFinite')
  const finite = count - nonFinite
  const mean = finite === 0 ? 0 : sum('sum') / finite
  const squares = sum('sumSquares')
  const meanSquare = finite === 0 ? 0 : squares / finite
  const min = finite === 0 ? 0 : fold(lanesOf(state, 'min'), Math.min)
  const max = finite === 0 ? 0 : fold(lanesOf(state, 'max'), Math.max)
  return {
    count,
    nonFinite,
    zeros: sum('zeros'),
    l1: sum('sumAbs'),
    l2: Math.sqrt(squares),
    maxAbs: Math.max(Math.abs(min), Math.abs(max)),
    min,
    max,
    mean,
    // Rounding may leave a trifle below zero where all values are alike.
    variance: Math.max(0, meanSquare - mean * mean),
    kurtosis: meanSquare === 0 ? 0 : sum('sumFourths') / finite / (meanSquare * meanSquare),
  }
}
