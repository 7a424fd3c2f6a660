import { checkHistogram, refuseOverlap } from './arguments.ts'

/** See `NativeBinding.accumulateHistogram`. */
export function accumulateHistogram(counts: Float64Array, values: Float32Array, low: number, high: number): void {
  const binsPerUnit = checkHistogram(counts, low, high)
  refuseOverlap(counts, values)
  const last = counts.length - 1
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    if (value - value !== 0) continue
    const place = (value - low) * binsPerUnit
    const bin = place >= last ? last : place > 0 ? Math.trunc(place) : 0
    counts[bin] = counts[bin]! + 1
  }
}
