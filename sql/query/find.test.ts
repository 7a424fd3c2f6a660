import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ModelId } from '#protocol/ids.ts'
import type { Query, QueryHit } from '#protocol/query/message.ts'
import { modelIdOf, sampleModel, sampleRelease } from '#sql/store/compliance/sample.ts'
import { openEmbeddedStore } from '#sql/store/embedded/index.ts'
import { componentWords, wordsOf } from '#sql/store/search-terms.ts'
import type { ComponentRow, PutModel, ShardStore, TenantStore } from '#sql/store/types.ts'
import { explainPlan, find, parseQuery, wordWeight } from './index.ts'

interface Tensor {
  name: string
  dtype: string
  shape: number[]
}

/** A model of one file: a header, then one tensor per component. */
function modelOf(seed: string, parts: [Partial<ComponentRow> & { key: string }, Tensor][], meta = {}): PutModel {
  const put = sampleModel(seed, { fileExtentBytes: [[100, ...parts.map((_, at) => 200 + at)]] })
  for (const [at, [, tensor]] of parts.entries())
    Object.assign(put.content.files[0]!.extents[at + 1]!, { kind: 'tensor', ...tensor })
  put.components = parts.map(([part, tensor], at) => ({
    kind: 'ffn',
    extents: [[0, at + 1]],
    sizeBytes: 200 + at,
    parameterCount: tensor.shape.reduce((product, size) => product * size, 1),
    meta: {},
    ...part,
  }))
  put.edges = []
  put.meta = meta
  return put
}

const llama = modelOf(
  'llama',
  [
    [
      { key: 'embedding', kind: 'embedding' },
      { name: 'token_embd.weight', dtype: 'F16', shape: [512, 128] },
    ],
    [
      { key: 'blk.0.attention', kind: 'attention', layer: 0 },
      { name: 'blk.0.attn_q.weight', dtype: 'Q4_K', shape: [128, 128] },
    ],
    [
      { key: 'blk.0.ffn', layer: 0 },
      { name: 'blk.0.ffn_up.weight', dtype: 'Q4_K', shape: [384, 128] },
    ],
    [
      { key: 'blk.1.attention', kind: 'attention', layer: 1 },
      { name: 'blk.1.attn_q.weight', dtype: 'Q6_K', shape: [128, 128] },
    ],
    [
      { key: 'blk.1.ffn', layer: 1 },
      { name: 'blk.1.ffn_up.weight', dtype: 'Q4_K', shape: [384, 128] },
    ],
  ],
  { 'general.architecture': 'llama', 'general.description': 'a legal advisor', 'llama.block_count': 2 },
)
const mixture = modelOf(
  'mixture',
  [
    [
      { key: 'blk.0.router', kind: 'router', layer: 0 },
      { name: 'blk.0.ffn_gate_inp.weight', dtype: 'F32', shape: [8, 64] },
    ],
    [
      { key: 'blk.0.expert.0', kind: 'expert', layer: 0, expert: 0 },
      { name: 'blk.0.ffn_up.0.weight', dtype: 'Q4_K', shape: [384, 64] },
    ],
    [
      { key: 'blk.0.expert.1', kind: 'expert', layer: 0, expert: 1 },
      { name: 'blk.0.ffn_up.1.weight', dtype: 'F16', shape: [384, 64] },
    ],
  ],
  { 'general.architecture': 'mixtral' },
)

let store: ShardStore
let tenant: TenantStore
beforeAll(async () => {
  store = await openEmbeddedStore({ path: ':memory:' })
  tenant = store.forTenant('local:owner')
  await tenant.putModel(llama)
  await tenant.putModel(mixture)
  await tenant.putRelease(
    sampleRelease('l', { modelId: llama.modelId, name: 'Advocate-7B', licence: 'MIT' }),
    'x' as never,
  )
  await tenant.putRelease(
    sampleRelease('m', { modelId: mixture.modelId, name: 'pot-pourri', licence: 'Apache-2.0' }),
    'x' as never,
  )
  // What another tenant has answers nobody else.
  await store.forTenant('other:person').putModel(
    modelOf('secret', [
      [
        { key: 'blk.0.ffn', layer: 0 },
        { name: 'legal', dtype: 'F16', shape: [1] },
      ],
    ]),
  )
})
afterAll(() => store.close())

const keys = async (text: string) => (await find(tenant, parseQuery(text).query)).hits.map(({ key }) => key)

test.each([
  ['kind:attention', ['blk.0.attention', 'blk.1.attention']],
  ['kind:router,embedding', ['embedding', 'blk.0.router']],
  ['layer:1', ['blk.1.attention', 'blk.1.ffn']],
  ['expert:>=1', ['blk.0.expert.1']],
  ['dtype:Q6_K', ['blk.1.attention']],
  ['dtype:F32,F16 layer:0', ['blk.0.expert.1', 'blk.0.router']],
  ['shape:384x64', ['blk.0.expert.0', 'blk.0.expert.1']],
  ['shape:*x128 kind:ffn', ['blk.0.ffn', 'blk.1.ffn']],
  ['shape:384', []],
  ['size:203-', ['blk.1.attention', 'blk.1.ffn']],
  ['licence:Apache-2.0 kind:router', ['blk.0.router']],
  ['meta:general.architecture=llama kind:embedding', ['embedding']],
  ['meta:llama.block_count layer:0 kind:ffn', ['blk.0.ffn']],
  ['meta:general.architecture=Llama', []],
  ['name:blk.?.expert.*', ['blk.0.expert.0', 'blk.0.expert.1']],
  ['kind:head', []],
])('find: the query %s finds what fits it and nothing else', async (text, expected) => {
  const found = await keys(text)
  expect(found.toSorted()).toEqual(expected.toSorted())
})

test('find: a filter names the models it is of', async () => {
  const { query } = parseQuery('kind:ffn,expert')
  const ofModel = async (...modelIds: ModelId[]) => (await find(tenant, { ...query, modelIds })).hits.length
  expect(await ofModel()).toBe(4)
  expect(await ofModel(llama.modelId)).toBe(2)
  expect(await ofModel(llama.modelId, mixture.modelId)).toBe(4)
  expect(await ofModel(modelIdOf('secret'))).toBe(0)
})

test('find: words rank by rarity over names of components, tensors, releases and metadata', async () => {
  // Of the model as a whole: all of its components have them.
  expect(await keys('advocate')).toHaveLength(5)
  expect(await keys('legal')).toHaveLength(5)
  expect(await keys('attn')).toEqual(['blk.0.attention', 'blk.1.attention'])
  const { hits } = await find(tenant, parseQuery('pourri router up').query)
  expect(hits.map(({ key, words }) => [key, words])).toEqual([
    ['blk.0.router', ['pourri', 'router']],
    ['blk.0.expert.0', ['pourri', 'up']],
    ['blk.0.expert.1', ['pourri', 'up']],
    ['blk.0.ffn', ['up']],
    ['blk.1.ffn', ['up']],
  ])
  expect(await keys('nowhere')).toEqual([])
  expect(await keys('up layer:1')).toEqual(['blk.1.ffn'])
})

test('find: a name that another release brings counts from then on, and goes with it', async () => {
  const first = sampleRelease('r', { modelId: mixture.modelId, name: 'zebra', createdAtMs: 1 })
  expect(await keys('zebra')).toEqual([])
  await tenant.putRelease(first, 'x' as never)
  expect(await keys('zebra kind:router')).toEqual(['blk.0.router'])
  expect(await keys('licence:MIT kind:router')).toEqual(['blk.0.router'])
})

test('find: what a model was found by goes with it', async () => {
  const gone = modelOf('gone', [
    [
      { key: 'blk.0.ffn', layer: 0 },
      { name: 'unicorn', dtype: 'BF16', shape: [7] },
    ],
  ])
  await tenant.putModel(gone)
  expect(await keys('unicorn dtype:BF16 shape:7')).toEqual(['blk.0.ffn'])
  await tenant.removeModel(gone.modelId)
  expect(await keys('unicorn')).toEqual([])
  expect(await tenant.countTerm('dtype:BF16')).toBe(0)
})

test('find: metadata that is learnt later is searched, too', async () => {
  const late = modelOf('late', [
    [
      { key: 'blk.0.ffn', layer: 0 },
      { name: 'x', dtype: 'BF16', shape: [7] },
    ],
  ])
  await tenant.putModel(late)
  expect(await keys('meta:general.name=Late')).toEqual([])
  await tenant.putModel({ ...late, meta: { 'general.name': 'Late' } })
  expect(await keys('meta:general.name=Late late')).toEqual(['blk.0.ffn'])
  await tenant.removeModel(late.modelId)
})

test('find: a word weighs by the models that have it, however often each of them does', async () => {
  const { plan } = await find(tenant, parseQuery('router pourri').query)
  const weights = plan.passes.map(({ weight }) => weight)
  for (const n of [1, 2, 3]) {
    const release = sampleRelease(`again ${n}`, { modelId: mixture.modelId, name: `router-${n}` })
    await tenant.putRelease(release, 'x' as never)
  }
  const again = await find(tenant, parseQuery('router pourri').query)
  expect(again.plan.passes.map(({ weight }) => weight)).toEqual(weights)
})

test('find: models that an older version stored are indexed some at a time', async () => {
  expect(await tenant.indexModels(10)).toBe(0)
})

test('find: says how it will look', async () => {
  const { plan, examined } = await find(tenant, parseQuery('kind:router licence:Apache-2.0 pourri').query)
  expect(explainPlan(plan).join('\n')).toContain('models: those with kind:router (1), then licence:Apache-2.0 (1)')
  expect(examined).toEqual({ models: 1, components: 1 })
})

test('find: ranges that hold nothing, words given twice and cursors of nobody are refused', async () => {
  const { query } = parseQuery('kind:ffn')
  await expect(find(tenant, { ...query, layers: { min: 3, max: 1 } })).rejects.toThrow('nothing is from 3 to 1')
  await expect(find(tenant, { ...query, words: ['a', 'a'] })).rejects.toThrow('twice')
  await expect(find(tenant, { ...query, keyPattern: '*****' })).rejects.toThrow('stars')
  for (const cursor of ['', 'x', '{}', '{"pass":-1}', '{"pass":0,"modelId":"nope"}', '{"pass":0,"key":"k"}'])
    await expect(find(tenant, query, { cursor }), cursor).rejects.toThrow('not a cursor')
})

// The same over a thousand made-up models and queries, against a search that reads everything.
const wordPool = ['alpha', 'beta', 'gamma', 'delta', 'ffn', 'blk']
const kindPool = ['attention', 'ffn', 'expert', 'router'] as const
const partOf = fc.record({
  kind: fc.constantFrom(...kindPool),
  layer: fc.option(fc.nat(3), { nil: undefined }),
  expert: fc.option(fc.nat(3), { nil: undefined }),
  dtype: fc.constantFrom('F16', 'Q4_K', 'Q8_0'),
  shape: fc.array(fc.constantFrom(2, 3, 4), { minLength: 1, maxLength: 2 }),
  words: fc.subarray(wordPool, { maxLength: 3 }),
})
const madeModel = fc.record({
  parts: fc.array(partOf, { minLength: 1, maxLength: 6 }),
  architecture: fc.constantFrom('alpha', 'llama'),
  name: fc.subarray(wordPool, { minLength: 1, maxLength: 2 }),
  licence: fc.constantFrom('MIT', 'Apache-2.0'),
})
const range = (max: number) =>
  fc.option(
    fc.tuple(fc.nat(max), fc.nat(max)).map(([a, b]) => ({ min: Math.min(a, b), max: Math.max(a, b) })),
    { nil: undefined },
  )
const madeQuery = fc.record({
  kinds: fc.subarray([...kindPool], { maxLength: 2 }),
  dtypes: fc.subarray(['F16', 'Q4_K'], { maxLength: 2 }),
  shape: fc.constantFrom<(number | null)[]>([], [], [2], [null, 3], [3, 4]),
  layers: range(3),
  experts: range(3),
  licence: fc.option(fc.constantFrom('MIT', 'Apache-2.0'), { nil: undefined }),
  words: fc.subarray(wordPool, { maxLength: 4 }),
  limit: fc.integer({ min: 1, max: 7 }),
})

test('find: gives what a search through everything gives, in its order, whatever the pages', async () => {
  const property = fc.asyncProperty(
    fc.array(madeModel, { minLength: 1, maxLength: 6 }),
    fc.array(madeQuery, { minLength: 4, maxLength: 4 }),
    async (models, queries) => {
      const fresh = await openEmbeddedStore({ path: ':memory:' })
      const mine = fresh.forTenant('local:owner')
      const puts = models.map(({ parts, architecture }, at) => {
        const put = modelOf(
          `m${at}`,
          parts.map(({ kind, layer, expert, dtype, shape, words }, n) => [
            {
              key: `c${n}`,
              kind,
              ...(layer === undefined ? {} : { layer }),
              ...(expert === undefined ? {} : { expert }),
            },
            { name: words.join('_') || 'none', dtype, shape },
          ]),
        )
        return { ...put, architecture }
      })
      for (const [at, put] of puts.entries()) {
        await mine.putModel(put)
        const { name, licence } = models[at]!
        await mine.putRelease(
          sampleRelease(`r${at}`, { modelId: put.modelId, name: name.join('-'), licence }),
          'x' as never,
        )
      }
      for (const { limit, layers, experts, licence, ...rest } of queries) {
        const query = {
          modelIds: [],
          meta: [],
          ...rest,
          ...(layers === undefined ? {} : { layers }),
          ...(experts === undefined ? {} : { experts }),
          ...(licence === undefined ? {} : { licence }),
        } as Query
        const found: QueryHit[] = []
        for (let cursor: string | undefined; ; ) {
          const page = await find(mine, query, { limit, ...(cursor === undefined ? {} : { cursor }) })
          expect(page.hits.length).toBeLessThanOrEqual(limit)
          found.push(...page.hits)
          cursor = page.nextCursor
          if (cursor === undefined) break
        }
        const names = models.map(({ name, licence: of }) => ({ name, licence: of }))
        expect(found.map(placeOf)).toEqual(searchAll(puts, names, query))
      }
      await fresh.close()
    },
  )
  await fc.assert(property, { numRuns: 100 })
}, 60_000)

const placeOf = ({ modelId, key, words }: QueryHit) => `${modelId} ${key} ${words}`

/** The definition: every component, each condition, then the order. */
function searchAll(puts: PutModel[], releases: { name: string[]; licence: string }[], query: Query): string[] {
  const modelWords = puts.map((put, at) => wordsOf(put.architecture, put.format, ...releases[at]!.name))
  const tensorOf = (put: PutModel, component: ComponentRow) => put.content.files[0]!.extents[component.extents[0]![1]]!
  const wordsOfComponent = (put: PutModel, at: number, component: ComponentRow) =>
    new Set([...modelWords[at]!, ...componentWords(component, [tensorOf(put, component).name!])])
  const weightOf = (word: string) =>
    wordWeight(
      puts.length,
      puts.filter((put, at) => put.components.some((one) => wordsOfComponent(put, at, one).has(word))).length,
    )
  const within = (value: number | undefined, of: Query['layers']) =>
    of === undefined || (value !== undefined && value >= of.min! && value <= of.max!)
  const rows = puts.flatMap((put, at) =>
    put.components.flatMap((component) => {
      const tensor = tensorOf(put, component)
      const fits =
        (query.kinds.length === 0 || query.kinds.includes(component.kind)) &&
        (query.dtypes.length === 0 || query.dtypes.includes(tensor.dtype!)) &&
        (query.shape.length === 0 ||
          (query.shape.length === tensor.shape!.length &&
            query.shape.every((size, n) => size === null || size === tensor.shape![n]))) &&
        within(component.layer, query.layers) &&
        within(component.expert, query.experts) &&
        (query.licence === undefined || releases[at]!.licence === query.licence)
      const words = query.words.filter((word) => wordsOfComponent(put, at, component).has(word))
      if (!fits || (query.words.length > 0 && words.length === 0)) return []
      return [
        {
          modelId: put.modelId,
          key: component.key,
          words,
          weight: words.reduce((sum, word) => sum + weightOf(word), 0),
        },
      ]
    }),
  )
  return rows
    .sort(
      (a, b) =>
        b.weight - a.weight ||
        b.words.length - a.words.length ||
        compare(String(a.words), String(b.words)) ||
        compare(a.modelId, b.modelId) ||
        compare(a.key, b.key),
    )
    .map(({ modelId, key, words }) => `${modelId} ${key} ${words}`)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
