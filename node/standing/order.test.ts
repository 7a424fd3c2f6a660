import fc from 'fast-check'
import { expect, test } from 'vitest'
import { newcomerShare, orderByStanding } from './order.ts'
import { newcomerScore, suspectScore } from './score.ts'

/** Numbers in [0, 1) from a seed, the same each time. */
function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    // Mulberry32.
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

interface Peer {
  name: string
  score: number
}

const order = (peers: readonly Peer[], random: () => number) => orderByStanding(peers, ({ score }) => score, random)
const crowd = (name: string, count: number, score: number): Peer[] =>
  Array.from({ length: count }, (_, index) => ({ name: `${name} ${index}`, score }))

/** How often each of `peers` comes among the first `count`, as a share of `rounds`. */
function shareAmongFirst(peers: readonly Peer[], count: number, isCounted: (peer: Peer) => boolean): number {
  const random = seeded(1)
  const rounds = 4000
  let hits = 0
  for (let round = 0; round < rounds; round++) hits += order(peers, random).slice(0, count).filter(isCounted).length
  return hits / (rounds * count)
}

test('order: everybody is asked exactly once, and those under suspicion after all others', () => {
  const scores = fc.array(fc.double({ min: 1e-6, max: 1, noNaN: true }), { maxLength: 40 })
  fc.assert(
    fc.property(scores, fc.nat(), (values, seed) => {
      const peers = values.map((score, index) => ({ name: String(index), score }))
      const ordered = order(peers, seeded(seed))
      expect(new Set(ordered)).toEqual(new Set(peers))
      expect(ordered).toHaveLength(peers.length)
      const firstSuspect = ordered.findIndex(({ score }) => score < suspectScore)
      if (firstSuspect >= 0)
        for (const { score } of ordered.slice(firstSuspect)) expect(score).toBeLessThan(suspectScore)
    }),
  )
})

test('order: a thousand fresh identities get a quarter of the turns while proven peers wait, and no more', () => {
  const peers = [...crowd('proven', 30, 0.5), ...crowd('fresh', 1000, newcomerScore)]
  const share = shareAmongFirst(peers, 16, ({ name }) => name.startsWith('fresh'))
  expect(share).toBeGreaterThan(newcomerShare - 0.02)
  expect(share).toBeLessThan(newcomerShare + 0.02)
})

test('order: one newcomer among many proven peers has its turn', () => {
  const peers = [...crowd('proven', 30, 1), { name: 'fresh', score: newcomerScore }]
  // It is left out of the first 16 only when the lot falls 16 times on the others: 0.75^16 = 1 %.
  expect(shareAmongFirst(peers, 16, ({ name }) => name === 'fresh') * 16).toBeGreaterThan(0.97)
})

test('order: of two proven peers the one with twice the score comes first twice as often', () => {
  const peers = [
    { name: 'better', score: 0.8 },
    { name: 'good', score: 0.4 },
  ]
  expect(shareAmongFirst(peers, 1, ({ name }) => name === 'better')).toBeCloseTo(2 / 3, 1)
})
