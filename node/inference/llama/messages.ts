/** What the engine and its child process say to each other. */
import type { ModelId } from '#protocol/ids.ts'
import type { EmbeddingQuality, InferPrompt, SamplingOptions } from '#protocol/infer/message.ts'
import type { CallContext } from '#protocol/port/index.ts'
import type { EngineModel } from '../types.ts'

export type LlamaGpu = 'auto' | 'cuda' | 'vulkan' | 'metal' | false

export interface StartInput {
  gpu: LlamaGpu
  /** `undefined`: as many as the machine has to spare. */
  threads: number | undefined
  slots: number
  contextTokensMax: number
  modelsLoadedMax: number
  /** Weights and caches of all loaded models. */
  memoryBytesMax: number
}

export interface StartResult {
  build: string
  device: string
  threads: number
}

export interface InferCall {
  /** Names the request in `progress` events. */
  request: number
  model: EngineModel
  prompt: InferPrompt
  sampling: SamplingOptions
  /** It goes only as far as `allow` says. */
  isPaced: boolean
  /** Of the span that it belongs to, where somebody reads the times of its phases. */
  traceparent: string | undefined
}

/** Milliseconds since 1970. */
export interface EnginePhase {
  name: 'load' | 'prompt' | 'generate' | 'embed'
  startMs: number
  endMs: number
}

export interface EmbedCall {
  request: number
  model: EngineModel
  inputs: readonly string[]
  isPaced: boolean
  traceparent: string | undefined
}

export interface InferResult {
  reason: 'stop' | 'length' | 'cancelled'
  promptTokens: number
  completionTokens: number
  /** Of a traced request. */
  phases?: EnginePhase[]
}

export type LlamaMethods = {
  start(input: StartInput): Promise<StartResult>
  infer(input: InferCall, context: CallContext): Promise<InferResult>
  embed(input: EmbedCall, context: CallContext): Promise<InferResult>
  /** So many tokens of the answer may be made in all; the first ones also let the prompt be read. */
  allow(input: { request: number; tokens: number }): Promise<null>
  unload(input: { modelId: ModelId }): Promise<null>
}

export type InferProgress =
  | { type: 'loading' }
  /** A part of the prompt, or of the file, was read; or it waits for its reader. Shows that the child lives. */
  | { type: 'working' }
  | { type: 'start'; promptTokens: number }
  | { type: 'delta'; text: string; tokens: number }
  | { type: 'embedding'; index: number; vector: Uint8Array; tokens: number; quality: EmbeddingQuality }

export type LlamaEvents = {
  progress: { request: number; progress: InferProgress }
  /** After each load and unload. */
  models: { loaded: ModelId[] }
}
