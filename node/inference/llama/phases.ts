/** Times of one request, one phase after the other: the parent makes spans of them. Runs in the child. */
import type { EnginePhase } from './messages.ts'

export class Phases {
  readonly #done: EnginePhase[] = []
  #now: { name: EnginePhase['name']; startMs: number } | undefined

  /** Ends the one before it. */
  begin(name: EnginePhase['name']): void {
    const startMs = performance.timeOrigin + performance.now()
    if (this.#now !== undefined) this.#done.push({ ...this.#now, endMs: startMs })
    this.#now = { name, startMs }
  }

  end(): EnginePhase[] {
    if (this.#now !== undefined) this.#done.push({ ...this.#now, endMs: performance.timeOrigin + performance.now() })
    this.#now = undefined
    return this.#done
  }
}
