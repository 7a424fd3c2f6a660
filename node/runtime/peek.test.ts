import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DiffView, TensorDetailView, TensorView } from '#protocol/api/control.ts'
import { type ControlClient, connectToNode } from '../cli/client.ts'
import { bundledModel, ingest, pull, smallModel, type TestNode, TestNodes } from './node.fixture.ts'

let nodes: TestNodes
let holder: TestNode
let client: ControlClient
beforeAll(async () => {
  nodes = await TestNodes.create()
  holder = await nodes.start('holder')
  await ingest(holder, bundledModel, 'first')
  await ingest(holder, smallModel, 'second')
  client = await connectToNode(holder.dataDir, AbortSignal.timeout(60_000))
})
afterAll(() => nodes.close())

test('control API: tensors of a held model are listed and shown', async () => {
  const { tensors } = await client.get<{ tensors: TensorView[] }>('/api/v1/models/first/tensors')
  expect(tensors[0]).toMatchObject({ name: 'token_embd.weight', dtype: 'F16', isHeld: true, isReadable: true })
  const view = await client.get<TensorDetailView>(
    '/api/v1/models/first/tensors/output_norm.weight?firstRow=0&stats=true',
  )
  expect(view.rows?.values[0]).toHaveLength(128)
  expect(view.stats?.count).toBe(128)
  await expect(client.get('/api/v1/models/first/tensors/nothing')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
  await expect(client.get('/api/v1/models/first/tensors/nothing?firstRow=x')).rejects.toMatchObject({
    code: 'ERR_USAGE',
  })
  await expect(client.get('/api/v1/models/nothing/tensors')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
})

test('control API: a diff of held models reads nothing that has the same hash', async () => {
  const same = await client.get<DiffView>('/api/v1/diff?a=first&b=first')
  expect(same.readBytes).toBe(0)
  const view = await client.get<DiffView>(`/api/v1/diff?a=first&b=${encodeURIComponent(smallModel)}`)
  expect(view.components.find(({ key }) => key === 'embedding')).toMatchObject({ status: 'changed' })
  const norms = (await client.get<DiffView>('/api/v1/diff?a=first&b=second')).components.filter(({ key }) =>
    /norm/.test(key),
  )
  expect(norms.map(({ status }) => status)).toEqual(norms.map(() => 'identical'))
})

test('control API: a node that holds a part shows that part, and names the pull for the rest', async () => {
  const part = await nodes.start('part', [holder])
  await expect
    .poll(async () => (await part.controller.models()).map(({ name }) => name), { timeout: 30_000 })
    .toContain('first')
  await expect(part.controller.tensors('first')).rejects.toMatchObject({
    code: 'ERR_NOT_HELD',
    message: expect.stringContaining('hart pull first'),
  })
  await pull(part, { model: 'first', components: ['blk.0.attention'] })
  const show = (tensor: string) => part.controller.tensor('first', tensor, { stats: true }, AbortSignal.timeout(30_000))
  expect((await show('blk.0.attn_q.weight')).stats?.count).toBe(128 * 128)
  await expect(show('blk.3.ffn_up.weight')).rejects.toMatchObject({
    code: 'ERR_NOT_HELD',
    message: expect.stringContaining('hart pull first --components blk.3.ffn'),
  })
})
