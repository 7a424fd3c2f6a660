/**
 * The chunks still to be begun, bucketed by how many sources hold them. A pick is a random probe of the rarest bucket
 * that has something for the source; how many chunks of each bucket a source holds is counted, so that no bucket is
 * searched in vain and the probes of a whole fetch add up to O(n log n) at worst.
 */
import { sourcesPerFetchMax } from '#protocol/limits.ts'

const bucketCount = sourcesPerFetchMax + 1

export class RarityQueue {
  /** Bytes of all queued chunks. */
  queuedBytes = 0
  /** Per chunk, one bit per source slot. */
  readonly holders: Uint32Array
  /** Per chunk, how many of its holders are not a last resort. */
  private readonly rarity: Uint8Array
  private readonly buckets: number[][] = Array.from({ length: bucketCount }, () => [])
  /** Index within its bucket, -1 where the chunk is not queued. */
  private readonly position: Int32Array
  /** `available[slot * bucketCount + bucket]`: queued chunks of that bucket that the slot holds. */
  private readonly available = new Int32Array(sourcesPerFetchMax * bucketCount)
  private readonly sizes: ArrayLike<number>
  private readonly random: () => number

  constructor(sizes: ArrayLike<number>, random: () => number) {
    this.sizes = sizes
    this.random = random
    this.holders = new Uint32Array(sizes.length)
    this.rarity = new Uint8Array(sizes.length)
    this.position = new Int32Array(sizes.length).fill(-1)
  }

  isQueued(chunkIndex: number): boolean {
    return this.position[chunkIndex]! >= 0
  }

  isHeldBy(chunkIndex: number, slot: number): boolean {
    return (this.holders[chunkIndex]! & (1 << slot)) !== 0
  }

  rarityOf(chunkIndex: number): number {
    return this.rarity[chunkIndex]!
  }

  /** Whether a queued chunk is to be had from this slot. */
  hasFor(slot: number): boolean {
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      if (this.available[slot * bucketCount + bucket]! > 0) return true
    }
    return false
  }

  add(chunkIndex: number): void {
    if (this.isQueued(chunkIndex)) return
    const rarity = this.rarity[chunkIndex]!
    const bucket = this.buckets[rarity]!
    this.position[chunkIndex] = bucket.length
    bucket.push(chunkIndex)
    this.queuedBytes += this.sizes[chunkIndex]!
    this.count(chunkIndex, rarity, 1)
  }

  remove(chunkIndex: number): void {
    const at = this.position[chunkIndex]!
    if (at < 0) return
    const rarity = this.rarity[chunkIndex]!
    const bucket = this.buckets[rarity]!
    const last = bucket.pop()!
    if (last !== chunkIndex) {
      bucket[at] = last
      this.position[last] = at
    }
    this.position[chunkIndex] = -1
    this.queuedBytes -= this.sizes[chunkIndex]!
    this.count(chunkIndex, rarity, -1)
  }

  setHolder(chunkIndex: number, slot: number, isHolder: boolean, isLastResort: boolean): void {
    if (this.isHeldBy(chunkIndex, slot) === isHolder) return
    const wasQueued = this.isQueued(chunkIndex)
    if (wasQueued) this.remove(chunkIndex)
    this.holders[chunkIndex] = this.holders[chunkIndex]! ^ (1 << slot)
    if (!isLastResort) this.rarity[chunkIndex] = this.rarity[chunkIndex]! + (isHolder ? 1 : -1)
    if (wasQueued) this.add(chunkIndex)
  }

  /** A chunk for this slot: the rarest first, random among equals; -1 where there is none. */
  pick(slot: number, isOrphansOnly: boolean): number {
    const buckets = isOrphansOnly ? 1 : bucketCount
    for (let index = 0; index < buckets; index++) {
      const available = this.available[slot * bucketCount + index]!
      if (available > 0) return this.probe(this.buckets[index]!, slot, available)
    }
    return -1
  }

  private probe(bucket: readonly number[], slot: number, available: number): number {
    const attempts = Math.ceil((4 * bucket.length) / available)
    for (let attempt = 0; attempt < attempts; attempt++) {
      const chunkIndex = bucket[Math.min(bucket.length - 1, Math.floor(this.random() * bucket.length))]!
      if (this.isHeldBy(chunkIndex, slot)) return chunkIndex
    }
    return bucket.find((chunkIndex) => this.isHeldBy(chunkIndex, slot)) ?? -1
  }

  private count(chunkIndex: number, rarity: number, change: number): void {
    for (let mask = this.holders[chunkIndex]!; mask !== 0; mask &= mask - 1) {
      const slot = 31 - Math.clz32(mask & -mask)
      this.available[slot * bucketCount + rarity] = this.available[slot * bucketCount + rarity]! + change
    }
  }
}
