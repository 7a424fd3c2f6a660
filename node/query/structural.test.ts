import { copyFile, open } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { seededRandom } from '#protocol/codec/decoder-suite.ts'
import type { ModelId } from '#protocol/ids.ts'
import { generateModel } from '../ingest/index.ts'
import { ingest, type TestNode, TestNodes, until } from '../runtime/node.fixture.ts'

// Each node starts three workers: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

const layers = 200
const shape = { width: 64, layers, heads: 2, kvHeads: 2, ffnWidth: 96, vocabulary: 300, contextTokens: 64 }

let nodes: TestNodes
let node: TestNode
let base: string
let tuned: string
let other: string
/** Of the tuned model, blocks whose ffn and attention differ from the base. */
const changedFfn = [7, 100, 163]
const changedAttention = 41
beforeAll(async () => {
  nodes = await TestNodes.create()
  node = await nodes.start('one')
  const pathOf = (name: string) => join(nodes.folder, `${name}.gguf`)
  await generateModel({ path: pathOf('base'), shape, dtype: 'F32', seed: 1 })
  await generateModel({ path: pathOf('other'), shape, dtype: 'F32', seed: 2 })
  base = await ingest(node, pathOf('base'), 'base')
  other = await ingest(node, pathOf('other'), 'other')
  await copyFile(pathOf('base'), pathOf('tuned'))
  for (const block of changedFfn) await perturb(pathOf('tuned'), `blk.${block}.ffn_up.weight`, 0.01)
  await perturb(pathOf('tuned'), `blk.${changedAttention}.attn_q.weight`, 0.01)
  tuned = await ingest(node, pathOf('tuned'), 'tuned')
})
afterAll(() => nodes.close())

/** Each weight by up to so much of the tensor's size, in the same places as in the base. */
async function perturb(path: string, tensor: string, share: number): Promise<void> {
  const { content } = node.node.parts.shard.get(base as ModelId)!
  const extent = content.files[0]!.extents.find(({ name }) => name === tensor)!
  const handle = await open(path, 'r+')
  const bytes = Buffer.alloc(extent.sizeBytes)
  await handle.read(bytes, 0, bytes.length, extent.offsetBytes)
  const weights = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
  const random = seededRandom(5)
  const rms = Math.sqrt(weights.reduce((sum, weight) => sum + weight * weight, 0) / weights.length)
  for (let at = 0; at < weights.length; at++) weights[at]! += share * rms * (2 * random() - 1) * Math.sqrt(3)
  await handle.write(bytes, 0, bytes.length, extent.offsetBytes)
  await handle.close()
}

const find = (text: string, limit = 5) => node.controller.queries.find({ text, limit }, AbortSignal.timeout(60_000))

test('structural space: of 200 components of one shape the one whose weights were changed by 1 % is nearest to its copy', async () => {
  for (const block of changedFfn) {
    const { rows } = await find(`like:tuned/blk.${block}.ffn kind:ffn model:base,other`)
    expect(rows[0]).toMatchObject({ model: 'base', key: `blk.${block}.ffn` })
    // It sees weights, not shapes: the next ones are alike in everything but their values.
    expect(rows[0]!.score!).toBeGreaterThan(0.99)
    expect(rows[1]!.score!).toBeLessThan(0.8)
  }
})

test('structural space: a component is nearest to itself, and of exact copies each scores 1', async () => {
  const { rows } = await find('like:base/blk.50.attention')
  expect(
    rows
      .slice(0, 2)
      .map(({ key, model }) => [key, model])
      .sort(),
  ).toEqual([
    ['blk.50.attention', 'base'],
    ['blk.50.attention', 'tuned'],
  ])
  for (const { score } of rows.slice(0, 2)) expect(score).toBeCloseTo(1, 5)
})

test('structural space: the changed layers of a fine-tune are found by comparing it with its base', async () => {
  const diff = await node.controller.diff('base', 'tuned', AbortSignal.timeout(60_000))
  const changed = diff.components.filter(({ status }) => status !== 'identical').map(({ key }) => key)
  expect(changed.sort()).toEqual(
    [...changedFfn.map((block) => `blk.${block}.ffn`), `blk.${changedAttention}.attention`].sort(),
  )
})

test('structural space: filters hold, words are refused, and what cannot be compared says why', async () => {
  const { rows } = await find('like:base/blk.3.ffn kind:attention layer:10-12 model:other', 10)
  expect(rows.map(({ key }) => key).sort()).toEqual(['blk.10.attention', 'blk.11.attention', 'blk.12.attention'])
  await expect(find('like:base/blk.3.ffn legal')).rejects.toMatchObject({ code: 'ERR_QUERY_INVALID' })
  await expect(find('like:base/blk.999.ffn')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
  expect(other).not.toBe(tuned)
})

test('structural space: peers answer with what they have, and mark it as theirs to say', async () => {
  await find('like:base/blk.3.ffn')
  const asker = await nodes.start('asker', [node], { 'pledge.disk': 0 })
  await until('the holder is known', () => asker.node.parts.leases.holders(base as ModelId).length > 0)
  const signal = AbortSignal.timeout(60_000)
  const transfer = await asker.node.parts.library.pull('tuned', { components: ['blk.100.ffn'] }, signal)
  await transfer.finished
  const { rows } = await asker.controller.queries.find({ text: 'like:tuned/blk.100.ffn kind:ffn', limit: 4 }, signal)
  expect(
    rows
      .slice(0, 2)
      .map(({ key, model }) => [key, model])
      .sort(),
  ).toEqual([
    ['blk.100.ffn', 'base'],
    ['blk.100.ffn', 'tuned'],
  ])
  expect(rows.find(({ model }) => model === 'base')).toMatchObject({ isChecked: false })
})
