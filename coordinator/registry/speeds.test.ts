import { expect, test } from 'vitest'
import type { PeerId } from '#protocol/ids.ts'
import { minute } from '#protocol/units.ts'
import { Speeds } from './speeds.ts'

const peerId = 'a' as PeerId

test('speeds: of a node its last answer, of all together what ended in the last minute', () => {
  let nowMs = 1_000_000
  const speeds = new Speeds(() => nowMs)
  expect(speeds.perSecond()).toBe(undefined)
  speeds.add(peerId, { completionTokens: 121, generatingMs: 4000 })
  speeds.add('b' as PeerId, { completionTokens: 59, generatingMs: 1000 })
  // One token is no speed, and still a token.
  speeds.add('c' as PeerId, { completionTokens: 1, generatingMs: 0 })
  expect(speeds.of(peerId)).toEqual({ tokensPerSecond: 30, atMs: nowMs })
  expect(speeds.of('c' as PeerId)).toBe(undefined)
  expect(speeds.perSecond()).toBeCloseTo((121 + 59 + 1) / 60)
  nowMs += minute
  expect(speeds.perSecond()).toBe(undefined)
  expect(speeds.of(peerId)?.tokensPerSecond).toBe(30)
})
