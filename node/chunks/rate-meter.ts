/** Bytes per second over the last second, in quarters. */
const slotMs = 250
const slots = 4

export class RateMeter {
  readonly #now: () => number
  readonly #slots: number[] = new Array<number>(slots).fill(0)
  readonly #startedAtMs: number
  #slot: number

  constructor(now: () => number) {
    this.#now = now
    this.#startedAtMs = now()
    this.#slot = Math.floor(now() / slotMs)
  }

  add(bytes: number): void {
    this.#advance()
    this.#slots[this.#slot % slots]! += bytes
  }

  bytesPerSecond(): number {
    this.#advance()
    const now = this.#now()
    const intoSlotMs = now - this.#slot * slotMs
    const spanMs = Math.min((slots - 1) * slotMs + intoSlotMs, now - this.#startedAtMs)
    if (spanMs < slotMs / 2) return 0
    return (this.#slots.reduce((sum, bytes) => sum + bytes, 0) * 1000) / spanMs
  }

  #advance(): void {
    const slot = Math.floor(this.#now() / slotMs)
    for (let steps = Math.min(slots, slot - this.#slot); steps > 0; steps--) {
      this.#slots[(slot - steps + 1) % slots] = 0
    }
    this.#slot = slot
  }
}
