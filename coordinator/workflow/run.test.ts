import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { z } from 'zod'
import {
  workflowEventValueBytesMax,
  workflowItemsMax,
  workflowParallelMax,
  workflowValueBytesMax,
} from '#protocol/limits.ts'
import { type ChatWork, type TestHost, testHost } from './host.fixture.ts'
import { compile } from './plan/compile.ts'
import { type RunOutcome, runWorkflow } from './run.ts'
import { defineTool } from './tool/tool.ts'

const prompt = (id: string, text = 'x', more: object = {}) => ({ id, type: 'prompt', prompt: text, ...more })
const planOf = (steps: object[], more: object = {}) => compile({ name: 'test', model: 'm', steps, ...more })

let threads = 0
const run = (host: TestHost, steps: object[], input: unknown = {}, more: object = {}): Promise<RunOutcome> =>
  runWorkflow(host, { thread: `t${threads++}`, plan: planOf(steps, more), input, signal: new AbortController().signal })
const failsWith = (step: string, cause: string) =>
  expect.objectContaining({ code: 'ERR_STEP_FAILED', fields: expect.objectContaining({ step, cause }) })
const echo = (text: string) => `<${text}>`
const statuses = (host: TestHost) => host.events.map(({ step, status }) => `${step} ${status}`)

test('run: values flow by the names of steps, and the work is what the steps say', async () => {
  const works: ChatWork[] = []
  const host = testHost((text, work) => {
    works.push(work)
    return echo(text)
  })
  const outcome = await run(
    host,
    [
      prompt('a', 'A {{input.n}}', {
        model: '{{input.model}}',
        system: 'be {{input.n}}',
        maxTokens: 7,
        temperature: 0,
        seed: 3,
      }),
      prompt('b', 'B {{a}}'),
      { id: 'c', type: 'query', text: 'name:{{b}}' },
    ],
    { n: 5, model: 'big' },
    { output: 'c.rows.0' },
  )
  expect(outcome).toEqual({ state: 'succeeded', output: 'name:<B <A 5>>' })
  expect(works[0]).toEqual({
    kind: 'chat',
    model: 'big',
    messages: [
      { role: 'system', content: 'be 5' },
      { role: 'user', content: 'A 5' },
    ],
    maxTokens: 7,
    temperature: 0,
    seed: 3,
  })
  expect(works[1]).toEqual({ kind: 'chat', model: 'm', messages: [{ role: 'user', content: 'B <A 5>' }] })
  expect(statuses(host)).toEqual(['a', 'b', 'c'].flatMap((id) => [`${id} started`, `${id} succeeded`]))
})

test('run: steps that need nothing of each other run at once', async () => {
  let both: () => void = () => undefined
  const met = new Promise<void>((resolve) => {
    both = resolve
  })
  let here = 0
  const host = testHost(async (text) => {
    if (++here === 2) both()
    // Neither ends before the other has begun.
    await met
    return text
  })
  const outcome = await run(host, [
    prompt('a', 'A'),
    prompt('b', 'B'),
    { id: 'end', type: 'query', text: '{{a}}{{b}}' },
  ])
  expect(outcome).toMatchObject({ output: { rows: ['AB'] } })
})

test('run: of many steps that could run at once, no more do than a workflow may have', async () => {
  let [running, most] = [0, 0]
  const host = testHost(async (text) => {
    most = Math.max(most, ++running)
    for (let turns = 0; turns < 5; turns++) await turn()
    running--
    return text
  })
  await run(
    host,
    Array.from({ length: 3 * workflowParallelMax }, (_, at) => prompt(`s${at}`)),
  )
  expect(host.done).toHaveLength(3 * workflowParallelMax)
  expect(most).toBe(workflowParallelMax)
})

test('run: in any graph without a cycle each step runs once, with the values of all that it names', async () => {
  const dag = fc.integer({ min: 1, max: 12 }).chain((count) =>
    fc.record({
      needs: fc.array(fc.array(fc.nat(count), { maxLength: 3 }), { minLength: count, maxLength: count }),
      order: fc.shuffledSubarray([...Array(count).keys()], { minLength: count, maxLength: count }),
    }),
  )
  await fc.assert(
    fc.asyncProperty(dag, async ({ needs, order }) => {
      const before = (at: number) => [...new Set(needs[at]!.filter((to) => to < at))]
      const expected: string[] = []
      for (let at = 0; at < needs.length; at++) {
        const values = before(at).map((to) => expected[to]!)
        expected.push(`<${at}:${values.join('')}>`)
      }
      const host = testHost(echo)
      const steps = order.map((at) =>
        prompt(
          `s${at}`,
          `${at}:${before(at)
            .map((to) => `{{s${to}}}`)
            .join('')}`,
        ),
      )
      const all = { id: 'all', type: 'tool', tool: 'list', args: { values: order.map((at) => `{{s${at}}}`) } }
      const list = defineTool({
        name: 'list',
        description: '',
        args: z.object({ values: z.array(z.string()) }),
        run: ({ values }) => values,
      })
      const outcome = await run({ ...host, tools: new Map([['list', list]]) }, [...steps, all])
      expect(outcome).toEqual({ state: 'succeeded', output: order.map((at) => expected[at]) })
      expect(new Set(host.done).size).toBe(steps.length)
      expect(host.done).toHaveLength(steps.length)
    }),
    { numRuns: 25 },
  )
})

test('run: a map keeps the order, has a key per item, and never runs more at once than it may', async () => {
  let [running, most] = [0, 0]
  const host = testHost(async (text) => {
    most = Math.max(most, ++running)
    for (let turns = 0; turns < 5; turns++) await turn()
    running--
    return echo(text)
  })
  const items = Array.from({ length: 20 }, (_, at) => ({ name: `n${at}` }))
  const each = {
    id: 'each',
    type: 'map',
    over: 'input.items',
    parallel: 3,
    step: { type: 'prompt', prompt: '{{index}}:{{item.name}}' },
  }
  expect(await run(host, [each], { items })).toEqual({
    state: 'succeeded',
    output: items.map((item, at) => `<${at}:${item.name}>`),
  })
  expect(most).toBe(3)
  expect(new Set(host.done).size).toBe(20)
  expect(host.done[0]).toMatch(/^t\d+\/each\[0\]$/)
  const value = items.map((item, at) => `<${at}:${item.name}>`)
  expect(host.events.at(-1)).toEqual({ type: 'step', step: 'each', status: 'succeeded', detail: '20 items', value })
})

test('run: the event of a step carries its value up to 16 KiB of JSON, and none of one that was passed over', async () => {
  const host = testHost(async (text) => text)
  const steps = [
    { id: 'fits', type: 'prompt', prompt: '{{input.fits}}' },
    { id: 'long', type: 'prompt', prompt: '{{input.fits}}x' },
    { id: 'is-long', type: 'condition', value: 'long', test: 'equals', than: 'x', whenTrue: ['never'] },
    { id: 'never', type: 'prompt', prompt: 'x' },
  ]
  const fits = 'y'.repeat(workflowEventValueBytesMax - 2)
  await run(host, steps, { fits })
  const ended = host.events.filter(({ status }) => status === 'succeeded')
  expect(new Map(ended.map(({ step, value }) => [step, value]))).toEqual(
    new Map<string, unknown>([
      ['fits', fits],
      ['long', undefined],
      ['is-long', false],
      ['never', undefined],
    ]),
  )
})

test('run: a reduce is a tree of prompts over no more texts than its fan-in, in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 2, max: 5 }), async (count, fanIn) => {
      const host = testHost((text) => text.split('\n\n').join(' '))
      const step = { id: 'all', type: 'reduce', over: 'input', fanIn, prompt: '{{item}}' }
      const words = Array.from({ length: count }, (_, at) => `w${at}`)
      expect(await run(host, [step], words)).toEqual({ state: 'succeeded', output: words.join(' ') })
      // Each joins `fanIn` texts to one at the most, and one at the least disappears.
      expect(host.done.length).toBeGreaterThanOrEqual(Math.ceil(Math.max(0, count - 1) / (fanIn - 1)))
      expect(host.done.length).toBeLessThanOrEqual(Math.max(0, count - 1))
    }),
    { numRuns: 20 },
  )
})

const fork = [
  {
    id: 'is-big',
    type: 'condition',
    value: 'input.n',
    test: 'greater',
    than: 10,
    whenTrue: ['big'],
    whenFalse: ['small'],
  },
  prompt('big', 'big {{input.n}}'),
  prompt('bigger', '{{big}}!'),
  prompt('small', 'small {{input.n}}'),
  prompt('end', '{{bigger}}{{small}} {{is-big}}'),
]

test.each([
  [11, '<<<big 11>!> true>', ['small']],
  [10, '<<small 10> false>', ['big', 'bigger']],
])('run: of a fork with %d the other branch, and what hangs on it alone, is passed over', async (n, output, over) => {
  const host = testHost(echo)
  expect(await run(host, fork, { n })).toEqual({ state: 'succeeded', output })
  const passedOver = host.events.filter(({ detail }) => detail === 'passed over').map(({ step }) => step)
  expect(passedOver).toEqual(over)
  expect(host.done).toHaveLength(4 - over.length)
})

test('run: a fork within a branch that is passed over passes over both of its own', async () => {
  const host = testHost(echo)
  const steps = [
    { id: 'outer', type: 'condition', value: 'input.x', test: 'exists', whenTrue: ['inner'] },
    { id: 'inner', type: 'condition', value: 'input.y', test: 'exists', whenTrue: ['yes'], whenFalse: ['no'] },
    prompt('yes'),
    prompt('no'),
    { id: 'list', type: 'map', over: 'no', step: { type: 'prompt', prompt: 'x' } },
  ]
  expect(await run(host, steps, { y: 1 })).toEqual({ state: 'succeeded', output: null })
  expect(host.done).toEqual([])
})

test.each<[string, unknown, unknown, boolean]>([
  ['exists', 0, undefined, true],
  ['exists', null, undefined, false],
  ['equals', { a: [1] }, { a: [1] }, true],
  ['equals', '1', 1, false],
  ['contains', 'abc', 'bc', true],
  ['contains', [{ a: 1 }], { a: 1 }, true],
  ['contains', 5, 5, false],
  ['greater', 2, 1, true],
  ['greater', '2', 1, false],
  ['less', 1, 1, false],
])('run: whether %s holds of %j and %j', async (name, value, than, expected) => {
  const step = {
    id: 'c',
    type: 'condition',
    value: 'input.v',
    test: name,
    whenTrue: [],
    ...(than === undefined ? {} : { than }),
  }
  expect(await run(testHost(echo), [step], { v: value })).toMatchObject({ output: expected })
})

test('run: a step that fails is named with its cause, what runs beside it is told to stop, and nothing follows', async () => {
  let wasStopped = false
  const host = testHost((text, _, { signal }) => {
    if (text === 'bad') throw new Error('the node is on fire')
    return new Promise((_, reject) =>
      signal.addEventListener('abort', () => {
        wasStopped = true
        reject(signal.reason)
      }),
    )
  })
  await expect(run(host, [prompt('slow'), prompt('wrong', 'bad'), prompt('after', '{{wrong}}')])).rejects.toEqual(
    failsWith('wrong', 'ERR_IO'),
  )
  expect(wasStopped).toBe(true)
  expect(statuses(host)).toContain('wrong failed')
  expect(statuses(host)).not.toContain('after started')
})

test('run: a failed item ends its map, and the same thread tries only what did not succeed', async () => {
  let isBroken = true
  const host = testHost((text) => {
    if (text === '2' && isBroken) throw new Error('no luck')
    return echo(text)
  })
  const each = { id: 'each', type: 'map', over: 'input', parallel: 1, step: { type: 'prompt', prompt: '{{item}}' } }
  const request = {
    thread: 'again',
    plan: planOf([prompt('first'), { ...each, after: ['first'] }]),
    input: [1, 2, 3],
    signal: new AbortController().signal,
  }
  await expect(runWorkflow(host, request)).rejects.toEqual(failsWith('each', 'ERR_IO'))
  expect(host.done).toEqual(['again/first', 'again/each[0]'])
  isBroken = false
  const outcome = { state: 'succeeded', output: ['<1>', '<2>', '<3>'] }
  expect(await runWorkflow(host, request)).toEqual(outcome)
  expect(host.done).toEqual(['again/first', 'again/each[0]', 'again/each[1]', 'again/each[2]'])
  // Over and over: nothing is done again.
  expect(await runWorkflow(host, request)).toEqual(outcome)
  expect(host.done).toHaveLength(4)
  await expect(runWorkflow(host, { ...request, plan: planOf([prompt('other')]) })).rejects.toThrow('another workflow')
})

test('run: the signal stops it with its own reason', async () => {
  const controller = new AbortController()
  const host = testHost((_, __, { signal }) => {
    controller.abort(new Error('the owner cancels'))
    signal.throwIfAborted()
    return 'never'
  })
  const request = { thread: 'cancelled', plan: planOf([prompt('a')]), input: {}, signal: controller.signal }
  await expect(runWorkflow(host, request)).rejects.toThrow('the owner cancels')
  expect(statuses(host)).toEqual(['a started'])
})

const approval = [
  prompt('draft', 'draft'),
  { id: 'ask', type: 'approval', question: 'Send {{draft}}?' },
  { id: 'ask-too', type: 'approval', question: 'Really?', after: ['draft'] },
  prompt('side', 'side {{draft}}'),
  prompt('send', 'send {{draft}} {{side}}', { after: ['ask', 'ask-too'] }),
]

test('run: it waits for approval, remembers each yes, and does nothing twice', async () => {
  const host = testHost(echo)
  const request = { thread: 'approve', plan: planOf(approval), input: {}, signal: new AbortController().signal }
  const both = [
    { step: 'ask', question: 'Send <draft>?' },
    { step: 'ask-too', question: 'Really?' },
  ]
  expect(await runWorkflow(host, request)).toEqual({ state: 'waiting', waiting: both })
  expect(await runWorkflow(host, request)).toEqual({ state: 'waiting', waiting: both })
  expect(host.done).toEqual(['approve/draft', 'approve/side'])
  host.answers.set('ask-too', true)
  expect(await runWorkflow(host, request)).toEqual({ state: 'waiting', waiting: [both[0]] })
  host.answers.set('ask', true)
  expect(await runWorkflow(host, request)).toEqual({ state: 'succeeded', output: '<send <draft> <side <draft>>>' })
  expect(host.done).toEqual(['approve/draft', 'approve/side', 'approve/send'])
  expect(statuses(host).filter((one) => one === 'side started')).toHaveLength(1)
  expect(host.events.filter(({ status }) => status === 'waiting')[0]).toMatchObject({ detail: 'Send <draft>?' })
})

test('run: a no fails the step, and nothing behind it runs', async () => {
  const host = testHost(echo)
  const request = { thread: 'refuse', plan: planOf(approval), input: {}, signal: new AbortController().signal }
  await runWorkflow(host, request)
  host.answers.set('ask', false)
  await expect(runWorkflow(host, request)).rejects.toEqual(failsWith('ask', 'ERR_FORBIDDEN'))
  expect(host.done).not.toContain('refuse/send')
})

test('run: a tool runs with its arguments filled in, after the constitution was asked', async () => {
  const tool = defineTool({
    name: 'add',
    description: 'Adds.',
    args: z.object({ a: z.number(), b: z.number() }),
    run: ({ a, b }, { key, step }) => ({ sum: a + b, key, step }),
  })
  const parts = { tools: new Map([['add', tool]]) }
  const step = { id: 'sum', type: 'tool', tool: 'add', args: { a: '{{input.x}}', b: 2 } }
  expect(await run(testHost(echo, parts), [step], { x: 1 })).toMatchObject({ output: { sum: 3, step: 'sum' } })
  await expect(run(testHost(echo, parts), [step], { x: 'one' })).rejects.toEqual(failsWith('sum', 'ERR_USAGE'))
  const host = testHost(echo, parts)
  host.refused.set('useTool add', 'rule 7 forbids sums')
  await expect(run(host, [step], { x: 1 })).rejects.toMatchObject({
    fields: { step: 'sum', cause: 'ERR_FORBIDDEN', reason: expect.stringContaining('rule 7 forbids sums') },
  })
  await expect(run(testHost(echo), [step], { x: 1 })).rejects.toEqual(failsWith('sum', 'ERR_NOT_FOUND'))
})

test.each<[string, object, unknown, string]>([
  [
    'a list that is none',
    { id: 's', type: 'map', over: 'input.a', step: { type: 'prompt', prompt: 'x' } },
    { a: 'text' },
    'ERR_USAGE',
  ],
  [
    'a list that is missing',
    { id: 's', type: 'map', over: 'input.a', step: { type: 'prompt', prompt: 'x' } },
    {},
    'ERR_USAGE',
  ],
  [
    'too many items',
    { id: 's', type: 'map', over: 'input', step: { type: 'prompt', prompt: 'x' } },
    Array(workflowItemsMax + 1).fill(0),
    'ERR_LIMIT',
  ],
  ['a value that is too large', prompt('s', 'long'), {}, 'ERR_LIMIT'],
  ['a model that is not named', prompt('s', 'x', { model: '{{input.model}}' }), {}, 'ERR_USAGE'],
])('run: %s fails its step', async (_, step, input, cause) => {
  const host = testHost((text) => (text === 'long' ? 'x'.repeat(workflowValueBytesMax) : text))
  await expect(run(host, [step], input)).rejects.toEqual(failsWith('s', cause))
})

test('run: values that look like objects of LangChain come out of a checkpoint as they went in', async () => {
  const odd = { lc: 2, type: 'constructor', id: ['Set'], method: null, args: [[1]], ['__proto__']: { x: 1 } }
  const host = testHost(echo)
  const request = {
    thread: 'odd',
    plan: planOf([{ id: 'ask', type: 'approval', question: '?' }, prompt('end', '{{input}}', { after: ['ask'] })]),
    input: odd,
    signal: new AbortController().signal,
  }
  expect(await runWorkflow(host, request)).toMatchObject({ state: 'waiting' })
  host.answers.set('ask', true)
  expect(await runWorkflow(host, { ...request, input: 'not read' })).toMatchObject({
    output: `<${JSON.stringify(odd)}>`,
  })
})

test('run: a step that needs sixty others of long names fits what the store keeps of names', async () => {
  const host = testHost(echo)
  const ids = Array.from({ length: 60 }, (_, at) => `a-step-with-quite-a-long-name-number-${at}`)
  const steps = [...ids.map((id) => prompt(id)), prompt('end', ids.map((id) => `{{${id}}}`).join(''))]
  expect(await run(host, steps)).toEqual({ state: 'succeeded', output: `<${'<x>'.repeat(60)}>` })
})

test('run: a step may be called constructor', async () => {
  const steps = [prompt('constructor', 'a'), prompt('end', '{{constructor}}')]
  expect(await run(testHost(echo), steps)).toMatchObject({ output: '<<a>>' })
})

test('run: nothing of a run goes to a tracing service, whatever the environment says', async () => {
  const calls: string[] = []
  const server = createServer((request, response) => {
    calls.push(request.url ?? '')
    response.end('{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  Object.assign(process.env, {
    LANGSMITH_ENDPOINT: endpoint,
    LANGSMITH_API_KEY: 'k',
    LANGSMITH_TRACING: 'true',
    LANGCHAIN_TRACING_V2: 'true',
  })
  try {
    await run(testHost(echo), [prompt('a'), prompt('b', '{{a}}')])
    // LangSmith's client sends within 250 ms or as soon as it may; give it the chance.
    await new Promise((resolve) => setTimeout(resolve, 800))
    expect(calls).toEqual([])
  } finally {
    for (const name of ['LANGSMITH_ENDPOINT', 'LANGSMITH_API_KEY', 'LANGSMITH_TRACING', 'LANGCHAIN_TRACING_V2'])
      delete process.env[name]
    server.close()
  }
})
