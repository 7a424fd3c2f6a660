import { expect, test } from 'vitest'
import { PeerQuota } from './quota.ts'

function quotaOf(requests: number, windowMs: number, peersMax = 10) {
  const clock = { nowMs: 1000 }
  return { clock, quota: new PeerQuota({ requests, windowMs }, { now: () => clock.nowMs, peersMax }) }
}

test('quota: allows a burst, then says when to come back, and is right about it', () => {
  const { clock, quota } = quotaOf(4, 1000)
  for (let at = 0; at < 4; at++) expect(quota.take('a')).toEqual({ isAllowed: true })
  expect(quota.take('a')).toEqual({ isAllowed: false, retryAfterMs: 250 })
  clock.nowMs += 249
  expect(quota.take('a')).toEqual({ isAllowed: false, retryAfterMs: 1 })
  clock.nowMs += 1
  expect(quota.take('a')).toEqual({ isAllowed: true })
  expect(quota.take('a').isAllowed).toBe(false)
})

test('quota: never gives more than a window allows, however long it waited', () => {
  const { clock, quota } = quotaOf(4, 1000)
  quota.take('a')
  clock.nowMs += 1e9
  const allowed = Array.from({ length: 10 }, () => quota.take('a')).filter((answer) => answer.isAllowed)
  expect(allowed.length).toBe(4)
})

test('quota: peers do not use up one another', () => {
  const { quota } = quotaOf(1, 1000)
  expect(quota.take('a').isAllowed).toBe(true)
  expect(quota.take('a').isAllowed).toBe(false)
  expect(quota.take('b').isAllowed).toBe(true)
})

test('quota: remembers a bounded number of peers, least recently seen out first', () => {
  const { quota } = quotaOf(1, 1000, 3)
  for (const peer of ['a', 'b', 'c', 'a', 'd']) quota.take(peer)
  expect(quota.peerCount).toBe(3)
  expect(quota.take('a').isAllowed).toBe(false)
  expect(quota.take('b').isAllowed).toBe(true)
})

test('quota: a clock that goes back refills nothing', () => {
  const { clock, quota } = quotaOf(1, 1000)
  quota.take('a')
  clock.nowMs -= 500
  expect(quota.take('a').isAllowed).toBe(false)
})

test('quota: keeps to its rate over a long time, also where intervals are no whole milliseconds', () => {
  const { clock, quota } = quotaOf(7, 1000)
  let allowed = 0
  for (; clock.nowMs < 101_000; clock.nowMs++) if (quota.take('a').isAllowed) allowed++
  expect(allowed).toBeGreaterThanOrEqual(7 * 100 + 6)
  expect(allowed).toBeLessThanOrEqual(7 * 100 + 7)
})
