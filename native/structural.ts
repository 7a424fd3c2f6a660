/**
 * What the weights of one component say without any text: size, shape of the distribution, spectrum of a sample of rows,
 * and a sketch. Says nothing about meaning; for maps, duplicates and differences between versions.
 */
import type { NativeBinding, SketchWidth } from './binding.ts'
import { createMoments, type Moments, momentsOf } from './moments.ts'
import { createSketch, sketchOf } from './sketch.ts'
import { singularValues } from './spectrum.ts'

export interface StructuralVector {
  moments: Moments
  sketch: Float64Array
  /** Largest first; of the rows given as a sample. */
  singularValues: Float64Array
}

export interface StructuralOptions {
  /** Decoded values in order, cut anywhere at a multiple of the sketch's width. */
  parts: Iterable<Float32Array>
  /** Rows for the spectrum, row-major. */
  sample: { rows: number; columns: number; values: Float32Array }
  sketchWidth: SketchWidth
  seed: number
  singularValueCount: number
}

/** @throws {ERR_NATIVE_ARGUMENT} for a part that begins elsewhere */
export function structuralVector(native: NativeBinding, options: StructuralOptions): StructuralVector {
  const { parts, sample, sketchWidth, seed, singularValueCount } = options
  const moments = createMoments()
  const sketch = createSketch(sketchWidth)
  for (const values of parts) {
    native.accumulateSketch(sketch, values, moments[0]!, seed)
    native.accumulateMoments(moments, values)
  }
  const { rows, columns, values } = sample
  return {
    moments: momentsOf(moments),
    sketch: sketchOf(sketch),
    singularValues: singularValues(native, values, { rows, columns, count: singularValueCount }),
  }
}
