/**
 * News of jobs, within this process. What the news is stands in the store, so nothing is lost by coming late; whoever streams
 * an answer to a client listens to the events themselves: text at once, everything else when it is durable.
 */
import type { JobEventBody } from '#protocol/api/jobs.ts'

import type { TenantId } from '#sql/store/types.ts'

export type JobListener = (events: readonly JobEventBody[]) => void

export class JobHub {
  readonly #listeners = new Map<string, Set<JobListener>>()
  readonly #onChange: (tenant: TenantId, jobId: string) => void

  /** `onChange`: something durable changed. */
  constructor(onChange: (tenant: TenantId, jobId: string) => void = () => undefined) {
    this.#onChange = onChange
  }

  /** Its row changed, and with it these events came. */
  changed(tenant: TenantId, jobId: string, events: readonly JobEventBody[]): void {
    this.#onChange(tenant, jobId)
    this.tell(jobId, events)
  }

  tell(jobId: string, events: readonly JobEventBody[] = []): void {
    for (const listener of this.#listeners.get(jobId) ?? []) listener(events)
  }

  listenerCount(jobId: string): number {
    return this.#listeners.get(jobId)?.size ?? 0
  }

  listen(jobId: string, listener: JobListener): () => void {
    const listeners = this.#listeners.get(jobId) ?? new Set()
    this.#listeners.set(jobId, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.#listeners.get(jobId) === listeners) this.#listeners.delete(jobId)
    }
  }
}
