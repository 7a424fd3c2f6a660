import fc from 'fast-check'
import { expect, test } from 'vitest'
import { evidenceMax, standingHalfLifeMs } from '#protocol/limits.ts'
import { MiB } from '#protocol/units.ts'
import { emptyRecord, recordAt, withEvidence, withWork } from './record.ts'
import { groupOf, newcomerScore, scoreOf } from './score.ts'

test('record: work and evidence count half after the half-life, and the way there does not matter', () => {
  const record = withEvidence(withWork(emptyRecord(0), 'bytes', 8 * MiB, 0), 'wrongBytes', 0)
  expect(recordAt(record, standingHalfLifeMs)).toMatchObject({ bytes: 4 * MiB, wrongBytes: 0.5 })
  fc.assert(
    fc.property(fc.nat(standingHalfLifeMs), fc.nat(standingHalfLifeMs), (first, second) => {
      const atOnce = recordAt(record, first + second)
      const inSteps = recordAt(recordAt(record, first), first + second)
      expect(inSteps.bytes).toBeCloseTo(atOnce.bytes, 6)
      expect(inSteps.wrongBytes).toBeCloseTo(atOnce.wrongBytes, 12)
    }),
  )
})

test('record: a clock that was set back makes nothing larger', () => {
  const record = withWork(emptyRecord(1000), 'tokens', 10, 1000)
  expect(recordAt(record, 0).tokens).toBe(10)
})

test('record: evidence is bounded, so that the worst has a way back; who lies again and again has none', () => {
  let record = emptyRecord(0)
  for (let count = 0; count < 1000; count++) record = withEvidence(record, 'wrongBytes', 0)
  expect(record.wrongBytes).toBe(evidenceMax)
  const later = scoreOf(recordAt(record, 10 * standingHalfLifeMs), undefined).score
  expect(later).toBeGreaterThan(newcomerScore * 0.9)
  let recidivist = withWork(emptyRecord(0), 'bytes', 2 ** 50, 0)
  for (let period = 1; period <= 20; period++) {
    const nowMs = period * standingHalfLifeMs
    recidivist = withWork(withEvidence(recidivist, 'wrongBytes', nowMs), 'bytes', 2 ** 50, nowMs)
    const justBeforeTheNext = recordAt(recidivist, (period + 1) * standingHalfLifeMs)
    if (period > 3) expect(groupOf(scoreOf(justBeforeTheNext, undefined).score)).toBe('suspect')
  }
})
