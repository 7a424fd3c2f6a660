/** One request: prompt to tokens, tokens to text. Runs in the child. */
import { randomInt } from 'node:crypto'
import type { ChatHistoryItem, LlamaContextSequence, Token } from 'node-llama-cpp'
import { HartonomousError } from '#protocol/errors.ts'
import type { ChatMessage, InferPrompt, SamplingOptions } from '#protocol/infer/message.ts'
import { StopFilter } from '../stop-filter.ts'
import { Detokenizer } from './detokenizer.ts'
import type { LoadedModel } from './loaded-models.ts'
import type { InferProgress, InferResult } from './messages.ts'
import type { Pace } from './pace.ts'
import type { Phases } from './phases.ts'

/**
 * Text goes to the parent at most this often. At 2,000 tokens/s (the bundled model on one core) a message per token
 * would cost a fifth of the time; 30 ms still is a frame of a film, and leaves the cores to the engine.
 */
const flushMs = 30

interface Prompt {
  tokens: Token[]
  /** End-of-turn marks of the template that the file does not flag as such. */
  stopTokens: Set<Token>
  stopStrings: string[]
}

export async function generate(
  loaded: LoadedModel,
  sequence: LlamaContextSequence,
  input: { prompt: InferPrompt; sampling: SamplingOptions; pace: Pace | undefined; phases?: Phases | undefined },
  emit: (progress: InferProgress) => void,
  signal: AbortSignal,
): Promise<InferResult> {
  if (loaded.isEncoderOnly) {
    const reason = 'it gives vectors only: ask for embeddings'
    throw new HartonomousError('ERR_MODEL_UNSUPPORTED', { modelId: loaded.modelId, reason })
  }
  const prompt = tokenizePrompt(loaded, input.prompt)
  const promptTokens = prompt.tokens.length
  if (promptTokens >= loaded.contextTokens) {
    throw new HartonomousError('ERR_CONTEXT_LENGTH', { promptTokens, contextTokens: loaded.contextTokens })
  }
  emit({ type: 'start', promptTokens })
  const tokensMax = Math.min(input.sampling.maxTokens, loaded.contextTokens - promptTokens)
  if (tokensMax <= 0) return { reason: 'length', promptTokens, completionTokens: 0 }
  const { pace, phases } = input
  phases?.begin('prompt')
  await pace?.until(1, signal, () => emit({ type: 'working' }))
  const rest = await prefill(loaded, sequence, prompt.tokens, emit, signal)
  if (rest === undefined) return { reason: 'cancelled', promptTokens, completionTokens: 0 }

  const output = new Output(emit, new StopFilter([...input.sampling.stop, ...prompt.stopStrings]))
  const text = new Detokenizer(loaded.model as never, prompt.tokens)
  let completionTokens = 0
  let reason: InferResult['reason'] = 'stop'
  try {
    for await (const token of sequence.evaluate(rest, samplerOptions(input.sampling))) {
      if (completionTokens === 0) phases?.begin('generate')
      if (signal.aborted) {
        reason = 'cancelled'
        break
      }
      if (prompt.stopTokens.has(token)) break
      completionTokens++
      if (output.push(text.push(token), 1)) break
      if (completionTokens >= tokensMax) {
        reason = 'length'
        break
      }
      if (pace === undefined || pace.isAllowed(completionTokens + 1)) continue
      // What is held back has to be told, or nobody would say that it may go on.
      output.tell()
      await pace.until(completionTokens + 1, signal, () => emit({ type: 'working' }))
    }
    if (reason !== 'cancelled') output.push(text.flush(), 0)
  } finally {
    output.end()
  }
  // The last piece may have completed a stop string.
  if (reason === 'length' && output.isStopped) reason = 'stop'
  return { reason, promptTokens, completionTokens }
}

/** Reads all but the last part of the prompt; undefined where it was cancelled. */
async function prefill(
  loaded: LoadedModel,
  sequence: LlamaContextSequence,
  tokens: Token[],
  emit: (progress: InferProgress) => void,
  signal: AbortSignal,
): Promise<Token[] | undefined> {
  let at = 0
  // Parts of a fixed size: their shape, and so the last bits of the result, depends on nothing but the prompt.
  while (tokens.length - at > loaded.prefillTokens) {
    if (signal.aborted) return undefined
    await sequence.evaluateWithoutGeneratingNewTokens(tokens.slice(at, at + loaded.prefillTokens))
    at += loaded.prefillTokens
    emit({ type: 'working' })
  }
  return signal.aborted ? undefined : tokens.slice(at)
}

function samplerOptions(sampling: SamplingOptions): Parameters<LlamaContextSequence['evaluate']>[1] {
  if (sampling.temperature <= 0) return { temperature: 0 }
  const seed = sampling.seed ?? randomInt(2 ** 32)
  return {
    temperature: sampling.temperature,
    topK: sampling.topK,
    topP: sampling.topP,
    // llama.cpp takes 32 bits; 2^32 - 1 means "random" to it.
    seed: ((seed % 0xffff_ffff) + 0xffff_ffff) % 0xffff_ffff,
  }
}

function tokenizePrompt(loaded: LoadedModel, prompt: InferPrompt): Prompt {
  return prompt.type === 'chat' ? tokenizeChat(loaded, prompt.messages) : tokenizeText(loaded, prompt.text)
}

/** Marks like `<|assistant|>` inside the text stay plain text: only templates may set them. */
function tokenizeText({ model }: LoadedModel, text: string): Prompt {
  const tokens = withBos(model.tokenize(text.toWellFormed(), false), model.tokens)
  if (tokens.length === 0) throw new HartonomousError('ERR_USAGE', { message: 'the prompt is empty' })
  return { tokens, stopTokens: new Set(), stopStrings: [] }
}

function tokenizeChat(loaded: LoadedModel, messages: ChatMessage[]): Prompt {
  const { model, chat, modelId } = loaded
  if (chat === undefined) {
    throw new HartonomousError('ERR_MODEL_UNSUPPORTED', {
      modelId,
      reason: 'its file has no chat template; use a completion',
    })
  }
  const chatHistory: ChatHistoryItem[] = messages.map(({ role, content }) => {
    const text = content.toWellFormed()
    return role === 'assistant' ? { type: 'model', response: [text] } : { type: role, text }
  })
  if (messages.at(-1)?.role !== 'assistant') chatHistory.push({ type: 'model', response: [] })
  let state: ReturnType<typeof chat.generateContextState>
  try {
    state = chat.generateContextState({ chatHistory })
  } catch (error) {
    // Templates refuse some orders of roles by `raise_exception`.
    const text = error instanceof Error ? error.message.slice(0, 200) : 'unknown reason'
    throw new HartonomousError('ERR_USAGE', {
      message: `the chat template of the model refuses these messages: ${text}`,
    })
  }
  const tokens = withBos(state.contextText.tokenize(model.tokenizer), model.tokens)
  const stopTokens = new Set<Token>()
  const stopStrings: string[] = []
  for (const trigger of state.stopGenerationTriggers) {
    const parts = trigger.tokenize(model.tokenizer)
    if (parts.length === 1 && model.isSpecialToken(parts[0])) stopTokens.add(parts[0]!)
    else if (trigger.values.every((value) => typeof value === 'string')) stopStrings.push(trigger.toString())
  }
  return { tokens, stopTokens, stopStrings }
}

function withBos(tokens: Token[], marks: LoadedModel['model']['tokens']): Token[] {
  if (!marks.shouldPrependBosToken || marks.bos === null || tokens[0] === marks.bos) return tokens
  return [marks.bos, ...tokens]
}

/** Collects final text and sends it in pieces: the first at once, then at most every `flushMs`. */
class Output {
  readonly #emit: (progress: InferProgress) => void
  readonly #filter: StopFilter
  #text = ''
  #tokens = 0
  #sentAtMs = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined

  constructor(emit: (progress: InferProgress) => void, filter: StopFilter) {
    this.#emit = emit
    this.#filter = filter
  }

  get isStopped(): boolean {
    return this.#filter.isStopped
  }

  /** True when a stop string ended the answer. */
  push(text: string, tokens: number): boolean {
    this.#text += this.#filter.push(text)
    this.#tokens += tokens
    if (this.#text.length > 0) {
      const waitMs = this.#sentAtMs + flushMs - performance.now()
      if (waitMs <= 0) this.#send()
      else this.#timer ??= setTimeout(() => this.#send(), waitMs)
    }
    return this.#filter.isStopped
  }

  /** All tokens so far, though their text may be held back. */
  tell(): void {
    if (this.#tokens > 0) this.#send()
  }

  end(): void {
    this.#text += this.#filter.flush()
    if (this.#text.length > 0) this.#send()
    clearTimeout(this.#timer)
  }

  #send(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#emit({ type: 'delta', text: this.#text, tokens: this.#tokens })
    this.#text = ''
    this.#tokens = 0
    this.#sentAtMs = performance.now()
  }
}
