/** Bodies of the OpenAI API, from the events of an answer. */
import { randomBytes } from 'node:crypto'
import type { Embeddings } from '#protocol/api/index.ts'
import { vectorOf } from '#protocol/infer/index.ts'
import type { InferEvent } from '../inference/types.ts'
import type { GatewayModel } from './backend.ts'

export type Endpoint = 'chat' | 'completion'

export interface Usage {
  promptTokens: number
  completionTokens: number
}

/** What all bodies of one answer have in common. */
export interface AnswerHead {
  endpoint: Endpoint
  id: string
  createdSeconds: number
  /** As the client wrote it. */
  model: string
}

export function answerHead(endpoint: Endpoint, model: string, nowMs: number): AnswerHead {
  const id = `${endpoint === 'chat' ? 'chatcmpl' : 'cmpl'}-${randomBytes(12).toString('hex')}`
  return { endpoint, id, createdSeconds: Math.floor(nowMs / 1000), model }
}

export function wholeAnswer(head: AnswerHead, text: string, reason: string, usage: Usage): object {
  const choice =
    head.endpoint === 'chat'
      ? {
          index: 0,
          message: { role: 'assistant', content: text, refusal: null },
          logprobs: null,
          finish_reason: reason,
        }
      : { index: 0, text, logprobs: null, finish_reason: reason }
  const object = head.endpoint === 'chat' ? 'chat.completion' : 'text_completion'
  return { ...common(head, object), choices: [choice], usage: usageBody(usage) }
}

export interface ChunkOptions {
  /** With `stream_options.include_usage` every chunk has the key, the last one its value. */
  hasUsage: boolean
}

/** The first chunk of a chat names the role. Completions have none. */
export function firstChunk(head: AnswerHead, options: ChunkOptions): object | undefined {
  if (head.endpoint !== 'chat') return undefined
  return chunk(head, { role: 'assistant', content: '', refusal: null }, null, options)
}

export function textChunk(head: AnswerHead, text: string, options: ChunkOptions): object {
  return chunk(head, head.endpoint === 'chat' ? { content: text } : text, null, options)
}

export function lastChunk(head: AnswerHead, reason: string, options: ChunkOptions): object {
  return chunk(head, head.endpoint === 'chat' ? {} : '', reason, options)
}

export function usageChunk(head: AnswerHead, usage: Usage): object {
  return { ...common(head, chunkObject(head)), choices: [], usage: usageBody(usage) }
}

function chunk(head: AnswerHead, piece: object | string, reason: string | null, { hasUsage }: ChunkOptions): object {
  const content = typeof piece === 'string' ? { text: piece } : { delta: piece }
  const choices = [{ index: 0, ...content, logprobs: null, finish_reason: reason }]
  return { ...common(head, chunkObject(head)), choices, ...(hasUsage ? { usage: null } : {}) }
}

function chunkObject(head: AnswerHead): string {
  return head.endpoint === 'chat' ? 'chat.completion.chunk' : 'text_completion'
}

function common(head: AnswerHead, object: string): object {
  return { id: head.id, object, created: head.createdSeconds, model: head.model }
}

function usageBody({ promptTokens, completionTokens }: Usage): object {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  }
}

/** @param vectors one at least, in the order of the inputs. */
export function embeddingsBody(
  model: string,
  vectors: readonly Extract<InferEvent, { type: 'embedding' }>[],
  { promptTokens, isBase64 }: { promptTokens: number; isBase64: boolean },
): Embeddings {
  return {
    object: 'list',
    data: vectors.map(({ index, vector }) => ({
      object: 'embedding',
      index,
      embedding: isBase64 ? Buffer.from(vector).toString('base64') : [...vectorOf(vector)],
    })),
    model,
    usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
    x_hartonomous: { quality: vectors.every(({ quality }) => quality === 'encoder') ? 'encoder' : 'low' },
  }
}

export function modelBody(model: GatewayModel): object {
  return {
    id: model.id,
    object: 'model',
    created: Math.floor(model.createdAtMs / 1000),
    owned_by: model.ownedBy,
    x_hartonomous: { model_id: model.modelId, ...model.details },
  }
}
