/**
 * How Find and Map slow down when a shard grows a hundredfold: the same queries, in turn, on two stores in this process.
 * Expected: both read a page of an index, so 1.0 to 1.5; a scan would show as 100.
 */
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { Bitfield } from '#protocol/codec/bitfield.ts'
import { cidOf } from '#protocol/codec/cid.ts'
import { extentRootFromBytes, type ModelId, type PeerId, parseModelId } from '#protocol/ids.ts'
import type { ComponentKind } from '#protocol/query/message.ts'
import { closure, find, parseQuery, walk } from '#sql/query/index.ts'
import { openEmbeddedStore } from '#sql/store/embedded/index.ts'
import type { ComponentRow, EdgeRow, PutModel, TenantStore } from '#sql/store/types.ts'
import type { Bench } from './main.ts'

const layersPerModel = 24
/** norm, attention, ffn and what stands for the rest: 4 of 24 layers, with header and embedding 98, rounded by a head. */
const partsPerLayer = ['norm', 'attention', 'ffn', 'other'] as const
const componentsPerModel = layersPerModel * partsPerLayer.length + 4

const texts = [
  'kind:ffn layer:3-5',
  'kind:attention dtype:Q6_K',
  'size:>=270 layer:7',
  'shape:768x*',
  'licence:Apache-2.0 kind:embedding',
  'meta:general.architecture=rare',
  'name:blk.1?.ffn',
  'attention falcon',
  'ffn_up rare head',
]

/** Each of its conditions holds somewhere in every model, both nowhere: all that a page may look at is looked at. */
const fruitless = 'size:>300 layer:7'

export const bench: Bench = {
  name: 'query-growth',
  describe: 'Find and Map on a shard of a million components against one of ten thousand',
  async run({ args, log }) {
    const { values } = parseArgs({
      args,
      options: {
        small: { type: 'string' },
        large: { type: 'string' },
        rounds: { type: 'string' },
        folder: { type: 'string' },
      },
    })
    const sizes = [Number(values.small ?? 10_000), Number(values.large ?? 1_000_000)]
    const rounds = Number(values.rounds ?? 30)
    // `--folder DIR` keeps the stores there, and uses them again.
    const folder = values.folder ?? (await mkdtemp(join(tmpdir(), 'hart-bench-')))
    const stores = []
    try {
      for (const components of sizes) {
        const startedMs = performance.now()
        const store = await openEmbeddedStore({ path: join(folder, `${components}.db`) })
        stores.push({
          store,
          tenant: store.forTenant('local:owner'),
          models: await fill(store.forTenant('local:owner'), components),
        })
        log(`${components} components put in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`)
      }
      const times = {
        find: new Map<string, number[][]>(),
        map: new Map<string, number[][]>(),
        none: new Map<string, number[][]>(),
      }
      for (let round = 0; round < rounds; round++) {
        for (const text of texts) {
          const { query } = parseQuery(text)
          for (const [at, { tenant }] of stores.entries()) await timed(times.find, text, at, () => find(tenant, query))
        }
        for (const [at, { tenant }] of stores.entries())
          await timed(times.none, fruitless, at, () => find(tenant, parseQuery(fruitless).query))
        for (const [at, { tenant, models }] of stores.entries()) {
          const modelId = models[(round * 7919) % models.length]!
          const key = `blk.${round % layersPerModel}.ffn`
          await timed(times.find, 'model:ID kind:ffn', at, () =>
            find(tenant, { ...parseQuery('kind:ffn').query, modelIds: [modelId] }),
          )
          await timed(times.map, 'walk, 3 hops', at, () => walk(tenant, modelId, [key], { hopsMax: 3 }))
          await timed(times.map, 'closure, part', at, () => closure(tenant, modelId, [key], 'part'))
        }
      }
      const find_ = growth(times.find, log)
      const map_ = growth(times.map, log)
      return {
        componentsSmall: sizes[0]!,
        componentsLarge: sizes[1]!,
        findGrowth: find_.whole,
        findGrowthWorst: find_.worst,
        findMsLarge: find_.ms,
        fruitlessPageMs: growth(times.none, log).ms,
        mapGrowth: map_.whole,
        mapGrowthWorst: map_.worst,
        mapMsLarge: map_.ms,
      }
    } finally {
      for (const { store } of stores) await store.close()
      if (values.folder === undefined) await rm(folder, { recursive: true, force: true })
    }
  },
}

async function timed(
  times: Map<string, number[][]>,
  what: string,
  at: number,
  work: () => Promise<unknown>,
): Promise<void> {
  const startedMs = performance.now()
  await work()
  const tookMs = performance.now() - startedMs
  if (!times.has(what)) times.set(what, [[], []])
  times.get(what)![at]!.push(tookMs)
}

function growth(times: Map<string, number[][]>, log: (line: string) => void) {
  const medians = [...times].map(([what, [small, large]]) => ({ what, small: median(small!), large: median(large!) }))
  for (const { what, small, large } of medians)
    log(`${what.padEnd(36)} ${small.toFixed(3)} ms -> ${large.toFixed(3)} ms (${(large / small).toFixed(2)})`)
  const sum = (of: 'small' | 'large') => medians.reduce((total, one) => total + one[of], 0)
  const round = (value: number) => Number(value.toFixed(3))
  return {
    whole: round(sum('large') / sum('small')),
    worst: round(Math.max(...medians.map(({ small, large }) => large / small))),
    ms: round(sum('large') / medians.length),
  }
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}

async function fill(tenant: TenantStore, components: number): Promise<ModelId[]> {
  const known = await tenant.listModels()
  if (known.length * componentsPerModel >= components) return known.map(({ modelId }) => modelId)
  const models: ModelId[] = []
  for (let n = 0; n * componentsPerModel < components; n++) {
    const put = madeModel(n)
    await tenant.putModel(put)
    const release = {
      modelId: put.modelId,
      publisher: `12D3KooW${hashOf(`publisher ${n % 50}`)
        .toString('hex')
        .replaceAll('0', 'z')
        .slice(0, 44)}` as PeerId,
      name: `${n % 3 === 0 ? 'falcon' : 'heron'}-${n}`,
      licence: n % 4 === 0 ? 'Apache-2.0' : 'MIT',
      format: 'gguf',
      architecture: put.architecture,
      sizeBytes: 1,
      parameterCount: 1,
      tokenizer: 'gpt2',
      createdAtMs: 1,
    }
    await tenant.putRelease(
      { release, bytes: hashOf(`bytes ${n}`), signature: hashOf('signature') },
      release.publisher,
      { isOwn: true },
    )
    models.push(put.modelId)
  }
  return models
}

/** One in a hundred is of a rare architecture and shape; dtypes and sizes vary with the layer. */
function madeModel(n: number): PutModel {
  const keys = ['header', 'embedding', 'output_norm', 'head']
  const extents = keys.map((name) => ({ name, dtype: 'F16', shape: [n % 100 === 0 ? 768 : 512, 64], sizeBytes: 100 }))
  for (let layer = 0; layer < layersPerModel; layer++)
    for (const part of partsPerLayer) {
      keys.push(`blk.${layer}.${part}`)
      const name = `blk.${layer}.${part === 'ffn' ? 'ffn_up' : part}.weight`
      extents.push({ name, dtype: layer % 8 === 7 ? 'Q6_K' : 'Q4_K', shape: [256, 64], sizeBytes: 200 + 10 * layer })
    }
  let offsetBytes = 0
  const content = {
    files: [
      {
        sizeBytes: extents.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
        extents: extents.map((extent, at) => {
          const place = { offsetBytes, sizeBytes: extent.sizeBytes, root: extentRootFromBytes(hashOf(`${n} ${at}`)) }
          offsetBytes += extent.sizeBytes
          return at === 0 ? { kind: 'header' as const, ...place } : { kind: 'tensor' as const, ...extent, ...place }
        }),
      },
    ],
    leaves: new Uint8Array(32 * extents.length),
  }
  const components = keys.map((key, at): ComponentRow => {
    const [, layer, part] = /^blk\.(\d+)\.(\w+)$/.exec(key) ?? []
    return {
      key,
      kind: (part ?? (key === 'output_norm' ? 'norm' : key === 'header' ? 'other' : key)) as ComponentKind,
      ...(layer === undefined ? {} : { layer: Number(layer) }),
      extents: [[0, at]],
      sizeBytes: extents[at]!.sizeBytes,
      parameterCount: 1,
      meta: {},
    }
  })
  const chain = keys.filter((key) => /attention|ffn/.test(key))
  const edges: EdgeRow[] = [
    ...chain.slice(1).map((to, at): EdgeRow => ({ from: chain[at]!, to, kind: 'next' })),
    ...keys.slice(1).map((from): EdgeRow => ({ from, to: 'header', kind: 'uses' })),
  ]
  const architecture = n % 100 === 0 ? 'rare' : 'llama'
  return {
    modelId: parseModelId(cidOf(Buffer.from(`model ${n}`))),
    content,
    architecture,
    format: 'gguf',
    parameterCount: 1,
    meta: { 'general.architecture': architecture, 'general.name': `model ${n}` },
    components,
    edges,
    files: [{ fileIndex: 0, path: `/models/${n}.gguf`, sizeBytes: content.files[0]!.sizeBytes, origin: 'user' }],
    held: Bitfield.full(extents.length).bytes,
    origin: 'ingest',
  }
}

function hashOf(text: string): Uint8Array & { toString(encoding: 'hex'): string } {
  return createHash('sha256').update(text).digest()
}
