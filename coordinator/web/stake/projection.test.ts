import { expect, test } from 'vitest'
import { parseHart } from '#protocol/hart.ts'
import { projectionOf } from './projection.ts'

const hart = (text: string) => String(parseHart(text))
const delegate = {
  bondWei: hart('1000'),
  delegatedWei: hart('1000'),
  history: { epochs: 10, weiPerHart: hart('0.1') },
}

test('projection: the same payments over more stake: twice the stake earns half as much per HART', () => {
  const little = projectionOf(delegate, parseHart('1'))!
  expect(little.earnedWei).toBeLessThan(parseHart('0.1'))
  expect(little.earnedWei).toBeGreaterThan(parseHart('0.099'))
  const much = projectionOf(delegate, parseHart('2000'))!
  expect(much).toEqual({
    epochs: 10,
    earnedWei: parseHart('100'),
    perEpochWei: parseHart('10'),
    perEpochPpm: 5_000n,
  })
})

test('projection: before an epoch has ended there is none, and a node that was paid nothing projects nothing', () => {
  expect(projectionOf({ ...delegate, history: { epochs: 0, weiPerHart: '0' } }, parseHart('5'))).toBeUndefined()
  const idle = projectionOf({ ...delegate, history: { epochs: 3, weiPerHart: '0' } }, parseHart('5'))
  expect(idle).toMatchObject({ epochs: 3, earnedWei: 0n, perEpochPpm: 0n })
})
