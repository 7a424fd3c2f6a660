/** One answer of the OpenAI gateway, streamed. A model without a chat template is given the prompt as plain text. */
import { SseParser } from '#protocol/api/index.ts'
import { errorFromWire, HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import type { ControlClient } from './client.ts'

export interface AnswerRequest {
  model: string
  prompt: string
  system?: string
  temperature: number
  maxTokens: number
  seed?: number
}

export interface AnswerPart {
  text: string
  /** With the last part. */
  completionTokens?: number
  /** The peer that answers; `self` for the node itself. */
  peer: string
}

export interface GatewayErrorBody {
  error?: { message?: string }
  x_hartonomous?: { code?: string; fields?: Record<string, unknown> }
}

interface Chunk extends GatewayErrorBody {
  choices?: { delta?: { content?: string }; text?: string }[]
  usage?: { completion_tokens: number }
}

/** @throws what the gateway answered */
export async function* streamAnswer(client: ControlClient, request: AnswerRequest): AsyncGenerator<AnswerPart> {
  const { model, prompt, system, temperature, maxTokens, seed } = request
  const shared = {
    model,
    temperature,
    max_tokens: maxTokens,
    ...(seed === undefined ? {} : { seed }),
    stream: true,
    stream_options: { include_usage: true },
  }
  const messages = [
    ...(system === undefined ? [] : [{ role: 'system', content: system }]),
    { role: 'user', content: prompt },
  ]
  try {
    yield* read(await client.raw('/v1/chat/completions', { ...shared, messages }))
  } catch (error) {
    if (!isHartonomousError(error, 'ERR_MODEL_UNSUPPORTED')) throw error
    yield* read(
      await client.raw('/v1/completions', {
        ...shared,
        prompt: system === undefined ? prompt : `${system}\n${prompt}`,
      }),
    )
  }
}

async function* read(response: Response): AsyncGenerator<AnswerPart> {
  const peer = response.headers.get('x-hartonomous-peer') ?? 'self'
  const parser = new SseParser()
  const decoder = new TextDecoder()
  for await (const bytes of response.body ?? []) {
    for (const { data } of parser.push(decoder.decode(bytes as Uint8Array, { stream: true }))) {
      if (data === '[DONE]') return
      const chunk = JSON.parse(data) as Chunk
      if (chunk.error !== undefined) throw gatewayError(chunk)
      const { choices, usage } = chunk
      const text = choices?.[0]?.delta?.content ?? choices?.[0]?.text ?? ''
      if (text !== '' || usage) yield { text, peer, ...(usage ? { completionTokens: usage.completion_tokens } : {}) }
    }
  }
}

/** An OpenAI error body, back as the error that it was. */
export function gatewayError(body: GatewayErrorBody): HartonomousError {
  const { error, x_hartonomous: own } = body
  if (own?.code !== undefined && own.fields !== undefined) return errorFromWire({ code: own.code, fields: own.fields })
  return new HartonomousError('ERR_IO', { path: 'answer', reason: error?.message ?? 'the gateway gave no reason' })
}
