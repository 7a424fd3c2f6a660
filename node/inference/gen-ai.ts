/** Names and attributes of spans of answers. Source: OpenTelemetry, semantic conventions for generative AI (development). */
import type { EmbedInput, InferInput } from '#protocol/infer/index.ts'
import type { SpanAttributes } from '../telemetry/index.ts'
import type { InferEvent } from './types.ts'

export type GenAiOperation = 'chat' | 'text_completion' | 'embeddings'

export function operationOf(input: Omit<InferInput, 'modelId'> | Omit<EmbedInput, 'modelId'>): GenAiOperation {
  if ('inputs' in input) return 'embeddings'
  return input.prompt.type === 'chat' ? 'chat' : 'text_completion'
}

/** `chat MODEL`, as the conventions want it. */
export function spanNameOf(input: InferInput | EmbedInput): string {
  return `${operationOf(input)} ${input.modelId}`
}

/** All of the request but what was said. */
export function requestAttributes(input: InferInput | EmbedInput): SpanAttributes {
  const common = {
    'gen_ai.operation.name': operationOf(input),
    'gen_ai.provider.name': 'hartonomous',
    'gen_ai.request.model': input.modelId,
  }
  if ('inputs' in input) return { ...common, 'hartonomous.embed.inputs': input.inputs.length }
  const { maxTokens, temperature, topP, topK, seed } = input.sampling
  return {
    ...common,
    'gen_ai.request.max_tokens': maxTokens,
    'gen_ai.request.temperature': temperature,
    'gen_ai.request.top_p': topP,
    'gen_ai.request.top_k': topK,
    'gen_ai.request.seed': seed,
  }
}

export function endAttributes({
  reason,
  promptTokens,
  completionTokens,
}: Extract<InferEvent, { type: 'end' }>): SpanAttributes {
  return {
    'gen_ai.response.finish_reasons': [reason],
    'gen_ai.usage.input_tokens': promptTokens,
    'gen_ai.usage.output_tokens': completionTokens,
  }
}
