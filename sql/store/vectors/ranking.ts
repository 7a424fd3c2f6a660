/** The best of many scored rows, in one pass. */

export interface Scored {
  rev: number
  /** Larger is nearer. */
  score: number
}

/** Nearest first; of equals the older row. */
function byScore(a: Scored, b: Scored): number {
  return b.score - a.score || a.rev - b.rev
}

export class Ranking {
  readonly #limit: number
  #kept: Scored[] = []
  /** What does not beat this is not among the best. */
  #worst = Number.NEGATIVE_INFINITY

  constructor(limit: number) {
    this.#limit = limit
  }

  add(rev: number, score: number): void {
    if (score < this.#worst) return
    this.#kept.push({ rev, score })
    // Sorted now and then: twice as many are kept as asked for.
    if (this.#kept.length >= 2 * this.#limit + 16) this.#cut()
  }

  best(): Scored[] {
    this.#cut()
    return this.#kept
  }

  #cut(): void {
    this.#kept.sort(byScore)
    this.#kept.length = Math.min(this.#kept.length, this.#limit)
    if (this.#kept.length === this.#limit) this.#worst = this.#kept.at(-1)!.score
  }
}
