/** One request for vectors: each input to tokens, and through the model once. Runs in the child. */
import type { LlamaEmbeddingContext, Token } from 'node-llama-cpp'
import { HartonomousError } from '#protocol/errors.ts'
import { bytesOfVector } from '#protocol/infer/vector.ts'
import { embeddingValuesMax } from '#protocol/limits.ts'
import type { LoadedModel } from './loaded-models.ts'
import type { InferProgress, InferResult } from './messages.ts'
import type { Pace } from './pace.ts'

export async function embed(
  loaded: LoadedModel,
  input: { inputs: readonly string[]; pace: Pace | undefined },
  emit: (progress: InferProgress) => void,
  signal: AbortSignal,
): Promise<InferResult> {
  const { model, quality } = loaded
  checkSize(input.inputs.length, model.embeddingVectorSize)
  const context = await loaded.embeddings()
  const inputs = input.inputs.map((text) => tokenize(loaded, context, text))
  const promptTokens = inputs.reduce((sum, { count }) => sum + count, 0)
  emit({ type: 'start', promptTokens })
  await input.pace?.until(1, signal, () => emit({ type: 'working' }))
  for (const [index, { tokens, count }] of inputs.entries()) {
    if (signal.aborted) return { reason: 'cancelled', promptTokens, completionTokens: 0 }
    const { vector } = await context.getEmbeddingFor(tokens)
    emit({ type: 'embedding', index, vector: bytesOfVector(unit(loaded, vector)), tokens: count, quality })
  }
  return { reason: 'stop', promptTokens, completionTokens: 0 }
}

function checkSize(inputs: number, dimensions: number): void {
  const actual = inputs * dimensions
  if (actual <= embeddingValuesMax) return
  throw new HartonomousError('ERR_LIMIT', { what: 'numbers in all vectors', limit: embeddingValuesMax, actual })
}

/** Marks like `<|assistant|>` inside the text stay plain text. `count` is with the marks that the model wants around it. */
function tokenize(
  { model, embeddingTokens: contextTokens }: LoadedModel,
  context: LlamaEmbeddingContext,
  text: string,
): { tokens: Token[]; count: number } {
  const tokens = model.tokenize(text.toWellFormed(), false)
  if (tokens.length === 0) throw new HartonomousError('ERR_USAGE', { message: 'an input is empty', param: 'input' })
  const count = context.calculateInputLength([...tokens])
  if (count < contextTokens) return { tokens, count }
  throw new HartonomousError('ERR_CONTEXT_LENGTH', { promptTokens: count, contextTokens })
}

/** The same direction with length 1. In f64: the sum of squares of the smallest f32 numbers is not yet 0. */
function unit({ modelId }: LoadedModel, vector: readonly number[]): Float32Array {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0))
  if (Number.isFinite(length) && length > 0) return Float32Array.from(vector, (value) => value / length)
  throw new HartonomousError('ERR_MODEL_UNSUPPORTED', { modelId, reason: 'it gave a vector without a direction' })
}
