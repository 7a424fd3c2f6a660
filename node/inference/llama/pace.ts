/** How far one generation may go: as far as its reader has said. */
import { engineSilenceMs } from '#protocol/limits.ts'

/** Whoever waits says that he lives; the parent kills what is silent. */
const sayMs = engineSilenceMs / 8

export class Pace {
  #allowedTokens = 0
  #wake: (() => void) | undefined

  /** In all. */
  allow(tokens: number): void {
    this.#allowedTokens = Math.max(this.#allowedTokens, tokens)
    this.#wake?.()
  }

  /** True when this many tokens need not be waited for. */
  isAllowed(tokens: number): boolean {
    return tokens <= this.#allowedTokens
  }

  /** Resolves when this many tokens may be made, or with the signal. */
  async until(tokens: number, signal: AbortSignal, onWaiting: () => void): Promise<void> {
    const timer = setInterval(onWaiting, sayMs)
    const onAbort = () => this.#wake?.()
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      while (!this.isAllowed(tokens) && !signal.aborted) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    } finally {
      this.#wake = undefined
      clearInterval(timer)
      signal.removeEventListener('abort', onAbort)
    }
  }
}
