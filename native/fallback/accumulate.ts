/** Sums over the elements of tensors in `laneCount` lanes of f64. */
import { laneCount, momentStateLength, productStateLength } from '../binding.ts'
import { checkState, refuse, refuseOverlap } from './arguments.ts'

/** See `NativeBinding.accumulateMoments`. */
export function accumulateMoments(state: Float64Array, values: Float32Array): void {
  const first = checkState(state, momentStateLength)
  refuseOverlap(state, values)
  for (let i = 0; i < values.length; i++) {
    const given = values[i]!
    const isOrdinary = given - given === 0
    const value = isOrdinary ? given : 0
    const square = value * value
    let at = 1 + ((first + i) % laneCount)
    state[at] = state[at]! + value
    at += laneCount
    state[at] = state[at]! + Math.abs(value)
    at += laneCount
    state[at] = state[at]! + square
    at += laneCount
    state[at] = state[at]! + square * square
    at += laneCount
    state[at] = state[at]! + (given === 0 ? 1 : 0)
    at += laneCount
    state[at] = state[at]! + (isOrdinary ? 0 : 1)
    if (!isOrdinary) continue
    at += laneCount
    if (value < state[at]!) state[at] = value
    at += laneCount
    if (value > state[at]!) state[at] = value
  }
  state[0] = first + values.length
}

/** See `NativeBinding.accumulateProducts`. */
export function accumulateProducts(state: Float64Array, a: Float32Array, b: Float32Array): void {
  const first = checkState(state, productStateLength)
  if (a.length !== b.length) refuse('ERR_NATIVE_SIZE', `${a.length} elements and ${b.length} are no pairs`)
  refuseOverlap(state, a)
  refuseOverlap(state, b)
  for (let i = 0; i < a.length; i++) {
    const [givenA, givenB] = [a[i]!, b[i]!]
    const isOrdinary = givenA - givenA === 0 && givenB - givenB === 0
    const x = isOrdinary ? givenA : 0
    const y = isOrdinary ? givenB : 0
    const difference = y - x
    let at = 1 + ((first + i) % laneCount)
    state[at] = state[at]! + x * y
    at += laneCount
    state[at] = state[at]! + x * x
    at += laneCount
    state[at] = state[at]! + y * y
    at += laneCount
    state[at] = state[at]! + difference * difference
    at += laneCount
    state[at] = state[at]! + (difference === 0 ? 0 : 1)
    at += laneCount
    state[at] = state[at]! + (isOrdinary ? 0 : 1)
    at += laneCount
    const size = Math.abs(difference)
    if (size > state[at]!) state[at] = size
  }
  state[0] = first + a.length
}
