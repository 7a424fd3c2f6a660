/** Wakes those who wait for news of a job. What the news is stands in the store: nothing is lost by coming late. */
export class JobHub {
  readonly #listeners = new Map<string, Set<() => void>>()

  tell(jobId: string): void {
    for (const listener of this.#listeners.get(jobId) ?? []) listener()
  }

  listen(jobId: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(jobId) ?? new Set()
    this.#listeners.set(jobId, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.#listeners.get(jobId) === listeners) this.#listeners.delete(jobId)
    }
  }
}
