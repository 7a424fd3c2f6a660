import { describe, expect, it } from 'vitest'
import { RarityQueue } from './rarity-queue.ts'
import { seededRandom } from './simulate.ts'

function queueOf(count: number, seed = 1) {
  return new RarityQueue(new Uint32Array(count).fill(10), seededRandom(seed))
}

describe('rarity queue', () => {
  it('rarity queue: hands out the rarest that the source holds, random among equals', () => {
    const queue = queueOf(100)
    for (let chunk = 0; chunk < 100; chunk++) {
      queue.add(chunk)
      queue.setHolder(chunk, 0, true, false)
      if (chunk >= 10) queue.setHolder(chunk, 1, true, false)
      if (chunk >= 50) queue.setHolder(chunk, 2, true, false)
    }
    const order: number[] = []
    for (let pick = queue.pick(0, false); pick >= 0; pick = queue.pick(0, false)) {
      order.push(pick)
      queue.remove(pick)
    }
    expect(order.slice(0, 10).every((chunk) => chunk < 10)).toBe(true)
    expect(order.slice(10, 50).every((chunk) => chunk < 50)).toBe(true)
    expect(order.slice(10, 50)).not.toEqual([...order.slice(10, 50)].sort((a, b) => a - b))
    expect(new Set(order).size).toBe(100)
    expect(queue.queuedBytes).toBe(0)
  })

  it('rarity queue: a last resort does not make a chunk less rare, and can be held to orphans', () => {
    const queue = queueOf(2)
    queue.add(0)
    queue.add(1)
    queue.setHolder(0, 0, true, true)
    queue.setHolder(1, 0, true, true)
    queue.setHolder(0, 1, true, false)
    expect(queue.rarityOf(0)).toBe(1)
    expect(queue.rarityOf(1)).toBe(0)
    expect(queue.pick(0, true)).toBe(1)
    queue.remove(1)
    expect(queue.pick(0, true)).toBe(-1)
    expect(queue.pick(0, false)).toBe(0)
  })

  it('rarity queue: agrees with a slow model through random changes', () => {
    const random = seededRandom(42)
    const count = 60
    const queue = queueOf(count, 3)
    const queued = new Set<number>()
    const holders = Array.from({ length: count }, () => new Set<number>())
    for (let step = 0; step < 20_000; step++) {
      const chunk = Math.floor(random() * count)
      const slot = Math.floor(random() * 16)
      const kind = random()
      if (kind < 0.3) {
        queue.add(chunk)
        queued.add(chunk)
      } else if (kind < 0.5) {
        queue.remove(chunk)
        queued.delete(chunk)
      } else if (kind < 0.8) {
        const isHolder = random() < 0.3
        queue.setHolder(chunk, slot, isHolder, false)
        if (isHolder) holders[chunk]!.add(slot)
        else holders[chunk]!.delete(slot)
      } else {
        const pick = queue.pick(slot, false)
        const candidates = [...queued].filter((candidate) => holders[candidate]!.has(slot))
        expect(queue.hasFor(slot)).toBe(candidates.length > 0)
        if (candidates.length === 0) expect(pick).toBe(-1)
        else {
          expect(candidates).toContain(pick)
          expect(holders[pick]!.size).toBe(Math.min(...candidates.map((candidate) => holders[candidate]!.size)))
        }
      }
    }
  })

  it('rarity queue: stays cheap with 120,000 chunks and a source that has few of them', () => {
    const count = 120_000
    const queue = queueOf(count)
    const random = seededRandom(9)
    for (let chunk = 0; chunk < count; chunk++) {
      queue.add(chunk)
      queue.setHolder(chunk, 0, true, false)
      if (random() < 0.01) queue.setHolder(chunk, 1, true, false)
      if (random() < 0.5) queue.setHolder(chunk, 2, true, false)
    }
    const startMs = performance.now()
    let picks = 0
    for (const slot of [1, 2, 0]) {
      for (let pick = queue.pick(slot, false); pick >= 0; pick = queue.pick(slot, false)) {
        queue.remove(pick)
        picks++
      }
    }
    expect(picks).toBe(count)
    // Measured ~60 ms; a search through the buckets would take minutes.
    expect(performance.now() - startMs).toBeLessThan(1500)
  })
})
