import { expect, test } from 'vitest'
import type { ModelId } from '#protocol/ids.ts'
import { hour, second } from '#protocol/units.ts'
import { fairShare, Patience } from './patience.ts'

const modelId = 'm' as ModelId

test('patience: a model that is tried in vain is left alone for twice as long each time, an hour at most', () => {
  let nowMs = 0
  const patience = new Patience(() => nowMs)
  const pauses: number[] = []
  for (let n = 0; n < 14; n++) {
    patience.failed(modelId)
    const fromMs = nowMs
    while (patience.isWaiting(modelId)) nowMs += second
    pauses.push(nowMs - fromMs)
  }
  expect(pauses.slice(0, 4)).toEqual([2 * second, 4 * second, 8 * second, 16 * second])
  expect(pauses.at(-1)).toBe(hour)
  patience.failed(modelId)
  patience.succeeded(modelId)
  expect(patience.isWaiting(modelId)).toBe(false)
})

test('fair share: one peer that floods the catalogue leaves room for the releases of others', () => {
  const spam = Array.from({ length: 1000 }, (_, n) => `spam ${n}`)
  const share = fairShare([...spam, 'honest a', 'other b', 'honest c'], (text) => text.split(' ')[0]!, 10)
  expect(share).toHaveLength(10)
  expect(share).toEqual(expect.arrayContaining(['honest a', 'other b', 'honest c']))
  expect(fairShare(spam, () => 'all', 3)).toEqual(['spam 0', 'spam 1', 'spam 2'])
})
