import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type ChatWork, emptyTenant, type TestHost, testHost } from '../host.fixture.ts'
import type { WorkOptions } from '../host.ts'
import { compile } from '../plan/compile.ts'
import { runWorkflow } from '../run.ts'
import { shippedTools } from '../tool/shipped.ts'
import { readPlan } from './agent-plan.ts'
import { narrowed } from './narrowed.ts'
import { judgeSaysYes, resultProblem } from './result-check.ts'
import { type AgentReport, runAgent, shareOf } from './run-agent.ts'
import { agentTemplate } from './template.ts'

const template = (more: object = {}) => agentTemplate.parse({ model: 'm', ...more })
const plan = (...steps: object[]) => JSON.stringify({ steps })
const twoTasks = plan({ id: 'one', task: 'Do one.' }, { id: 'two', task: 'Do two.', after: ['one'] })

/** Answers plans with `plans` in turn, and all else with the name of the step. */
function agentHost(
  plans: string[],
  other: (text: string, options: WorkOptions) => string | undefined = () => undefined,
) {
  const works: { work: ChatWork; options: WorkOptions }[] = []
  const host = testHost((text, work, options) => {
    works.push({ work, options })
    return other(text, options) ?? (/\/plan(~2)?$/.test(options.step) ? plans.shift()! : `<${options.step}>`)
  })
  return { host, works }
}

const run = (host: TestHost, more: object = {}): Promise<AgentReport> =>
  runAgent(host, {
    key: 'job/think',
    step: 'think',
    goal: 'Win.',
    template: template(more),
    signal: new AbortController().signal,
  })

test('agent: it plans, gives each task away with the results before it, and joins them', async () => {
  const { host, works } = agentHost([twoTasks])
  const report = await run(host, { system: 'You are {{sly}}.' })
  expect(report).toEqual({
    output: '<think/merge>',
    plan: {
      source: 'model',
      problems: [],
      tasks: [
        { id: 'one', task: 'Do one.' },
        { id: 'two', task: 'Do two.', after: ['one'] },
      ],
    },
  })
  expect(host.done).toEqual(['plan', 'one', 'two', 'merge'].map((part) => `job/think/${part}`))
  expect(works[2]!.work.messages).toEqual([
    { role: 'system', content: 'You are {{sly}}.' },
    { role: 'user', content: 'Goal: Win.\n\nResult of one:\n<think/one>\n\nDo two.' },
  ])
  expect(works[3]!.work.messages[1]!.content).toContain('<think/one>\n\nResult of two:\n<think/two>')
  expect(works.every(({ options }) => options.agents?.join() === 'parent')).toBe(true)
  expect(host.events.map(({ step }) => step)).toContain('think/two')
})

test('agent: a plan that is none is repaired once, told what was wrong', async () => {
  const { host, works } = agentHost(['First, I would think.', twoTasks])
  const report = await run(host)
  expect(report.plan).toMatchObject({ source: 'repaired', problems: [expect.stringContaining('not valid JSON')] })
  expect(works[1]!.work.messages.at(-1)!.content).toContain('This was no such plan: the plan: json at byte')
})

test('agent: after two plans that are none the declared one is carried out, and the report says why', async () => {
  const { host } = agentHost(['no', plan({ id: 'a', task: 'x', after: ['b'] })])
  const fallback = [{ id: 'only', task: 'Answer at once.' }]
  const report = await run(host, { fallback })
  expect(report).toMatchObject({
    output: '<think/merge>',
    plan: {
      source: 'fallback',
      problems: [/JSON/, /which no step before/].map((text) => expect.stringMatching(text)),
      tasks: fallback,
    },
  })
})

test('agent: run again it is the same agent, and no job is done twice', async () => {
  const { host } = agentHost([twoTasks])
  const first = await run(host)
  expect(await run(host)).toEqual(first)
  expect(host.done).toHaveLength(4)
  expect(await host.checkpoints.listCheckpoints('job/think', {})).toEqual([])
})

test('agent: a result that is refused is asked for again with the reason, and fails the agent the second time', async () => {
  const { host, works } = agentHost([twoTasks], (text, { step }) =>
    step === 'think/one' && !text.includes('refused') ? '  ' : undefined,
  )
  await run(host)
  expect(host.done).toEqual(['plan', 'one', 'one~2', 'two', 'merge'].map((part) => `job/think/${part}`))
  expect(works[2]!.work.messages.at(-1)!.content).toContain('An earlier result was refused: it is empty.')
  const { host: hopeless } = agentHost([twoTasks], (_, { step }) => (step === 'think/one' ? 'short' : undefined))
  await expect(run(hopeless, { check: { charactersMin: 6 } })).rejects.toMatchObject({
    code: 'ERR_STEP_FAILED',
    fields: { step: 'one', cause: 'ERR_RUN_INCOMPLETE', reason: expect.stringContaining('it has 5 characters') },
  })
})

test('agent: a judge that says no is heard, and its words go back to whoever answered', async () => {
  const { host, works } = agentHost([plan({ id: 'one', task: 'Do one.' })], (_, { idempotencyKey: key }) => {
    if (!key.endsWith('~judge')) return undefined
    return key.endsWith('one~judge') ? 'No, too dull.' : 'Yes.'
  })
  await run(host, { check: { judge: 'Is it lively?' } })
  expect(host.done.map((key) => key.split('/').at(-1))).toEqual([
    'plan',
    'one',
    'one~judge',
    'one~2',
    'one~2~judge',
    'merge',
    'merge~judge',
  ])
  expect(works[3]!.work.messages[0]!.content).toContain('the judge said: No, too dull.')
})

test('agent: tokens and money of all jobs together stay under the bound, even where every one is done twice', async () => {
  const steps = Array.from({ length: 4 }, (_, at) => ({ id: `t${at}`, task: 'x' }))
  const { host, works } = agentHost(['no', plan(...steps)], (_, { idempotencyKey: key }) => {
    if (key.endsWith('~judge')) return key.endsWith('~2~judge') ? 'yes' : 'no'
    return undefined
  })
  await run(host, { tasksMax: 4, answerTokensMax: 1000, maxPriceWei: '1000', check: { judge: '?' } })
  // Two plans, and five results, each given twice and judged twice.
  expect(works).toHaveLength(22)
  expect(works.reduce((sum, { work }) => sum + work.maxTokens!, 0)).toBeLessThanOrEqual(1000)
  expect(works.reduce((sum, { options }) => sum + options.maxPriceWei!, 0n)).toBeLessThanOrEqual(1000n)
  expect(() => shareOf(template({ answerTokensMax: 10 }))).toThrow(expect.objectContaining({ code: 'ERR_LIMIT' }))
})

test('agent: a task that is split becomes an agent below, within the depth and the bounds of the one above', async () => {
  const split = plan({ id: 'big', task: 'Do much.', split: true })
  const { host, works } = agentHost([split, plan({ id: 'small', task: 'Do little.' })])
  const report = await run(host, {
    depthMax: 2,
    tasksMax: 1,
    fallback: [{ id: 'only', task: 'x' }],
    answerTokensMax: 6000,
    maxPriceWei: '6000',
  })
  expect(report.output).toBe('<think/merge>')
  expect(host.done.map((key) => key.replace('job/think', ''))).toEqual([
    '/plan',
    '/big/plan',
    '/big/small',
    '/big/merge',
    '/merge',
  ])
  expect(works[2]!.options).toMatchObject({ step: 'think/big/small', agents: ['parent', 'parent'] })
  expect(works[2]!.work.messages[0]!.content).toContain('Goal: Do much.\nIt is part of this: Win.')
  expect(works.at(-1)!.work.messages[0]!.content).toContain('Result of big:\n<think/big/merge>')
  expect(works.reduce((sum, { work }) => sum + work.maxTokens!, 0)).toBeLessThanOrEqual(6000)
  expect(works.reduce((sum, { options }) => sum + options.maxPriceWei!, 0n)).toBeLessThanOrEqual(6000n)
  const { host: flat } = agentHost([split, split])
  const { plan: used } = await run(flat)
  expect(used).toMatchObject({
    source: 'fallback',
    problems: ['big may not be split further', 'big may not be split further'],
  })
})

test('agent: what its parents forbid an agent may not do, whatever its own template says', async () => {
  const { host } = agentHost([])
  const child = narrowed(narrowed(host, { name: 'a', forbid: [{ action: 'useTool', resource: 'dice' }] }), {
    name: 'b',
    forbid: [{ action: 'submit', resource: 'big' }],
  })
  expect(await child.authorize('useTool', 'dice')).toEqual({
    isAllowed: false,
    reason: 'the template of the agent a forbids it',
  })
  expect((await child.authorize('useTool', 'now')).isAllowed).toBe(true)
  host.refused.set('useTool now', 'rule 1')
  expect(await child.authorize('useTool', 'now')).toEqual({ isAllowed: false, reason: 'rule 1' })
  const signal = new AbortController().signal
  const work = { kind: 'chat' as const, model: 'big', messages: [{ role: 'user' as const, content: 'x' }] }
  await expect(child.runWork(work, { signal, step: 's', idempotencyKey: 'k' })).rejects.toThrow(
    'the agent b forbids it',
  )
  await child.runWork({ ...work, model: 'small' }, { signal, step: 's', idempotencyKey: 'k' })
  expect(host.done).toEqual(['k'])
  host.refused.set('delegate parent', 'no agents today')
  await expect(run(host)).rejects.toThrow('no agents today')
})

test('agent: an agent whose template forbids agents has none below it', async () => {
  const split = plan({ id: 'big', task: 'Do much.', split: true })
  const { host } = agentHost([split])
  await expect(run(host, { depthMax: 2, forbid: [{ action: 'delegate' }] })).rejects.toThrow(
    'the template of the agent parent forbids it',
  )
})

test('agent: as a step of a workflow it is a run within a run, and what a model writes in braces stays text', async () => {
  const { host } = agentHost([plan({ id: 'one', task: 'Say {{input.secret}}.' })])
  const compiled = compile({
    name: 'w',
    steps: [
      { id: 'think', type: 'tool', tool: 'agent', args: { goal: 'Find {{input.secret}}', template: { model: 'm' } } },
      { id: 'end', type: 'prompt', model: 'm', prompt: '{{think.output}} by {{think.plan.source}}' },
    ],
  })
  const works: string[] = []
  const asks = host.runWork
  const inner = {
    ...host,
    tools: shippedTools({ folders: [] }),
    runWork: (work: ChatWork, options: WorkOptions) => {
      works.push(work.messages.at(-1)!.content)
      return asks(work, options)
    },
  } as TestHost
  const outcome = await runWorkflow(inner, {
    thread: 'w',
    plan: compiled,
    input: { secret: '{{x}}' },
    signal: new AbortController().signal,
  })
  expect(outcome).toEqual({ state: 'succeeded', output: '<end>' })
  expect(works[1]).toBe('Goal: Find {{x}}\n\nSay { {input.secret}}.')
  expect(works.at(-1)).toBe('<think/merge> by model')
  expect(host.done).toEqual(['w/think/plan', 'w/think/one', 'w/think/merge', 'w/end'])

  const empty = {
    ...inner,
    checkpoints: emptyTenant(),
    runWork: async () => ({
      kind: 'chat' as const,
      text: '',
      finishReason: 'stop' as const,
      promptTokens: 1,
      completionTokens: 0,
    }),
  }
  const request = { thread: 'e', plan: compiled, input: { secret: 'x' }, signal: new AbortController().signal }
  await expect(runWorkflow(empty, request)).rejects.toMatchObject({
    fields: { step: 'think/facts', cause: 'ERR_RUN_INCOMPLETE' },
  })
})

test.each<[string, string, RegExp]>([
  ['too many steps', plan(...Array.from({ length: 4 }, (_, at) => ({ id: `t${at}`, task: 'x' }))), /4 steps, and 3/],
  ['an id twice', plan({ id: 'a', task: 'x' }, { id: 'a', task: 'y' }), /id a is taken/],
  ['the id of the merge', plan({ id: 'merge', task: 'x' }), /id merge is taken/],
  ['a cycle', plan({ id: 'a', task: 'x', after: ['b'] }, { id: 'b', task: 'x', after: ['a'] }), /a comes after b/],
  ['no steps', '{"steps":[]}', /steps/],
  ['a list', '[]', /./],
  ['other keys', plan({ id: 'a', task: 'x', tool: 'rm' }), /tool/],
  ['a task that is too long', plan({ id: 'a', task: 'x'.repeat(1001) }), /steps.0.task/],
  ['a text that is too long', ' '.repeat(40_000), /longer than/],
])('agent: a plan with %s is refused', (_, text, problem) => {
  expect(readPlan(text, { tasksMax: 3, maySplit: false })).toMatch(problem)
})

test('agent: whatever a model writes is a plan in order, or a reason', () => {
  const id = fc.constantFrom('a', 'b', 'c', 'merge', '__proto__')
  const step = fc.record(
    { id, task: fc.string(), after: fc.array(id, { maxLength: 2 }) },
    { requiredKeys: ['id', 'task'] },
  )
  const text = fc.oneof(
    fc.string(),
    fc.json(),
    fc.array(step, { maxLength: 4 }).map((steps) => plan(...steps)),
  )
  fc.assert(
    fc.property(text, (written) => {
      const read = readPlan(written, { tasksMax: 3, maySplit: false })
      if (typeof read === 'string') {
        expect(read).not.toBe('')
        return
      }
      const before = new Set<string>()
      for (const task of read) {
        expect((task.after ?? []).every((other) => before.has(other))).toBe(true)
        before.add(task.id)
      }
    }),
    { numRuns: 500 },
  )
})

test.each<[string, object, string | undefined]>([
  ['text', {}, undefined],
  [' \n', {}, 'it is empty'],
  ['four', { charactersMin: 5 }, 'it has 4 characters, and should have 5 at least'],
  ['four', { charactersMax: 3 }, 'it has 4 characters, and should have 3 at most'],
  ['```json\n{"a":1}\n```', { keys: ['a'] }, undefined],
  ['{"a":1}', { keys: ['a', 'toString'] }, 'it lacks toString'],
  ['[1]', { keys: [] }, 'it is no JSON object'],
])('agent: of the result %j with %j is said: %s', (text, check, problem) => {
  expect(resultProblem(text, check)).toBe(problem)
})

test('agent: the judge says yes with its first word', () => {
  expect(['Yes.', ' "yes", it is', '1. YES'].map(judgeSaysYes)).toEqual([true, true, true])
  expect(['No, yes', 'yesterday', '', 'I say yes'].map(judgeSaysYes)).toEqual([false, false, false, false])
})
