import { expect, test } from 'vitest'
import type { PeerId } from '#protocol/ids.ts'
import { type Candidate, type Choosing, chooseCandidate, costMaxWei, type Needs, refusalOf } from './candidates.ts'

const candidate = (name: string, more: Partial<Candidate> = {}): Candidate => ({
  peerId: name as PeerId,
  lease: { region: 'DE', isPaused: false, inferenceSlots: 2, inferenceSlotsFree: 2 },
  score: 0.5,
  hasBond: false,
  weiPerKiloToken: 0n,
  hasFailed: false,
  hasAnswered: true,
  isOwn: false,
  ...more,
})
const needs = (more: Partial<Needs> = {}): Needs => ({
  privacy: 'public',
  budgetWei: 1000n,
  tokensMax: 1000,
  tried: new Set(),
  ...more,
})
const idle: Choosing = { runningOn: () => 0, expectedMs: () => 1000, windowOf: () => 4, random: Math.random }

test('candidates: terms are kept, and a refusal says why', () => {
  expect(refusalOf(candidate('a'), needs())).toBe('')
  expect(refusalOf(candidate('a'), needs({ privacy: 'local' }))).toBe('only the own node may see it')
  expect(refusalOf(candidate('a', { isOwn: true }), needs({ privacy: 'local' }))).toBe('')
  expect(refusalOf(candidate('a'), needs({ privacy: 'trusted' }))).toBe('it has no bond')
  expect(refusalOf(candidate('a'), needs({ regions: ['FR'] }))).toBe('another region, or none declared')
  expect(refusalOf(candidate('a', { weiPerKiloToken: 1001n }), needs())).toBe('too dear')
  expect(refusalOf(candidate('a', { weiPerKiloToken: 1000n }), needs())).toBe('')
})

test('candidates: a price is rounded up, so that a bound is one', () => {
  expect(costMaxWei({ weiPerKiloToken: 1n }, 1)).toBe(1n)
  expect(costMaxWei({ weiPerKiloToken: 1n }, 1001)).toBe(2n)
  expect(costMaxWei({ weiPerKiloToken: 0n }, 10 ** 9)).toBe(0n)
})

test('candidates: a full node is none, a tried or failed one is the last resort', () => {
  const both = [candidate('a'), candidate('b')]
  const choose = (more: Partial<Needs>, choosing = idle, of = both) => chooseCandidate(of, needs(more), choosing)
  expect(choose({}, { ...idle, runningOn: () => 2 })).toBeUndefined()
  for (let round = 0; round < 20; round++) {
    expect(choose({ tried: new Set(['a' as PeerId]) })).toBe('b')
    expect(choose({}, idle, [candidate('a', { hasFailed: true }), candidate('b')])).toBe('b')
    expect(choose({}, { ...idle, runningOn: (id) => (id === 'a' ? 2 : 0) })).toBe('b')
  }
  expect(choose({ tried: new Set(['a', 'b'] as PeerId[]) })).toBeDefined()
})

test('candidates: of two drawn the faster is taken, so the slowest of three gets one turn in nine, and newcomers get theirs', () => {
  const three = [candidate('fast'), candidate('middle'), candidate('slow')]
  const expectedMs = (peerId: PeerId) => ({ fast: 100, middle: 500, slow: 5000 })[peerId as string]!
  const count = new Map<string, number>()
  for (let round = 0; round < 9000; round++) {
    const chosen = chooseCandidate(three, needs(), { ...idle, expectedMs })!
    count.set(chosen, (count.get(chosen) ?? 0) + 1)
  }
  expect(count.get('slow')! / 9000).toBeCloseTo(1 / 9, 1)
  expect(count.get('fast')! / 9000).toBeCloseTo(5 / 9, 1)
})

test('candidates: one slow node among eleven takes less than two in a hundred of the jobs', () => {
  const eleven = Array.from({ length: 11 }, (_, index) => candidate(`n${index}`))
  const expectedMs = (peerId: PeerId) => (peerId === 'n3' ? 2000 : 20)
  let slow = 0
  for (let round = 0; round < 10_000; round++)
    if (chooseCandidate(eleven, needs(), { ...idle, expectedMs }) === 'n3') slow++
  expect(slow / 10_000).toBeLessThan(0.02)
})

test('candidates: whoever promises ten thousand slots gets no more at once than it has shown', () => {
  const lease = { region: '', isPaused: false, inferenceSlots: 10_000, inferenceSlotsFree: 10_000 }
  const boaster = [candidate('boaster', { lease })]
  expect(chooseCandidate(boaster, needs(), { ...idle, runningOn: () => 3 })).toBe('boaster')
  expect(chooseCandidate(boaster, needs(), { ...idle, runningOn: () => 4 })).toBeUndefined()
  expect(chooseCandidate(boaster, needs(), { ...idle, runningOn: () => 4, windowOf: () => 5 })).toBe('boaster')
})

test('candidates: slots that are promised do not make a wait look short', () => {
  const lease = { region: '', isPaused: false, inferenceSlots: 10_000, inferenceSlotsFree: 10_000 }
  const two = [candidate('boaster', { lease }), candidate('honest')]
  const runningOn = (peerId: PeerId) => (peerId === 'boaster' ? 3 : 1)
  let boasts = 0
  for (let round = 0; round < 4000; round++)
    if (chooseCandidate(two, needs(), { ...idle, runningOn }) === 'boaster') boasts++
  expect(boasts / 4000).toBeCloseTo(1 / 4, 1)
})

test('candidates: five thousand that have answered nothing get a quarter of the first tries and no second one', () => {
  const strangers = Array.from({ length: 5000 }, (_, index) => candidate(`s${index}`, { hasAnswered: false }))
  const all = [...strangers, candidate('a'), candidate('b')]
  let stranger = 0
  for (let round = 0; round < 400; round++) if (chooseCandidate(all, needs(), idle)!.startsWith('s')) stranger++
  expect(stranger / 400).toBeLessThan(0.35)
  expect(stranger).toBeGreaterThan(0)
  for (let round = 0; round < 50; round++)
    expect(['a', 'b']).toContain(chooseCandidate(all, needs({ tried: new Set(['s1' as PeerId]) }), idle))
})
