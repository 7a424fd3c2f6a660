/** Models: content and its blocks, releases, and the keys that follow from them. */
export * from './content.ts'
export { encodeContent, type GetBlock, loadContent } from './content-block.ts'
export { checkContent, checkLayout } from './content-check.ts'
export { type ComponentKeyInput, catalogueKey, componentKey, extentRoot, leafBytes } from './keys.ts'
export * from './release.ts'
export {
  decodeRelease,
  encodeRelease,
  isReleaseName,
  releaseContentBytesMax,
  releaseSigningBytes,
} from './release-block.ts'
