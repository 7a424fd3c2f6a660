/** Inference engines, and the service that queues requests to them. */

import type { ModelId, PeerId } from '#protocol/ids.ts'
import type { EmbeddingQuality, EmbedInput, InferInput, InferPrompt, SamplingOptions } from '#protocol/infer/message.ts'

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
  /** As on the wire: f32, little endian, of length 1. Its tokens were counted by `start`. */
  | { type: 'embedding'; index: number; vector: Uint8Array; tokens: number; quality: EmbeddingQuality }
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

/** What a receipt for an answer is about. Tokens of the answer are those of its deltas: both ends have counted them. */
export interface AnswerWork {
  input: InferInput | EmbedInput
  /** Hash of the text, or of the vectors. */
  output: Uint8Array
  promptTokens: number
  completionTokens: number
}

/** Payment of one served answer. Tokens are counted by us: prompt tokens at the start, then those of each delta. */
export interface Sale {
  receive(message: Uint8Array): void
  /** Resolves when so many tokens in all may have been sent; rejects (ERR_UNPAID) when payment does not come. */
  credit(totalTokens: number, signal: AbortSignal): Promise<void>
  /** Before `end` goes out: what was done; the receipt is durable, and sent by `send`, when it resolves. Not for a cancelled one. */
  finish(work: AnswerWork & { durationMs: number; reason: string; build: string }): Promise<void>
  /** However the session ends. */
  end(): void
}

/** `first` is the payment of the start frame. Undefined: this answer is free. May throw ERR_UNPAID. */
export type Sell = (
  peerId: PeerId,
  modelId: ModelId,
  first: Uint8Array | undefined,
  send: (message: Uint8Array) => Promise<void>,
) => Promise<Sale | undefined>

/** The asking side of a `Sale`. */
export interface Purchase {
  /** Goes with the start frame. */
  first: Uint8Array
  /** After the start is sent, before anything is received. `send` rejects when the stream has ended. */
  attach(send: (message: Uint8Array) => Promise<void>): void
  /** `receivedTokens`: of the deltas that have come. */
  receive(message: Uint8Array, receivedTokens: number): void
  /** The answer is whole, its receipt has come if it will. The prompt's tokens are what the peer says. */
  finish(answer: AnswerWork): Promise<void>
  /** However the session ends. */
  end(): void
}

export interface EngineCallOptions {
  signal: AbortSignal
  isPaced?: boolean
  /** Of the span that the work belongs to. */
  traceparent?: string | undefined
}

/** One engine in its own child process. */
export interface InferenceEngine {
  /**
   * Starts the child and loads the model where needed. Breaking out of the loop, or the signal, cancels; after the
   * signal the last event is an `end` with the reason `cancelled`.
   *
   * Paced, it does not work ahead of its reader: the prompt is read once the event after `start` is asked for, and the
   * answer is at most `pacedTokensAheadMax` tokens ahead of those that the reader is done with.
   */
  infer(
    model: EngineModel,
    prompt: InferPrompt,
    sampling: SamplingOptions,
    options: EngineCallOptions,
  ): AsyncIterable<InferEvent>
  /** The same, with an `embedding` for each input. */
  embed(model: EngineModel, inputs: readonly string[], options: EngineCallOptions): AsyncIterable<InferEvent>
  status(): EngineStatus
  /** Forgets a loaded model (its file is about to go). */
  unload(modelId: ModelId): Promise<void>
  close(): Promise<void>
}
