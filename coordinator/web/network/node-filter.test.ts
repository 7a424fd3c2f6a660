import { expect, test } from 'vitest'
import type { SwarmNode } from '../app/swarm.ts'
import { nodesCsv } from './node-csv.ts'
import { matches, shownStates, sortNodes, statesText } from './node-filter.ts'
import { networkSearch } from './search.ts'

const node = (peerId: string, more: Partial<SwarmNode> = {}) =>
  ({
    peerId,
    state: 'ready',
    region: '',
    version: '1.0.0',
    models: [],
    score: 0.25,
    heardAtMs: 0,
    ...more,
  }) as SwarmNode
const holds = (modelId: string, name: string, heldChunks = 1) => ({
  modelId,
  name,
  heldChunks,
  chunkCount: 1,
  canInfer: true,
})
const nodes = [
  node('12D3KooWaaaa', { region: 'DE', models: [holds('m1', 'Llama 3')] }),
  node('12D3KooWbbbb', { region: 'FR', state: 'busy', models: [holds('m1', 'Llama 3', 0)] }),
  node('12D3KooWcccc', { version: '2.0.0' }),
]
const found = (filter: Parameters<typeof matches>[0]) => {
  const { fits, isOfState } = matches(filter)
  return nodes.filter((each) => fits(each) && isOfState(each)).map(({ peerId }) => peerId.slice(-1))
}

test('node filter: by state, region or none, held model, and words that must all be there', () => {
  expect(found({})).toEqual(['a', 'b', 'c'])
  expect(found({ states: 'busy.stale' })).toEqual(['b'])
  expect(found({ region: 'none' })).toEqual(['c'])
  expect(found({ model: 'm1' })).toEqual(['a'])
  expect(found({ q: 'BBBB' })).toEqual(['b'])
  expect(found({ q: 'llama de' })).toEqual(['a'])
  expect(found({ q: '2.0' })).toEqual(['c'])
})

test('node filter: all states are no filter, and the address says so by nothing', () => {
  const all = shownStates({})
  expect(statesText(all)).toBe(undefined)
  expect(statesText(new Set(['stale', 'ready']))).toBe('ready.stale')
})

test('node order: stakes are compared as amounts, equal ones stay in the order in which they came', () => {
  const staked = ['9', '10', '10'].map((bondWei, at) =>
    node(`n${at}`, { stake: { payee: '', bondWei, isBound: true, readAtMs: 0 } }),
  )
  const ids = (order: 'up' | 'down') => sortNodes(staked, 'stake', order).map(({ peerId }) => peerId)
  expect(ids('down')).toEqual(['n1', 'n2', 'n0'])
  expect(ids('up')).toEqual(['n0', 'n1', 'n2'])
})

test('node table as a file: what would break out of a cell or run as a formula does not', () => {
  const [, row] = nodesCsv([node('p', { reason: '=1+1, "quoted"', models: [holds('m', 'a\nb')] })]).split('\r\n')
  expect(row).toContain(`"'=1+1, ""quoted"""`)
  expect(row).toContain('"a\nb"')
})

test('address of the map: what does not fit is left out, and the rest is kept', () => {
  const read = (search: object) => networkSearch.parse(search)
  const good = { states: 'ready.busy', region: 'DE', sort: 'stake', order: 'up', view: '2.5,13.4,-52.5', q: 'x' }
  expect(read(good)).toEqual(good)
  const bad = { states: 'ready.', region: 'de', sort: 'age', view: '1', q: 'y' }
  expect(Object.entries(read(bad)).filter(([, value]) => value !== undefined)).toEqual([['q', 'y']])
})
