/** What happened in the swarm: the last of it, so that who looks now sees what went before. */
import type { NetworkEvent } from '#protocol/api/network.ts'
import { networkEventsKeptMax } from '#protocol/limits.ts'

type Omitted<T> = T extends unknown ? Omit<T, 'seq' | 'atMs'> : never
/** An event as who noticed it says it. */
export type Happening = Omitted<NetworkEvent>

export class NetworkLog {
  readonly #now: () => number
  readonly #events: NetworkEvent[] = []
  #seq: number

  /** Numbers go on over restarts: they begin at the microseconds of the clock. */
  constructor(now: () => number) {
    this.#now = now
    this.#seq = now() * 1000
  }

  /** Of the last event; 0 before the first. */
  get seq(): number {
    return this.#events.at(-1)?.seq ?? 0
  }

  add(happening: Happening): void {
    this.#events.push({ ...happening, seq: ++this.#seq, atMs: this.#now() })
    if (this.#events.length > networkEventsKeptMax) this.#events.shift()
  }

  /** Newest first. */
  list({ since = 0, limit = networkEventsKeptMax, peerId }: NetworkLogQuery): NetworkEvent[] {
    const events = this.#events.filter(
      (event) => event.seq > since && (peerId === undefined || ('peerId' in event && event.peerId === peerId)),
    )
    return events.reverse().slice(0, limit)
  }
}

export interface NetworkLogQuery {
  since?: number
  limit?: number
  peerId?: string
}
