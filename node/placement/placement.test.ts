import { readFile } from 'node:fs/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  bundledModel,
  heldComponents,
  ingest,
  modelOf,
  type TestNode,
  TestNodes,
  until,
} from '../runtime/node.fixture.ts'

// Each node starts three workers: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 90_000 })

const model = 'hartling-f16'
/** Of 2.8 MiB. Header and metadata take 90 KB, which both halves hold. */
const halfPledge = 1_600_000

let nodes: TestNodes
let seed: TestNode
// A swarm of its own for each try of each test: what one leaves behind must not decide the next.
beforeEach(async () => {
  nodes = await TestNodes.create()
  seed = await nodes.start('seed')
  await ingest(seed, bundledModel)
})
afterEach(() => nodes.close())

const settled = (node: TestNode) =>
  until(`${node.name} holds what fits`, async () => {
    const { placement, transfers } = await node.controller.status()
    const decision = placement.find(({ name }) => name === model)
    return decision?.action === 'keep' && transfers.length === 0 ? decision : undefined
  })

test('placement: half pledges hold complementary halves, from which a third node gets all without any full seed', async () => {
  const first = await nodes.start('first', [seed], { 'pledge.disk': halfPledge })
  const why = await settled(first)
  expect(why.reason).toMatch(/holds \d+ of \d+ components \(header, .* no further one fits the pledge/)
  const second = await nodes.start('second', [seed, first], { 'pledge.disk': halfPledge })
  await settled(second)
  const halves = [await modelOf(first, model), await modelOf(second, model)]
  for (const half of halves) {
    expect(half!.heldBytes).toBeLessThanOrEqual(halfPledge)
    expect(half!.heldChunks).toBeLessThan(58)
  }
  const keys = [await heldComponents(first, model), await heldComponents(second, model)]
  const all = await heldComponents(seed, model)
  expect(new Set(keys.flat())).toEqual(new Set(all))
  const announced = (await first.controller.status()).dht
  // The catalogue, the model, and a key for each kind and layer that is here whole.
  expect(announced.keysAnnounced + announced.keysWaiting).toBeGreaterThan(5)
  await nodes.stop(seed)
  const third = await nodes.start('third', [first], { 'pledge.disk': 10_000_000 })
  const whole = await until('the third holds all', async () => {
    const found = await modelOf(third, model)
    return found?.heldChunks === 58 ? found : undefined
  })
  expect((await readFile(whole.files[0]!)).equals(await readFile(bundledModel))).toBe(true)
})

test('placement: a part stays over a restart, a smaller pledge gives it up, a larger one completes it', async () => {
  const fresh = await nodes.start('second', [seed], { 'pledge.disk': halfPledge })
  await settled(fresh)
  await nodes.stop(fresh)
  const half = await nodes.start('second', [seed], { 'pledge.disk': halfPledge })
  await settled(half)
  const { heldBytes } = (await modelOf(half, model))!
  expect(heldBytes).toBeGreaterThan(halfPledge / 2)
  expect(half.said.find((event) => event.event === 'model-added')).toMatchObject({ origin: 'fetch' })
  // Nothing was fetched again: what was chosen before the restart counts.
  expect(half.said.filter((event) => event.event === 'chunks-gained' || event.event === 'chunks-lost')).toEqual([])
  await nodes.stop(half)
  const lowered = await nodes.start('second', [seed], { 'pledge.disk': 400_000 })
  await until('the smaller part', async () => {
    const found = await modelOf(lowered, model)
    return found !== undefined && found.heldBytes > 0 && found.heldBytes <= 400_000
  })
  expect(lowered.said.find((event) => event.event === 'placement')).toMatchObject({
    action: 'evict',
    reason: 'it is more than the pledge',
  })
  await nodes.stop(lowered)
  const raised = await nodes.start('second', [seed], { 'pledge.disk': 10_000_000 })
  await until('all of it', async () => (await modelOf(raised, model))!.heldChunks === 58)
  await nodes.stop(raised)
  const strict = await nodes.start('second', [seed], {
    'pledge.disk': 10_000_000,
    'policy.licences.allow': ['Apache-2.0'],
  })
  await until('what the policy refuses is gone', async () => (await modelOf(strict, model))!.heldBytes === 0)
  expect((await strict.controller.status()).placement).toMatchObject([
    { name: model, action: expect.stringMatching(/evict|skip/), reason: 'its licence is not on the allow list' },
  ])
  await nodes.stop(strict)
})
