/**
 * Answers about the swarm that are the same for everybody, encoded once a second at most: however many look on, the
 * registry sorts and JSON is written once. The ages in them are at most that old.
 */
import { second } from '#protocol/units.ts'

const freshMs = second
/** Different queries within a second; each answer is at most a page, or a delta of the swarm. */
const keptMax = 256

export class HotAnswers {
  readonly #answers = new Map<string, { atMs: number; json: Promise<Buffer> }>()

  /** Those who ask while it is made get the same one. What fails is not kept. */
  get(key: string, nowMs: number, make: () => Promise<unknown>): Promise<Buffer> {
    const known = this.#answers.get(key)
    if (known !== undefined && nowMs - known.atMs < freshMs) return known.json
    // Those who read deltas never ask the same again: an answer that is old goes.
    for (const [old, { atMs }] of this.#answers) {
      if (nowMs - atMs < freshMs) break
      this.#answers.delete(old)
    }
    const json = make().then((value) => Buffer.from(JSON.stringify(value)))
    this.#answers.delete(key)
    this.#answers.set(key, { atMs: nowMs, json })
    const oldest = this.#answers.keys().next().value
    if (this.#answers.size > keptMax && oldest !== undefined) this.#answers.delete(oldest)
    json.catch(() => {
      if (this.#answers.get(key)?.json === json) this.#answers.delete(key)
    })
    return json
  }
}
