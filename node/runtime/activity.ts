/** What peers asked of this node in the last hour, by the minute: counted where it is answered or refused. */
import type { ActivityView } from '#protocol/api/activity.ts'
import { type AskedWork, type RefusalReason, refusalReasons } from '#protocol/api/refusals.ts'
import { hour, minute } from '#protocol/units.ts'
import type { DataPlaneEvents } from '../chunks/types.ts'

/** A closed set: peers cannot make it grow. */
type Count = `${AskedWork} ${'served' | 'amount' | RefusalReason}`

const windowMinutes = hour / minute

export class Activity {
  readonly #now: () => number
  readonly #startedAtMs: number
  /** By minute since 1970, at most as many as the window has; older ones go as time passes. */
  readonly #minutes = new Map<number, Map<Count, number>>()

  constructor(now: () => number) {
    this.#now = now
    this.#startedAtMs = now()
  }

  served({ requests, bytes, busy, unpaid, absent, failed }: DataPlaneEvents['served']): void {
    this.#add('chunks served', requests)
    this.#add('chunks amount', bytes)
    this.refused('chunks', 'busy', busy)
    this.refused('chunks', 'unpaid', unpaid)
    this.refused('chunks', 'absent', absent)
    this.refused('chunks', 'failed', failed)
  }

  answered(tokens: number): void {
    this.#add('answers served', 1)
    this.#add('answers amount', tokens)
  }

  refused(work: AskedWork, reason: RefusalReason, count = 1): void {
    this.#add(`${work} ${reason}`, count)
  }

  view(): ActivityView {
    this.#forget()
    return {
      sinceMs: Math.max(this.#startedAtMs, this.#now() - hour),
      chunks: {
        served: this.#sum('chunks served'),
        bytes: this.#sum('chunks amount'),
        refused: this.#refusals('chunks'),
      },
      answers: {
        served: this.#sum('answers served'),
        tokens: this.#sum('answers amount'),
        refused: this.#refusals('answers'),
      },
    }
  }

  #add(count: Count, by: number): void {
    if (by === 0) return
    this.#forget()
    const now = Math.floor(this.#now() / minute)
    let counts = this.#minutes.get(now)
    if (counts === undefined) {
      counts = new Map()
      this.#minutes.set(now, counts)
    }
    counts.set(count, (counts.get(count) ?? 0) + by)
  }

  #sum(count: Count): number {
    return this.#minutes.values().reduce((sum, counts) => sum + (counts.get(count) ?? 0), 0)
  }

  #refusals(work: AskedWork): Partial<Record<RefusalReason, number>> {
    const sums = refusalReasons.map((reason) => [reason, this.#sum(`${work} ${reason}`)] as const)
    return Object.fromEntries(sums.filter(([, sum]) => sum > 0))
  }

  /** The minutes of the window, this one among them; also those of a clock that was set back. */
  #forget(): void {
    const now = Math.floor(this.#now() / minute)
    for (const at of this.#minutes.keys()) if (at <= now - windowMinutes || at > now) this.#minutes.delete(at)
  }
}
