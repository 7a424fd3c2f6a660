/** Rate and remaining time of a pass over many bytes. */

export interface IngestProgress {
  doneBytes: number
  totalBytes: number
  /** Over the last few seconds. */
  bytesPerSecond: number
  /** Absent until there is a rate. */
  etaMs?: number
}

/** Older than this, a sample says nothing about the rate now. */
const rateWindowMs = 10_000

export class ProgressMeter {
  readonly #totalBytes: number
  readonly #now: () => number
  #samples: { atMs: number; doneBytes: number }[]

  /** @param doneBytes what was done before: it counts as done, not towards the rate. */
  constructor(totalBytes: number, doneBytes: number, now: () => number) {
    this.#totalBytes = totalBytes
    this.#now = now
    this.#samples = [{ atMs: now(), doneBytes }]
  }

  at(doneBytes: number): IngestProgress {
    const atMs = this.#now()
    this.#samples.push({ atMs, doneBytes })
    while (this.#samples.length > 2 && this.#samples[1]!.atMs < atMs - rateWindowMs) this.#samples.shift()
    const oldest = this.#samples[0]!
    const elapsedMs = atMs - oldest.atMs
    const bytesPerSecond = elapsedMs > 0 ? ((doneBytes - oldest.doneBytes) * 1000) / elapsedMs : 0
    const progress = { doneBytes, totalBytes: this.#totalBytes, bytesPerSecond }
    if (bytesPerSecond <= 0) return progress
    return { ...progress, etaMs: ((this.#totalBytes - doneBytes) * 1000) / bytesPerSecond }
  }
}
