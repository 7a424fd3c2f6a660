import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { bundledModel, ingest, pull, smallModel, type TestNode, TestNodes, until } from '#node/runtime/node.fixture.ts'
import { type CollectedSpan, Collector } from './collector.fixture.ts'
import { startCoordinatorOver } from './coordinator.fixture.ts'

const model = 'hartonomous/hartling'
const secret = 'Tell me a story about a fox named Zebulon.'

let collector: Collector
let nodes: TestNodes
/** Holds the model. */
let seed: TestNode
/** Asks the seed. */
let light: TestNode
beforeAll(async () => {
  vi.stubEnv('OTEL_BSP_SCHEDULE_DELAY', '100')
  collector = await Collector.start()
  nodes = await TestNodes.create()
  const traced = { 'telemetry.otlp': collector.url }
  seed = await nodes.start('seed', [], { ...traced, 'inference.enabled': true, 'inference.slots': 1 })
  await ingest(seed, bundledModel, model)
  light = await nodes.start('light', [seed], traced)
  await until('the seed can be asked', async () => (await light.node.answers.models()).length > 0)
})
afterAll(async () => {
  vi.unstubAllEnvs()
  await nodes.close()
  await collector.close()
})

let traces = 0
/** A fresh trace of a caller, with its parent span. */
function newTrace(isSampled = true): { traceId: string; spanId: string; traceparent: string } {
  const traceId = (++traces).toString(16).padStart(32, 'a')
  const spanId = 'b7ad6b7169203331'
  return { traceId, spanId, traceparent: `00-${traceId}-${spanId}-0${Number(isSampled)}` }
}

async function ask(node: TestNode, route: string, body: object, traceparent?: string): Promise<Response> {
  const response = await fetch(`${node.apiUrl}${route}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(traceparent === undefined ? {} : { traceparent }) },
    body: JSON.stringify({ model, ...body }),
  })
  await response.text()
  return response
}

const spansOf = (traceId: string) => collector.spans.filter((span) => span.traceId === traceId)
/** All of them, once the last one has come. */
const trace = (traceId: string, count: number) =>
  until(`${count} spans of ${traceId}`, () => spansOf(traceId).length >= count && spansOf(traceId))

/** The one span of this name, or of a name that begins with it and ends in a model. */
function only(spans: readonly CollectedSpan[], name: string, kind: CollectedSpan['kind'] = 'internal'): CollectedSpan {
  const found = spans.filter((span) => span.kind === kind && span.name.replace(/ bafy.*$/, '') === name)
  expect(found, name).toHaveLength(1)
  return found[0]!
}

const peerIdOf = (node: TestNode) => node.node.parts.network.peerId

test('tracing: one trace shows every hop of an answer, from the request of a program to the phases of the engine', async () => {
  const { traceId, spanId, traceparent } = newTrace()
  const messages = [{ role: 'user', content: secret }]
  const response = await ask(light, '/v1/chat/completions', { messages, max_tokens: 20, seed: 4 }, traceparent)
  expect(response.status).toBe(200)
  const spans = await trace(traceId, 9)
  expect(spans).toHaveLength(9)
  const http = only(spans, 'POST /v1/chat/completions', 'server')
  const forward = only(spans, 'forward')
  const asked = only(spans, 'chat', 'client')
  const answered = only(spans, 'chat', 'server')
  const queue = only(spans, 'queue')
  const engine = only(spans, 'engine')
  const phases = ['engine load', 'engine prompt', 'engine generate'].map((name) => only(spans, name))
  const chain = [http, forward, asked, answered, engine]
  expect(chain.map(({ parentSpanId }) => parentSpanId)).toEqual([
    spanId,
    ...chain.slice(0, -1).map((one) => one.spanId),
  ])
  expect(queue.parentSpanId).toBe(answered.spanId)
  for (const phase of phases) expect(phase.parentSpanId).toBe(engine.spanId)
  expect(spans.filter(({ instance }) => instance === peerIdOf(light))).toEqual(
    expect.arrayContaining([http, forward, asked]),
  )
  for (const one of [answered, queue, engine, ...phases]) expect(one.instance).toBe(peerIdOf(seed))
  // The child has a clock of its own, and it is the same one: its phases lie one after another, inside the engine's span.
  const slackNs = 50_000_000n
  for (const [at, phase] of phases.entries()) {
    expect(phase.startNs).toBeGreaterThanOrEqual(phases[at - 1]?.endNs ?? engine.startNs - slackNs)
    expect(phase.endNs).toBeLessThanOrEqual(engine.endNs + slackNs)
  }
  expect(http.attributes).toMatchObject({ 'http.route': '/v1/chat/completions', 'http.response.status_code': 200 })
  expect(forward.attributes).toMatchObject({ 'hartonomous.peer.id': peerIdOf(seed), 'hartonomous.peers.tried': 1 })
  for (const one of [asked, answered]) {
    expect(one.attributes).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'hartonomous',
      'gen_ai.request.max_tokens': 20,
      'gen_ai.request.seed': 4,
      'gen_ai.usage.output_tokens': 20,
    })
  }
  expect(spans.every(({ isError }) => !isError)).toBe(true)
})

test('tracing: a node that answers itself shows its own part, streamed and as vectors', async () => {
  const streamed = newTrace()
  await ask(seed, '/v1/completions', { prompt: 'Once', max_tokens: 5, stream: true }, streamed.traceparent)
  const text = await trace(streamed.traceId, 5)
  const http = only(text, 'POST /v1/completions', 'server')
  for (const name of ['queue', 'engine']) expect(only(text, name).parentSpanId).toBe(http.spanId)
  const embedded = newTrace()
  await ask(light, '/v1/embeddings', { input: ['a', 'b'] }, embedded.traceparent)
  const vectors = await trace(embedded.traceId, 7)
  expect(only(vectors, 'embeddings', 'server').attributes).toMatchObject({ 'hartonomous.embed.inputs': 2 })
  expect(only(vectors, 'engine embed').parentSpanId).toBe(only(vectors, 'engine').spanId)
})

test('tracing: a request of no trace begins one, and one whose caller does not sample leaves none anywhere', async () => {
  const silent = newTrace(false)
  const before = new Set(collector.spans.map(({ traceId }) => traceId))
  await ask(light, '/v1/completions', { prompt: 'Once', max_tokens: 3 }, silent.traceparent)
  await ask(light, '/v1/completions', { prompt: 'Once', max_tokens: 3 }, 'not a traceparent')
  const root = await until('the root of a trace of its own', () =>
    collector.spans.find(
      ({ traceId, name, instance }) =>
        !before.has(traceId) && name === 'POST /v1/completions' && instance === peerIdOf(light),
    ),
  )
  expect(root.parentSpanId).toBeUndefined()
  await trace(root.traceId, 8)
  expect(spansOf(silent.traceId)).toEqual([])
})

test('tracing: a failure is told by its code, at every hop that saw it', async () => {
  const { traceId, traceparent } = newTrace()
  const response = await ask(light, '/v1/completions', { prompt: 'word '.repeat(3000) }, traceparent)
  expect(response.status).toBe(400)
  const spans = await trace(traceId, 6)
  for (const [name, kind] of [
    ['text_completion', 'client'],
    ['text_completion', 'server'],
    ['engine', 'internal'],
  ] as const) {
    const span = only(spans, name, kind)
    expect([span.isError, span.attributes['error.type']]).toEqual([true, 'ERR_CONTEXT_LENGTH'])
  }
  const http = only(spans, 'POST /v1/completions', 'server')
  expect(http.attributes).toMatchObject({
    'http.response.status_code': 400,
    'hartonomous.outcome': 'ERR_CONTEXT_LENGTH',
  })
})

test('tracing: a fetch is one span, however many chunks it has', async () => {
  const modelId = await ingest(seed, smallModel, 'org/small')
  await pull(light, { model: 'org/small' })
  const [span] = await until('its span', () => {
    const found = collector.spans.filter(({ name }) => name === `fetch ${modelId}`)
    return found.length > 0 && found
  })
  expect(span!.instance).toBe(peerIdOf(light))
  expect(span!.attributes['hartonomous.fetch.held_bytes']).toBe(span!.attributes['hartonomous.fetch.wanted_bytes'])
  expect(span!.attributes['hartonomous.fetch.chunks_verified']).toBeGreaterThan(0)
})

test('tracing: one trace shows a job from the request that submitted it, over REST or as a client of OpenAI, to the engine', async () => {
  const traced = { 'telemetry.otlp': collector.url }
  const { url, ownerToken, coordinator, close } = await startCoordinatorOver(nodes, seed, traced)
  try {
    const messages = [{ role: 'user', content: secret }]
    const job = { work: { kind: 'chat', model, messages, maxTokens: 5 }, terms: { hedge: false } }
    for (const [route, body, status] of [
      ['/api/v1/jobs', job, 201],
      ['/v1/chat/completions', { model, messages, max_tokens: 5 }, 200],
    ] as const) {
      const { traceId, spanId, traceparent } = newTrace()
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${ownerToken}`, traceparent }
      const response = await fetch(`${url}${route}`, { method: 'POST', headers, body: JSON.stringify(body) })
      expect([response.status, await response.text()], route).toEqual([status, expect.any(String)])
      const spans = await trace(traceId, 8)
      const chain = [
        only(spans, `POST ${route}`, 'server'),
        only(spans, 'job'),
        only(spans, 'chat', 'client'),
        only(spans, 'chat', 'server'),
        only(spans, 'engine'),
      ]
      expect(
        chain.map(({ parentSpanId }) => parentSpanId),
        route,
      ).toEqual([spanId, ...chain.slice(0, -1).map((span) => span.spanId)])
      const own = coordinator.node.parts.network.peerId
      expect(chain.map(({ instance }) => instance)).toEqual([own, own, own, peerIdOf(seed), peerIdOf(seed)])
      expect(only(spans, 'engine generate').parentSpanId).toBe(chain.at(-1)!.spanId)
      // The pattern of the route: what a caller may write into a URL has no bound.
      expect(chain[0]!.attributes).toMatchObject({ 'http.route': route, 'http.response.status_code': status })
      expect(chain[1]!.attributes).toMatchObject({ 'hartonomous.job.kind': 'chat' })
    }
  } finally {
    await close()
  }
})

test('tracing: what was said is in no span', () => {
  expect(collector.bodies.length).toBeGreaterThan(0)
  expect(collector.bodies.join()).not.toMatch(/Zebulon|Once|word word/)
})

test('tracing: a node that stops sends what is left', async () => {
  vi.stubEnv('OTEL_BSP_SCHEDULE_DELAY', '600000')
  const { traceId, traceparent } = newTrace()
  const node = await nodes.start('leaving', [seed], { 'telemetry.otlp': collector.url })
  await until('the seed can be asked', async () => (await node.node.answers.models()).length > 0)
  await ask(node, '/v1/completions', { prompt: 'Once', max_tokens: 3 }, traceparent)
  await nodes.stop(node)
  const own = spansOf(traceId).filter(({ instance }) => instance === peerIdOf(node))
  expect(own.map(({ name }) => name.replace(/ bafy.*$/, '')).toSorted()).toEqual([
    'POST /v1/completions',
    'forward',
    'text_completion',
  ])
})
