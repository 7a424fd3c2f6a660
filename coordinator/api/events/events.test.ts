import { get, type IncomingMessage } from 'node:http'
import fastify from 'fastify'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { SseParser } from '#protocol/api/index.ts'
import type { JobEvent } from '#protocol/api/jobs.ts'
import { coordinatorEventReadersMax } from '#protocol/limits.ts'
import { type ApiBench, startApi } from '../api.fixture.ts'
import { EventReaders } from './readers.ts'

let bench: ApiBench
const open: IncomingMessage[] = []
beforeEach(async () => {
  bench = await startApi()
})
afterEach(async () => {
  for (const response of open.splice(0)) response.destroy()
  await bench?.close()
})

const chat = { work: { kind: 'chat' as const, model: 'tiny', messages: [{ role: 'user' as const, content: 'hi' }] } }
const submit = async (token = 'owner') => (await bench.clientOf(token).call('submitJob', { body: chat })).jobId

/** A reader whose socket a test can leave alone. */
function read(path: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options = { headers: { authorization: 'Bearer owner', ...headers }, agent: false }
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
  const jobId = await submit()
  const seen: JobEvent[] = []
  const reading = (async () => {
    for await (const event of bench.client.events('jobEvents', { params: { jobId } })) seen.push(event)
  })()
  await expect.poll(() => seen.length).toBe(1)
  bench.jobs.move(jobId, 'running')
  bench.jobs.emit(jobId, { type: 'text', text: 'line\nbreak', tokens: 2 })
  bench.jobs.finish(jobId, { kind: 'workflow', output: 1 })
  await reading
  expect(seen.map(({ seq, type }) => [seq, type])).toEqual([
    [1, 'state'],
    [2, 'state'],
    [3, 'text'],
    [4, 'state'],
  ])
  expect(seen[2]).toMatchObject({ text: 'line\nbreak' })
})

test('job events: who comes back gets what it has not seen, once, by header or by query', async () => {
  const jobId = await submit()
  for (const text of ['a', 'b', 'c']) bench.jobs.emit(jobId, { type: 'text', text, tokens: 1 })
  bench.jobs.finish(jobId, { kind: 'workflow', output: 1 })
  const path = `/api/v1/jobs/${jobId}/events`
  for (const [target, headers] of [
    [path, { 'last-event-id': '2' }],
    [`${path}?after=2`, {}],
  ] as const) {
    const response = await read(target, headers)
    const events = collect(response)
    await new Promise((resolve) => response.once('end', resolve))
    expect(
      events.map(({ id }) => id),
      target,
    ).toEqual(['3', '4', '5'])
  }
  expect((await read(path, { 'last-event-id': 'x' })).statusCode).toBe(400)
  expect((await read('/api/v1/jobs/none/events')).statusCode).toBe(404)
})

test('job events: the client resumes a cut stream behind its last event', async () => {
  const jobId = await submit()
  const seen: number[] = []
  const reading = (async () => {
    for await (const { seq } of bench.client.events('jobEvents', { params: { jobId } })) seen.push(seq)
  })()
  await expect.poll(() => seen).toEqual([1])
  bench.app.server.closeAllConnections()
  bench.jobs.move(jobId, 'running')
  bench.jobs.finish(jobId, { kind: 'workflow', output: 1 })
  await reading
  expect(seen).toEqual([1, 2, 3])
})

test('news of jobs reach their tenant alone, news of the network everybody', async () => {
  const mine = collect(await read('/api/v1/events'))
  const others = collect(await read('/api/v1/events', { authorization: 'Bearer other' }))
  const jobId = await submit()
  bench.changes.publish({ type: 'network', revision: 9 })
  await expect.poll(() => mine.length).toBe(2)
  await expect.poll(() => others.length).toBe(1)
  expect(mine.map(({ data }) => JSON.parse(data))).toEqual([
    { type: 'job', jobId },
    { type: 'network', revision: 9 },
  ])
  expect(JSON.parse(others[0]!.data)).toEqual({ type: 'network', revision: 9 })
})

test('news: who comes back gets what it missed; who was away too long is told to read anew', async () => {
  const first = await read('/api/v1/events')
  const seen = collect(first)
  bench.changes.publish({ type: 'network', revision: 1 })
  await expect.poll(() => seen.length).toBe(1)
  first.destroy()
  bench.changes.publish({ type: 'network', revision: 2 })
  bench.changes.publish({ type: 'job', jobId: 'not mine' }, 'other')
  bench.changes.publish({ type: 'network', revision: 3 })
  const again = collect(await read('/api/v1/events', { 'last-event-id': seen[0]!.id! }))
  await expect.poll(() => again.length).toBe(2)
  expect(again.map(({ data }) => JSON.parse(data).revision)).toEqual([2, 3])

  for (let revision = 4; revision < 6000; revision++) bench.changes.publish({ type: 'network', revision })
  const late = collect(await read('/api/v1/events', { 'last-event-id': seen[0]!.id! }))
  await expect.poll(() => late.length).toBe(1)
  expect(JSON.parse(late[0]!.data)).toEqual({ type: 'reset' })
  const ofAnotherRun = collect(await read('/api/v1/events', { 'last-event-id': 'ffff-1' }))
  await expect.poll(() => ofAnotherRun.map(({ data }) => JSON.parse(data))).toEqual([{ type: 'reset' }])
})

test('news: a reader that takes nothing is cut, and the others go on', async () => {
  const slow = await read('/api/v1/events')
  slow.pause()
  const quick = collect(await read('/api/v1/events'))
  // What the kernel takes for the slow one, and what is let wait for it.
  const text = 'x'.repeat(64 * 1024)
  let closed = false
  slow.once('close', () => {
    closed = true
  })
  for (let at = 0; at < 400; at++) {
    bench.changes.publish({ type: 'job', jobId: text }, 'local:owner')
    if (at % 10 === 9) await expect.poll(() => quick.length).toBe(at + 1)
  }
  slow.resume()
  await expect.poll(() => closed).toBe(true)
  expect(quick).toHaveLength(400)
})

test('a thousand readers of one job get its events, and nothing of them stays behind', async () => {
  expect(coordinatorEventReadersMax).toBeGreaterThan(1000)
  const jobId = await submit()
  const path = `/api/v1/jobs/${jobId}/events`
  const readers: ReturnType<typeof collect>[] = []
  for (let at = 0; at < 1000; at += 50)
    readers.push(...(await Promise.all(Array.from({ length: 50 }, () => read(path).then(collect)))))
  await expect.poll(() => bench.jobs.readers).toBe(1000)
  bench.jobs.finish(jobId, { kind: 'workflow', output: 1 })
  await expect.poll(() => readers.every((events) => events.length === 2)).toBe(true)
  await expect.poll(() => bench.jobs.readers).toBe(0)
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
