/** One session on one node: what is asked, what comes, what it cost. */
import { createHash } from 'node:crypto'
import type { BoughtEvents, HartonomousNode, InferEvent, PeerRequest, WorkOrder } from '#node/runtime/index.ts'
import type { ItemWork, JobResult } from '#protocol/api/jobs.ts'
import { HartonomousError } from '#protocol/errors.ts'
import type { ModelId, PeerId } from '#protocol/ids.ts'
import { vectorOf } from '#protocol/infer/index.ts'
import type { EmbeddingQuality, InferPrompt, SamplingOptions } from '#protocol/infer/message.ts'
import { completionTokensMax } from './work-size.ts'

export type SittingEvent =
  | { type: 'queued'; position: number }
  | { type: 'loading' }
  | { type: 'output'; text: string; tokens: number }

export interface SittingRequest {
  work: ItemWork
  modelId: string
  traceparent: string | undefined
}

export type Account = ReturnType<BoughtEvents['account']>

export interface OneSitting {
  /** Once. @throws what the node answered, or what went wrong on the way */
  run(onEvent: (event: SittingEvent) => void): Promise<JobResult>
  /** At any time: what is due so far. */
  account(): Account
}

export type Sitting = (
  peerId: PeerId,
  request: SittingRequest,
  options: { order: WorkOrder; signal: AbortSignal },
) => OneSitting

const free: Account = { costWei: 0n }

/** `self`: the own node where `peerId` is its own. */
export function sittingOn(node: HartonomousNode): Sitting {
  return (peerId, { work, modelId, traceparent }, { order, signal }) => {
    let account = () => free
    const ask = async (prompt: InferPrompt, sampling: SamplingOptions): Promise<AsyncIterable<InferEvent>> => {
      const request = { prompt, sampling, ...trace }
      if (isOwn) return (await node.answers.infer({ model: modelId, ...request }, signal)).events
      return buy({ modelId: modelId as ModelId, ...request })
    }
    const buy = async (request: PeerRequest) => {
      const bought = await node.answers.inferAt(peerId, request, { signal, order })
      account = bought.account
      return bought.events
    }
    const isOwn = peerId === node.parts.network.peerId
    const trace = traceparent === undefined ? {} : { traceparent }
    return {
      account: () => account(),
      run: async (onEvent) => {
        if (work.kind === 'embedding') {
          const asked = { inputs: work.input, ...trace }
          const events = isOwn
            ? (await node.answers.embed({ model: modelId, ...asked }, signal)).events
            : await buy({ modelId: modelId as ModelId, ...asked })
          return collectVectors(work.input.length, events, onEvent, signal)
        }
        const prompt: InferPrompt =
          work.kind === 'chat' ? { type: 'chat', messages: work.messages } : { type: 'completion', text: work.prompt }
        return collect(work.kind, await ask(prompt, samplingOf(work)), onEvent, signal)
      },
    }
  }
}

async function collectVectors(
  count: number,
  events: AsyncIterable<InferEvent>,
  onEvent: (event: SittingEvent) => void,
  signal: AbortSignal,
): Promise<JobResult> {
  const vectors: number[][] = []
  let quality: EmbeddingQuality = 'low'
  for await (const event of events) {
    if (event.type === 'queued' || event.type === 'loading') onEvent(event)
    else if (event.type === 'embedding') {
      const { index, vector, tokens } = event
      vectors[index] = [...vectorOf(vector)]
      quality = event.quality
      onEvent({ type: 'output', text: '', tokens })
    } else if (event.type === 'end') {
      signal.throwIfAborted()
      if (event.reason === 'cancelled' || vectors.length !== count) break
      const dimensions = vectors[0]?.length ?? 0
      return { kind: 'embedding', vectors, dimensions, quality, promptTokens: event.promptTokens }
    }
  }
  throw new HartonomousError('ERR_ENGINE_CRASHED', { reason: 'the vectors broke off' })
}

async function collect(
  kind: 'chat' | 'completion',
  events: AsyncIterable<InferEvent>,
  onEvent: (event: SittingEvent) => void,
  signal: AbortSignal,
): Promise<JobResult> {
  let text = ''
  for await (const event of events) {
    if (event.type === 'queued' || event.type === 'loading') onEvent(event)
    else if (event.type === 'delta') {
      text += event.text
      onEvent({ type: 'output', text: event.text, tokens: event.tokens })
    } else if (event.type === 'end') {
      signal.throwIfAborted()
      const { reason, promptTokens, completionTokens } = event
      if (reason === 'cancelled') break
      // An answer may be empty: it has begun all the same.
      onEvent({ type: 'output', text: '', tokens: 0 })
      return { kind, text, finishReason: reason, promptTokens, completionTokens }
    }
  }
  throw new HartonomousError('ERR_ENGINE_CRASHED', { reason: 'the answer broke off' })
}

function samplingOf(work: Exclude<ItemWork, { kind: 'embedding' }>): SamplingOptions {
  const { temperature = 1, topP = 1, topK = 40, seed, stop = [] } = work
  const maxTokens = completionTokensMax(work)
  return { temperature, topP, topK, maxTokens, stop, ...(seed === undefined ? {} : { seed }) }
}

/** SHA-256 of the signature: one receipt, one hash. */
export function receiptHash(receipt: NonNullable<Account['receipt']>): Uint8Array {
  return createHash('sha256').update(receipt.signature).digest()
}
