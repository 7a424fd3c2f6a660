/** Looking into models: values, statistics and differences of tensors, without an inference engine. */
export { diffModels } from './diff-models.ts'
export { openModelFile, tensorsOf } from './open-file.ts'
export { peekInThread } from './peek-thread.ts'
export { drawTensor, heatLevels } from './picture.ts'
export { encodePng, type IndexedPicture } from './png.ts'
export { type ShowOptions, showTensor, viewTensor } from './show-tensor.ts'
export type * from './types.ts'
