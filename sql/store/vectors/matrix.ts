/** Vectors in memory, one after another, searched one by one: those of small spaces, and those newer than an index. */
import { vectorCacheBytesMax } from '#protocol/limits.ts'
import { Ranking } from './ranking.ts'
import type { VectorEngine } from './usearch.ts'
import { dotProduct } from './vector.ts'

export class VectorMatrix {
  readonly #dimension: number
  readonly #revs: number[] = []
  #values = new Float32Array(0)
  /** All rows up to it are here, or in an index, or gone. */
  seenRev: number

  constructor(dimension: number, seenRev: number) {
    this.#dimension = dimension
    this.seenRev = seenRev
  }

  get length(): number {
    return this.#revs.length
  }

  get sizeBytes(): number {
    return this.#values.byteLength
  }

  get isFull(): boolean {
    return (this.length + 1) * this.#dimension * 4 > vectorCacheBytesMax
  }

  /** In order of rev; what is here already is left out. */
  append(rev: number, vector: Float32Array): void {
    if (rev <= this.seenRev) return
    const at = this.length * this.#dimension
    if (at + this.#dimension > this.#values.length) {
      const larger = new Float32Array(Math.max(64 * this.#dimension, 2 * at))
      larger.set(this.#values)
      this.#values = larger
    }
    this.#values.set(vector, at)
    this.#revs.push(rev)
    this.seenRev = rev
  }

  /** A copy of what came later. */
  after(rev: number): VectorMatrix {
    const rest = new VectorMatrix(this.#dimension, rev)
    const from = this.#revs.findIndex((each) => each > rev)
    for (let place = from; place >= 0 && place < this.length; place++) {
      rest.append(this.#revs[place]!, this.#values.subarray(place * this.#dimension, (place + 1) * this.#dimension))
    }
    rest.seenRev = Math.max(rev, this.seenRev)
    return rest
  }

  /** Revs of the nearest. */
  search(engine: VectorEngine | undefined, query: Float32Array, count: number): number[] {
    if (this.length === 0) return []
    if (engine !== undefined) {
      return engine.nearestPlaces(this.#values, this.length, query, count).map((place) => this.#revs[place]!)
    }
    const ranking = new Ranking(count)
    for (let place = 0; place < this.length; place++) {
      ranking.add(this.#revs[place]!, dotProduct(query, this.#values, place * this.#dimension))
    }
    return ranking.best().map(({ rev }) => rev)
  }
}
