import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ModelId, PeerId } from '#protocol/ids.ts'
import { chooseComponents, decidePlacement, type PlacementModel, type PlacementPolicy, policyRefusal } from './place.ts'

const open: PlacementPolicy = {
  models: { allow: [], block: [] },
  publishers: { allow: [], block: [] },
  licences: { allow: [], block: [] },
}

function model(name: string, over: Partial<PlacementModel> = {}): PlacementModel {
  return {
    modelId: `id-${name}` as ModelId,
    name,
    publisher: 'pub' as PeerId,
    licence: 'MIT',
    sizeBytes: 100,
    holderShares: [1],
    heldBytes: 0,
    isPinned: false,
    isOwnFile: false,
    lastUsedAtMs: 0,
    ...over,
  }
}

const decide = (models: PlacementModel[], pledgeBytes: number, policy = open) =>
  decidePlacement(models, { pledgeBytes, policy, random: () => 0.5 })

test('placement: the rarest model is fetched first, and only what fits the pledge', () => {
  const decisions = decide(
    [model('common', { holderShares: [1, 1, 1, 1] }), model('rare', { holderShares: [0.5] })],
    150,
  )
  expect(decisions.map((d) => [d.action, d.name])).toEqual([
    ['fetch', 'rare'],
    ['fetch', 'common'],
  ])
  expect(decisions[1]).toMatchObject({ budgetBytes: 50 })
})

test('placement: two half copies count as one', () => {
  const [first] = decide([model('halves', { holderShares: [0.5, 0.5] }), model('two', { holderShares: [1, 1] })], 100)
  expect(first).toMatchObject({ name: 'halves', action: 'fetch' })
})

test('placement: a common model gives way to one in danger, a pinned one never', () => {
  const common = model('common', { holderShares: [1, 1, 1, 1], heldBytes: 100 })
  const danger = model('danger', { holderShares: [0.2] })
  expect(decide([common, danger], 100).find((d) => d.name === 'common')?.action).toBe('evict')
  expect(decide([{ ...common, isPinned: true }, danger], 100).find((d) => d.name === 'common')?.action).toBe('keep')
})

test('placement: a held model stays when a slightly rarer one of the same rank appears', () => {
  const held = model('held', { holderShares: [1, 1, 0.9], heldBytes: 100 })
  const rarer = model('rarer', { holderShares: [1, 1] })
  expect(decide([held, rarer], 100).map((d) => [d.name, d.action])).toEqual([
    ['held', 'keep'],
    ['rarer', 'skip'],
  ])
})

test('placement: policy lists refuse by model, publisher and licence, and evict what is held', () => {
  const blocked: PlacementPolicy = { ...open, licences: { allow: ['Apache-2.0'], block: [] } }
  expect(policyRefusal({ modelId: 'm', name: 'n', publisher: 'p', licence: 'MIT' }, blocked)).toMatch(/licence/)
  expect(decide([model('held', { heldBytes: 50 })], 100, blocked)[0]).toMatchObject({ action: 'evict' })
  expect(decide([model('new')], 100, { ...open, publishers: { allow: [], block: ['pub'] } })[0]).toMatchObject({
    action: 'skip',
  })
})

test('placement: without a pledge nothing is fetched, and it says so', () => {
  expect(decide([model('any')], 0)[0]).toMatchObject({ action: 'skip', reason: 'no disk is pledged' })
})

test('placement: what is granted never exceeds the pledge', () => {
  const models = fc.array(
    fc.record({
      size: fc.integer({ min: 1, max: 1000 }),
      held: fc.integer({ min: 0, max: 1000 }),
      copies: fc.integer({ min: 0, max: 6 }),
    }),
    { maxLength: 20 },
  )
  fc.assert(
    fc.property(models, fc.integer({ min: 0, max: 5000 }), (specs, pledgeBytes) => {
      const all = specs.map((spec, i) =>
        model(`m${i}`, {
          sizeBytes: spec.size,
          heldBytes: Math.min(spec.held, spec.size),
          holderShares: Array(spec.copies).fill(1),
        }),
      )
      const decisions = decide(all, pledgeBytes)
      const kept = decisions.reduce((sum, decision, _i) => {
        const held = all.find((m) => m.modelId === decision.modelId)!.heldBytes
        return sum + (decision.action === 'fetch' ? decision.budgetBytes : decision.action === 'keep' ? held : 0)
      }, 0)
      expect(decisions).toHaveLength(all.length)
      expect(kept).toBeLessThanOrEqual(pledgeBytes)
    }),
  )
})

test('placement: what is held stays before another of its rank grows, and the rest of the pledge goes to growth', () => {
  const half = model('half', { holderShares: [1, 1, 1], heldBytes: 50 })
  const whole = model('whole', { holderShares: [1, 1, 1, 1], heldBytes: 100 })
  expect(decide([half, whole], 150).map((d) => [d.name, d.action])).toEqual([
    ['half', 'keep'],
    ['whole', 'keep'],
  ])
  expect(decide([half, whole], 180)[0]).toMatchObject({ name: 'half', action: 'fetch', budgetBytes: 80 })
})

test('placement: a lowered pledge evicts, and says why', () => {
  expect(decide([model('held', { heldBytes: 100 })], 60)[0]).toMatchObject({
    action: 'evict',
    reason: 'it is more than the pledge',
  })
})

test('components: what is here counts as spent, what was begun is finished first', () => {
  const component = (key: string, heldBytes: number) => ({
    key,
    kind: 'ffn' as const,
    chunkIndexes: [1],
    sizeBytes: 10,
    heldBytes,
  })
  const parts = [component('fresh', 0), component('begun', 4), component('done', 10)]
  expect(chooseComponents(parts, new Uint16Array(3), 12, () => 0).map((c) => c.key)).toEqual(['begun'])
  expect(chooseComponents(parts, new Uint16Array(3), 5, () => 0)).toEqual([])
})

test('components: the header and the rarest fit the budget', () => {
  const component = (key: string, chunk: number) => ({
    key,
    kind: 'ffn' as const,
    chunkIndexes: [chunk],
    sizeBytes: 10,
    heldBytes: 0,
  })
  const chosen = chooseComponents(
    [component('blk.0.ffn', 1), component('blk.1.ffn', 2), component('header', 0)],
    new Uint16Array([9, 5, 1]),
    20,
    () => 0,
  )
  expect(chosen.map((c) => c.key)).toEqual(['header', 'blk.1.ffn'])
})
