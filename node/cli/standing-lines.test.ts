import { expect, test } from 'vitest'
import type { StandingView } from '#protocol/api/control.ts'
import { standingLines } from './standing-lines.ts'

const newcomer: StandingView = {
  score: 0.25,
  group: 'newcomer',
  earned: { newcomer: 0.25, work: 0, stake: 0, income: 0 },
  evidence: { wrongBytes: 1, brokenPromises: 1, brokenProtocol: 1, equivocations: 1, disputesLost: 1 },
  seen: { bytes: 0, tokens: 0, wrongBytes: 0, brokenPromises: 0, brokenProtocol: 0 },
  chain: { state: 'none' },
}

test('standing lines: of a stranger there is nothing to tell but the floor', () => {
  expect(standingLines(newcomer)).toEqual([
    'score 0.250  newcomer: has a turn in four where proven peers wait too',
    '  0.250  what every newcomer has',
  ])
})

test('standing lines: every part that raises or lowers the score is told with its number', () => {
  const mixed: StandingView = {
    ...newcomer,
    score: 0.029,
    group: 'suspect',
    earned: { newcomer: 0.25, work: 0.04, stake: 0.1, income: 0.07 },
    evidence: { ...newcomer.evidence, wrongBytes: 0.0625 },
    seen: { ...newcomer.seen, bytes: 64 * 1024 * 1024, wrongBytes: 1 },
    chain: {
      state: 'bound',
      stakeWei: `5${'0'.repeat(21)}`,
      incomeWei: `125${'0'.repeat(17)}`,
      disputesLost: 0,
      equivocations: 0,
    },
  }
  expect(standingLines(mixed)).toEqual([
    'score 0.029  under suspicion: asked last',
    '  0.250  what every newcomer has',
    '+ 0.040  64.0 MiB verified, 0 tokens answered',
    '+ 0.100  5000 HART at stake',
    '+ 0.070  12.5 HART earned',
    'x 0.0625  wrong bytes, 1',
  ])
})

test('standing lines: a borrowed payee is named as such', () => {
  expect(standingLines({ ...newcomer, chain: { state: 'borrowed' } }).at(-1)).toBe(
    '  chain: its payee does not name this peer in return: it counts nothing',
  )
})
