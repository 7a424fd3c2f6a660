/** Which models were tried in vain, and until when they are left alone. Pure; the clock is passed in. */
import type { ModelId } from '#protocol/ids.ts'
import { releasesKnownMax } from '#protocol/limits.ts'
import { hour, second } from '#protocol/units.ts'

/** Short at first: in a young swarm the holders of a model appear within seconds. */
const pauseMinMs = 2 * second
const pauseMaxMs = hour

/**
 * Anybody may publish a release that nobody can serve, and say that it is rare: without a growing pause such releases would
 * be tried for ever, in the places of those that can be had.
 */
export class Patience {
  readonly #waits = new Map<ModelId, { untilMs: number; pauseMs: number }>()
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  failed(modelId: ModelId): void {
    const pauseMs = Math.min(pauseMaxMs, 2 * (this.#waits.get(modelId)?.pauseMs ?? pauseMinMs / 2))
    this.#waits.delete(modelId)
    this.#waits.set(modelId, { untilMs: this.#now() + pauseMs, pauseMs })
    if (this.#waits.size > releasesKnownMax) this.#waits.delete(this.#waits.keys().next().value!)
  }

  succeeded(modelId: ModelId): void {
    this.#waits.delete(modelId)
  }

  isWaiting(modelId: ModelId): boolean {
    return (this.#waits.get(modelId)?.untilMs ?? 0) > this.#now()
  }
}

/** At most `max` items, each group in turn, so that one that floods crowds out nobody else. Order within a group is kept. */
export function fairShare<T>(items: readonly T[], groupOf: (item: T) => string, max: number): T[] {
  if (items.length <= max) return [...items]
  const groups = [...Map.groupBy(items, groupOf).values()]
  const share: T[] = []
  for (let turn = 0; share.length < max; turn++) {
    for (const group of groups) {
      const item = group[turn]
      if (item !== undefined && share.length < max) share.push(item)
    }
  }
  return share
}
