import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Place, whoGivesWay } from './places.ts'
import { groupOf, newcomerScore } from './score.ts'

const place = (holder: string, score: number, bytesPerSecond: number, uselessMs = 0): Place<string> => ({
  holder,
  score,
  bytesPerSecond,
  uselessMs,
})
const proven = 0.8
const suspect = 0.02
const full = (newcomers: number, places = 16) =>
  Array.from({ length: places }, (_, index) =>
    index < newcomers
      ? place(`newcomer ${index}`, newcomerScore, 100 + index)
      : place(`proven ${index}`, proven, 1000 + index),
  )

test('places: who is of no use goes first, the worst of them before the others', () => {
  const places = [
    place('fast', proven, 1000),
    place('dead', newcomerScore, 0, 9000),
    place('dead liar', suspect, 0, 10),
  ]
  for (const candidate of [proven, newcomerScore, suspect]) {
    expect(whoGivesWay(candidate, places)?.holder).toBe('dead liar')
    expect(whoGivesWay(candidate, places.slice(0, 2))?.holder).toBe('dead')
  }
})

test('places: a peer under suspicion gives way to any other, and takes no place that is of use', () => {
  const places = [...full(4), place('liar', suspect, 1e9)]
  expect(whoGivesWay(proven, places)?.holder).toBe('liar')
  expect(whoGivesWay(newcomerScore, places)?.holder).toBe('liar')
  expect(whoGivesWay(suspect, places)).toBeUndefined()
})

test('places: newcomers have a quarter: the slowest beyond it gives way to a proven peer, and below it the slowest proven peer to a newcomer', () => {
  expect(whoGivesWay(proven, full(5))?.holder).toBe('newcomer 0')
  expect(whoGivesWay(proven, full(4))).toBeUndefined()
  expect(whoGivesWay(newcomerScore, full(4))).toBeUndefined()
  expect(whoGivesWay(newcomerScore, full(3))?.holder).toBe('proven 3')
})

test('places: whatever comes in whatever order, it settles: no two candidates push each other out for ever', () => {
  const scores = fc.array(fc.constantFrom(proven, 0.4, newcomerScore, 0.2, suspect), { minLength: 1, maxLength: 60 })
  fc.assert(
    fc.property(scores, fc.integer({ min: 1, max: 16 }), (candidates, count) => {
      const waiting = candidates.map((score, index) => place(String(index), score, (index * 7919) % 1000))
      const taken = waiting.splice(0, count)
      if (taken.length < count) return
      let changes = 0
      for (let round = 0; round < 50; round++) {
        for (const candidate of [...waiting]) {
          const left = whoGivesWay(candidate.score, taken)
          if (left === undefined) continue
          changes = round
          taken[taken.indexOf(left)] = candidate
          waiting[waiting.indexOf(candidate)] = left
        }
      }
      expect(changes).toBeLessThan(40)
      const groups = taken.map(({ score }) => groupOf(score))
      if (waiting.some(({ score }) => groupOf(score) !== 'suspect')) expect(groups).not.toContain('suspect')
    }),
  )
})
