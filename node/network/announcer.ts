/**
 * Keeps our keys announced on the DHT. kad-dht stores a record at the peers that it knows at that moment, so in a swarm
 * that is just starting the first announcement may find nobody, or too few: each key is announced again soon after the
 * routing table grew, and in any case every `dhtReprovideMs`.
 */
import type { CID } from 'multiformats/cid'
import { dhtReprovideMs } from '#protocol/limits.ts'
import { minute, second } from '#protocol/units.ts'
import type { AnnounceStatus } from './types.ts'

export interface AnnouncerDht {
  /** Peers in the routing table. */
  size(): number
  /** Returns at how many peers the record was stored. */
  provide(key: CID, signal: AbortSignal): Promise<number>
  cancel(key: CID): Promise<void>
}

interface Entry {
  key: CID
  /** When to announce (again). */
  dueAtMs: number
  failures: number
  announcedAtMs?: number
  /** Size of the routing table at the last announcement. */
  announcedToSize: number
  error?: string
}

const concurrency = 4
const retryFirstMs = second
const retryMaxMs = 5 * minute
/** New peers come in bursts: wait this long for more of them. */
const growthDelayMs = 250
/** A table above this size reaches the closest peers anyway; below, each new peer may be the only one others ask. */
const smallTable = 20

export class Announcer {
  readonly #dht: AnnouncerDht
  readonly #now: () => number
  readonly #random: () => number
  readonly #controller = new AbortController()
  readonly #entries = new Map<string, Entry>()
  readonly #running = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #lastSize = 0
  #nextGrowthAtMs = 0

  constructor(dht: AnnouncerDht, options: { now?: () => number; random?: () => number } = {}) {
    this.#dht = dht
    this.#now = options.now ?? Date.now
    this.#random = options.random ?? Math.random
  }

  /** Replaces the set; what stays in it keeps its times. */
  setKeys(keys: CID[]): void {
    const wanted = new Map(keys.map((key) => [key.toString(), key]))
    for (const [id, entry] of this.#entries) {
      if (wanted.has(id)) continue
      this.#entries.delete(id)
      void this.#dht.cancel(entry.key).catch(() => {})
    }
    for (const [id, key] of wanted) {
      if (!this.#entries.has(id)) {
        this.#entries.set(id, { key, dueAtMs: this.#now(), failures: 0, announcedToSize: 0 })
      }
    }
    this.#wake()
  }

  status(): AnnounceStatus[] {
    return [...this.#entries].map(([key, { announcedAtMs, error }]) => ({
      key,
      ...(announcedAtMs === undefined ? {} : { announcedAtMs }),
      ...(error === undefined ? {} : { error }),
    }))
  }

  /** To be called when the routing table may have grown. */
  topologyChanged(): void {
    const size = this.#dht.size()
    const grew = size > this.#lastSize
    this.#lastSize = size
    if (!grew) return
    const now = this.#now()
    const dueAtMs = Math.max(now + growthDelayMs, this.#nextGrowthAtMs)
    for (const entry of this.#entries.values()) {
      const enough = entry.announcedToSize >= smallTable && size < entry.announcedToSize * 1.5
      if (!enough) entry.dueAtMs = Math.min(entry.dueAtMs, dueAtMs)
    }
    this.#wake()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#controller.abort(new Error('stopped'))
  }

  #wake(): void {
    clearTimeout(this.#timer)
    if (this.#controller.signal.aborted) return
    const now = this.#now()
    let nextMs = Number.POSITIVE_INFINITY
    for (const [id, entry] of this.#entries) {
      if (this.#running.has(id)) continue
      if (entry.dueAtMs > now || this.#running.size >= concurrency) nextMs = Math.min(nextMs, entry.dueAtMs)
      else void this.#announce(id, entry)
    }
    // A full set of running announcements wakes us by itself when one ends.
    if (nextMs > now && nextMs < Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => this.#wake(), nextMs - now)
  }

  #backoffMs(entry: Entry): number {
    const backoffMs = Math.min(retryMaxMs, retryFirstMs * 2 ** entry.failures++)
    return backoffMs * (0.75 + 0.5 * this.#random())
  }

  async #announce(id: string, entry: Entry): Promise<void> {
    this.#running.add(id)
    const startedAtMs = this.#now()
    const size = this.#dht.size()
    // A table that grows meanwhile makes the key due again.
    entry.dueAtMs = Number.POSITIVE_INFINITY
    try {
      const stored = await this.#dht.provide(entry.key, this.#controller.signal)
      if (stored === 0) throw new Error(size === 0 ? 'no DHT peer is known yet' : 'no DHT peer took the record')
      entry.announcedAtMs = this.#now()
      entry.announcedToSize = size
      delete entry.error
      // In a small swarm the peer that was missed may be the one that others ask.
      const missed = stored < Math.min(size, smallTable)
      if (!missed) entry.failures = 0
      const againMs = missed ? this.#backoffMs(entry) : dhtReprovideMs * (0.8 + 0.2 * this.#random())
      entry.dueAtMs = Math.min(entry.dueAtMs, this.#now() + againMs)
    } catch (error) {
      entry.error = error instanceof Error ? error.message : String(error)
      entry.dueAtMs = Math.min(entry.dueAtMs, this.#now() + this.#backoffMs(entry))
    }
    // Many keys in a large table cost real work: rounds that growth asks for keep a distance from one another.
    const roundMs = (this.#now() - startedAtMs) * Math.ceil(this.#entries.size / concurrency)
    this.#nextGrowthAtMs = this.#now() + Math.min(minute, 2 * roundMs)
    this.#running.delete(id)
    this.#wake()
  }
}
