import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { errorToProblem } from '#protocol/api/index.ts'
import { type HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import { day, minute } from '#protocol/units.ts'
import { TenantQuotas } from './quota.ts'

const limits = { requestsPerMinute: 60, tokensPerDay: 1000, concurrentJobs: 2, storedBytes: 100 }

function quotas() {
  const clock = { nowMs: 1_800_000_000_000 }
  const limitsOf = (tenant: string) => (tenant === 'local:owner' ? undefined : limits)
  return { clock, of: new TenantQuotas(limitsOf, () => clock.nowMs) }
}

function refusal(work: () => void): HartonomousError<'ERR_QUOTA'> | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    if (isHartonomousError(error, 'ERR_QUOTA')) return error
    throw error
  }
}

describe('quota', () => {
  test('requests are refused with the time after which the next one passes', () => {
    const { clock, of } = quotas()
    for (let request = 0; request < 60; request++) of.takeRequest('a')
    const error = refusal(() => of.takeRequest('a'))!
    expect(error.fields).toEqual({ what: 'requests in a minute', limit: 60, retryAfterMs: 1000 })
    expect(errorToProblem(error)).toMatchObject({ status: 429, headers: { 'retry-after': '1' } })
    of.takeRequest('b')
    clock.nowMs += 1000
    of.takeRequest('a')
    expect(refusal(() => of.takeRequest('a'))).toBeDefined()
  })

  test('tokens are taken before the work, and settled by what it used', () => {
    const { clock, of } = quotas()
    of.takeTokens('a', 900)
    expect(refusal(() => of.takeTokens('a', 200))?.fields.retryAfterMs).toBe(day / 10)
    of.settleTokens('a', 900, 100)
    expect(of.usage('a')?.tokensLeft).toBe(900)
    of.takeTokens('a', 900)
    of.settleTokens('a', 900, 1400)
    expect(of.usage('a')?.tokensLeft).toBe(0)
    expect(refusal(() => of.takeTokens('a', 1))?.fields.retryAfterMs).toBe(Math.ceil(0.501 * day))
    clock.nowMs += day
    expect(refusal(() => of.takeTokens('a', 1001))?.fields.retryAfterMs).toBe(day)
    of.takeTokens('a', 500)
  })

  test('jobs and stored bytes never pass their limit, whatever the order, and come back whole', () => {
    const step = fc.record({
      tenant: fc.constantFrom('a', 'b', 'local:owner'),
      what: fc.constantFrom('open', 'close', 'take', 'free'),
      sizeBytes: fc.integer({ min: 0, max: 60 }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { of } = quotas()
        const model = new Map<string, { jobs: number; pieces: number[] }>()
        for (const { tenant, what, sizeBytes } of steps) {
          const mine = model.get(tenant) ?? { jobs: 0, pieces: [] }
          model.set(tenant, mine)
          const isFree = tenant === 'local:owner'
          const stored = mine.pieces.reduce((sum, piece) => sum + piece, 0)
          if (what === 'open') {
            const refused = refusal(() => of.openJob(tenant)) !== undefined
            expect(refused).toBe(!isFree && mine.jobs >= limits.concurrentJobs)
            if (!refused) mine.jobs++
          } else if (what === 'take') {
            const refused = refusal(() => of.takeStorage(tenant, sizeBytes)) !== undefined
            expect(refused).toBe(!isFree && stored + sizeBytes > limits.storedBytes)
            if (!refused) mine.pieces.push(sizeBytes)
          } else if (what === 'close' && mine.jobs > 0) {
            of.closeJob(tenant)
            mine.jobs--
          } else if (what === 'free' && mine.pieces.length > 0) of.freeStorage(tenant, mine.pieces.pop()!)
          const after = mine.pieces.reduce((sum, piece) => sum + piece, 0)
          if (!isFree) expect(of.usage(tenant)).toMatchObject({ jobs: mine.jobs, storedBytes: after })
        }
      }),
    )
  })

  test('what is given back twice is a fault of the caller, not room for more', () => {
    const { of } = quotas()
    of.openJob('a')
    of.closeJob('a')
    expect(() => of.closeJob('a')).toThrow('than taken')
  })

  test('after a restart what is there counts, even above the limit', () => {
    const { clock, of } = quotas()
    of.restore('a', { jobs: 3, storedBytes: 150 })
    expect(refusal(() => of.openJob('a'))?.fields.what).toBe('jobs at a time')
    expect(refusal(() => of.takeStorage('a', 1))?.fields.what).toBe('stored bytes')
    of.closeJob('a')
    of.closeJob('a')
    of.openJob('a')
    clock.nowMs += minute
    expect(of.usage('a')).toEqual({ requestsLeft: 60, tokensLeft: 1000, jobs: 2, storedBytes: 150 })
    expect(of.usage('local:owner')).toBeUndefined()
  })
})
