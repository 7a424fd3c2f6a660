/** Model files: what is in them, what they are made of, and how they get into the shard database. */
export { type ComponentIndex, componentIndexVersion, groupComponents } from './components.ts'
export type { DownloadOptions } from './download.ts'
export { type FileSource, openFileSource } from './file-source.ts'
export { type GeneratedType, type GenerateOptions, generateModel, type LlamaShape, s110Shape } from './gguf/generate.ts'
export { partNames } from './gguf/split.ts'
export { fileIdentity, identityText } from './hash-pass.ts'
export { readModelHeader } from './header.ts'
export { type HttpSource, type HttpSourceOptions, openHttpSource } from './http-source.ts'
export { huggingFaceOrigin, huggingFaceUrl, isHuggingFaceReference } from './hugging-face.ts'
export {
  contentOf,
  type IngestDependencies,
  type IngestRequest,
  type IngestResult,
  ingestModel,
} from './ingest-model.ts'
export { downloadOrigin, isOriginReference, type OriginModel, type OriginOptions, openOrigin } from './origin.ts'
export { type IngestProgress, ProgressMeter } from './progress.ts'
export { metaKeys, storedMeta } from './stored-meta.ts'
export type { ByteSource, MetaValue, ModelHeader } from './types.ts'
