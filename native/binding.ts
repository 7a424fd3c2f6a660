/**
 * The one typed contract of the native room: what the C++ addon exports, and what the TypeScript fallback does in its
 * place, bit for bit. Everything here is arithmetic on memory that the caller owns; nothing reads files, keeps a pointer
 * after it returned, or takes more memory than a few KiB.
 *
 * Rules that make two implementations agree to the last bit:
 * - Decoded weights are f32, rounded after every operation in the order of ggml's reference code; never fused.
 * - Sums are f64 in `laneCount` lanes: element `i` of a tensor goes to lane `i % laneCount`, in order. How a tensor is cut
 *   into calls changes nothing. Lanes are added pairwise in TypeScript that both share (`lanes.ts`).
 * - A value that is not finite counts as zero in every sum, and is counted.
 * - A NaN that comes out of a decoded block is 0x7fc00000. F32 and BF16 are copied, with the bits of their NaNs.
 */

/** Changes with the contract: an addon that was built for another one is not used. */
export const bindingVersion = 1

export const laneCount = 16

/** Per-lane sums of `accumulateMoments`, in this order; before them one number, the count of elements so far. */
export const momentFields = ['sum', 'sumAbs', 'sumSquares', 'sumFourths', 'zeros', 'nonFinite', 'min', 'max'] as const
export const momentStateLength = 1 + momentFields.length * laneCount

/** Per-lane sums of `accumulateProducts`, likewise. */
export const productFields = ['dot', 'aa', 'bb', 'dd', 'changed', 'nonFinite', 'maxAbs'] as const
export const productStateLength = 1 + productFields.length * laneCount

/** Widths that a sketch may have. */
export const sketchWidths = [64, 128, 256] as const
export type SketchWidth = (typeof sketchWidths)[number]

export const histogramBinsMax = 65_536

/** Bits of a sketch's seed: whole numbers up to 2^53 - 1. */
export interface NativeBinding {
  readonly version: number

  /**
   * Decodes whole blocks of ggml tensor type `typeId` to f32. `target` has exactly the elements that `source` encodes.
   * @throws {ERR_NATIVE_TYPE} {ERR_NATIVE_SIZE} {ERR_NATIVE_OVERLAP}
   */
  dequantize(typeId: number, source: Uint8Array, target: Float32Array): void

  /** Adds `values`, the next elements of a tensor, to a state of `momentStateLength`. @throws {ERR_NATIVE_SIZE} {ERR_NATIVE_OVERLAP} */
  accumulateMoments(state: Float64Array, values: Float32Array): void

  /** Adds the next pairs of two tensors to a state of `productStateLength`. @throws {ERR_NATIVE_SIZE} {ERR_NATIVE_OVERLAP} */
  accumulateProducts(state: Float64Array, a: Float32Array, b: Float32Array): void

  /**
   * Adds elements `firstIndex`, `firstIndex + 1`, ... of a vector to a sketch of `state.length / 2` dimensions (`sketch.ts`).
   * `firstIndex` is a multiple of that width. @throws {ERR_NATIVE_SIZE} {ERR_NATIVE_ARGUMENT} {ERR_NATIVE_OVERLAP}
   */
  accumulateSketch(state: Float64Array, values: Float32Array, firstIndex: number, seed: number): void

  /**
   * Counts values in equal bins from `low` to `high`; what lies outside goes to the first or last bin, what is not finite
   * nowhere. @throws {ERR_NATIVE_SIZE} {ERR_NATIVE_ARGUMENT} {ERR_NATIVE_OVERLAP}
   */
  accumulateHistogram(counts: Float64Array, values: Float32Array, low: number, high: number): void

  /** `out[r] = sum over c of matrix[r][c] * x[c]`; `matrix` is row-major. @throws {ERR_NATIVE_SIZE} {ERR_NATIVE_OVERLAP} */
  multiply(matrix: Float32Array, x: Float64Array, out: Float64Array): void

  /** `out[c] = sum over r of matrix[r][c] * y[r]`. @throws {ERR_NATIVE_SIZE} {ERR_NATIVE_OVERLAP} */
  multiplyTransposed(matrix: Float32Array, y: Float64Array, out: Float64Array): void
}

/** A mistake of the caller; both implementations throw a RangeError with one of these as its `code`. */
export type NativeErrorCode = 'ERR_NATIVE_TYPE' | 'ERR_NATIVE_SIZE' | 'ERR_NATIVE_ARGUMENT' | 'ERR_NATIVE_OVERLAP'

export interface BlockLayout {
  /** Of `enum ggml_type` in ggml.h. */
  id: number
  name: string
  blockElements: number
  blockBytes: number
}

/** Every type that can be decoded. */
export const blockLayouts: readonly BlockLayout[] = [
  { id: 0, name: 'F32', blockElements: 1, blockBytes: 4 },
  { id: 1, name: 'F16', blockElements: 1, blockBytes: 2 },
  { id: 2, name: 'Q4_0', blockElements: 32, blockBytes: 18 },
  { id: 3, name: 'Q4_1', blockElements: 32, blockBytes: 20 },
  { id: 6, name: 'Q5_0', blockElements: 32, blockBytes: 22 },
  { id: 7, name: 'Q5_1', blockElements: 32, blockBytes: 24 },
  { id: 8, name: 'Q8_0', blockElements: 32, blockBytes: 34 },
  { id: 10, name: 'Q2_K', blockElements: 256, blockBytes: 84 },
  { id: 11, name: 'Q3_K', blockElements: 256, blockBytes: 110 },
  { id: 12, name: 'Q4_K', blockElements: 256, blockBytes: 144 },
  { id: 13, name: 'Q5_K', blockElements: 256, blockBytes: 176 },
  { id: 14, name: 'Q6_K', blockElements: 256, blockBytes: 210 },
  { id: 20, name: 'IQ4_NL', blockElements: 32, blockBytes: 18 },
  { id: 30, name: 'BF16', blockElements: 1, blockBytes: 2 },
  { id: 39, name: 'MXFP4', blockElements: 32, blockBytes: 17 },
]

const byName = new Map(blockLayouts.map((layout) => [layout.name, layout]))

/** `undefined`: a type whose values cannot be decoded here. */
export function blockLayout(name: string): BlockLayout | undefined {
  return byName.get(name)
}
