/** How many bytes a serving session may send. Taken when a block is chosen, so that lanes together never overdraw it. */
export class SessionCredit {
  #totalBytes: number
  #takenBytes = 0
  /** Served bytes at which half of what was left when the credit was set is used up. */
  #halfAtBytes = Number.POSITIVE_INFINITY

  /** `Infinity`: nothing is paid for. */
  constructor(totalBytes: number) {
    this.#totalBytes = totalBytes
  }

  get totalBytes(): number {
    return this.#totalBytes
  }

  /** Over the whole session, what was served included. Less than was taken already: nothing more is given. */
  set(totalBytes: number, servedBytes: number): void {
    this.#totalBytes = totalBytes
    const leftBytes = totalBytes - servedBytes
    this.#halfAtBytes = leftBytes > 0 ? servedBytes + leftBytes / 2 : Number.POSITIVE_INFINITY
  }

  take(bytes: number): boolean {
    if (this.#takenBytes + bytes > this.#totalBytes) return false
    this.#takenBytes += bytes
    return true
  }

  /** A block that was chosen is not sent. */
  giveBack(bytes: number): void {
    this.#takenBytes -= bytes
  }

  /** True once after each `set`. */
  passesHalf(servedBytes: number): boolean {
    if (servedBytes < this.#halfAtBytes) return false
    this.#halfAtBytes = Number.POSITIVE_INFINITY
    return true
  }
}
