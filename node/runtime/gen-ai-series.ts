/**
 * Series of answers, named as the semantic conventions for generative AI are in Prometheus. `client`: what programs asked of
 * this node; `server`: what its own engine did, for programs and peers. Models and peers are no labels, so that a series
 * more costs an operation, a source or a kind of error, of which there are few.
 */
import { Histogram, Registry } from 'prom-client'
import type { GatewayObservation } from '../gateway/index.ts'
import type { InferenceObservation } from '../inference/index.ts'

const operations = { chat: 'chat', completion: 'text_completion', embedding: 'embeddings' } as const
/** Bounds of the conventions. */
const durationSeconds = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
const firstTokenSeconds = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
/** And one below: a small model makes 2,000 tokens a second. */
const perTokenSeconds = [0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5]
const tokenCounts = [1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536]

export class GenAiSeries {
  readonly registry = new Registry()
  readonly #asked = this.#histogram(
    'gen_ai_client_operation_duration_seconds',
    'From the request of a program to the last byte of its answer',
    ['source', 'error_type'],
    durationSeconds,
  )
  readonly #firstChunk = this.#histogram(
    'gen_ai_client_operation_time_to_first_chunk_seconds',
    'From the request of a program to the first text',
    ['source'],
    firstTokenSeconds,
  )
  readonly #tokens = this.#histogram(
    'gen_ai_client_token_usage',
    'Tokens of a request and of its answer',
    ['source', 'gen_ai_token_type'],
    tokenCounts,
  )
  readonly #answered = this.#histogram(
    'gen_ai_server_request_duration_seconds',
    'From the arrival at the engine, with the time in its queue, to the end',
    ['caller', 'error_type'],
    durationSeconds,
  )
  readonly #firstToken = this.#histogram(
    'gen_ai_server_time_to_first_token_seconds',
    'From the arrival at the engine, with the time in its queue, to the first text or vector',
    ['caller'],
    firstTokenSeconds,
  )
  readonly #perToken = this.#histogram(
    'gen_ai_server_time_per_output_token_seconds',
    'Per token after the first',
    ['caller'],
    perTokenSeconds,
  )

  /** Over the gateway. */
  asked({
    endpoint,
    isRemote,
    outcome,
    promptTokens,
    completionTokens,
    firstTokenMs,
    durationMs,
  }: GatewayObservation): void {
    const labels = { gen_ai_operation_name: operations[endpoint], source: isRemote ? 'peer' : 'self' }
    this.#asked.observe({ ...labels, error_type: errorOf(outcome) }, durationMs / 1000)
    if (firstTokenMs !== undefined) this.#firstChunk.observe(labels, firstTokenMs / 1000)
    if (promptTokens > 0) this.#tokens.observe({ ...labels, gen_ai_token_type: 'input' }, promptTokens)
    if (completionTokens > 0) this.#tokens.observe({ ...labels, gen_ai_token_type: 'output' }, completionTokens)
  }

  /** By the engine of this node. */
  answered({ operation, isForPeer, outcome, completionTokens, firstOutputMs, durationMs }: InferenceObservation): void {
    const labels = { gen_ai_operation_name: operation, caller: isForPeer ? 'peer' : 'self' }
    this.#answered.observe({ ...labels, error_type: errorOf(outcome) }, durationMs / 1000)
    if (firstOutputMs === undefined) return
    this.#firstToken.observe(labels, firstOutputMs / 1000)
    if (completionTokens < 2) return
    this.#perToken.observe(labels, (durationMs - firstOutputMs) / 1000 / (completionTokens - 1))
  }

  #histogram(name: string, help: string, labels: string[], buckets: number[]): Histogram {
    return new Histogram({
      name,
      help,
      labelNames: ['gen_ai_operation_name', ...labels],
      buckets,
      registers: [this.registry],
    })
  }
}

/** Codes are a closed list; empty where it went well, as an absent label is. */
function errorOf(outcome: string): string {
  return outcome.startsWith('ERR_') ? outcome : ''
}
