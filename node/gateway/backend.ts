/** What the gateway asks of the node: which models there are, and an answer. */
import type { ModelId, PeerId } from '#protocol/ids.ts'
import type { InferPrompt, SamplingOptions } from '#protocol/infer/message.ts'
import type { InferEvent } from '../inference/types.ts'

export interface GatewayModel {
  /** The name that clients use. */
  id: string
  modelId: ModelId
  createdAtMs: number
  ownedBy: string
  /** More for `x_hartonomous`: licence, size, where it runs. */
  details?: Record<string, unknown>
}

export interface GatewayRequest {
  /** As the client wrote it: a name or a model id. */
  model: string
  prompt: InferPrompt
  sampling: SamplingOptions
  traceparent?: string
}

export interface GatewayEmbedRequest {
  model: string
  inputs: string[]
  traceparent?: string
}

export interface GatewayAnswer {
  modelId: ModelId
  /** Undefined: this node itself. */
  peer?: PeerId
  events: AsyncIterable<InferEvent>
}

export interface GatewayBackend {
  models(): Promise<GatewayModel[]>
  /** Decides where it runs and begins. @throws {ERR_NOT_FOUND} for an unknown model, {ERR_QUEUE_FULL} and others. */
  infer(request: GatewayRequest, signal: AbortSignal): Promise<GatewayAnswer>
  /** The same for vectors. */
  embed(request: GatewayEmbedRequest, signal: AbortSignal): Promise<GatewayAnswer>
  /** One per request, when it is over. */
  observe?(observation: GatewayObservation): void
}

export interface GatewayObservation {
  endpoint: 'chat' | 'completion' | 'embedding'
  isStream: boolean
  isRemote: boolean
  /** `stop`, `length`, `cancelled`, or the code of the error. */
  outcome: string
  promptTokens: number
  completionTokens: number
  firstTokenMs?: number
  durationMs: number
}
