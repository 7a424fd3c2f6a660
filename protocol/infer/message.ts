/**
 * Infer: one stream is one session. The opener sends `start` or `embed`; the node answers with `accepted`, `delta` or
 * `embedding` frames and `end`, or `error`; `pay` frames go both ways in between. Closing the stream cancels. Frames for
 * layer ranges and hidden states are reserved (type numbers 18 to 31): a node of this version answers them with
 * ERR_MODEL_UNSUPPORTED, as an earlier one does `embed`.
 */

import type { WireError } from '../errors.ts'
import type { ModelId } from '../ids.ts'

export interface ChatMessage {
  role: 'system' | 'user' | 'assistant'
  content: string
}

export interface SamplingOptions {
  /** 0 is greedy. */
  temperature: number
  topP: number
  topK: number
  /** Same seed, same engine build, same prompt -> same tokens. */
  seed?: number
  maxTokens: number
  stop: string[]
}

export type InferPrompt = { type: 'chat'; messages: ChatMessage[] } | { type: 'completion'; text: string }

/** All of a request that the answer depends on: what a receipt calls its input. Both ends have it. */
export interface InferInput {
  modelId: ModelId
  prompt: InferPrompt
  sampling: SamplingOptions
}

/** Of these the vectors depend, and nothing else. */
export interface EmbedInput {
  modelId: ModelId
  /** Each gives one vector. */
  inputs: string[]
}

/**
 * What a vector may be used for. `encoder`: the model was made for it. `low`: the state of a language model behind its last
 * token; near texts are near by chance of what the model learnt.
 */
export type EmbeddingQuality = 'encoder' | 'low'

export type InferFrame =
  /** `payment` is the first message of `protocol/payment`, which nothing here looks into; without it the answer is asked for free. */
  | ({ type: 'start'; traceparent?: string; payment?: Uint8Array } & InferInput)
  | ({ type: 'embed'; traceparent?: string; payment?: Uint8Array } & EmbedInput)
  /** The request waits (`queued`) or runs. */
  | { type: 'accepted'; queued: number }
  /** Text that became final; `tokens` of it. */
  | { type: 'delta'; text: string; tokens: number }
  /** In the order of the inputs. `vector`: f32, little endian, of length 1. `tokens` of the input, which are prompt tokens. */
  | { type: 'embedding'; index: number; vector: Uint8Array; tokens: number; quality: EmbeddingQuality }
  | {
      type: 'end'
      reason: 'stop' | 'length' | 'cancelled'
      promptTokens: number
      completionTokens: number
      durationMs: number
    }
  | { type: 'error'; error: WireError }
  /** Either way, after `start`: a further message of payment. */
  | { type: 'pay'; message: Uint8Array }
  | { type: 'reserved'; number: number }
