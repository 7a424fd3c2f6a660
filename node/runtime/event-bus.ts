/** Events of this node, stamped, for whoever listens: `up --json`, the control API, the dashboard. */
import type { NodeEvent, StampedEvent } from '#protocol/api/control.ts'

const warnings: ReadonlySet<NodeEvent['event']> = new Set(['chunks-lost', 'transfer-paused'])

export class EventBus {
  readonly #listeners = new Set<(event: StampedEvent) => void>()

  tell(event: NodeEvent): void {
    const level = warnings.has(event.event) || (event.event === 'source-end' && event.banned) ? 'warn' : 'info'
    const stamped: StampedEvent = { timestamp: new Date().toISOString(), level, ...event }
    for (const listener of this.#listeners) listener(stamped)
  }

  subscribe(listener: (event: StampedEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
