import { get, type IncomingMessage } from 'node:http'
import fastify from 'fastify'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { SseParser } from '#protocol/api/index.ts'
import type { JobEvent } from '#protocol/api/jobs.ts'
import { coordinatorEventReadersMax } from '#protocol/limits.ts'
import { type ApiBench, type Caller, startApi } from '../api.fixture.ts'
import { EventReaders } from './readers.ts'

let bench: ApiBench
const open: IncomingMessage[] = []
beforeAll(async () => {
  bench = await startApi()
})
afterEach(() => {
  for (const response of open.splice(0)) response.destroy()
})
afterAll(() => bench?.close())

/** A job, and the node that it came to. */
async function submit(content: string) {
  const messages = [{ role: 'user' as const, content }]
  const terms = { hedge: false }
  const { jobId } = await bench.client.call('submitJob', {
    body: { work: { kind: 'chat', model: 'tiny', messages }, terms },
  })
  return { jobId, node: await bench.nodes.asked(content) }
}

/** A reader whose socket a test can leave alone. */
function read(path: string, headers: Record<string, string> = {}, caller: Caller = 'owner'): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options = { headers: { authorization: `Bearer ${bench.tokens[caller]}`, ...headers }, agent: false }
    get(`${bench.url}${path}`, options, (response) => {
      open.push(response)
      response.on('error', () => undefined)
      resolve(response)
    }).on('error', reject)
  })
}

/** Events so far, growing. */
function collect(response: IncomingMessage) {
  const events: { id?: string; data: string }[] = []
  const parser = new SseParser()
  response.setEncoding('utf8').on('data', (text: string) => events.push(...parser.push(text)))
  return events
}

test('job events: from the beginning to the end, over the typed client', async () => {
  const { jobId, node } = await submit('from the beginning')
  const seen: JobEvent[] = []
  const reading = (async () => {
    for await (const event of bench.client.events('jobEvents', { params: { jobId } })) seen.push(event)
  })()
  await expect.poll(() => seen.some(({ type }) => type === 'attempt')).toBe(true)
  node.answer('line\nbreak')
  await reading
  expect(seen.map(({ seq }) => seq)).toEqual(seen.map((_, at) => at + 1))
  expect(seen.map((event) => (event.type === 'state' ? event.state : event.type))).toEqual([
    'queued',
    'attempt',
    'running',
    'text',
    'returning',
    'succeeded',
  ])
  expect(seen.find(({ type }) => type === 'text')).toMatchObject({ text: 'line\nbreak', tokens: 1 })
})

test('job events: who comes back gets what it has not seen, once, by header or by query', async () => {
  const { jobId, node } = await submit('comes back')
  node.answer('abc')
  await bench.client.call('jobResult', { params: { jobId }, query: { waitMs: 25_000 } })
  const path = `/api/v1/jobs/${jobId}/events`
  const idsOf = async (target: string, headers: Record<string, string> = {}) => {
    const response = await read(target, headers)
    const events = collect(response)
    await new Promise((resolve) => response.once('end', resolve))
    return events.map(({ id }) => id)
  }
  const all = await idsOf(path)
  expect(all.length).toBeGreaterThan(4)
  expect(await idsOf(path, { 'last-event-id': '2' })).toEqual(all.slice(2))
  expect(await idsOf(`${path}?after=2`)).toEqual(all.slice(2))
  expect((await read(path, { 'last-event-id': 'x' })).statusCode).toBe(400)
  expect((await read('/api/v1/jobs/none/events')).statusCode).toBe(404)
})

test('job events: the client resumes a cut stream behind its last event', async () => {
  const { jobId, node } = await submit('is cut')
  const seen: JobEvent[] = []
  const reading = (async () => {
    for await (const event of bench.client.events('jobEvents', { params: { jobId } })) seen.push(event)
  })()
  await expect.poll(() => seen.some(({ type }) => type === 'attempt')).toBe(true)
  const before = seen.length
  bench.app.server.closeAllConnections()
  node.answer('whole')
  await reading
  expect(seen.length).toBeGreaterThan(before)
  expect(seen.map(({ seq }) => seq)).toEqual(seen.map((_, at) => at + 1))
  expect(seen.at(-1)).toMatchObject({ type: 'state', state: 'succeeded' })
})

/** Those that a test published itself: the registry numbers its own by the clock. */
const firstOfTest = Number.MAX_SAFE_INTEGER - 1_000_000
const newsIn = (events: readonly { data: string }[]) =>
  events
    .map(({ data }) => JSON.parse(data) as { type: string; revision?: number; jobId?: string })
    .filter(({ type, revision = 0 }) => type !== 'network' || revision >= firstOfTest)

test('news of jobs reach their tenant alone, news of the network everybody', async () => {
  const mine = collect(await read('/api/v1/events'))
  const others = collect(await read('/api/v1/events', {}, 'other'))
  const { jobId } = await submit('is news')
  const network = { type: 'network', revision: firstOfTest } as const
  bench.changes.publish(network)
  await expect.poll(() => newsIn(mine)).toContainEqual(network)
  await expect.poll(() => newsIn(others)).toContainEqual(network)
  expect(newsIn(mine)).toContainEqual({ type: 'job', jobId })
  expect(newsIn(others)).toEqual([network])
})

test('news: who comes back gets what it missed; who was away too long is told to read anew', async () => {
  const publish = (revision: number) => bench.changes.publish({ type: 'network', revision: firstOfTest + revision })
  // Another tenant sees no jobs of other tests.
  const follow = async (headers: Record<string, string> = {}) => {
    const response = await read('/api/v1/events', headers, 'other')
    return { response, events: collect(response) }
  }
  const first = await follow()
  publish(1)
  await expect.poll(() => newsIn(first.events).length).toBe(1)
  const lastSeen = first.events.at(-1)!.id!
  first.response.destroy()
  publish(2)
  bench.changes.publish({ type: 'job', jobId: 'not theirs' }, 'local:owner')
  publish(3)
  const again = await follow({ 'last-event-id': lastSeen })
  await expect.poll(() => newsIn(again.events).length).toBe(2)
  expect(newsIn(again.events).map(({ revision }) => revision! - firstOfTest)).toEqual([2, 3])

  for (let revision = 4; revision < 6000; revision++) publish(revision)
  const late = await follow({ 'last-event-id': lastSeen })
  await expect.poll(() => newsIn(late.events)).toEqual([{ type: 'reset' }])
  const ofAnotherRun = await follow({ 'last-event-id': 'ffff-1' })
  await expect.poll(() => newsIn(ofAnotherRun.events)).toEqual([{ type: 'reset' }])
})

test('news: a reader that takes nothing is cut, and the others go on', async () => {
  const slow = await read('/api/v1/events')
  slow.pause()
  const quick = collect(await read('/api/v1/events'))
  // What the kernel takes for the slow one, and what is let wait for it.
  const text = 'x'.repeat(64 * 1024)
  const longOnes = () => quick.filter(({ data }) => data.length > text.length).length
  let closed = false
  slow.once('close', () => {
    closed = true
  })
  for (let at = 0; at < 400; at++) {
    bench.changes.publish({ type: 'job', jobId: text }, 'local:owner')
    if (at % 10 === 9) await expect.poll(() => longOnes()).toBe(at + 1)
  }
  slow.resume()
  await expect.poll(() => closed).toBe(true)
  expect(longOnes()).toBe(400)
})

test('a thousand readers of one job get its events, and nothing of them stays behind', async () => {
  expect(coordinatorEventReadersMax).toBeGreaterThan(1000)
  const { jobId, node } = await submit('is watched')
  const path = `/api/v1/jobs/${jobId}/events`
  const readers: ReturnType<typeof collect>[] = []
  const ended = new Set<ReturnType<typeof collect>>()
  for (let at = 0; at < 1000; at += 50) {
    const more = await Promise.all(Array.from({ length: 50 }, () => read(path)))
    for (const response of more) {
      const events = collect(response)
      readers.push(events)
      response.once('end', () => ended.add(events))
    }
  }
  await expect.poll(() => readers.every((events) => events.length >= 2), { timeout: 20_000 }).toBe(true)
  expect(bench.coordinator.hub.listenerCount(jobId)).toBeGreaterThanOrEqual(1000)
  node.answer('seen by all')
  await expect.poll(() => ended.size, { timeout: 20_000 }).toBe(1000)
  const [first] = readers
  expect(first!.at(-1)!.data).toContain('"succeeded"')
  for (const events of readers) expect(events).toEqual(first)
  expect(bench.coordinator.hub.listenerCount(jobId)).toBe(0)
})

test('no tenant takes all event streams: beyond a quarter of them it is refused, and others read on', async () => {
  const readers = new EventReaders(8)
  const app = fastify()
  app.get('/:tenant', (request, reply) => {
    readers.open(reply, (request.params as { tenant: string }).tenant)
  })
  const url = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  const statusOf = (tenant: string): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      get(new URL(tenant, url), { agent: false }, resolve).on('error', reject)
    })
  const greedy = await Promise.all(['a', 'a', 'a'].map(statusOf))
  expect(greedy.map(({ statusCode }) => statusCode).sort()).not.toEqual([200, 200, 200])
  expect((await statusOf('b')).statusCode).toBe(200)
  greedy.find(({ statusCode }) => statusCode === 200)!.destroy()
  await expect.poll(() => readers.count).toBe(2)
  expect((await statusOf('a')).statusCode).toBe(200)
  readers.close()
  await app.close()
})
