/** How fast answers came: of each node its last one, and of all together those of the last minute. */
import type { NodeView } from '#protocol/api/network.ts'
import type { PeerId } from '#protocol/ids.ts'
import { latencyNodesMax } from '#protocol/limits.ts'
import { minute, second } from '#protocol/units.ts'

const windowMs = minute

export interface Answered {
  completionTokens: number
  /** From the first token to the end. */
  generatingMs: number
}

export class Speeds {
  readonly #now: () => number
  readonly #last = new Map<PeerId, NonNullable<NodeView['speed']>>()
  /** Tokens by the second in which their answers ended: at most a minute of them. */
  readonly #ended = new Map<number, number>()

  constructor(now: () => number) {
    this.#now = now
  }

  add(peerId: PeerId, { completionTokens, generatingMs }: Answered): void {
    const atMs = this.#now()
    const at = Math.floor(atMs / second)
    this.#forget(at)
    this.#ended.set(at, (this.#ended.get(at) ?? 0) + completionTokens)
    // Between two tokens is the least that has a length.
    if (completionTokens < 2 || generatingMs <= 0) return
    this.#last.delete(peerId)
    if (this.#last.size >= latencyNodesMax) this.#last.delete(this.#last.keys().next().value!)
    this.#last.set(peerId, { tokensPerSecond: ((completionTokens - 1) * second) / generatingMs, atMs })
  }

  of(peerId: PeerId): NodeView['speed'] {
    return this.#last.get(peerId)
  }

  /** Undefined where no answer ended in the last minute. */
  perSecond(): number | undefined {
    this.#forget(Math.floor(this.#now() / second))
    if (this.#ended.size === 0) return undefined
    return (this.#ended.values().reduce((sum, tokens) => sum + tokens, 0) * second) / windowMs
  }

  #forget(at: number): void {
    for (const known of this.#ended.keys()) if (known <= at - windowMs / second) this.#ended.delete(known)
  }
}
