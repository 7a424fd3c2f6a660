/** Inference engines, and the service that queues requests to them. */

import type { ModelId } from '#protocol/ids.ts'
import type { InferPrompt, SamplingOptions } from '#protocol/infer/message.ts'

export interface EngineModel {
  modelId: ModelId
  /** First file of the model (split files stand beside it). */
  path: string
  contextTokens?: number
}

export type InferEvent =
  | { type: 'queued'; position: number }
  | { type: 'loading' }
  | { type: 'start'; promptTokens: number }
  | { type: 'delta'; text: string; tokens: number }
  | {
      type: 'end'
      reason: 'stop' | 'length' | 'cancelled'
      promptTokens: number
      completionTokens: number
      durationMs: number
    }

export interface EngineStatus {
  engine: string
  build: string
  /** `cpu`, or the name of the GPU and its back end. */
  device: string
  state: 'idle' | 'starting' | 'ready' | 'crashed'
  loadedModels: ModelId[]
  slots: number
  slotsBusy: number
  queued: number
  /** Since start. */
  crashes: number
  /** Compute threads; once the child has started. */
  threads?: number
  /** Of the child process, while there is one. */
  pid?: number
  lastError?: string
}

/** One engine in its own child process. */
export interface InferenceEngine {
  /**
   * Starts the child and loads the model where needed. Breaking out of the loop, or the signal, cancels; after the
   * signal the last event is an `end` with the reason `cancelled`.
   */
  infer(
    model: EngineModel,
    prompt: InferPrompt,
    sampling: SamplingOptions,
    options: { signal: AbortSignal },
  ): AsyncIterable<InferEvent>
  status(): EngineStatus
  /** Forgets a loaded model (its file is about to go). */
  unload(modelId: ModelId): Promise<void>
  close(): Promise<void>
}
