import { copyFile, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { DevnetNode, EventOf } from '#node/cli/devnet/child.ts'
import type { ModelView, StatusView } from '#protocol/api/control.ts'
import { bootstrap, bundledModel, smallModel, TestSwarm, until } from './swarm.fixture.ts'

let swarm: TestSwarm
beforeEach(async () => {
  swarm = await TestSwarm.create()
})
afterEach(() => swarm.close())

const limit = () => AbortSignal.timeout(90_000)

function heldBy(node: DevnetNode): Set<number> {
  const held = new Set<number>()
  for (const event of swarm.eventsOf(node)) {
    if (event.event === 'chunks-gained') for (const index of event.chunkIndexes) held.add(index)
    if (event.event === 'model-added' && event.heldChunks === event.chunkCount)
      for (let index = 0; index < event.chunkCount; index++) held.add(index)
  }
  return held
}

async function fetchedFile(node: DevnetNode): Promise<Buffer> {
  const { models } = await (await node.connect(limit())).get<{ models: ModelView[] }>('/api/v1/models')
  return readFile(models.find((model) => model.origin === 'fetch')!.files[0]!)
}

test('faults: the only seed is killed once the others together hold everything; they complete from one another', async () => {
  const seed = await swarm.start(1, '--ingest', bundledModel, '--upload-rate', '600KB')
  const first = await swarm.start(2, ...bootstrap(seed), '--pledge', '1GiB', '--upload-rate', '600KB')
  const second = swarm.spawn(3, ...bootstrap(first), '--pledge', '1GiB', '--upload-rate', '600KB')
  const complete = [first, second].map((node) => node.waitFor('transfer-complete', limit()))
  await until(
    'a full copy among the two',
    () => new Set([...heldBy(first), ...heldBy(second)]).size === 58 || undefined,
    60_000,
  )
  process.kill(seed.pid, 'SIGKILL')
  await Promise.all(complete)
  const original = await readFile(bundledModel)
  expect((await fetchedFile(first)).equals(original)).toBe(true)
  expect((await fetchedFile(second)).equals(original)).toBe(true)
})

test('faults: a fetcher killed again and again resumes, and fetches nothing twice that it had recorded', async () => {
  const seed = await swarm.start(1, '--ingest', bundledModel, '--upload-rate', '500KB')
  let recorded = 0
  for (const killAfterChunks of [8, 25]) {
    const node = swarm.spawn(2, ...bootstrap(seed), '--pledge', '1GiB')
    await until(`${killAfterChunks} chunks`, () => heldBy(node).size + recorded >= killAfterChunks || undefined, 60_000)
    process.kill(node.pid, 'SIGKILL')
    const said = recorded + heldBy(node).size
    const again = swarm.spawn(2, ...bootstrap(seed), '--pledge', '1GiB')
    const added = await again.waitFor('model-added', limit())
    // All that was told as held is held; at most one batch was recorded without being told any more.
    expect(added.heldChunks).toBeGreaterThanOrEqual(said)
    recorded = added.heldChunks
    process.kill(again.pid, 'SIGKILL')
    await again.stop()
    // It may have gained more between the two; the next round reads what is recorded.
    recorded = added.heldChunks
  }
  const last = swarm.spawn(2, ...bootstrap(seed), '--pledge', '1GiB')
  const added = await last.waitFor('model-added', limit())
  expect(added.heldChunks).toBeGreaterThanOrEqual(recorded)
  const done = (await last.waitFor('transfer-complete', limit())) as EventOf<'transfer-complete'>
  expect(done.chunksVerified).toBe(58 - added.heldChunks)
  expect((await fetchedFile(last)).equals(await readFile(bundledModel))).toBe(true)
})

test("faults: a user's file that changes under the node is withdrawn, and nobody is banned", async () => {
  const path = join(swarm.folder, 'model.gguf')
  await copyFile(bundledModel, path)
  const seed = await swarm.start(1, '--ingest', path, '--upload-rate', '300KB')
  const node = swarm.spawn(2, ...bootstrap(seed), '--pledge', '1GiB')
  await until('the first chunks', () => heldBy(node).size > 0 || undefined, 60_000)
  const bytes = await readFile(path)
  await writeFile(path, Buffer.from(bytes.map((byte) => byte ^ 0x55)))
  await seed.waitFor('chunks-lost', limit())
  const { models } = await (await seed.connect(limit())).get<{ models: ModelView[] }>('/api/v1/models')
  expect(models[0]!.heldChunks).toBe(0)
  const ends = swarm.eventsOf(node).flatMap((event) => (event.event === 'source-end' ? [event] : []))
  expect(ends.filter((end) => end.banned)).toEqual([])
  expect(swarm.eventsOf(node).filter((event) => event.event === 'transfer-complete')).toEqual([])
})

test("faults: a fetched file damaged on a peer's disk is withdrawn by that peer; the fetch completes from the other", async () => {
  const seed = await swarm.start(1, '--ingest', smallModel)
  const peer = await swarm.start(2, ...bootstrap(seed), '--pledge', '1GiB')
  if (!swarm.eventsOf(peer).some((event) => event.event === 'transfer-complete'))
    await peer.waitFor('transfer-complete', limit())
  const { models } = await (await peer.connect(limit())).get<{ models: ModelView[] }>('/api/v1/models')
  const path = models[0]!.files[0]!
  const { size } = await stat(path)
  await writeFile(path, Buffer.alloc(size, 0xaa), { flag: 'r+' })
  const node = swarm.spawn(3, ...bootstrap(peer), '--pledge', '1GiB')
  await node.waitFor('transfer-complete', limit())
  expect((await fetchedFile(node)).equals(await readFile(smallModel))).toBe(true)
})

test('faults: an engine killed in mid-answer fails that answer, and the next one works', async () => {
  const seed = await swarm.start(1, '--ingest', bundledModel)
  const client = await seed.connect(limit())
  const ask = (content: string, maxTokens: number) =>
    client.raw('/v1/chat/completions', {
      model: 'hartling-f16',
      messages: [{ role: 'user', content }],
      max_tokens: maxTokens,
      temperature: 0.9,
      seed: 7,
      stream: true,
    })
  await until('the release is known', async () => {
    const { models } = await client.get<{ models: ModelView[] }>('/api/v1/models')
    return models.some((model) => model.name === 'hartling-f16') || undefined
  })
  await (await ask('Hello!', 4)).text()
  const { engine } = await client.get<StatusView>('/api/v1/status')
  const response = await ask('Tell me a story about a fox named Leo.', 480)
  const reader = response.body!.getReader()
  await reader.read()
  process.kill(engine!.pid!, 'SIGKILL')
  let text = ''
  for (;;) {
    const { value, done } = await reader.read()
    if (done) break
    text += Buffer.from(value).toString()
  }
  expect(text).toContain('engine')
  expect(text).not.toContain('"finish_reason":"stop"')
  const answer = await (await ask('What is Hartonomous?', 32)).text()
  expect(answer).toContain('[DONE]')
  expect((await client.get<StatusView>('/api/v1/status')).engine!.crashes).toBe(1)
})
