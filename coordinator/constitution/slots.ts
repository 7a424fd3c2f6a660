/** Names under which the engine keeps what was prepared. It forgets none of them, so a few names are used again and again. */
export class Slots {
  readonly #free: string[]
  /** What is in which slot, the one that was used longest ago first. */
  readonly #taken = new Map<string, string>()

  constructor(prefix: string, count: number) {
    this.#free = Array.from({ length: count }, (_, index) => `${prefix}-${index}`)
  }

  /** `fill` is called where the slot holds something else. */
  use(key: string, fill: (slot: string) => void): string {
    const known = this.#taken.get(key)
    if (known !== undefined) {
      this.#taken.delete(key)
      this.#taken.set(key, known)
      return known
    }
    const slot = this.#free.pop() ?? this.#evict()
    try {
      fill(slot)
    } catch (error) {
      this.#free.push(slot)
      throw error
    }
    this.#taken.set(key, slot)
    return slot
  }

  clear(): void {
    this.#free.push(...this.#taken.values())
    this.#taken.clear()
  }

  #evict(): string {
    const [oldest, slot] = this.#taken.entries().next().value!
    this.#taken.delete(oldest)
    return slot
  }
}
