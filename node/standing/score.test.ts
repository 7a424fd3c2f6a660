import fc from 'fast-check'
import { expect, test } from 'vitest'
import { evidenceMax } from '#protocol/limits.ts'
import { GiB, MiB } from '#protocol/units.ts'
import { emptyRecord, type PeerRecord } from './record.ts'
import { groupOf, newcomerScore, provenScore, scoreOf } from './score.ts'
import type { ChainStanding } from './types.ts'

type Bound = Extract<ChainStanding, { state: 'bound' }>

const hart = 10n ** 18n
const nothingOnChain: Bound = { state: 'bound', stakeWei: 0n, incomeWei: 0n, disputesLost: 0, equivocations: 0 }
const record = (figures: Partial<PeerRecord> = {}) => ({ ...emptyRecord(0), ...figures })
const chain = (figures: Partial<Bound> = {}) => ({ ...nothingOnChain, ...figures })
const best = {
  record: record({ bytes: 2 ** 50, tokens: 2 ** 40 }),
  chain: chain({ stakeWei: 21_000_000n * hart, incomeWei: 21_000_000n * hart }),
}

const amount = fc.double({ min: 0, max: 2 ** 53, noNaN: true })
const times = fc.double({ min: 0, max: evidenceMax, noNaN: true })
const wei = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n })
const records = fc.record({
  atMs: fc.constant(0),
  bytes: amount,
  tokens: amount,
  wrongBytes: times,
  brokenPromises: times,
  brokenProtocol: times,
})
const chains = fc.record({
  state: fc.constant('bound' as const),
  stakeWei: wei,
  incomeWei: wei,
  disputesLost: fc.nat(1000),
  equivocations: fc.nat(1000),
})

test('score: is above 0 and at most 1, whatever a peer did or has', () => {
  fc.assert(
    fc.property(records, chains, (record, chain) => {
      const { score } = scoreOf(record, chain)
      expect(score).toBeGreaterThan(0)
      expect(score).toBeLessThanOrEqual(1)
    }),
  )
  expect(scoreOf(best.record, best.chain).score).toBe(1)
})

test('score: nobody without evidence is below a newcomer', () => {
  expect(scoreOf(record(), undefined).score).toBe(newcomerScore)
  fc.assert(
    fc.property(amount, amount, wei, wei, (bytes, tokens, stakeWei, incomeWei) => {
      const { score } = scoreOf(record({ bytes, tokens }), chain({ stakeWei, incomeWei }))
      expect(score).toBeGreaterThanOrEqual(newcomerScore)
    }),
  )
})

test('score: more work, stake or income never lowers it', () => {
  fc.assert(
    fc.property(records, chains, amount, wei, (record, chain, more, moreWei) => {
      const { score } = scoreOf(record, chain)
      const raised = [
        scoreOf({ ...record, bytes: record.bytes + more }, chain),
        scoreOf({ ...record, tokens: record.tokens + more }, chain),
        scoreOf(record, { ...chain, stakeWei: chain.stakeWei + moreWei }),
        scoreOf(record, { ...chain, incomeWei: chain.incomeWei + moreWei }),
      ]
      for (const other of raised) expect(other.score).toBeGreaterThanOrEqual(score)
    }),
  )
})

test('score: each piece of evidence at least halves it at once', () => {
  fc.assert(
    fc.property(records, chains, (record, chain) => {
      const before = scoreOf(record, chain).score
      for (const kind of ['wrongBytes', 'brokenPromises', 'brokenProtocol'] as const) {
        const after = scoreOf({ ...record, [kind]: record[kind] + 1 }, chain).score
        expect(after).toBeLessThanOrEqual((before / 2) * (1 + 1e-9))
      }
      for (const kind of ['disputesLost', 'equivocations'] as const) {
        const [none, one] = [0, 1].map((times) => scoreOf(record, { ...chain, [kind]: times }).score)
        expect(one).toBeLessThanOrEqual((none! / 2) * (1 + 1e-9))
      }
    }),
  )
})

test('score: the best of all that sent wrong bytes, broke a promise or contradicted itself is below a newcomer', () => {
  const liars = [
    scoreOf({ ...best.record, wrongBytes: 1 }, best.chain),
    scoreOf({ ...best.record, brokenPromises: 1 }, best.chain),
    scoreOf(best.record, { ...best.chain, equivocations: 1 }),
  ]
  for (const { score } of liars) expect(score).toBeLessThan(newcomerScore)
  // One wrong bit of a protocol, or one jury, may be an error; not two of them.
  expect(scoreOf(best.record, { ...best.chain, disputesLost: 1 }).score).toBeGreaterThan(newcomerScore)
  expect(scoreOf({ ...record(), brokenProtocol: 2 }, undefined).score).toBeLessThan(newcomerScore / 2)
})

test('score: each doubling of work, stake and income counts for less than what came before it', () => {
  fc.assert(
    fc.property(fc.double({ min: 1, max: 64 * 1024, noNaN: true }), (units) => {
      const of = (times: number) => scoreOf(record({ bytes: units * times * MiB }), undefined).score
      expect(of(2) - of(1)).toBeLessThanOrEqual(of(1) - of(0) + 1e-12)
      expect(of(4) - of(3)).toBeLessThanOrEqual(of(3) - of(2) + 1e-12)
    }),
  )
})

test('score: what makes a peer proven costs work or money; all the stake and income there is outweigh no more than the half', () => {
  expect(groupOf(scoreOf(record(), undefined).score)).toBe('newcomer')
  expect(groupOf(scoreOf(record({ bytes: 16 * MiB }), undefined).score)).toBe('newcomer')
  expect(groupOf(scoreOf(record({ bytes: GiB }), undefined).score)).toBe('proven')
  expect(groupOf(scoreOf(record(), chain({ stakeWei: 1000n * hart })).score)).toBe('proven')
  expect(groupOf(scoreOf(record(), chain({ stakeWei: 10n * hart })).score)).toBe('newcomer')
  expect(scoreOf(record(), best.chain).score).toBeLessThan(scoreOf(best.record, undefined).score)
  expect(provenScore).toBeGreaterThan(newcomerScore)
})

test('score: what a chain says of a borrowed, foreign or unread payee counts nothing', () => {
  for (const state of ['borrowed', 'other-chain', 'unknown'] as const)
    expect(scoreOf(best.record, { state })).toEqual(scoreOf(best.record, undefined))
})
