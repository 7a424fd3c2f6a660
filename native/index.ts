/** Arithmetic on weights: the addon where there is one for this machine, else the same in TypeScript. */
export { type BlockLayout, blockLayout, blockLayouts, type NativeBinding, sketchWidths } from './binding.ts'
export { loadNative, type NativeChoice } from './load.ts'
export { createMoments, type Moments, momentsOf } from './moments.ts'
export { addProducts, createProducts, type Products, productsOf } from './products.ts'
export { createSketch, sketchCosine, sketchOf, sketchSpace } from './sketch.ts'
export { singularValues } from './spectrum.ts'
export { type StructuralVector, structuralVector } from './structural.ts'
