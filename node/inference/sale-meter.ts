/** Counts what one answer costs, and holds its events back until they are paid. */
import { type EmbedInput, type InferInput, type OutputHash, outputHash } from '#protocol/infer/index.ts'
import type { InferEvent, Sale } from './types.ts'

export class SaleMeter {
  readonly #sale: Sale
  readonly #input: InferInput | EmbedInput
  readonly #output: OutputHash
  #promptTokens = 0
  #completionTokens = 0
  #creditedTokens = 0

  constructor(sale: Sale, input: InferInput | EmbedInput) {
    this.#sale = sale
    this.#input = input
    this.#output = outputHash(input)
  }

  /** Resolves when the event is paid. @throws {ERR_UNPAID} */
  async before(event: InferEvent, signal: AbortSignal, build: () => string): Promise<void> {
    if (event.type === 'start') {
      this.#promptTokens = event.promptTokens
      await this.#credit(signal)
    } else if (event.type === 'delta') {
      this.#completionTokens += event.tokens
      this.#output.add(event)
      await this.#credit(signal)
    } else if (event.type === 'embedding') {
      this.#output.add(event)
    } else if (event.type === 'end' && event.reason !== 'cancelled') {
      // From an engine that did not tell it before.
      this.#promptTokens = event.promptTokens
      await this.#credit(signal)
      await this.#sale.finish({
        input: this.#input,
        output: this.#output.digest(),
        promptTokens: this.#promptTokens,
        completionTokens: this.#completionTokens,
        durationMs: event.durationMs,
        reason: event.reason,
        build: build(),
      })
    }
  }

  async #credit(signal: AbortSignal): Promise<void> {
    const totalTokens = this.#promptTokens + this.#completionTokens
    if (totalTokens === this.#creditedTokens) return
    await this.#sale.credit(totalTokens, signal)
    this.#creditedTokens = totalTokens
  }
}
