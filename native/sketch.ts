/**
 * A random projection of a vector of any length to `width` numbers that keeps angles: the sketch of a difference is the
 * difference of the sketches, and the expected dot product of two sketches is that of the vectors, with a deviation of at
 * most about |a| |b| / sqrt(width / 2).
 *
 * The space `hart-sketch/1`, by `width` (64, 128 or 256) and `seed`; vectors of other spaces are not comparable:
 *
 *   w = width / 64 + 1 words per group; word(n) = output n of splitmix64 started at seed, n from 0
 *   group g holds elements g * width ... g * width + width - 1
 *   rotation(g) = word(g * w) mod width
 *   sign of element i of a group: bit (i mod 64) of word(g * w + 1 + floor(i / 64)); 1 means minus
 *   sketch[(rotation(g) + i) mod width] += sign * element
 *
 * It is a sparse sign projection: each element goes to one place with a random sign, so the cost is that of one addition
 * where a dense matrix of signs takes `width`, and the variance of a dot product is the same. The rotation keeps columns
 * of a matrix from always meeting in one place. Elements that are not finite count as zero.
 */
import type { SketchWidth } from './binding.ts'

export const sketchSpace = 'hart-sketch/1'

/** Sums of elements that were rotated past the end lie in the second half until `sketchOf`. */
export function createSketch(width: SketchWidth): Float64Array {
  return new Float64Array(2 * width)
}

export function sketchOf(state: Float64Array): Float64Array {
  const width = state.length / 2
  return Float64Array.from({ length: width }, (_, i) => state[i]! + state[i + width]!)
}

/** An estimate of the cosine of the two sketched vectors; 0 where one is zero. */
export function sketchCosine(a: Float64Array, b: Float64Array): number {
  let [dot, aa, bb] = [0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    dot += a[i]! * b[i]!
    aa += a[i]! * a[i]!
    bb += b[i]! * b[i]!
  }
  return aa === 0 || bb === 0 ? 0 : dot / (Math.sqrt(aa) * Math.sqrt(bb))
}
