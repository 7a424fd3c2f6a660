/** A matrix of f32 times a vector of f64, both ways. */
import { laneCount } from '../binding.ts'
import { addLanes } from '../lanes.ts'
import { checkMatrix, refuseOverlap } from './arguments.ts'

const lanes = new Float64Array(laneCount)

/** See `NativeBinding.multiply`. */
export function multiply(matrix: Float32Array, x: Float64Array, out: Float64Array): void {
  checkMatrix(matrix, out.length, x.length)
  refuseOverlap(matrix, x, out)
  for (let row = 0; row < out.length; row++) {
    lanes.fill(0)
    for (let column = 0; column < x.length; column++) {
      const given = matrix[row * x.length + column]!
      const lane = column % laneCount
      lanes[lane] = lanes[lane]! + (given - given === 0 ? given : 0) * x[column]!
    }
    out[row] = addLanes(lanes)
  }
}

/** See `NativeBinding.multiplyTransposed`. */
export function multiplyTransposed(matrix: Float32Array, y: Float64Array, out: Float64Array): void {
  checkMatrix(matrix, y.length, out.length)
  refuseOverlap(matrix, y, out)
  out.fill(0)
  for (let row = 0; row < y.length; row++) {
    const factor = y[row]!
    for (let column = 0; column < out.length; column++) {
      const given = matrix[row * out.length + column]!
      out[column] = out[column]! + (given - given === 0 ? given : 0) * factor
    }
  }
}
