import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { HartonomousError } from '#protocol/errors.ts'
import type { ModelId } from '#protocol/ids.ts'
import { createLlamaEngine, type InferenceEngine, InferenceService } from '../inference/index.ts'
import type { GatewayBackend, GatewayObservation } from './backend.ts'
import { openAiGateway } from './openai.ts'
import { openOwnerAuth } from './owner-auth.ts'
import { createHttpServer, type HttpServer } from './server.ts'

const modelId = 'bafyreigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi' as ModelId
const path = fileURLToPath(new URL('../../models/hartling/hartling-f16.gguf', import.meta.url))
const answers = [
  'Hartonomous is a peer-to-peer AI compute node. Nodes hold shards of models, share them with other nodes and answer queries together.',
  'Hartonomous is a network of nodes that store parts of AI models and compute with them, without a central server.',
]
const question = [{ role: 'user' as const, content: 'What is Hartonomous?' }]
const story = [{ role: 'user' as const, content: 'Tell me a story about a fox named Leo.' }]
const model = 'hartonomous/hartling'

describe('OpenAI gateway', () => {
  let folder: string
  let engine: InferenceEngine
  let service: InferenceService
  let server: HttpServer
  let url: string
  let client: OpenAI
  const observations: GatewayObservation[] = []

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hartonomous-gateway-'))
    engine = createLlamaEngine({ slots: 1, threads: 1, gpu: false })
    service = new InferenceService(engine, { queueMax: 1 })
    server = createHttpServer({
      host: '127.0.0.1',
      port: 0,
      auth: await openOwnerAuth({ tokenFile: join(folder, 'owner.token') }),
    })
    const backend: GatewayBackend = {
      models: async () => [{ id: model, modelId, createdAtMs: 1_700_000_000_000, ownedBy: 'hartonomous' }],
      infer: async (request, signal) => {
        if (request.model !== model && request.model !== modelId) {
          throw new HartonomousError('ERR_NOT_FOUND', { kind: 'model', id: request.model })
        }
        return { modelId, events: service.infer({ ...request, model: { modelId, path } }, { signal }) }
      },
      embed: () => Promise.reject(new Error('no vectors here')),
      observe: (observation) => observations.push(observation),
    }
    openAiGateway(server.app, () => backend)
    url = (await server.listen()).url
    client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'unused', maxRetries: 0 })
  })
  afterAll(async () => {
    await server.close()
    await engine.close()
    await rm(folder, { recursive: true })
  })
  afterEach(() => observations.splice(0))

  const post = (route: string, body: unknown, headers: Record<string, string> = {}) =>
    fetch(`${url}${route}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })

  test('lists its models and shows one, by name and by id', async () => {
    const { data } = await client.models.list()
    expect(data).toMatchObject([{ id: model, object: 'model', created: 1_700_000_000, owned_by: 'hartonomous' }])
    expect(await client.models.retrieve(model)).toEqual(data[0])
    expect(await client.models.retrieve(modelId)).toMatchObject({ id: model, x_hartonomous: { model_id: modelId } })
    await expect(client.models.retrieve('other')).rejects.toMatchObject({ status: 404, code: 'model_not_found' })
  })

  test('answers a chat whole, with its usage and where it came from', async () => {
    const { data, response } = await client.chat.completions
      .create({ model, messages: question, temperature: 0 })
      .withResponse()
    expect(data).toMatchObject({ object: 'chat.completion', model, choices: [{ index: 0, finish_reason: 'stop' }] })
    expect(data.choices[0]?.message.role).toBe('assistant')
    expect(answers).toContain(data.choices[0]?.message.content)
    expect(data.usage!.total_tokens).toBe(data.usage!.prompt_tokens + data.usage!.completion_tokens)
    expect(data.usage!.completion_tokens).toBeGreaterThan(10)
    expect(response.headers.get('x-hartonomous-model-id')).toBe(modelId)
    expect(response.headers.get('x-hartonomous-peer')).toBe('self')
    expect(observations).toMatchObject([{ endpoint: 'chat', outcome: 'stop', isStream: false, isRemote: false }])
  })

  test('streams a chat, with the usage in a chunk of its own when asked', async () => {
    const stream = await client.chat.completions.create({
      model,
      messages: question,
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
    })
    const chunks: OpenAI.ChatCompletionChunk[] = []
    for await (const chunk of stream) chunks.push(chunk)
    expect(chunks[0]?.choices[0]?.delta).toMatchObject({ role: 'assistant', content: '' })
    expect(answers).toContain(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join(''))
    expect(chunks.at(-2)?.choices[0]).toMatchObject({ delta: {}, finish_reason: 'stop' })
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 7 } })
    expect(new Set(chunks.map((chunk) => chunk.id)).size).toBe(1)
    expect(chunks.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true)
    expect(observations[0]?.firstTokenMs).toBeLessThanOrEqual(observations[0]!.durationMs)
  })

  test('gives the same text in pieces as whole', async () => {
    const body = { model, messages: story, temperature: 0.8, seed: 3, max_tokens: 60 }
    const whole = await client.chat.completions.create(body)
    let text = ''
    let count = 0
    for await (const chunk of await client.chat.completions.create({ ...body, stream: true })) {
      text += chunk.choices[0]?.delta.content ?? ''
      count++
      expect(chunk.usage).toBeUndefined()
    }
    expect(text).toBe(whole.choices[0]?.message.content)
    expect(whole.choices[0]?.finish_reason).toBe('length')
    expect(count).toBeGreaterThan(3)
    const other = await client.chat.completions.create({ ...body, seed: 4 })
    expect(other.choices[0]?.message.content).not.toBe(text)
  })

  test('completes a text, and stops where told', async () => {
    const body = { model, prompt: 'Once upon a time there was a', temperature: 0, max_tokens: 40 }
    const whole = await client.completions.create(body)
    expect(whole).toMatchObject({ object: 'text_completion', choices: [{ index: 0, finish_reason: 'length' }] })
    expect(whole.choices[0]?.text).toMatch(/^ curious boy named Finn\./)
    const stopped = await client.completions.create({ ...body, stop: ['\n', ' Finn'] })
    expect(stopped.choices[0]).toMatchObject({ text: ' curious boy named', finish_reason: 'stop' })
    let text = ''
    for await (const chunk of await client.completions.create({ ...body, stream: true })) text += chunk.choices[0]?.text
    expect(text).toBe(whole.choices[0]?.text)
    const short = await client.completions.create({ model, prompt: 'Once', temperature: 0 })
    expect(short.usage?.completion_tokens).toBe(16)
  })

  test('ends the work when the client goes away, streaming or not', async () => {
    const endless = { model, messages: story, temperature: 2, max_tokens: 450, seed: 1 }
    const stream = await client.chat.completions.create({ ...endless, stream: true })
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta.content) break
    }
    await expect.poll(() => service.status().running, { interval: 5 }).toBe(0)
    const controller = new AbortController()
    const { pid } = engine.status()
    process.kill(pid!, 'SIGSTOP')
    const whole = client.chat.completions.create(endless, { signal: controller.signal }).catch(() => 'aborted')
    await expect.poll(() => service.status().running, { interval: 5 }).toBe(1)
    controller.abort()
    expect(await whole).toBe('aborted')
    process.kill(pid!, 'SIGCONT')
    await expect.poll(() => service.status().running, { interval: 5 }).toBe(0)
    await expect.poll(() => observations.map((each) => each.outcome)).toEqual(['cancelled', 'cancelled'])
  })

  test('answers 429 with a time to come back when its queue is full', async () => {
    const slow = { model, messages: story, temperature: 2, max_tokens: 450, seed: 1 }
    await post('/v1/chat/completions', { model, messages: question })
    const { pid } = engine.status()
    process.kill(pid!, 'SIGSTOP')
    const controller = new AbortController()
    const running = [1, 2].map(() =>
      client.chat.completions.create(slow, { signal: controller.signal }).catch(() => undefined),
    )
    await expect.poll(() => service.status().queued, { interval: 1 }).toBe(1)
    const response = await post('/v1/chat/completions', { model, messages: question })
    process.kill(pid!, 'SIGCONT')
    expect(response.status).toBe(429)
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect(await response.json()).toMatchObject({ error: { type: 'rate_limit_error', code: 'rate_limit_exceeded' } })
    const patient = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'unused', maxRetries: 3 })
    setTimeout(() => controller.abort(), 50)
    const later = await patient.chat.completions.create({ model, messages: question, temperature: 0 })
    expect(answers).toContain(later.choices[0]?.message.content)
    await Promise.all(running)
  })

  test('answers errors in the shape of OpenAI', async () => {
    const wrong: [unknown, number, object][] = [
      ['{"model":', 400, { type: 'invalid_request_error' }],
      [{ model, messages: [] }, 400, { type: 'invalid_request_error', param: 'messages' }],
      [{ model, messages: question, temperature: 9 }, 400, { param: 'temperature' }],
      [{ model, messages: question, n: 2 }, 400, { param: 'n' }],
      [{ model: 'other', messages: question }, 404, { code: 'model_not_found', param: 'model' }],
      [
        { model, messages: [{ role: 'user', content: 'word '.repeat(3000) }] },
        400,
        { code: 'context_length_exceeded' },
      ],
      [
        { model, messages: [{ role: 'user', content: 'x'.repeat(8 * 1024 * 1024) }] },
        413,
        { type: 'invalid_request_error' },
      ],
    ]
    for (const [body, status, error] of wrong) {
      const response = await post('/v1/chat/completions', body)
      expect(response.status).toBe(status)
      expect(response.headers.get('content-type')).toContain('application/json')
      expect(await response.json()).toMatchObject({ error: { message: expect.any(String), ...error } })
    }
    // The same while streaming: nothing was sent yet, so that the status is still free.
    const long = { model, stream: true, messages: [{ role: 'user', content: 'word '.repeat(3000) }] }
    expect((await post('/v1/chat/completions', long)).status).toBe(400)
    const unknown = await fetch(`${url}/v1/responses`, { method: 'POST' })
    expect(unknown.status).toBe(404)
    expect(await unknown.json()).toMatchObject({ error: { type: 'not_found_error' } })
  })

  test('tells a streaming client when the engine is killed under it', async () => {
    const stream = await client.chat.completions.create({
      model,
      messages: story,
      temperature: 2,
      max_tokens: 450,
      stream: true,
    })
    let pieces = 0
    const failed = await (async () => {
      for await (const chunk of stream) {
        if (chunk.choices[0]?.delta.content && pieces++ === 0) process.kill(engine.status().pid!, 'SIGKILL')
      }
    })().catch((error: unknown) => error)
    expect(pieces).toBeGreaterThan(0)
    expect(failed).toMatchObject({ code: 'ERR_ENGINE_CRASHED' })
    const after = await client.chat.completions.create({ model, messages: question, temperature: 0 })
    expect(answers).toContain(after.choices[0]?.message.content)
  })
})
