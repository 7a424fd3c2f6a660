/** A coordinator over real nodes, as programs and people's agents see it. */
import { join } from 'node:path'
import OpenAI from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ControlClient } from '#node/cli/client.ts'
import { DevnetNode } from '#node/cli/devnet/child.ts'
import { SseParser } from '#protocol/api/index.ts'
import type { JobResult, JobView } from '#protocol/api/jobs.ts'
import type { CoverageView, NetworkSnapshot } from '#protocol/api/network.ts'
import { bootstrap, smallModel, TestSwarm, until } from './swarm.fixture.ts'

let swarm: TestSwarm
let nodes: DevnetNode[]
const coordinators: DevnetNode[] = []
let client: ControlClient
let model: string

beforeAll(async () => {
  swarm = await TestSwarm.create()
  const first = await swarm.start(1, '--ingest', smallModel, '--set', 'region=DE')
  const second = await swarm.start(2, ...bootstrap(first), '--ingest', smallModel)
  nodes = [first, second]
  client = await (await startCoordinator(9)).connectToCoordinator(AbortSignal.timeout(60_000))
  model = await until('the coordinator knows who answers', async () => {
    const { data } = await client.get<{ data: { id: string }[] }>('/v1/models')
    return data[0]?.id
  })
})
afterAll(async () => {
  await Promise.all(coordinators.map((coordinator) => coordinator.stop()))
  await swarm?.close()
})

async function startCoordinator(index: number, port = '0'): Promise<DevnetNode> {
  const listen = ['--listen', '/ip4/127.0.0.1/tcp/0', '--api-port', '0', '--coordinator-port', port]
  const flags = [...listen, '--no-mdns', '--no-inference', ...bootstrap(nodes[0]!)]
  const coordinator = new DevnetNode(index, join(swarm.folder, `coordinator-${index}`), flags, [], 'coordinator')
  coordinators.push(coordinator)
  await coordinator.start(AbortSignal.timeout(60_000))
  return coordinator
}

const chat = (content: string, more: object = {}) => ({
  kind: 'chat',
  model,
  messages: [{ role: 'user', content }],
  temperature: 0,
  maxTokens: 8,
  ...more,
})
const submit = (work: object, terms: object = {}, key?: string) =>
  client.post<JobView>('/api/v1/jobs', { work, terms }, key === undefined ? {} : { 'idempotency-key': key })

async function ended(jobId: string, of: ControlClient = client): Promise<JobView> {
  return until(`job ${jobId} ends`, async () => {
    const job = await of.get<JobView>(`/api/v1/jobs/${jobId}`)
    return ['succeeded', 'failed', 'cancelled'].includes(job.state) ? job : undefined
  })
}
const resultOf = <T extends JobResult>(jobId: string) => client.get<T>(`/api/v1/jobs/${jobId}/result`)

test('coordinator: its registry shows each node with source and age, and a probe makes it ready', async () => {
  const snapshot = await until('both nodes were probed', async () => {
    const seen = await client.get<NetworkSnapshot>('/api/v1/network/snapshot')
    return seen.nodes.filter(({ state }) => state === 'ready').length === 2 ? seen : undefined
  })
  expect(snapshot.nodes.map(({ peerId }) => peerId).sort()).toEqual(nodes.map(({ ready }) => ready!.peerId).sort())
  for (const node of snapshot.nodes) {
    expect(node).toMatchObject({ source: 'lease', probe: { ok: true }, models: [{ name: model, canInfer: true }] })
    expect(node.ageMs).toBeLessThan(2 * snapshot.leaseTtlMs)
  }
  expect(new Set(snapshot.nodes.map(({ region }) => region))).toEqual(new Set(['DE', '']))
  const coverage = await client.get<CoverageView>(`/api/v1/models/${encodeURIComponent(model)}/coverage`)
  expect(coverage).toMatchObject({ holdersMin: 2 })
  expect(coverage.parts.length).toBeGreaterThan(5)
})

test('coordinator: a chat is quoted, done by a node, and its events can be read again from any point', async () => {
  const quote = await client.post<{ nodes: unknown[]; privacy: object }>('/api/v1/quotes', { work: chat('Hello') })
  expect(quote).toMatchObject({ nodes: [{}, {}], priceWei: { min: '0' }, privacy: { label: 'public' } })
  const { jobId } = await submit(chat('What is Hartonomous?'), { regions: ['DE'] })
  const job = await ended(jobId)
  expect(job).toMatchObject({ state: 'succeeded', attempts: [{ peerId: nodes[0]!.ready!.peerId, outcome: 'won' }] })
  const result = await resultOf<Extract<JobResult, { text: string }>>(jobId)
  expect(result.text).toMatch(/^Hartonomous/)
  const parser = new SseParser()
  const all = parser.push(await (await client.open(`/api/v1/jobs/${jobId}/events`)).text())
  expect(all.map(({ id }) => Number(id))).toEqual(all.map((_, index) => index + 1))
  const texts = all.map(({ data }) => JSON.parse(data) as { type: string; text?: string })
  expect(texts.map(({ text = '' }) => text).join('')).toBe(result.text)
  const rest = new SseParser().push(
    await (await client.open(`/api/v1/jobs/${jobId}/events?after=${all.length - 1}`)).text(),
  )
  expect(rest.map(({ id }) => id)).toEqual([String(all.length)])
})

test('coordinator: embeddings, a batch and a pull are jobs too', async () => {
  const { jobId } = await submit({ kind: 'embedding', model, input: ['a fox', 'a dog'] })
  expect(await ended(jobId)).toMatchObject({ state: 'succeeded' })
  const { vectors, quality } = await resultOf<Extract<JobResult, { kind: 'embedding' }>>(jobId)
  expect(vectors).toHaveLength(2)
  expect(quality).toBe('low')
  const items = ['one', 'two', 'three'].map((id) => ({ id, work: chat(id) }))
  const batch = await submit({ kind: 'batch', items }, {}, 'a batch')
  expect((await submit({ kind: 'batch', items }, {}, 'a batch')).jobId).toBe(batch.jobId)
  expect(await ended(batch.jobId)).toMatchObject({ state: 'succeeded' })
  const done = await resultOf<Extract<JobResult, { kind: 'batch' }>>(batch.jobId)
  expect(done.items.map(({ id, result }) => [id, result?.kind])).toEqual([
    ['one', 'chat'],
    ['two', 'chat'],
    ['three', 'chat'],
  ])
  const pull = await submit({ kind: 'pull', model })
  expect(await ended(pull.jobId)).toMatchObject({ state: 'succeeded' })
  expect(await resultOf<Extract<JobResult, { kind: 'pull' }>>(pull.jobId)).toMatchObject({ name: model })
})

test('coordinator: the official OpenAI client sees an ordinary API; each prompt of its is a job', async () => {
  const openai = new OpenAI({ baseURL: `${client.apiUrl}/v1`, apiKey: 'any', maxRetries: 0 })
  const messages = [{ role: 'user' as const, content: 'What is Hartonomous?' }]
  const whole = await openai.chat.completions.create({ model, messages, temperature: 0, max_tokens: 8 })
  const stream = await openai.chat.completions.create({ model, messages, temperature: 0, max_tokens: 8, stream: true })
  let streamed = ''
  for await (const chunk of stream) streamed += chunk.choices[0]?.delta.content ?? ''
  expect(streamed).toBe(whole.choices[0]!.message.content)
  expect(streamed).toMatch(/^Hartonomous/)
  const vectors = await openai.embeddings.create({ model, input: 'a fox', encoding_format: 'float' })
  expect(vectors.data[0]!.embedding.length).toBeGreaterThan(8)
  await expect(openai.chat.completions.create({ model: 'nobody', messages })).rejects.toMatchObject({ status: 404 })
  const { jobs } = await client.get<{ jobs: JobView[] }>('/api/v1/jobs?kind=embedding')
  expect(jobs.length).toBeGreaterThan(0)
})

test('coordinator: a shipped workflow runs on real nodes, and one that asks waits for its answer', async () => {
  const graph = {
    name: 'ask',
    steps: [
      { id: 'draft', type: 'prompt', model, prompt: 'Say {{input}}', maxTokens: 8, temperature: 0 },
      { id: 'review', type: 'approval', question: 'Is this good: {{draft}}?' },
      { id: 'join', type: 'tool', tool: 'join-text', args: { texts: ['{{draft}}', '!'] } },
    ],
  }
  const { jobId } = await submit({ kind: 'workflow', workflow: graph, input: 'hello' })
  await until('it waits', async () => (await client.get<JobView>(`/api/v1/jobs/${jobId}`)).state === 'waiting')
  const early = client.post(`/api/v1/jobs/${jobId}/approvals`, { step: 'a later one', isApproved: true })
  await expect(early).rejects.toMatchObject({ code: 'ERR_USAGE' })
  await client.post(`/api/v1/jobs/${jobId}/approvals`, { step: 'review', isApproved: true })
  expect(await ended(jobId)).toMatchObject({ state: 'succeeded' })
  const { jobs } = await client.get<{ jobs: JobView[] }>(`/api/v1/jobs?parentJobId=${jobId}`)
  expect(jobs).toMatchObject([{ kind: 'chat', state: 'succeeded' }])
})

test('coordinator: killed in the middle it goes on with its jobs; a second one over the same swarm works beside it', async () => {
  const { port } = new URL(client.apiUrl)
  const jobs = await Promise.all(
    Array.from({ length: 12 }, (_, index) => submit(chat(`Count to ${index}`, { maxTokens: 64 }))),
  )
  coordinators[0]!.kill()
  const other = await startCoordinator(8)
  const otherClient = await other.connectToCoordinator(AbortSignal.timeout(60_000))
  await until('the other one knows the model', async () => {
    const { data } = await otherClient.get<{ data: unknown[] }>('/v1/models')
    return data.length > 0
  })
  const elsewhere = await otherClient.post<JobView>('/api/v1/jobs', { work: chat('Hello') })
  expect(await ended(elsewhere.jobId, otherClient)).toMatchObject({ state: 'succeeded' })
  const again = await startCoordinator(9, port)
  client = await again.connectToCoordinator(AbortSignal.timeout(60_000))
  for (const { jobId } of jobs) {
    const job = await ended(jobId)
    expect(job.state).toBe('succeeded')
    expect(job.attempts.filter(({ outcome }) => outcome === 'won')).toHaveLength(1)
  }
  await expect(client.get(`/api/v1/jobs/${elsewhere.jobId}`)).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
})
