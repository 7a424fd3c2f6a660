import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ModelId } from '#protocol/ids.ts'
import type { ComponentKind } from '#protocol/query/message.ts'
import { modelIdOf, sampleModel } from '#sql/store/compliance/sample.ts'
import { openEmbeddedStore } from '#sql/store/embedded/index.ts'
import type { EdgeKind, EdgeRow, ShardStore, TenantStore } from '#sql/store/types.ts'
import { closure, walk } from './index.ts'

let store: ShardStore
let tenant: TenantStore
let dense: ModelId
let mixture: ModelId
beforeAll(async () => {
  store = await openEmbeddedStore({ path: ':memory:' })
  tenant = store.forTenant('local:owner')
  dense = await put(
    'dense',
    [
      'header',
      'embedding',
      'blk.0.norm',
      'blk.0.attention',
      'blk.0.ffn',
      'blk.1.norm',
      'blk.1.attention',
      'blk.1.ffn',
      'blk.2.norm',
      'blk.2.attention',
      'blk.2.ffn',
      'output_norm',
    ],
    [
      'embedding next blk.0.attention',
      'blk.0.attention next blk.0.ffn',
      'blk.0.ffn next blk.1.attention',
      'blk.1.attention next blk.1.ffn',
      'blk.1.ffn next blk.2.attention',
      'blk.2.attention next blk.2.ffn',
      'blk.2.ffn next output_norm',
      'output_norm uses embedding',
      ...['embedding', 'blk.0.ffn', 'blk.1.ffn', 'blk.2.ffn'].map((key) => `${key} uses header`),
      ...[0, 1, 2].map((layer) => `blk.${layer}.ffn uses blk.${layer}.norm`),
    ],
  )
  mixture = await put(
    'mixture',
    [
      'header',
      'embedding',
      'blk.0.attention',
      'blk.0.router',
      'blk.0.expert.0',
      'blk.0.expert.1',
      'blk.0.expert.2',
      'head',
    ],
    [
      'blk.0.router contains blk.0.expert.0',
      'blk.0.router contains blk.0.expert.1',
      'blk.0.router contains blk.0.expert.2',
      'blk.0.expert.1 uses blk.0.router',
      'blk.0.router uses header',
    ],
  )
})
afterAll(() => store.close())

async function put(seed: string, keys: string[], edges: string[]): Promise<ModelId> {
  const model = sampleModel(seed, { fileExtentBytes: [[100, ...keys.map((_, at) => at + 1)]], held: [0, 1, 2] })
  model.components = keys.map((key, at) => {
    const layer = /^blk\.(\d+)/.exec(key)?.[1]
    const name = key.split('.')[2] ?? key
    const kind = (['embedding', 'head', 'attention', 'ffn', 'expert', 'router', 'norm'].find((one) => one === name) ??
      'other') as ComponentKind
    return {
      key,
      kind,
      ...(layer === undefined ? {} : { layer: Number(layer) }),
      extents: [[0, at + 1]],
      sizeBytes: at + 1,
      parameterCount: 1,
      meta: {},
    }
  })
  model.edges = edges.map((edge): EdgeRow => {
    const [from, kind, to] = edge.split(' ')
    return { from: from!, kind: kind as EdgeKind, to: to! }
  })
  await tenant.putModel(model)
  return model.modelId
}

const reached = async (...parameters: Parameters<typeof walk> extends [unknown, ...infer R] ? R : never) =>
  (await walk(tenant, ...parameters)).steps.map(({ key, hops }) => `${hops} ${key}`)

test('walk: goes breadth first, over the kinds and as many hops as asked for', async () => {
  expect(await reached(dense, ['blk.0.ffn'], { hopsMax: 2 })).toEqual([
    '0 blk.0.ffn',
    '1 blk.1.attention',
    '1 blk.0.norm',
    '1 header',
    '2 blk.1.ffn',
  ])
  expect(await reached(dense, ['blk.1.ffn'], { direction: 'in', kinds: ['next'], hopsMax: 9 })).toEqual([
    '0 blk.1.ffn',
    '1 blk.1.attention',
    '2 blk.0.ffn',
    '3 blk.0.attention',
    '4 embedding',
  ])
})

test('walk: a cycle ends, and a cut is the same each time', async () => {
  const all = await walk(tenant, dense, ['embedding'], { hopsMax: 1000 })
  expect(all).toMatchObject({ isTruncated: false, steps: { length: 12 } })
  const cut = await walk(tenant, dense, ['embedding'], { hopsMax: 1000, componentsMax: 5 })
  expect(cut).toEqual({ steps: all.steps.slice(0, 5), isTruncated: true })
  expect(await reached(modelIdOf('nobody'), ['a'], { hopsMax: 3 })).toEqual(['0 a'])
})

test('walk: says by which edge each was reached', async () => {
  const { steps } = await walk(tenant, mixture, ['blk.0.router'], { kinds: ['contains'] })
  expect(steps[2]).toEqual({
    key: 'blk.0.expert.1',
    hops: 1,
    via: { from: 'blk.0.router', to: 'blk.0.expert.1', kind: 'contains' },
  })
})

const reasons = async (modelId: ModelId, keys: string[], scope: 'part' | 'whole') =>
  Object.fromEntries((await closure(tenant, modelId, keys, scope)).members.map(({ key, reason }) => [key, reason]))

test('closure: a part is the layers that the set spans, with what they use', async () => {
  expect(await reasons(dense, ['blk.0.ffn', 'blk.2.attention'], 'part')).toEqual({
    'blk.0.attention': 'layer 0 runs as a whole: its parts add to one residual stream',
    'blk.0.ffn': 'asked for',
    'blk.0.norm': 'layer 0 runs as a whole: its parts add to one residual stream',
    'blk.1.attention': 'layer 1 lies between those that were asked for',
    'blk.1.ffn': 'layer 1 lies between those that were asked for',
    'blk.1.norm': 'layer 1 lies between those that were asked for',
    'blk.2.attention': 'asked for',
    'blk.2.ffn': 'layer 2 runs as a whole: its parts add to one residual stream',
    'blk.2.norm': 'layer 2 runs as a whole: its parts add to one residual stream',
    header: 'it says how everything else is to be read',
  })
})

test('closure: the whole answers a prompt, and knows of tied weights', async () => {
  const { members, sizeBytes, heldBytes } = await closure(tenant, dense, ['blk.1.norm'], 'whole')
  expect(members).toHaveLength(12)
  expect(sizeBytes).toBe((12 * 13) / 2)
  // Of the chunks, the first is the file's header; the next two are components.
  expect(heldBytes).toBe(1 + 2)
  expect(members.find(({ key }) => key === 'embedding')!.reason).toBe('a prompt enters as rows of the embedding')
  expect(await reasons(dense, ['output_norm'], 'part')).toEqual({
    output_norm: 'asked for',
    embedding: "output_norm multiplies by it: its weights are tied to the head's",
    header: 'it says how everything else is to be read',
  })
})

test('closure: of one expert needs all of its layer, because the router chooses', async () => {
  expect(await reasons(mixture, ['blk.0.expert.1'], 'part')).toEqual({
    'blk.0.attention': 'layer 0 runs as a whole: its parts add to one residual stream',
    'blk.0.expert.0': 'the router of layer 0 may choose it for any token',
    'blk.0.expert.1': 'asked for',
    'blk.0.expert.2': 'the router of layer 0 may choose it for any token',
    'blk.0.router': 'layer 0 runs as a whole: its parts add to one residual stream',
    header: 'it says how everything else is to be read',
  })
})

test('closure: says of attention how many query heads share a key head, where the shapes tell', async () => {
  const grouped = sampleModel('grouped', { fileExtentBytes: [[1, 2, 3]] })
  const [, q, k] = grouped.content.files[0]!.extents
  Object.assign(q!, { kind: 'tensor', name: 'blk.0.attn_q.weight', shape: [896, 896] })
  Object.assign(k!, { kind: 'tensor', name: 'blk.0.attn_k.weight', shape: [128, 896] })
  const place: [number, number][] = [
    [0, 1],
    [0, 2],
  ]
  grouped.components = [
    { key: 'blk.0.attention', kind: 'attention', layer: 0, extents: place, sizeBytes: 5, parameterCount: 1, meta: {} },
  ]
  grouped.edges = []
  await tenant.putModel(grouped)
  expect(await reasons(grouped.modelId, ['blk.0.attention'], 'part')).toEqual({
    'blk.0.attention': 'asked for; 7 query heads share each key and value head',
  })
})

test('closure: of nothing, or of what is not there, is refused', async () => {
  await expect(closure(tenant, dense, [], 'part')).rejects.toMatchObject({ code: 'ERR_QUERY_INVALID' })
  await expect(closure(tenant, dense, ['blk.9.ffn'], 'part')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
})
