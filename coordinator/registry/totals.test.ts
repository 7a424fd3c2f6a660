import { expect, test } from 'vitest'
import type { NodeView } from '#protocol/api/network.ts'
import { type Counted, countTotals } from './totals.ts'

const known = {
  sizes: new Map([
    ['whole', 1000],
    ['found', 100],
    ['partial', 10],
    ['nowhere', 1],
  ]),
  isWhole: (modelId: string) => modelId === 'found',
  tokensPerSecond: undefined,
  jobs: { running: 1, today: 2 },
}
const holds = (modelId: string, heldChunks: number) => ({ modelId, heldChunks, chunkCount: 4, canInfer: false })
const node = (models: NodeView['models'], more: Partial<Counted> = {}): Counted => ({
  state: 'ready',
  models,
  inferenceSlots: 2,
  inferenceSlotsFree: 1,
  uploadBytesPerSecond: 5,
  ...more,
})
const bond = (payee: string, bondWei: string) => ({ payee, bondWei, isBound: true, readAtMs: 0 })

test('totals: copies count each, parts by their share, and a model is whole where all of it was found', () => {
  const nodes = [
    node([holds('whole', 4), holds('partial', 1)]),
    node([{ ...holds('whole', 4), canInfer: true }, holds('found', 2), holds('unheard of', 4)], { state: 'busy' }),
    node([holds('nowhere', 4)], { state: 'stale' }),
  ]
  expect(countTotals(nodes, known)).toEqual({
    nodes: 2,
    nodesReady: 1,
    models: 4,
    modelsWhole: 2,
    modelsPartial: 1,
    heldBytes: 1000 + 1000 + 50 + 3,
    // The first answers with no model.
    inferenceSlots: 2,
    inferenceSlotsFree: 1,
    uploadBytesPerSecond: 10,
    jobsRunning: 1,
    jobsToday: 2,
  })
})

test('totals: a bond stands behind all nodes of its payee, and is counted once', () => {
  const nodes = ['1', '2', '1'].map((payee) => node([], { stake: bond(payee, '10000000000000000000000') }))
  expect(countTotals(nodes, known).stakedWei).toBe('20000000000000000000000')
  expect(countTotals(nodes, { ...known, tokensPerSecond: 3 }).tokensPerSecond).toBe(3)
})
