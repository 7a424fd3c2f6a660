export { endAttributes, type GenAiOperation, requestAttributes, spanNameOf } from './gen-ai.ts'
export { createLlamaEngine, type LlamaEngine, type LlamaEngineOptions } from './llama/engine.ts'
export { inferOverPeer, type PeerEmbedRequest, type PeerInferOptions, type PeerInferRequest } from './peer-request.ts'
export { type PeerInferenceHost, serveInferStream } from './peer-service.ts'
export {
  type EmbedRequest,
  type InferCallOptions,
  type InferenceObservation,
  InferenceService,
  type InferenceServiceOptions,
  type InferenceServiceStatus,
  type InferRequest,
} from './service.ts'
export type * from './types.ts'
