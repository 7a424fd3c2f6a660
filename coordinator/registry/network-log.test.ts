import { expect, test } from 'vitest'
import { networkEventsKeptMax } from '#protocol/limits.ts'
import { NetworkLog } from './network-log.ts'

const joined = (peerId: string) => ({ type: 'node-joined', peerId, region: '', state: 'alive' }) as const

test('network log: newest first, behind a number, of one node, and never more than are kept', () => {
  let nowMs = 1_000_000
  const log = new NetworkLog(() => nowMs++)
  expect(log.seq).toBe(0)
  for (const peerId of ['a', 'b', 'a']) log.add(joined(peerId))
  const [last, , first] = log.list({})
  expect(last).toMatchObject({ peerId: 'a', seq: log.seq })
  expect(log.list({ since: first!.seq })).toHaveLength(2)
  expect(log.list({ peerId: 'b' })).toHaveLength(1)
  expect(log.list({ limit: 1 })).toEqual([last])
  for (let at = 0; at < networkEventsKeptMax; at++) log.add(joined('c'))
  expect(log.list({})).toHaveLength(networkEventsKeptMax)
  expect(log.list({ peerId: 'a' })).toEqual([])
})

test('network log: a later run numbers its events behind those of an earlier one', () => {
  const before = new NetworkLog(() => 1_000_000)
  const after = new NetworkLog(() => 1_001_000)
  for (let at = 0; at < 1000; at++) before.add(joined('a'))
  after.add(joined('a'))
  expect(after.seq).toBeGreaterThan(before.seq)
})
