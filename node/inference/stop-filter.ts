/** Cuts generated text at stop strings, and never lets part of one through. */
export class StopFilter {
  readonly #stops: readonly string[]
  /** The end of the text so far that may be the beginning of a stop string. */
  #held = ''
  #isStopped = false

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop.length > 0)
  }

  get isStopped(): boolean {
    return this.#isStopped
  }

  /** The text that became final. After a stop string nothing more comes. */
  push(text: string): string {
    if (this.#isStopped) return ''
    const all = this.#held + text
    let cut = -1
    for (const stop of this.#stops) {
      const at = all.indexOf(stop)
      if (at >= 0 && (cut < 0 || at < cut)) cut = at
    }
    if (cut >= 0) {
      this.#isStopped = true
      this.#held = ''
      return all.slice(0, cut)
    }
    const keep = this.#heldLength(all)
    this.#held = all.slice(all.length - keep)
    return all.slice(0, all.length - keep)
  }

  /** What is still held: it was no stop string after all. */
  flush(): string {
    const rest = this.#held
    this.#held = ''
    return rest
  }

  /** Length of the longest end of `text` that begins a stop string. */
  #heldLength(text: string): number {
    let longest = 0
    for (const stop of this.#stops) {
      for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
        if (stop.startsWith(text.slice(text.length - length))) longest = length
      }
    }
    return longest
  }
}
