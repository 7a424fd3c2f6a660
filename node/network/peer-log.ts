/** What is remembered about peers for `hart peers --why`: how each became known, and what became of each dial. */
import { dialAttemptsMax, dialReportsMax, peerCacheMax } from '#protocol/limits.ts'
import type { DialReport } from './types.ts'

type Attempt = DialReport['attempts'][number]

export class PeerLog {
  readonly #attempts = new Map<string, Attempt[]>()
  readonly #discoveredBy = new Map<string, Set<string>>()
  readonly #now: () => number

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  dialFailed(peerId: string, address: string, error: string): void {
    const attempts = this.#attempts.get(peerId) ?? []
    attempts.push({ address, error: error.slice(0, 300), atMs: this.#now() })
    if (attempts.length > dialAttemptsMax) attempts.shift()
    touch(this.#attempts, peerId, attempts, dialReportsMax)
  }

  /** Newest last. */
  attempts(peerId: string): Attempt[] {
    return [...(this.#attempts.get(peerId) ?? [])]
  }

  discovered(peerId: string, by: string): void {
    const sources = this.#discoveredBy.get(peerId) ?? new Set()
    sources.add(by)
    touch(this.#discoveredBy, peerId, sources, peerCacheMax)
  }

  discoveredBy(peerId: string): string[] {
    return [...(this.#discoveredBy.get(peerId) ?? [])]
  }
}

/** Sets and moves to the young end; the oldest goes out. */
function touch<V>(map: Map<string, V>, key: string, value: V, max: number): void {
  map.delete(key)
  map.set(key, value)
  if (map.size > max) map.delete(map.keys().next().value as string)
}
