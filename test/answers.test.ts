import { execFile } from 'node:child_process'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import OpenAI from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { llamaPlan } from '#node/ingest/gguf/generate.ts'
import { type GgufPlan, type GgufValue, gguf, writeGguf } from '#node/ingest/gguf/write.ts'
import {
  bundledModel,
  ingest,
  modelOf,
  pull,
  smallModel,
  type TestNode,
  TestNodes,
  until,
} from '#node/runtime/node.fixture.ts'
import type { ModelId } from '#protocol/ids.ts'

const run = promisify(execFile)
const shape = { width: 64, layers: 2, heads: 2, kvHeads: 2, ffnWidth: 128, vocabulary: 512, contextTokens: 256 }

let nodes: TestNodes
/** Offers all models of this file; one answer at a time. */
let seed: TestNode
/** Knows the seed; holds nothing at first. */
let light: TestNode
beforeAll(async () => {
  nodes = await TestNodes.create()
  seed = await nodes.start('seed', [], { 'inference.enabled': true, 'inference.slots': 1 })
  await ingest(seed, bundledModel)
  light = await nodes.start('light', [seed], { 'inference.enabled': true })
})
afterAll(() => nodes.close())

const clientOf = (node: TestNode) => new OpenAI({ baseURL: `${node.apiUrl}/v1`, apiKey: 'none', maxRetries: 0 })

const ask = (node: TestNode, model: string, maxTokens: number, signal?: AbortSignal) =>
  clientOf(node)
    .completions.create(
      { model, prompt: 'Once upon a time', max_tokens: maxTokens, temperature: 0.9, seed: 3 },
      signal === undefined ? {} : { signal },
    )
    .withResponse()

const canAsk = (node: TestNode, name: string, peers: number) =>
  until(`${name} can be asked of ${peers} peers`, async () => {
    const { models } = { models: await node.node.answers.models() }
    return models.some((model) => model.id === name && model.details?.['peers'] === peers)
  })

test('answers: a model in two files goes through the swarm, keeps the name pattern, and runs in llama.cpp', async () => {
  const plan = llamaPlan(shape, 'F16', { name: 'twofold' })
  const half = Math.ceil(plan.tensors.length / 2)
  const split = (no: number): Record<string, GgufValue> => ({
    'split.no': { type: 'u16', value: no },
    'split.count': { type: 'u16', value: 2 },
    'split.tensors.count': { type: 'i32', value: plan.tensors.length },
  })
  const parts: GgufPlan[] = [
    { values: { ...plan.values, ...split(0) }, tensors: plan.tensors.slice(0, half) },
    { values: split(1), tensors: plan.tensors.slice(half) },
  ]
  const paths = parts.map((_, index) => join(nodes.folder, `twofold-0000${index + 1}-of-00002.gguf`))
  for (const [index, part] of parts.entries()) await writeGguf(paths[index]!, part)
  const modelId = await ingest(seed, paths[0]!, 'twofold')
  await pull(light, { model: modelId })
  const { files } = (await modelOf(light, modelId))!
  expect(files.map((file) => basename(file))).toEqual(['model-00001-of-00002.gguf', 'model-00002-of-00002.gguf'])
  for (const [index, file] of files.entries())
    expect((await readFile(file)).equals(await readFile(paths[index]!))).toBe(true)
  const { data, response } = await ask(light, 'twofold', 4)
  expect(data.usage!.completion_tokens).toBeGreaterThan(0)
  expect(response.headers.get('x-hartonomous-peer')).toBe('self')
})

test('answers: a model that would abort the engine is held and served; whoever asks it hears why, and no child starts', async () => {
  const plan = llamaPlan(shape, 'F16', { name: 'twins' })
  const tokens = plan.values['tokenizer.ggml.tokens'] as Extract<GgufValue, { type: 'array' }>
  const twice = gguf.array('string', [...Array.from(tokens.items).slice(0, -1), tokens.items[300]!])
  const path = join(nodes.folder, 'twins.gguf')
  await writeGguf(path, { ...plan, values: { ...plan.values, 'tokenizer.ggml.tokens': twice } })
  const modelId = await ingest(seed, path, 'twins')
  await pull(light, { model: modelId })
  const before = [seed, light].map(({ node }) => node.answers.status()!.pid)
  for (const node of [seed, light]) {
    await expect(ask(node, 'twins', 4)).rejects.toMatchObject({
      status: 422,
      code: 'ERR_MODEL_UNSUPPORTED',
      message: expect.stringContaining('twice'),
    })
    expect(node.node.answers.status()!.crashes).toBe(0)
    expect(node.node.answers.canInfer(modelId as ModelId)).toBe(false)
  }
  expect([seed, light].map(({ node }) => node.answers.status()!.pid)).toEqual(before)
})

test('answers: with all places taken it is 429 with an honest Retry-After, also through a peer, until another peer has room', async () => {
  await canAsk(light, 'hartling-f16', 1)
  const full = new AbortController()
  await ask(seed, 'hartling-f16', 1)
  const { pid } = seed.node.answers.status()!
  process.kill(pid!, 'SIGSTOP')
  // One runs, sixteen wait.
  const waiting = Array.from({ length: 17 }, () =>
    ask(seed, 'hartling-f16', 480, full.signal).catch((error: unknown) => error),
  )
  await until('the queue is full', () => seed.node.answers.status()!.queued === 16)
  for (const node of [seed, light]) {
    const refusal = await ask(node, 'hartling-f16', 4).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(OpenAI.RateLimitError)
    const { headers, code } = refusal as InstanceType<typeof OpenAI.RateLimitError>
    expect(code).toBe('rate_limit_exceeded')
    expect(Number(headers!.get('retry-after'))).toBeGreaterThanOrEqual(1)
  }
  process.kill(pid!, 'SIGCONT')
  const other = await nodes.start('other', [seed, light], { 'inference.enabled': true })
  const pulled = pull(other, { model: 'hartling-f16' })
  await pulled
  await canAsk(light, 'hartling-f16', 2)
  const { response } = await ask(light, 'hartling-f16', 4)
  expect(response.headers.get('x-hartonomous-peer')).toBe(other.node.parts.network.peerId)
  full.abort()
  await Promise.all(waiting)
  await nodes.stop(other)
})

test('pause: a paused node gives nothing new to peers, who go elsewhere; resumed it gives again', async () => {
  await ingest(seed, smallModel, 'small')
  const spare = await nodes.start('spare', [seed])
  await pull(spare, { model: 'small' })
  await seed.controller.pause()
  expect(await seed.controller.status()).toMatchObject({ state: 'paused', help: 'hart resume' })
  const third = await nodes.start('third', [seed, spare])
  await pull(third, { model: 'small' })
  const sources = (node: TestNode) => {
    const done = node.said.findLast((event) => event.event === 'transfer-complete')
    return done?.event === 'transfer-complete' ? done.sources.filter(({ bytes }) => bytes > 0) : []
  }
  expect(sources(third).map(({ peerId }) => peerId)).toEqual([spare.node.parts.network.peerId])
  await nodes.stop(spare)
  await third.controller.remove('small')
  const starved = pull(third, { model: 'small' })
  await until('it says that nobody gives', async () =>
    (await third.controller.status()).reason.includes('no peer that has the rest is reachable'),
  )
  await seed.controller.resume()
  await starved
  expect(sources(third).map(({ peerId }) => peerId)).toEqual([seed.node.parts.network.peerId])
  await nodes.stop(third)
})

const canMount = process.getuid?.() === 0 && process.platform === 'linux'
if (!canMount) console.info('skipped: a full disk needs root, to mount a small file system')

test.runIf(canMount)(
  'disk: a full one pauses the fetch and says so; after freeing space, resume completes it',
  async () => {
    const folder = join(nodes.folder, 'cramped', 'models')
    await mkdir(folder, { recursive: true })
    try {
      await run('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder])
    } catch (error) {
      return console.info(`skipped: ${String(error)}`)
    }
    let node: TestNode | undefined
    try {
      await writeFile(join(folder, 'ballast'), Buffer.alloc(3_000_000))
      node = await nodes.start('cramped', [seed])
      const cramped = node
      const pulled = pull(cramped, { model: 'hartling-f16' })
      const paused = await until('the status tells', async () => {
        const status = await cramped.controller.status()
        return status.transfers.some(({ pausedBy }) => pausedBy !== undefined) ? status : undefined
      })
      expect(paused.reason).toContain('paused: no room at')
      expect(paused.help).toBe('free disk space, then hart resume')
      await rm(join(folder, 'ballast'))
      await cramped.controller.resume()
      await pulled
      const { files } = (await modelOf(cramped, 'hartling-f16'))!
      expect((await readFile(files[0]!)).equals(await readFile(bundledModel))).toBe(true)
    } finally {
      if (node !== undefined) await nodes.stop(node)
      // Lazily: a try that failed must not leave a file system behind for the next one.
      await run('umount', ['-l', folder])
    }
  },
)
