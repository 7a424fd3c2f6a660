/** Chunks of one model with the same bytes (equal norms, tied weights): one of them is fetched, and written for all. */
import { Bitfield } from '#protocol/codec/bitfield.ts'
import type { ShelfModel } from './model-shelf.ts'

export class ChunkTwins {
  readonly #model: ShelfModel
  /** By extent and offset, all chunks that are the same; only where there is more than one. */
  readonly #groups = new Map<number, number[]>()
  /** The chunk that is being fetched, for each group. */
  readonly #leaders = new Map<number[], number>()
  readonly #followers = new Map<number, number[]>()

  constructor(model: ShelfModel) {
    this.#model = model
    const byKey = new Map<string, number[]>()
    for (const { root, offsetInExtentBytes, chunkIndex } of model.places) {
      const key = `${root}:${offsetInExtentBytes}`
      const group = byKey.get(key)
      if (group) group.push(chunkIndex)
      else byKey.set(key, [chunkIndex])
    }
    for (const group of byKey.values()) {
      if (group.length > 1) for (const index of group) this.#groups.set(index, group)
    }
  }

  /** Is this chunk to be fetched? False: it comes with its twin. */
  lead(chunkIndex: number): boolean {
    const group = this.#groups.get(chunkIndex)
    if (group === undefined) return true
    const leader = this.#leaders.get(group)
    if (leader === chunkIndex) return true
    if (leader === undefined) {
      this.#leaders.set(group, chunkIndex)
      return true
    }
    const followers = this.#followers.get(leader)
    if (followers) followers.push(chunkIndex)
    else this.#followers.set(leader, [chunkIndex])
    return false
  }

  /** The fetched chunk has come: the others that get its bytes. */
  take(leader: number): number[] {
    const followers = this.#followers.get(leader) ?? []
    this.#followers.delete(leader)
    const group = this.#groups.get(leader)
    if (group !== undefined) this.#leaders.delete(group)
    return followers
  }

  /** A peer that has one of equal chunks can send any of them. */
  spread(have: Uint8Array): Uint8Array {
    if (this.#groups.size === 0) return have
    const all = new Bitfield(this.#model.places.length, have.slice())
    for (const [index, group] of this.#groups) {
      if (!all.has(index) && group.some((twin) => all.has(twin))) all.set(index)
    }
    return all.bytes
  }
}
