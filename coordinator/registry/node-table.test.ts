import { expect, test } from 'vitest'
import type { Lease } from '#protocol/heartbeat/message.ts'
import type { PeerId } from '#protocol/ids.ts'
import { leaseTtlMs } from '#protocol/limits.ts'
import type { Happening } from './network-log.ts'
import { changesMax, goneKeptMax, NodeTable } from './node-table.ts'

const peerId = 'a' as PeerId

function setup() {
  const clock = { nowMs: 1_000_000 }
  const told: Happening[] = []
  const facts = { score: 0.25 }
  const table = new NodeTable({
    now: () => clock.nowMs,
    factsOf: () => ({ ...facts }),
    nameOf: () => undefined,
    tell: (happening) => told.push(happening),
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
  return { table, clock, live, told, facts }
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

const named = (name: string) => ({ peerId: name as PeerId })

test('node table: changes are what became of it since, and no more: new, other, renewed, gone', () => {
  const { table, clock, live } = setup()
  const all = () => ['a', 'b', 'c', 'd'].map((name) => live(named(name)))
  table.observe(all())
  const before = table.revision
  expect(table.changes(before)).toEqual({ nodes: [], ages: {}, gone: [] })
  clock.nowMs += 1000
  table.observe([...all().slice(0, 2), live({ ...named('c'), load: 0.5 })])
  clock.nowMs += leaseTtlMs
  table.observe([...all().slice(0, 2), live({ ...named('c'), load: 0.5 }), live(named('e'))])
  clock.nowMs += 10
  const { nodes, ages, gone } = table.changes(before)!
  expect(nodes.map(({ peerId, load }) => [peerId, load])).toEqual([
    ['c', 0.5],
    ['e', 0],
  ])
  expect(ages).toEqual({ a: 10, b: 10 })
  expect(gone).toEqual(['d'])
  expect(table.changes(table.revision)).toEqual({ nodes: [], ages: {}, gone: [] })
})

test('node table: what other parts know of a node is a change of it once it can be seen', () => {
  const { table, clock, live, facts } = setup()
  table.observe([live()])
  const renew = () => {
    const { revision } = table
    clock.nowMs += 1
    table.observe([live()])
    return table.changes(revision)!
  }
  facts.score = 0.251
  expect(renew()).toMatchObject({ nodes: [], ages: { a: 0 } })
  facts.score = 0.3
  expect(renew()).toMatchObject({ nodes: [{ peerId: 'a', score: 0.3 }], ages: {} })
  const { revision } = table
  table.touch(new Set(['of another']))
  expect(table.revision).toBeGreaterThan(revision)
  expect(table.changes(revision)?.nodes).toEqual([])
})

test('node table: who comes with what it cannot know, or has missed too much, is told to read the whole', () => {
  const { table, clock, live } = setup()
  const begin = table.revision
  const many = Array.from({ length: goneKeptMax + 1 }, (_, at) => live(named(`n${at}`)))
  table.observe(many)
  expect(many.length).toBeGreaterThan(changesMax)
  expect(table.changes(begin)).toBe(undefined)
  const full = table.revision
  expect(table.changes(full + 1)).toBe(undefined)
  clock.nowMs += leaseTtlMs
  table.observe([])
  clock.nowMs += leaseTtlMs
  table.observe([])
  expect(table.changes(full)).toBe(undefined)
  expect(table.changes(table.revision - goneKeptMax)?.gone).toHaveLength(goneKeptMax)
  // A run that began later numbers on: what is known of an earlier one is known to be old.
  clock.nowMs += 1
  expect(setup().table.changes(begin - 1)).toBe(undefined)
})

test('node table: it tells who comes, goes and changes, and not how jobs come and go', () => {
  const { table, clock, live, told } = setup()
  table.observe([live({ region: 'DE' })])
  table.noteProbe(peerId, { atMs: clock.nowMs, ok: true })
  clock.nowMs += 1
  table.observe([live({ region: 'DE', inferenceSlotsFree: 0 })])
  clock.nowMs += 1
  table.observe([live({ region: 'DE' })])
  table.observe([])
  clock.nowMs += leaseTtlMs
  table.observe([])
  const of = { peerId, region: 'DE' }
  expect(told).toEqual([
    { type: 'node-joined', ...of, state: 'alive' },
    { type: 'node-state', ...of, from: 'alive', to: 'ready', reason: expect.stringContaining('answered a probe') },
    {
      type: 'node-state',
      ...of,
      from: 'ready',
      to: 'stale',
      reason: expect.stringContaining('its lease ended just now'),
    },
    { type: 'node-left', ...of },
  ])
})
