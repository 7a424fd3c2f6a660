/** The largest singular values of a matrix, estimated by a few steps of block power iteration. */
import type { NativeBinding } from './binding.ts'

/** Steps of the iteration. The error of value k falls by (s[k+1] / s[k])^2 with each; twelve show the shape of a spectrum. */
const stepsDefault = 12

export interface SpectrumOptions {
  rows: number
  columns: number
  /** How many; at most the smaller side. */
  count: number
  steps?: number
}

/**
 * Deterministic: it starts from fixed vectors and is the same in both implementations. From below: the estimates never
 * exceed the true values but for rounding.
 * @param matrix row-major
 */
export function singularValues(native: NativeBinding, matrix: Float32Array, options: SpectrumOptions): Float64Array {
  const { rows, columns, steps = stepsDefault } = options
  const count = Math.min(options.count, rows, columns)
  const vectors = Array.from({ length: count }, (_, index) => startVector(columns, index))
  const images = vectors.map(() => new Float64Array(rows))
  orthonormalize(vectors)
  for (let step = 0; step < steps; step++) {
    vectors.forEach((vector, index) => {
      native.multiply(matrix, vector, images[index]!)
      native.multiplyTransposed(matrix, images[index]!, vector)
    })
    orthonormalize(vectors)
  }
  const lengths = vectors.map((vector, index) => {
    native.multiply(matrix, vector, images[index]!)
    return length(images[index]!)
  })
  return Float64Array.from(lengths).sort().reverse()
}

/** Quadratic residues of a prime: without pattern enough not to be orthogonal to what is sought, and the same everywhere. */
function startVector(columns: number, index: number): Float64Array {
  const prime = 65_521
  return Float64Array.from({ length: columns }, (_, i) => {
    const n = (i + 1 + index * 7919) % prime
    return ((n * n + index + 1) % prime) / prime - 0.5
  })
}

/** Gram-Schmidt, twice: once loses orthogonality where vectors are nearly parallel. */
function orthonormalize(vectors: readonly Float64Array[]): void {
  vectors.forEach((vector, index) => {
    for (let pass = 0; pass < 2; pass++) {
      for (const other of vectors.slice(0, index)) {
        const share = dot(vector, other)
        for (let i = 0; i < vector.length; i++) vector[i] = vector[i]! - share * other[i]!
      }
    }
    const size = length(vector)
    // A matrix of lower rank: what is left is rounding, and its value is zero.
    for (let i = 0; i < vector.length; i++) vector[i] = size > 0 ? vector[i]! / size : 0
  })
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}

function length(vector: Float64Array): number {
  return Math.sqrt(dot(vector, vector))
}
