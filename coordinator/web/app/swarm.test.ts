import { expect, test } from 'vitest'
import type { NetworkChanges, NetworkSnapshot, NodeView } from '#protocol/api/network.ts'
import { swarmOf, withChanges } from './swarm.ts'

const node = (peerId: string, ageMs: number, load = 0) => ({ peerId, ageMs, load }) as NodeView
const snapshot = {
  revision: 1,
  takenAtMs: 0,
  nodes: [node('a', 100), node('b', 200), node('c', 300)],
} as NetworkSnapshot
const nothing = { revision: 2, isComplete: true, nodes: [], ages: {}, gone: [] } as unknown as NetworkChanges

test('swarm: what changed is new, what renewed is younger, what is gone is gone, and all else is the same object', () => {
  const swarm = swarmOf(snapshot, 10_000)
  const changes = { ...nothing, nodes: [node('a', 0, 0.5), node('d', 10)], ages: { b: 5 }, gone: ['c'] }
  const next = withChanges(swarm, changes, 20_000)!
  expect(next.revision).toBe(2)
  expect(next).not.toHaveProperty('isComplete')
  expect(next.nodes.map(({ peerId, load, heardAtMs }) => [peerId, load, heardAtMs])).toEqual([
    ['a', 0.5, 20_000],
    ['b', 0, 19_995],
    ['d', 0, 19_990],
  ])
  expect(withChanges(swarm, nothing, 20_000)!.nodes.map((each, at) => each === swarm.nodes[at])).toEqual([
    true,
    true,
    true,
  ])
})

test('swarm: changes that are not complete say that all must be read anew', () => {
  expect(withChanges(swarmOf(snapshot, 0), { ...nothing, isComplete: false }, 0)).toBe(undefined)
})
