/**
 * Requests of the OpenAI API: what is known is checked, what is unknown is ignored, and what we would have to get wrong
 * (tools, images, several answers, structured output) is refused by name. Source: OpenAI's OpenAPI document, 2.3.0.
 */
import { z } from 'zod'
import { HartonomousError } from '../errors.ts'
import type { ChatMessage, InferPrompt, SamplingOptions } from '../infer/message.ts'
import {
  chatMessagesMax,
  chatTokensDefault,
  completionTokensDefault,
  embeddingDimensionsMax,
  embeddingInputsMax,
  inferenceTokensMax,
  modelNameBytesMax,
  stopSequenceBytesMax,
} from '../limits.ts'
import { deepestIssue, paramOf } from './issue.ts'

/** OpenAI's own limit; our wire takes more. */
const stopsMax = 4
/** Neither is part of OpenAI's API; llama.cpp's default, and its servers accept the field. */
const topKDefault = 40

/** Absent and null mean the same to OpenAI. */
function optional<T extends z.ZodType>(shape: T) {
  return shape.nullish().transform((value) => value ?? undefined)
}

const stopText = z
  .string()
  .min(1)
  .refine((text) => text.isWellFormed(), 'half of a surrogate pair')
  .refine((text) => Buffer.byteLength(text) <= stopSequenceBytesMax, `at most ${stopSequenceBytesMax} bytes`)

/** Fields that both endpoints have. */
const common = {
  model: z.string().min(1).max(modelNameBytesMax),
  temperature: optional(z.number().min(0).max(2)),
  top_p: optional(z.number().min(0).max(1)),
  top_k: optional(z.int().min(0).max(1_000_000)),
  max_tokens: optional(z.int().min(1)),
  stop: optional(z.union([stopText, z.array(stopText).max(stopsMax)], `a string, or at most ${stopsMax} of them`)),
  seed: optional(z.int()),
  stream: optional(z.boolean()),
  stream_options: optional(z.object({ include_usage: optional(z.boolean()) })),
  n: optional(z.literal(1, 'one answer per request only')),
}

const textPart = z.object({ type: z.literal('text', 'text parts only'), text: z.string() })
const content = z.union([z.string(), z.array(textPart).min(1)], 'a string, or an array of text parts')
/** Present and of use: refused, because an answer that ignores it would be wrong. Empty: as if absent. */
function unsupported(name: string) {
  return z
    .unknown()
    .refine((value) => isNothing(value), `${name} are not supported`)
    .optional()
}

function isNothing(value: unknown): boolean {
  return value === undefined || value === null || value === false || (Array.isArray(value) && value.length === 0)
}

const message = z.object({
  role: z.enum(
    ['system', 'developer', 'user', 'assistant'],
    'system, developer, user or assistant; tools are not supported',
  ),
  content,
  tool_calls: unsupported('tool calls'),
})

export const chatCompletionRequest = z.object({
  ...common,
  messages: z.array(message).min(1).max(chatMessagesMax),
  max_completion_tokens: optional(z.int().min(1)),
  tools: unsupported('tools'),
  functions: unsupported('functions'),
  logprobs: unsupported('log probabilities'),
  response_format: optional(z.object({ type: z.literal('text', 'text only') })),
})

export const completionRequest = z.object({
  ...common,
  prompt: z.union(
    [z.string(), z.array(z.string()).length(1)],
    'one string; arrays of prompts or tokens are not supported',
  ),
  echo: unsupported('echoed prompts'),
  suffix: optional(z.literal('', 'suffixes are not supported')),
  best_of: optional(z.literal(1, 'one answer per request only')),
  logprobs: unsupported('log probabilities'),
})

/** A request as the rest of the node takes it. */
export interface TextRequest {
  /** As the client wrote it. */
  model: string
  prompt: InferPrompt
  sampling: SamplingOptions
  isStream: boolean
  /** A last chunk with the token counts was asked for. */
  hasUsage: boolean
}

/**
 * Body of `POST /v1/chat/completions`. Halves of surrogate pairs, which JSON can hold and UTF-8 cannot, become U+FFFD.
 * @throws {ERR_USAGE} naming the field in `param`
 */
export function parseChatCompletionRequest(body: unknown): TextRequest {
  const request = parseRequest(chatCompletionRequest, body)
  const messages = request.messages.map(({ role, content }): ChatMessage => {
    const text = typeof content === 'string' ? content : content.map((part) => part.text).join('')
    return { role: role === 'developer' ? 'system' : role, content: text.toWellFormed() }
  })
  const maxTokens = request.max_completion_tokens ?? request.max_tokens ?? chatTokensDefault
  return toTextRequest(request, { type: 'chat', messages }, maxTokens)
}

/** Body of `POST /v1/completions`. @throws {ERR_USAGE} naming the field in `param` */
export function parseCompletionRequest(body: unknown): TextRequest {
  const request = parseRequest(completionRequest, body)
  const text = typeof request.prompt === 'string' ? request.prompt : (request.prompt[0] ?? '')
  return toTextRequest(
    request,
    { type: 'completion', text: text.toWellFormed() },
    request.max_tokens ?? completionTokensDefault,
  )
}

export const embeddingsRequest = z.object({
  model: common.model,
  input: z.union(
    [z.string().min(1), z.array(z.string('a string: tokens are not supported').min(1)).min(1).max(embeddingInputsMax)],
    `a string, or up to ${embeddingInputsMax} of them, none empty`,
  ),
  encoding_format: optional(z.enum(['float', 'base64'])),
  dimensions: optional(z.int().min(1).max(embeddingDimensionsMax)),
})

/** A request for vectors as the rest of the node takes it. */
export interface EmbeddingsRequest {
  model: string
  inputs: string[]
  isBase64: boolean
  /** The vectors must have so many numbers: none are cut. */
  dimensions: number | undefined
}

/** Body of `POST /v1/embeddings`. @throws {ERR_USAGE} naming the field in `param` */
export function parseEmbeddingsRequest(body: unknown): EmbeddingsRequest {
  const { model, input, encoding_format, dimensions } = parseRequest(embeddingsRequest, body)
  const inputs = (typeof input === 'string' ? [input] : input).map((text) => text.toWellFormed())
  return { model, inputs, isBase64: encoding_format === 'base64', dimensions }
}

function toTextRequest(
  request: Pick<z.infer<typeof completionRequest>, keyof typeof common>,
  prompt: InferPrompt,
  maxTokens: number,
): TextRequest {
  const { temperature = 1, top_p: topP = 1, top_k: topK = topKDefault, seed, stop = [] } = request
  const sampling: SamplingOptions = {
    temperature,
    topP,
    topK,
    // More than a context holds is the same as no limit; clients send such numbers.
    maxTokens: Math.min(maxTokens, inferenceTokensMax),
    stop: typeof stop === 'string' ? [stop] : stop,
  }
  if (seed !== undefined) sampling.seed = seed
  const isStream = request.stream ?? false
  return { model: request.model, prompt, sampling, isStream, hasUsage: request.stream_options?.include_usage ?? false }
}

function parseRequest<T>(shape: z.ZodType<T>, body: unknown): T {
  const result = shape.safeParse(body)
  if (result.success) return result.data
  const issue = deepestIssue(result.error.issues[0])
  const param = paramOf(issue?.path ?? [])
  const message = `${param === '' ? 'request body' : param}: ${issue?.message ?? 'not valid'}`.slice(0, 300)
  throw new HartonomousError('ERR_USAGE', param === '' ? { message } : { message, param })
}
