import { copyFile, open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { ModelId } from '#protocol/ids.ts'
import { bundledModel, ingest, modelOf, smallModel, type TestNode, TestNodes, until } from '../runtime/node.fixture.ts'

// Each node starts three workers: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 90_000 })

const model = 'hartling-f16'
let nodes: TestNodes
let holder: TestNode
let modelId: string
// A swarm of its own for each try of each test: what one leaves behind must not decide the next.
beforeEach(async () => {
  nodes = await TestNodes.create()
  holder = await nodes.start('holder')
  modelId = await ingest(holder, bundledModel)
})
afterEach(() => nodes.close())

const signal = () => AbortSignal.timeout(30_000)
/** Takes nothing by itself. */
const startAsker = async () => {
  const asker = await nodes.start('asker', [holder], { 'pledge.disk': 0 })
  await until('the holder is known', () => holdersKnown(asker) > 0)
  return asker
}
const holdersKnown = (node: TestNode) => node.node.parts.leases.holders(modelId as ModelId).length
const find = (node: TestNode, text: string) => node.controller.queries.find({ text }, signal())
const keys = async (node: TestNode, text: string) => (await find(node, text)).rows.map(({ key }) => key)

test('query: without a name peers answer, as hearsay until the content block was read', async () => {
  const asker = await startAsker()
  const { rows, asked } = await find(asker, 'kind:attention layer:2-3')
  expect(rows).toMatchObject([
    {
      key: 'blk.2.attention',
      model,
      isChecked: false,
      heldBytes: 0,
      holders: 1,
      peers: [holder.node.parts.network.peerId],
    },
    { key: 'blk.3.attention', isChecked: false },
  ])
  expect(asked).toEqual([{ peerId: holder.node.parts.network.peerId, rows: 2 }])
  expect(await modelOf(asker, model)).toMatchObject({ origin: 'known' })
  await asker.node.parts.query.open(model, signal())
  expect((await find(asker, 'kind:attention layer:2-3')).rows).toMatchObject([{ isChecked: true }, { isChecked: true }])
})

test('query: a model of others answers by its content block alone, and by metadata once its header was fetched', async () => {
  const asker = await startAsker()
  for (const text of ['kind:ffn', 'layer:1', 'dtype:F16', 'shape:*x128', 'size:>200KiB', 'name:blk.?.ffn']) {
    const [of, at] = [await find(asker, `model:${model} ${text}`), await find(holder, `model:${model} ${text}`)]
    expect(of.rows.length, text).toBeGreaterThan(0)
    expect(
      of.rows.map(({ key }) => key),
      text,
    ).toEqual(at.rows.map(({ key }) => key))
  }
  expect(await modelOf(asker, model)).toMatchObject({ heldChunks: 0 })
  expect(await keys(asker, `model:${model} meta:general.architecture=llama kind:embedding`)).toEqual(['embedding'])
  // The header of this model is one chunk.
  expect(await modelOf(asker, model)).toMatchObject({ heldChunks: 1 })
  expect(await keys(asker, 'meta:general.architecture=llama kind:embedding')).toEqual(['embedding'])
})

test('query: holders below a number leaves out what others keep safe', async () => {
  const asker = await startAsker()
  await asker.node.parts.query.open(model, signal())
  expect(await keys(asker, 'holders:<2 kind:embedding')).toEqual(['embedding'])
  expect(await keys(asker, 'holders:<1 kind:embedding')).toEqual([])
})

test('query: an owner who shares no queries is not asked in vain: the others answer, and the reason is told', async () => {
  await nodes.stop(holder)
  holder = await nodes.start('holder', [], { 'policy.queries': false })
  const asker = await startAsker()
  const { rows, asked } = await find(asker, 'kind:ffn')
  expect(rows).toEqual([])
  expect(asked).toMatchObject([{ rows: 0, error: expect.any(String) }])
})

test('load: gives verified bytes in the order of the plan, fetches no chunk beyond it, and keeps what it fetched', async () => {
  const asker = await startAsker()
  const request = { text: `model:${model} kind:ffn layer:4-5` }
  const [plan] = await asker.controller.queries.plan(request, signal())
  expect(plan).toMatchObject({ componentCount: 21, localBytes: 0, missingBytes: 0, execution: { class: 'E0' } })
  const parts: Uint8Array[] = []
  for await (const bytes of asker.controller.queries.load([plan!], signal())) parts.push(bytes)
  const file = await readFile(bundledModel)
  const wanted = plan!.ranges.map(({ offsetBytes, sizeBytes }) => file.subarray(offsetBytes, offsetBytes + sizeBytes))
  expect(Buffer.concat(parts).equals(Buffer.concat(wanted))).toBe(true)
  // Bytes read against bytes planned: what came is exactly the plan.
  expect((await modelOf(asker, model))!.heldBytes).toBe(plan!.sizeBytes)
  const [again] = await asker.controller.queries.plan(request, signal())
  expect(again).toMatchObject({ localBytes: plan!.sizeBytes, sources: [] })
  // What was loaded from peers is the rate of the next plan.
  const [next] = await asker.controller.queries.plan({ text: `model:${model} kind:attention` }, signal())
  expect([plan!.isRateMeasured, next!.isRateMeasured]).toEqual([false, true])
})

test('load: of what a query finds a part may be planned, and one that it does not find is refused', async () => {
  const text = `model:${model} kind:ffn layer:4-5`
  const [plan] = await holder.controller.queries.plan({ text, keys: ['blk.5.ffn'] }, signal())
  expect(plan?.components.map(({ key }) => key)).toEqual(['blk.5.ffn'])
  const [whole] = await holder.controller.queries.plan({ text, keys: ['blk.5.ffn'], closure: 'part' }, signal())
  expect(whole?.components.map(({ key }) => key)).toContain('blk.5.attention')
  await expect(holder.controller.queries.plan({ text, keys: ['blk.3.ffn'] }, signal())).rejects.toMatchObject({
    code: 'ERR_NOT_FOUND',
    fields: { id: 'blk.3.ffn' },
  })
})

test('load: a damaged chunk of a fetched file is found, fetched anew, and no wrong byte is given', async () => {
  const asker = await startAsker()
  const request = { text: `model:${model} kind:embedding` }
  const load = async () => {
    const plans = await asker.controller.queries.plan(request, signal())
    const parts: Uint8Array[] = []
    for await (const bytes of asker.controller.queries.load(plans, signal())) parts.push(bytes)
    return Buffer.concat(parts)
  }
  const good = await load()
  const [plan] = await asker.controller.queries.plan(request, signal())
  const path = (await modelOf(asker, model))!.files[0]!
  const handle = await open(path, 'r+')
  await handle.write(Buffer.from([good[0]! ^ 1]), 0, 1, plan!.ranges[0]!.offsetBytes)
  await handle.close()
  expect((await load()).equals(good)).toBe(true)
})

test('load: bytes of a person whose file changed are not given; the error says so', async () => {
  const path = join(nodes.folder, 'mine.gguf')
  await copyFile(smallModel, path)
  const mine = await ingest(holder, path)
  const plans = await holder.controller.queries.plan({ text: `model:${mine} kind:embedding` }, signal())
  await writeFile(path, Buffer.alloc(300_000, 0x55), { flag: 'r+' })
  await expect(holder.controller.queries.load(plans, signal()).next()).rejects.toMatchObject({ code: 'ERR_WITHDRAWN' })
})

test('load: ends when its consumer goes, and the transfer with it', async () => {
  await nodes.stop(holder)
  holder = await nodes.start('holder', [], { 'data.uploadRate': 600_000 })
  const asker = await startAsker()
  const plans = await asker.controller.queries.plan({ text: `model:${model}` }, signal())
  const chunks = asker.controller.queries.load(plans, signal())
  await chunks.next()
  expect(asker.node.parts.library.transfers()).toHaveLength(1)
  await chunks.return(undefined)
  await until('the transfer has ended', () => asker.node.parts.library.transfers().length === 0)
})

test('run: a handful of components is refused with the reason and the source; all of them may run', async () => {
  const asker = await startAsker()
  const runnable = (text: string) => asker.controller.queries.assertRunnable({ text }, signal())
  await expect(runnable(`model:${model} kind:ffn`)).rejects.toMatchObject({
    code: 'ERR_PARTIAL_INEXACT',
    message: expect.stringContaining('6 of its 21 components'),
  })
  expect(await runnable(`model:${model}`)).toEqual({ modelId })
  await expect(runnable('kind:nothing')).rejects.toMatchObject({ code: 'ERR_QUERY_INVALID' })
  await expect(runnable('unicorn')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
})

test('map: walks and closures of a model that others hold', async () => {
  const asker = await startAsker()
  const { queries } = asker.controller
  const { steps } = await queries.walk(
    { model, keys: ['blk.0.ffn'], direction: 'in', kinds: ['next'], hops: 9 },
    signal(),
  )
  expect(steps.map(({ key }) => key)).toEqual(['blk.0.ffn', 'blk.0.attention', 'embedding'])
  const part = await queries.closure({ model, keys: ['blk.2.ffn'], scope: 'part' }, signal())
  expect(part.members.map(({ key }) => key)).toEqual(['blk.2.attention', 'blk.2.ffn', 'blk.2.norm', 'header'])
})
