import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isHartonomousError } from '#protocol/errors.ts'
import { compile } from './compile.ts'

const prompt = (id: string, text = 'x', more: object = {}) => ({ id, type: 'prompt', prompt: text, ...more })
const graph = (steps: object[], more: object = {}) => ({ name: 'test', model: 'm', steps, ...more })

test('compile: references, paths, after and conditions imply the order, whatever the order of writing', () => {
  const plan = compile(
    graph([
      prompt('end', '{{all}} {{yes}} {{no}}', { after: ['ask'] }),
      { id: 'all', type: 'reduce', over: 'each', prompt: '{{item}} {{input.how}}' },
      {
        id: 'each',
        type: 'map',
        over: 'parts.0',
        step: { type: 'prompt', prompt: '{{item}} {{index}} {{style.name}}' },
      },
      { id: 'style', type: 'tool', tool: 'now', args: {} },
      { id: 'parts', type: 'tool', tool: 'split-text', args: { deep: [{ text: '{{input.text}} {{style}}' }] } },
      { id: 'is-long', type: 'condition', value: 'all', test: 'exists', whenTrue: ['yes'], whenFalse: ['no'] },
      prompt('yes'),
      prompt('no', '{{is-long}} {{style}}'),
      { id: 'ask', type: 'approval', question: 'Is {{find}} right?' },
      { id: 'find', type: 'query', text: 'model:{{input.model}}' },
    ]),
  )
  const needs = Object.fromEntries(plan.steps.map((one) => [one.step.id, [...one.needs].sort()]))
  expect(needs).toEqual({
    style: [],
    find: [],
    parts: ['style'],
    ask: ['find'],
    each: ['parts', 'style'],
    all: ['each'],
    'is-long': ['all'],
    yes: ['is-long'],
    no: ['is-long', 'style'],
    end: ['all', 'ask', 'no', 'yes'],
  })
  expect(plan.steps.find(({ step }) => step.id === 'no')).toMatchObject({
    guards: [{ condition: 'is-long', when: false }],
    sources: ['style'],
  })
  expect(plan.output).toEqual(['find'])
})

const condition = (more: object) => ({
  id: 'c',
  type: 'condition',
  value: 'input',
  test: 'exists',
  whenTrue: [],
  ...more,
})

test.each<[string, string, object]>([
  ['an id twice', 'steps[1].id', graph([prompt('a'), prompt('a')])],
  ['a reserved id', 'steps[0].id', graph([prompt('item')])],
  ['an unknown step in a prompt', 'steps[0].prompt', graph([prompt('a', '{{b.c}}')])],
  ['an unknown step in a system text', 'steps[0].system', graph([prompt('a', 'x', { system: '{{b}}' })])],
  [
    'an unknown step in a list',
    'steps[0].over',
    graph([{ id: 'm', type: 'map', over: 'b', step: { type: 'prompt', prompt: 'x' } }]),
  ],
  ['a bad path', 'steps[0].over', graph([{ id: 'r', type: 'reduce', over: 'b..c', prompt: 'x' }])],
  [
    'an unknown step in arguments',
    'steps[0].args.a[1].b',
    graph([{ id: 't', type: 'tool', tool: 'now', args: { a: [1, { b: '{{x}}' }] } }]),
  ],
  [
    'an unknown step inside of a map',
    'steps[0].step.args.a',
    graph([{ id: 'm', type: 'map', over: 'input', step: { type: 'tool', tool: 'now', args: { a: '{{x}}' } } }]),
  ],
  ['an unknown step before', 'steps[0].after[0]', graph([prompt('a', 'x', { after: ['b'] })])],
  ['item outside of a map', 'steps[0].prompt', graph([prompt('a', '{{item}}')])],
  ['index in a reduce', 'steps[0].prompt', graph([{ id: 'r', type: 'reduce', over: 'input', prompt: '{{index}}' }])],
  ['a broken template', 'steps[0].prompt', graph([prompt('a', '{{input')])],
  ['an unknown tool', 'steps[0].tool', graph([{ id: 't', type: 'tool', tool: 'rm', args: {} }])],
  [
    'an unknown tool in a map',
    'steps[0].step.tool',
    graph([{ id: 'm', type: 'map', over: 'input', step: { type: 'tool', tool: 'rm', args: {} } }]),
  ],
  ['a step without a model', 'steps[0].model', { name: 'n', steps: [prompt('a')] }],
  [
    'a step of a map without a model',
    'steps[0].step.model',
    { name: 'n', steps: [{ id: 'm', type: 'map', over: 'input', step: { type: 'prompt', prompt: 'x' } }] },
  ],
  ['an unknown branch', 'steps[0].whenTrue[0]', graph([condition({ whenTrue: ['x'] })])],
  [
    'a step in both branches',
    'steps[0].whenFalse[0]',
    graph([condition({ whenTrue: ['a'], whenFalse: ['a'] }), prompt('a')]),
  ],
  ['a condition without its measure', 'steps[0].than', graph([condition({ test: 'equals' })])],
  ['an order by a text', 'steps[0].than', graph([condition({ test: 'less', than: 'z' })])],
  ['a condition on its own branch', 'steps[0]', graph([condition({ value: 'a', whenTrue: ['a'] }), prompt('a')])],
  ['a step that needs itself', 'steps[0]', graph([prompt('a', '{{a}}')])],
  [
    'a long cycle',
    'steps[1]',
    graph([prompt('z', '{{a}}'), prompt('a', '{{b}}'), prompt('b', '{{c}}'), prompt('c', '{{a}}')]),
  ],
  ['an unknown output', 'output', graph([prompt('a')], { output: 'b' })],
  ['the input as output', 'output', graph([prompt('a')], { output: 'input.a' })],
  ['an unknown type', 'steps[0].type', graph([{ id: 'a', type: 'shell' }])],
  ['no steps', 'steps', graph([])],
  ['no graph', 'workflow', 7 as unknown as object],
])('compile: %s is refused, and %s is named', (_, param, value) => {
  expect(() => compile(value, { tools: new Set(['now']) })).toThrow(
    expect.objectContaining({ code: 'ERR_USAGE', fields: expect.objectContaining({ param }) }),
  )
})

test('compile: a cycle is told as the way round it', () => {
  const steps = [prompt('a', '{{b}}'), prompt('b', '{{c}}'), prompt('c', '{{a}}')]
  expect(() => compile(graph(steps))).toThrow('steps[0]: it waits for itself: a <- b <- c <- a')
})

test('compile: arguments as deep as a stack are refused, not followed', () => {
  let args: Record<string, unknown> = {}
  for (let depth = 0; depth < 200; depth++) args = { args }
  expect(() => compile(graph([{ id: 't', type: 'tool', tool: 'now', args }]))).toThrow('nested too deeply')
})

test('compile: equal graphs have equal digests, and another graph has another', () => {
  const [a, b] = [graph([prompt('a', 'x', { maxTokens: 5 })]), graph([{ maxTokens: 5, ...prompt('a') }])]
  expect(compile(a).digest).toBe(compile(b).digest)
  expect(compile(graph([prompt('a', 'y', { maxTokens: 5 })])).digest).not.toBe(compile(a).digest)
})

/** Steps in a random order, each with references to any others that stand before it in a hidden order. */
const shuffledDag = fc.integer({ min: 1, max: 24 }).chain((count) =>
  fc.record({
    edges: fc.array(fc.array(fc.nat(count), { maxLength: 4 }), { minLength: count, maxLength: count }),
    order: fc.shuffledSubarray([...Array(count).keys()], { minLength: count, maxLength: count }),
  }),
)

test('compile: any graph without a cycle gets an order in which each step stands behind all that it needs', () => {
  fc.assert(
    fc.property(shuffledDag, ({ edges, order }) => {
      const before = (at: number) => [...new Set(edges[at]!.filter((to) => to < at))]
      const steps = order.map((at) =>
        prompt(
          `s${at}`,
          before(at)
            .map((to) => `{{s${to}}}`)
            .join(' '),
        ),
      )
      const plan = compile(graph(steps))
      const done = new Set<string>()
      for (const { step, needs } of plan.steps) {
        expect([...needs].sort()).toEqual(
          before(Number(step.id.slice(1)))
            .map((to) => `s${to}`)
            .sort(),
        )
        expect(needs.filter((id) => !done.has(id))).toEqual([])
        done.add(step.id)
      }
      expect(done.size).toBe(steps.length)
    }),
  )
})

test('compile: a graph with one edge that turns back is refused as a cycle that is really there', () => {
  fc.assert(
    fc.property(shuffledDag, fc.nat(), fc.nat(), ({ order }, from, length) => {
      // A chain s0 <- s1 <- ... and one reference from a step to one behind it, or to itself.
      const count = order.length
      const [first, last] = [from % count, Math.min(count - 1, (from % count) + (length % count))]
      const steps = order.map((at) => {
        const needs = [...(at === 0 ? [] : [at - 1]), ...(at === first ? [last] : [])]
        return prompt(`s${at}`, needs.map((to) => `{{s${to}}}`).join(' '))
      })
      try {
        compile(graph(steps))
        expect.unreachable('it was taken')
      } catch (error) {
        if (!isHartonomousError(error, 'ERR_USAGE')) throw error
        const cycle = error.message.split('itself: ')[1]!.split(' <- ')
        expect(cycle[0]).toBe(cycle.at(-1))
        expect(new Set(cycle).size).toBe(last - first + 1)
      }
    }),
  )
})

test('compile: no text makes anything but a plan or a refusal', () => {
  const id = fc.constantFrom('a', 'b', 'item', 'constructor', '__proto__', '')
  const text = fc.constantFrom('x', '{{a}}', '{{b.c}}', '{{constructor}}', '{{', 'a', 'input.constructor')
  const step = fc.record(
    {
      id,
      type: fc.constantFrom('prompt', 'tool', 'query', 'map', 'reduce', 'condition', 'approval', 'x'),
      prompt: text,
      text,
      over: text,
      value: text,
      question: text,
      tool: fc.constantFrom('now', 'constructor'),
      test: fc.constantFrom('exists', 'less'),
      than: fc.jsonValue(),
      whenTrue: fc.array(id, { maxLength: 2 }),
      args: fc.dictionary(fc.string(), fc.jsonValue()),
      after: fc.array(id, { maxLength: 2 }),
      step: fc.record({ type: fc.constantFrom('prompt', 'tool'), prompt: text, tool: text, args: fc.object() }),
    },
    { requiredKeys: ['id', 'type'] },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 4 }), (steps) => {
      try {
        expect(compile(graph(steps), { tools: new Set(['now']) }).steps).toHaveLength(steps.length)
      } catch (error) {
        if (!isHartonomousError(error, 'ERR_USAGE')) throw error
      }
    }),
    { numRuns: 500 },
  )
})
