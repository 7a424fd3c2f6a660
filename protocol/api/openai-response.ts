/** Answers of the OpenAI API, as readers of ours check them and as writers of ours must shape them. */
import { z } from 'zod'

const finishReason = z.enum(['stop', 'length', 'content_filter', 'tool_calls'])

export const usage = z.object({
  prompt_tokens: z.int().nonnegative(),
  completion_tokens: z.int().nonnegative(),
  total_tokens: z.int().nonnegative(),
})
export type Usage = z.infer<typeof usage>

const head = { id: z.string(), created: z.int(), model: z.string() }

export const chatCompletion = z.object({
  ...head,
  object: z.literal('chat.completion'),
  choices: z.array(
    z.object({
      index: z.int(),
      message: z.object({ role: z.literal('assistant'), content: z.string().nullable() }),
      finish_reason: finishReason,
    }),
  ),
  usage,
})
export type ChatCompletion = z.infer<typeof chatCompletion>

export const chatCompletionChunk = z.object({
  ...head,
  object: z.literal('chat.completion.chunk'),
  /** Empty in the chunk that carries the usage. */
  choices: z.array(
    z.object({
      index: z.int(),
      delta: z.object({ role: z.literal('assistant').optional(), content: z.string().nullish() }),
      finish_reason: finishReason.nullish(),
    }),
  ),
  usage: usage.nullish(),
})
export type ChatCompletionChunk = z.infer<typeof chatCompletionChunk>

/** Whole and in chunks: the completions API has one object for both. */
export const completion = z.object({
  ...head,
  object: z.literal('text_completion'),
  choices: z.array(z.object({ index: z.int(), text: z.string(), finish_reason: finishReason.nullish() })),
  usage: usage.nullish(),
})
export type Completion = z.infer<typeof completion>

export const embeddings = z.object({
  object: z.literal('list'),
  data: z.array(
    z.object({
      object: z.literal('embedding'),
      index: z.int().nonnegative(),
      /** Or the f32 of it, little endian, in base64. */
      embedding: z.union([z.array(z.number()), z.base64()]),
    }),
  ),
  model: z.string(),
  usage: usage.omit({ completion_tokens: true }),
  x_hartonomous: z.object({ quality: z.enum(['encoder', 'low']) }).optional(),
})
export type Embeddings = z.infer<typeof embeddings>

export const modelList = z.object({
  object: z.literal('list'),
  data: z.array(
    z.object({
      id: z.string(),
      object: z.literal('model'),
      created: z.int(),
      owned_by: z.string(),
      x_hartonomous: z.record(z.string(), z.unknown()).optional(),
    }),
  ),
})
export type ModelList = z.infer<typeof modelList>
