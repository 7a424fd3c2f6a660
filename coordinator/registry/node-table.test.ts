import { expect, test } from 'vitest'
import type { Lease } from '#protocol/heartbeat/message.ts'
import type { PeerId } from '#protocol/ids.ts'
import { leaseTtlMs } from '#protocol/limits.ts'
import { NodeTable } from './node-table.ts'

const peerId = 'a' as PeerId

function setup() {
  const clock = { nowMs: 1_000_000 }
  const table = new NodeTable({
    now: () => clock.nowMs,
    factsOf: () => ({ score: 0.25 }),
    nameOf: () => undefined,
  })
  const live = (more: Partial<Lease> = {}) => ({
    lease: {
      peerId,
      version: '1.0.0',
      region: '',
      models: [],
      load: 0,
      inferenceSlots: 2,
      inferenceSlotsFree: 2,
      uploadBytesPerSecond: 0,
      diskFreeBytes: 0,
      isDataReachable: true,
      isPaused: false,
      ...more,
    } as unknown as Lease,
    receivedAtMs: clock.nowMs,
    expiresAtMs: clock.nowMs + leaseTtlMs,
  })
  return { table, clock, live }
}

test('node table: a claim is alive, a probe makes it ready, a failed one unreachable', () => {
  const { table, clock, live } = setup()
  table.observe([live()])
  expect(table.get(peerId)).toMatchObject({ state: 'alive', reason: 'its lease is live; no probe yet' })
  table.noteProbe(peerId, { atMs: clock.nowMs, ok: true, latencyMs: 20 })
  expect(table.get(peerId)?.state).toBe('ready')
  table.noteProbe(peerId, { atMs: clock.nowMs, ok: false, error: 'no answer' })
  expect(table.get(peerId)).toMatchObject({ state: 'unreachable', reason: 'a probe failed: no answer' })
})

test('node table: what its owner says goes before what a probe says', () => {
  const { table, clock, live } = setup()
  table.observe([live({ isPaused: true })])
  table.noteProbe(peerId, { atMs: clock.nowMs, ok: true })
  expect(table.get(peerId)?.state).toBe('paused')
  clock.nowMs += 1
  table.observe([live({ inferenceSlotsFree: 0 })])
  expect(table.get(peerId)).toMatchObject({ state: 'busy', reason: 'all 2 of its slots are taken' })
})

test('node table: nothing older than one lease is alive, and nothing older than two is shown', () => {
  const { table, clock, live } = setup()
  const lease = live()
  table.observe([lease])
  clock.nowMs += leaseTtlMs
  // A round may come late: the entry knows by itself that its time is over.
  expect(table.get(peerId)?.state).toBe('stale')
  table.observe([])
  clock.nowMs += leaseTtlMs - 1
  table.observe([])
  expect(table.get(peerId)?.state).toBe('stale')
  clock.nowMs += 1
  table.observe([])
  expect(table.get(peerId)).toBeUndefined()
})

test('node table: a node whose connection closed is stale at once, and alive again when it comes back', () => {
  const { table, clock, live } = setup()
  table.observe([live()])
  table.observe([])
  expect(table.get(peerId)?.state).toBe('stale')
  clock.nowMs += 10
  table.observe([live()])
  expect(table.get(peerId)?.state).toBe('alive')
})

test('node table: the revision grows with changes only, and a state keeps the time since it is so', () => {
  const { table, clock, live } = setup()
  const lease = live()
  table.observe([lease])
  const { revision } = table
  const sinceMs = table.get(peerId)!.sinceMs
  clock.nowMs += 5000
  table.observe([lease])
  expect(table.revision).toBe(revision)
  table.observe([live()])
  expect(table.revision).toBeGreaterThan(revision)
  expect(table.get(peerId)?.sinceMs).toBe(sinceMs)
  expect(table.get(peerId)?.ageMs).toBe(0)
})
