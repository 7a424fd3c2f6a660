/** A model that crashes the engine again and again is refused for a growing while, so that others can still be run. */
import type { ModelId } from '#protocol/ids.ts'
import { minute, second } from '#protocol/units.ts'

const firstDelayMs = second
const delayMsMax = 5 * minute
/** Entries kept: models on one machine are fewer; bounds what a flood of requests could add. */
const modelsMax = 256

export class CrashBackoff {
  readonly #clock: () => number
  readonly #crashes = new Map<ModelId, { count: number; untilMs: number }>()

  constructor(clock: () => number) {
    this.#clock = clock
  }

  /** The first crash is free: the next request simply starts a fresh child. */
  crashed(modelId: ModelId): void {
    const count = (this.#crashes.get(modelId)?.count ?? 0) + 1
    const delayMs = count < 2 ? 0 : Math.min(delayMsMax, firstDelayMs * 2 ** (count - 2))
    this.#crashes.delete(modelId)
    this.#crashes.set(modelId, { count, untilMs: this.#clock() + delayMs })
    const oldest = this.#crashes.keys().next().value
    if (this.#crashes.size > modelsMax && oldest !== undefined) this.#crashes.delete(oldest)
  }

  succeeded(modelId: ModelId): void {
    this.#crashes.delete(modelId)
  }

  /** Undefined: may be run. */
  waitFor(modelId: ModelId): { count: number; waitMs: number } | undefined {
    const entry = this.#crashes.get(modelId)
    const waitMs = (entry?.untilMs ?? 0) - this.#clock()
    return entry && waitMs > 0 ? { count: entry.count, waitMs } : undefined
  }
}
