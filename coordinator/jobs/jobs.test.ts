import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import type { JobEvent } from '#protocol/api/jobs.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { answer, answers, type Behaviour, chat, identityOf, JobBench, type TestNode } from './bench.fixture.ts'

const benches: JobBench[] = []
async function open(nodes: TestNode[], options?: Parameters<typeof JobBench.open>[1]): Promise<JobBench> {
  const bench = await JobBench.open(nodes, options)
  benches.push(bench)
  return bench
}
afterEach(async () => {
  for (const bench of benches.splice(0)) await bench.close()
})

const fails =
  (error: Error, text = ''): Behaviour =>
  async (onEvent) => {
    if (text !== '') onEvent({ type: 'output', text, tokens: text.length })
    throw error
  }
const hangs: Behaviour = (_, { signal }) =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
const unreachable = new HartonomousError('ERR_PEER_UNREACHABLE', { peer: 'x', reason: 'gone' })

test('jobs: a prompt is answered; its phases, its attempt and its events tell how', async () => {
  const bench = await open([{ name: 'n', behave: answers('hi') }])
  const job = await bench.run(chat())
  expect(job).toMatchObject({
    state: 'succeeded',
    kind: 'chat',
    model: 'm',
    attempts: [{ attempt: 1, peerId: 'n', outcome: 'won', blame: 'none', promptTokens: 3, completionTokens: 2 }],
  })
  expect(job.phases.map(({ phase }) => phase)).toEqual(['queued', 'loading', 'running', 'returning'])
  expect(job.phases.every(({ endedAtMs }) => endedAtMs !== undefined)).toBe(true)
  expect(await bench.jobs.result(identityOf('a'), job.jobId)).toEqual(answer('hi'))
  const events: JobEvent[] = []
  for await (const event of bench.jobs.events(identityOf('a'), job.jobId, 0, AbortSignal.timeout(5000)))
    events.push(event)
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1))
  expect(events.filter(({ type }) => type === 'text')).toMatchObject([{ text: 'hi', tokens: 2 }])
  expect(events.at(-1)).toMatchObject({ type: 'state', state: 'succeeded' })
  const rest: JobEvent[] = []
  for await (const event of bench.jobs.events(identityOf('a'), job.jobId, events.length - 1, AbortSignal.timeout(5000)))
    rest.push(event)
  expect(rest).toEqual(events.slice(-1))
})

test('jobs: where a node fails another takes over, text of the first is void, and blame goes by evidence', async () => {
  const liar = new HartonomousError('ERR_PEER_PROTOCOL', { peer: 'bad', reason: 'it lies' })
  const replaced = Promise.withResolvers<void>()
  const behave: Behaviour = async (onEvent, options) => {
    onEvent({ type: 'output', text: 'no', tokens: 1 })
    await replaced.promise
    return fails(liar)(onEvent, options)
  }
  const bench = await open([{ name: 'bad', behave }])
  const { jobId } = await bench.jobs.submit(identityOf('a'), chat(), {})
  await expect.poll(() => bench.asked.length).toBeGreaterThan(0)
  bench.nodes = [{ name: 'good', behave: answers('yes') }, ...bench.nodes]
  replaced.resolve()
  const job = await bench.ended('a', jobId)
  expect(job.state).toBe('succeeded')
  expect(job.attempts[0]).toMatchObject({
    peerId: 'bad',
    outcome: 'failed',
    blame: 'node',
    error: { code: 'ERR_PEER_PROTOCOL' },
  })
  expect(job.attempts.at(-1)).toMatchObject({ peerId: 'good', outcome: 'won' })
  expect(await bench.jobs.result(identityOf('a'), jobId)).toEqual(answer('yes'))
})

test('jobs: what no other node could do better fails at once, with its cause', async () => {
  const tooLong = new HartonomousError('ERR_CONTEXT_LENGTH', { promptTokens: 9, contextTokens: 8 })
  const bench = await open([
    { name: 'a', behave: fails(tooLong) },
    { name: 'b', behave: fails(tooLong) },
  ])
  const job = await bench.run(chat())
  expect(job).toMatchObject({
    state: 'failed',
    error: { code: 'ERR_CONTEXT_LENGTH', phase: 'queued' },
    chargedWei: '0',
  })
  expect(job.attempts).toMatchObject([{ outcome: 'failed', blame: 'requester' }])
  await expect(bench.jobs.result(identityOf('a'), job.jobId)).rejects.toMatchObject({
    code: 'ERR_JOB_FAILED',
    fields: { cause: 'ERR_CONTEXT_LENGTH' },
  })
})

test('jobs: a job that every node fails ends after its attempts', async () => {
  const bench = await open([
    { name: 'a', behave: fails(unreachable) },
    { name: 'b', behave: fails(unreachable) },
  ])
  const job = await bench.run(chat('hello', { attemptsMax: 3 }))
  expect(job).toMatchObject({ state: 'failed', error: { code: 'ERR_PEER_UNREACHABLE' } })
  expect(job.attempts.map(({ attempt, outcome }) => [attempt, outcome])).toEqual([
    [1, 'failed'],
    [2, 'failed'],
    [3, 'failed'],
  ])
  expect(new Set(job.attempts.slice(0, 2).map(({ peerId }) => peerId)).size).toBe(2)
})

test('jobs: a second node is asked where the first is slow; the faster one wins and is the one that is charged', async () => {
  const bench = await open([
    { name: 'slow', behave: hangs, weiPerKiloToken: 1000n },
    { name: 'slow2', behave: hangs, weiPerKiloToken: 1000n },
  ])
  const { jobId } = await bench.jobs.submit(identityOf('a'), chat(), {})
  await expect.poll(() => bench.asked.length).toBe(1)
  bench.nodes.push({ name: 'fast', behave: answers('now'), weiPerKiloToken: 1000n })
  const free = bench.nodes.filter(({ name }) => name === bench.asked[0]!.node || name === 'fast')
  bench.nodes = free
  const job = await bench.ended('a', jobId)
  expect(job).toMatchObject({ state: 'succeeded', chargedWei: '3' })
  expect(job.attempts).toMatchObject([
    { outcome: 'lost', isHedge: false, blame: 'none' },
    { outcome: 'won', isHedge: true, peerId: 'fast' },
  ])
})

test('jobs: a dear node is not asked, and a job that nobody may do says why it waits', async () => {
  const bench = await open([{ name: 'dear', behave: answers('x'), weiPerKiloToken: 10n ** 12n }])
  const { jobId } = await bench.jobs.submit(
    identityOf('a'),
    chat('hello', { maxPriceWei: '5', timeoutsMs: { queued: 1500 } }),
    {},
  )
  await expect
    .poll(async () => (await bench.jobs.get(identityOf('a'), jobId)).reason)
    .toBe('none of 1 nodes fits: too dear')
  const job = await bench.ended('a', jobId)
  expect(job).toMatchObject({ state: 'failed', error: { code: 'ERR_TIMEOUT', phase: 'queued' }, attempts: [] })
})

test('jobs: a cancelled job stops its node and ends cancelled, once', async () => {
  const bench = await open([{ name: 'n', behave: hangs }])
  const { jobId } = await bench.jobs.submit(identityOf('a'), chat(), {})
  await expect.poll(() => bench.asked.length).toBe(1)
  await Promise.all([bench.jobs.cancel(identityOf('a'), jobId), bench.jobs.cancel(identityOf('a'), jobId)])
  const job = await bench.ended('a', jobId)
  expect(job).toMatchObject({ state: 'cancelled', attempts: [{ outcome: 'cancelled' }] })
  expect((await bench.jobs.cancel(identityOf('a'), jobId)).state).toBe('cancelled')
})

test('jobs: the same key is the same job; another request with it is refused; other tenants see nothing', async () => {
  const bench = await open([{ name: 'n', behave: answers('hi') }])
  const submit = (content: string, tenant = 'a') =>
    bench.jobs.submit(identityOf(tenant), chat(content), { idempotencyKey: 'k' })
  const [one, two] = await Promise.all([submit('x'), submit('x')])
  expect(two.jobId).toBe(one.jobId)
  await expect(submit('y')).rejects.toMatchObject({ code: 'ERR_IDEMPOTENCY' })
  expect((await submit('x', 'b')).jobId).not.toBe(one.jobId)
  await expect(bench.jobs.get(identityOf('b'), one.jobId)).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
  await bench.ended('a', one.jobId)
  expect(bench.asked.filter(({ job }) => job === 'x')).toHaveLength(2)
})

test('jobs: a batch is a job for each line, in order, also where some fail', async () => {
  const behave: Behaviour = (onEvent, options) => {
    const { job } = bench.asked.at(-1)!
    const tooLong = new HartonomousError('ERR_CONTEXT_LENGTH', { promptTokens: 9, contextTokens: 8 })
    return job === '3' ? fails(tooLong)(onEvent, options) : answers(job)(onEvent, options)
  }
  const bench = await open([{ name: 'n', behave }])
  const items = Array.from({ length: 7 }, (_, index) => ({
    id: `line ${index}`,
    work: chat(String(index)).work as never,
  }))
  const job = await bench.run({ work: { kind: 'batch', items } })
  expect(job).toMatchObject({ state: 'succeeded' })
  expect(job.phases.at(-2)).toMatchObject({ phase: 'running', done: 7, total: 7 })
  const result = await bench.jobs.result(identityOf('a'), job.jobId)
  if (result.kind !== 'batch') throw new Error(result.kind)
  expect(result.items.map(({ id }) => id)).toEqual(items.map(({ id }) => id))
  expect(result.items[2]!.result).toEqual(answer('2'))
  expect(result.items[3]!.error?.code).toBe('ERR_CONTEXT_LENGTH')
  const { jobs } = await bench.jobs.list(identityOf('a'), { parentJobId: job.jobId })
  expect(jobs).toHaveLength(7)
})

test('jobs: one tenant with many jobs does not starve another', async () => {
  const order: string[] = []
  const behave: Behaviour = async (onEvent, options) => {
    order.push(bench.asked.at(-1)!.job)
    await sleep(5)
    return answers('x')(onEvent, options)
  }
  const bench = await open([{ name: 'n', slots: 1, behave }])
  const many = await Promise.all(
    Array.from({ length: 30 }, () => bench.jobs.submit(identityOf('many'), chat('many'), {})),
  )
  const few = await Promise.all(Array.from({ length: 3 }, () => bench.jobs.submit(identityOf('few'), chat('few'), {})))
  for (const { jobId } of few) await bench.ended('few', jobId)
  expect(order.filter((job) => job === 'many').length).toBeLessThan(15)
  for (const { jobId } of many) expect((await bench.ended('many', jobId)).state).toBe('succeeded')
})

test('jobs: what a coordinator had in work when it stopped is done by the next, with a new attempt and one end', async () => {
  const first = await open([{ name: 'n', behave: hangs }])
  const { jobId } = await first.jobs.submit(identityOf('a'), chat(), {})
  await expect.poll(() => first.asked.length).toBe(1)
  await first.dispatcher.close()
  const second = await JobBench.open([{ name: 'n', behave: answers('done') }], { store: first.store })
  const job = await second.ended('a', jobId)
  expect(job).toMatchObject({
    state: 'succeeded',
    attempts: [
      { attempt: 1, outcome: 'failed', blame: 'coordinator' },
      { attempt: 2, outcome: 'won' },
    ],
  })
  expect(second.asked).toMatchObject([{ attempt: 2 }])
  await second.dispatcher.close()
})

test('jobs: two coordinators on one store share the work, and no job is done twice', async () => {
  const one = await open([{ name: 'n', behave: answers('1') }])
  const two = await JobBench.open([{ name: 'n', behave: answers('1') }], {
    store: one.store,
    owner: 'coordinator:other',
  })
  const submitted = await Promise.all(
    Array.from({ length: 40 }, (_, index) =>
      (index % 2 ? one : two).jobs.submit(identityOf('a'), chat(String(index)), {}),
    ),
  )
  for (const { jobId } of submitted) expect((await one.ended('a', jobId)).state).toBe('succeeded')
  expect(one.asked.length + two.asked.length).toBe(40)
  await two.dispatcher.close()
})

test('jobs: whatever nodes do, each job has one end, one winner at most, and a cause where it failed', async () => {
  const moody: Behaviour = async (onEvent, options) => {
    await sleep(Math.random() * 20)
    const mood = Math.random()
    if (mood < 0.2) throw unreachable
    if (mood < 0.3) return fails(unreachable, 'half')(onEvent, options)
    if (mood < 0.35) throw new TypeError('a bug')
    return answers('ok')(onEvent, options)
  }
  const bench = await open(['a', 'b', 'c'].map((name) => ({ name, slots: 3, behave: moody, weiPerKiloToken: 1000n })))
  const submitted = await Promise.all(
    Array.from({ length: 150 }, (_, index) => bench.jobs.submit(identityOf(`t${index % 3}`), chat(String(index)), {})),
  )
  for (const [index, { jobId }] of submitted.entries()) {
    const tenant = `t${index % 3}`
    if (index % 10 === 0) void bench.jobs.cancel(identityOf(tenant), jobId)
    const job = await bench.ended(tenant, jobId)
    const winners = job.attempts.filter(({ outcome }) => outcome === 'won')
    expect(['succeeded', 'failed', 'cancelled']).toContain(job.state)
    expect(winners).toHaveLength(job.state === 'succeeded' ? 1 : 0)
    expect(job.chargedWei).toBe(job.state === 'succeeded' ? '2' : '0')
    if (job.state === 'failed') expect(job.error?.message).toBeTruthy()
    const ends: string[] = []
    for await (const event of bench.jobs.events(identityOf(tenant), jobId, 0, AbortSignal.timeout(5000)))
      if (event.type === 'state' && ['succeeded', 'failed', 'cancelled'].includes(event.state)) ends.push(event.state)
    expect(ends).toEqual([job.state])
  }
})
