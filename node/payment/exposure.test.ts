import fc from 'fast-check'
import { expect, test } from 'vitest'
import { aheadWei, type ChannelStanding, coveredWei, type Exposure } from './exposure.ts'
import type { ChannelFunds } from './types.ts'

const amount = fc.bigInt({ min: 0n, max: 10n ** 24n })
const standings: fc.Arbitrary<ChannelStanding> = fc.record({
  promisedWei: amount,
  promisedElsewhereWei: amount,
  allowanceWei: amount,
})
const funds: fc.Arbitrary<ChannelFunds> = fc.record({
  lockedWei: amount,
  claimedWei: amount,
  freeWei: amount,
  thawingWei: fc.oneof(fc.constant(0n), amount),
})
const exposures: fc.Arbitrary<Exposure> = fc
  .tuple(amount, amount)
  .map(([a, b]) => (a < b ? { firstWei: a, mostWei: b } : { firstWei: b, mostWei: a }))

test('payment: nobody gets more ahead than the most, nor than what stands behind it', () => {
  fc.assert(
    fc.property(exposures, standings, funds, (exposure, standing, behind) => {
      const ahead = aheadWei(exposure, standing, behind)
      expect(ahead >= 0n && ahead <= exposure.mostWei).toBe(true)
      expect(ahead <= coveredWei(standing, behind)).toBe(true)
    }),
  )
})

test('payment: all that is promised and all that is done ahead can be paid from lock and balance', () => {
  fc.assert(
    fc.property(exposures, standings, funds, (exposure, standing, behind) => {
      const ahead = aheadWei(exposure, standing, behind)
      const unclaimed = standing.promisedWei > behind.claimedWei ? standing.promisedWei - behind.claimedWei : 0n
      if (ahead > 0n) expect(unclaimed + ahead <= behind.lockedWei + behind.freeWei).toBe(true)
    }),
  )
})

test('payment: a larger lock never lowers what is done ahead, a payer that leaves never raises it', () => {
  fc.assert(
    fc.property(exposures, standings, funds, amount, (exposure, standing, behind, more) => {
      const ahead = aheadWei(exposure, standing, behind)
      const locked = { ...behind, lockedWei: behind.lockedWei + more }
      expect(aheadWei(exposure, standing, locked) >= ahead).toBe(true)
      const leaving = { ...behind, thawingWei: 1n }
      expect(aheadWei(exposure, standing, leaving) <= aheadWei(exposure, standing, { ...behind, thawingWei: 0n })).toBe(
        true,
      )
    }),
  )
})

test('payment: trust grows with what was paid', () => {
  const exposure = { firstWei: 4n, mostWei: 256n }
  const behind = { lockedWei: 10n ** 6n, claimedWei: 0n, freeWei: 0n, thawingWei: 0n }
  const aheadAt = (promisedWei: bigint) =>
    aheadWei(exposure, { promisedWei, promisedElsewhereWei: 0n, allowanceWei: 0n }, behind)
  expect([0n, 4n, 8n, 100n, 256n, 5000n].map(aheadAt)).toEqual([4n, 4n, 8n, 100n, 256n, 256n])
})
