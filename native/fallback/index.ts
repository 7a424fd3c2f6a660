/** The contract in TypeScript: for machines without a compiler, and what the addon is checked against. */
import { bindingVersion, type NativeBinding } from '../binding.ts'
import { accumulateMoments, accumulateProducts } from './accumulate.ts'
import { dequantize } from './dequantize.ts'
import { accumulateHistogram } from './histogram.ts'
import { multiply, multiplyTransposed } from './multiply.ts'
import { accumulateSketch } from './sketch.ts'

export const fallback: NativeBinding = {
  version: bindingVersion,
  dequantize,
  accumulateMoments,
  accumulateProducts,
  accumulateSketch,
  accumulateHistogram,
  multiply,
  multiplyTransposed,
}
