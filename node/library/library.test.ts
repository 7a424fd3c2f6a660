import { copyFile, readFile, rename, rm, truncate, utimes, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { NodeEvent } from '#protocol/api/control.ts'
import {
  bundledModel,
  heldComponents,
  ingest,
  modelOf,
  pull,
  smallModel,
  type TestNode,
  TestNodes,
  until,
} from '../runtime/node.fixture.ts'

// Each node starts three workers: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 90_000 })

const model = 'hartling-f16'
const chunkCount = 58

let nodes: TestNodes
let seed: TestNode
let modelId: string
// A swarm of its own for each try of each test: what one leaves behind must not decide the next.
beforeEach(async () => {
  nodes = await TestNodes.create()
  seed = await nodes.start('seed', [], { 'data.uploadRate': 1_500_000 })
  modelId = await ingest(seed, bundledModel)
})
afterEach(() => nodes.close())

const bytesOf = async (node: TestNode) => readFile((await modelOf(node, modelId))!.files[0]!)

test('library: a pull by model id that its owner breaks off stops the transfer, and the same pull fetches only the rest', async () => {
  const node = await nodes.start('fetcher', [seed])
  const breakOff = new AbortController()
  const onEvent = (event: NodeEvent) => {
    if (event.event === 'chunks-gained' && event.heldChunks >= 8) breakOff.abort(new Error('Ctrl-C'))
  }
  await expect(pull(node, { model: modelId }, breakOff.signal, onEvent)).rejects.toThrow('the same pull goes on')
  expect((await node.controller.status()).transfers).toEqual([])
  const { heldChunks } = (await modelOf(node, model))!
  expect(heldChunks).toBeGreaterThanOrEqual(8)
  expect(heldChunks).toBeLessThan(chunkCount)
  expect(await pull(node, { model: modelId })).toEqual({ modelId, name: model })
  const done = node.said.findLast((event) => event.event === 'transfer-complete')
  // A last batch may be recorded after the pull was broken off: less is left then, never more.
  expect(done).toMatchObject({ chunksRejected: 0 })
  expect((done as { chunksVerified: number }).chunksVerified).toBeLessThanOrEqual(chunkCount - heldChunks)
  expect((await bytesOf(node)).equals(await readFile(bundledModel))).toBe(true)
  await nodes.stop(node)
})

test('library: one of two who pull the same model leaves, the other gets it', async () => {
  const node = await nodes.start('shared', [seed])
  const leaving = new AbortController()
  // A pull hears of the transfer from when it waits for it.
  const [firstWaits, secondWaits] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const first = pull(node, { model }, leaving.signal, () => firstWaits.resolve())
  await Promise.race([firstWaits.promise, first])
  const second = pull(node, { model }, undefined, () => secondWaits.resolve())
  await Promise.race([secondWaits.promise, second])
  leaving.abort(new Error('Ctrl-C'))
  await Promise.all([first, second])
  expect((await modelOf(node, model))!.heldChunks).toBe(chunkCount)
  await nodes.stop(node)
})

test('library: a fetched model serves after a restart; files that were deleted, cut or changed meanwhile are fetched again', async () => {
  const damages: [string, (path: string) => Promise<void>][] = [
    ['nothing', async () => undefined],
    ['deleted', (path) => rm(path)],
    ['cut', (path) => truncate(path, 100_000)],
    ['changed', async (path) => writeFile(path, Buffer.alloc(300_000, 0x55), { flag: 'r+' })],
  ]
  for (const [what, damage] of damages) {
    let node = await nodes.start('fetcher-restarted', [seed])
    if (what === 'nothing') await pull(node, { model })
    const path = (await modelOf(node, model))!.files[0]!
    await nodes.stop(node)
    await damage(path)
    node = await nodes.start('fetcher-restarted', [seed])
    const added = node.said.find((event) => event.event === 'model-added')!
    if (what === 'nothing') expect(added).toMatchObject({ heldChunks: chunkCount })
    else expect(added.event === 'model-added' && added.heldChunks, what).toBeLessThan(chunkCount)
    // Of a changed file only what is damaged is fetched again.
    if (what === 'changed') expect(added.event === 'model-added' && added.heldChunks).toBeGreaterThan(0)
    await until(`whole again after: ${what}`, async () => (await modelOf(node, model))!.heldChunks === chunkCount)
    expect((await bytesOf(node)).equals(await readFile(bundledModel)), what).toBe(true)
    await nodes.stop(node)
  }
})

test("library: a person's file that was moved or changed while the node was down is withdrawn with its reason; ingest heals", async () => {
  const path = join(nodes.folder, 'mine.gguf')
  await copyFile(smallModel, path)
  let node = await nodes.start('owner')
  const id = await ingest(node, path)
  await nodes.stop(node)
  await rename(path, `${path}.away`)
  node = await nodes.start('owner')
  expect(await modelOf(node, id)).toMatchObject({ heldChunks: 0, problem: expect.stringContaining('it was deleted') })
  await nodes.stop(node)
  await writeFile(path, Buffer.alloc(1000))
  node = await nodes.start('owner', [seed])
  expect((await modelOf(node, id))!.problem).toContain('another file stands in its place')
  await until('a peer', async () => (await node.controller.status()).peersConnected > 0)
  expect(await node.controller.status()).toMatchObject({
    state: 'idle',
    reason: expect.stringContaining('mine.gguf: another file stands in its place'),
    help: expect.stringContaining('hart models ingest'),
  })
  await rename(`${path}.away`, path)
  expect(await ingest(node, path)).toBe(id)
  const healed = (await modelOf(node, id))!
  expect(healed.heldChunks).toBe(healed.chunkCount)
  expect(healed).not.toHaveProperty('problem')
  await nodes.stop(node)
})

test("library: a person's file that was touched, or replaced by a copy of itself, is read again and served again", async () => {
  const path = join(nodes.folder, 'touched.gguf')
  await copyFile(smallModel, path)
  let node = await nodes.start('toucher')
  const id = await ingest(node, path)
  const isWhole = async () => {
    const model = await modelOf(node, id)
    return model!.heldChunks === model!.chunkCount && model!.problem === undefined
  }
  await nodes.stop(node)
  await utimes(path, new Date(0), new Date(0))
  node = await nodes.start('toucher')
  await until('a touched file is served again', isWhole)
  await nodes.stop(node)
  await copyFile(smallModel, `${path}.copy`)
  await rename(`${path}.copy`, path)
  node = await nodes.start('toucher')
  await until('a copy is served', isWhole)
  const peer = await nodes.start('of-toucher', [node])
  await pull(peer, { model: id })
  await nodes.stop(peer)
  await nodes.stop(node)
})

test("library: a pull replaces a person's file that is gone by one of the node's own", async () => {
  const path = join(nodes.folder, 'lost.gguf')
  await copyFile(bundledModel, path)
  let node = await nodes.start('loser')
  await ingest(node, path)
  await nodes.stop(node)
  await rm(path)
  node = await nodes.start('loser', [seed])
  await pull(node, { model: modelId })
  expect(await modelOf(node, modelId)).toMatchObject({ origin: 'fetch', heldChunks: chunkCount })
  expect((await bytesOf(node)).equals(await readFile(bundledModel))).toBe(true)
  await nodes.stop(node)
})

test('library: an HTTP origin gives what no peer has any more, and a lying one is not believed', async () => {
  const node = await nodes.start('late', [seed])
  await pull(node, { model, layers: { min: 4, max: 4 } })
  const { heldChunks } = (await modelOf(node, model))!
  expect(await heldComponents(node, model)).toContain('blk.4.ffn')
  await nodes.stop(seed)
  const bytes = await readFile(bundledModel)
  const liar = await rangeServer(Buffer.from(bytes.map((byte) => byte ^ 1)))
  const deceived = pull(node, { model, origins: [urlOf(liar)] }, AbortSignal.timeout(4000))
  await expect(deceived).rejects.toThrow()
  expect((await modelOf(node, model))!.heldChunks).toBe(heldChunks)
  const honest = await rangeServer(bytes)
  await pull(node, { model, origins: [urlOf(honest)] })
  expect((await bytesOf(node)).equals(bytes)).toBe(true)
  // All is here: the same again is no error.
  await pull(node, { model, origins: [urlOf(honest)] })
  for (const server of [liar, honest]) {
    server.closeAllConnections()
    server.close()
  }
})

const urlOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}/model.gguf`

async function rangeServer(bytes: Buffer): Promise<Server> {
  const server = createServer((request, response) => {
    const match = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '')
    if (!match) return response.writeHead(416).end()
    const [from, to] = [Number(match[1]), Math.min(Number(match[2]), bytes.length - 1)]
    response.writeHead(206, { 'content-range': `bytes ${from}-${to}/${bytes.length}` })
    return response.end(bytes.subarray(from, to + 1))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}
