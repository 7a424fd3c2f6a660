import { expect, test } from 'vitest'
import type { SwarmNode } from '../app/swarm.ts'
import type { NodeState } from '../components/state-mark.tsx'
import { clustersOf } from './cells.ts'
import { clusterRadius, honeycomb, neighbour, pushApart } from './packing.ts'

const nodes = (region: string, count: number, state: NodeState = 'ready') =>
  Array.from({ length: count }, (_, at) => ({ peerId: `${region}${state}${at}`, region, state }) as SwarmNode)

test('cells: a few nodes are each one, many are one per state, and none gets a place that it has not declared', () => {
  const { placed, unplaced } = clustersOf([
    ...nodes('DE', 2),
    ...nodes('DE', 1, 'busy'),
    ...nodes('US', 9),
    ...nodes('US', 3, 'stale'),
    ...nodes('', 2),
    ...nodes('XX', 1),
  ])
  expect(placed.map(({ region, cells }) => [region, cells.map(({ state, count }) => `${count} ${state}`)])).toEqual([
    ['US', ['9 ready', '3 stale']],
    ['DE', ['1 ready', '1 ready', '1 busy']],
  ])
  expect(placed[0]!.one).toMatchObject({ count: 12, state: 'ready', mix: [{ count: 9 }, { state: 'stale', count: 3 }] })
  expect(unplaced.map(({ region, count }) => [region, count])).toEqual([
    ['', 2],
    ['XX', 1],
  ])
})

test('packing: no cell of a honeycomb covers another, and none of a cluster stands outside its radius', () => {
  const places = honeycomb(30)
  for (const [at, a] of places.entries()) {
    expect(Math.hypot(a.x, a.y)).toBeLessThan(clusterRadius(30))
    // 24 px from middle to middle: what WCAG 2.2 asks of a target.
    for (const b of places.slice(at + 1)) expect(Math.hypot(a.x - b.x, a.y - b.y)).toBeGreaterThanOrEqual(24)
  }
})

test('packing: clusters at one place are pushed apart, the same way each time, and others stay', () => {
  const wanted = [...Array.from({ length: 12 }, () => ({ x: 100, y: 100, radius: 20 })), { x: 900, y: 100, radius: 20 }]
  const edge = { width: 1000, height: 1000 }
  const places = pushApart(wanted, edge)
  for (const [at, a] of places.entries())
    for (const b of places.slice(at + 1)) expect(Math.hypot(a.x - b.x, a.y - b.y)).toBeGreaterThan(39)
  expect(places.at(-1)).toEqual({ x: 900, y: 100 })
  expect(pushApart(wanted, edge)).toEqual(places)
  const atEdge = pushApart(
    [0, 1, 2].map((x) => ({ x, y: 0, radius: 20 })),
    edge,
  )
  for (const { x, y } of atEdge) expect(Math.min(x, y)).toBeGreaterThanOrEqual(20)
})

test('packing: an arrow goes to what is near and ahead, and stays where nothing is', () => {
  const places = [
    { x: 0, y: 0 },
    { x: 30, y: 2 },
    { x: 20, y: 60 },
    { x: 300, y: 0 },
  ]
  expect(neighbour(places, 0, { x: 1, y: 0 })).toBe(1)
  expect(neighbour(places, 0, { x: 0, y: 1 })).toBe(2)
  expect(neighbour(places, 0, { x: -1, y: 0 })).toBe(0)
})
