import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  embeddingsPerPutMax,
  nearestHitsMax,
  pendingRowsMax,
  spacesPerTenantMax,
  vectorDimensionMax,
} from '#protocol/limits.ts'
import type { EmbeddingRow, NearestHit, PutModel, TenantStore } from '../types.ts'
import { clusters } from './clusters.ts'
import { modelIdOf, sampleModel } from './sample.ts'
import { type OpenStore, storeOpener } from './setup.ts'

/** A model of `count` components `c0`, `c1` and on; each tenth is a head, of layer its number / 10. */
export function modelOfComponents(seed: string, count: number): PutModel {
  const put = sampleModel(seed, { fileExtentBytes: [[10, 10]], held: 'none' })
  put.components = Array.from({ length: count }, (_, n) => ({
    key: `c${n}`,
    kind: n % 10 === 0 ? 'head' : 'ffn',
    layer: Math.floor(n / 10),
    extents: [],
    sizeBytes: 0,
    parameterCount: 0,
    meta: {},
  }))
  put.edges = []
  return put
}

function cosineOf(a: Float32Array, b: Float32Array): number {
  let [ab, aa, bb] = [0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    ab += a[i]! * b[i]!
    aa += a[i]! ** 2
    bb += b[i]! ** 2
  }
  return ab / Math.sqrt(aa * bb)
}

/** What the answer must be, the slow way. */
export function bruteForce(rows: Iterable<EmbeddingRow>, vector: Float32Array, k: number): NearestHit[] {
  const scored = [...rows].map(({ modelId, key, vector: row }) => ({ modelId, key, score: cosineOf(row, vector) }))
  return scored.sort((a, b) => b.score - a.score).slice(0, k)
}

/** Equal up to rounding; of equally near ones any may stand first. */
export function expectSameHits(hits: readonly NearestHit[], expected: readonly NearestHit[]): void {
  expect(hits).toHaveLength(expected.length)
  hits.forEach((hit, index) => {
    expect(hit.score).toBeCloseTo(expected[index]!.score, 5)
  })
  const sure = expected.filter(({ score }) => score > (expected.at(-1)?.score ?? 0) + 1e-5)
  const names = new Set(hits.map(({ modelId, key }) => `${modelId} ${key}`))
  expect(names.size).toBe(hits.length)
  for (const { modelId, key } of sure) expect(names).toContain(`${modelId} ${key}`)
}

const vectorOf = (...values: number[]) => Float32Array.from(values)
const refOf = (seed: string, n: number) => ({ modelId: modelIdOf(seed), key: `c${n}` })

async function withSpace(tenant: TenantStore, dimension: number, components = 40): Promise<void> {
  await tenant.putModel(modelOfComponents('a', components))
  await tenant.putSpace('words', dimension)
}

export function embeddingCompliance(open: OpenStore): void {
  describe('embeddings', () => {
    const opened = storeOpener(open)

    test('shard store: the nearest are those of brute force, whatever was put and removed before', async () => {
      const { tenant } = await opened()
      await withSpace(tenant, 3)
      const number = fc.integer({ min: -3, max: 3 })
      const vector = fc.tuple(number, number, number).filter((values) => values.some((value) => value !== 0))
      const component = fc.nat(39)
      const step = fc.oneof(
        fc.record({ put: fc.array(fc.tuple(component, vector), { maxLength: 8 }) }),
        fc.record({ remove: fc.array(component, { maxLength: 4 }) }),
        fc.record({ find: vector, k: fc.integer({ min: 1, max: 50 }), isExact: fc.boolean() }),
      )
      const known = new Map<number, EmbeddingRow>()
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
          for (const each of steps) {
            if ('put' in each) {
              const rows = each.put.map(([n, values]) => ({ ...refOf('a', n), vector: vectorOf(...values) }))
              await tenant.putEmbeddings('words', rows)
              each.put.forEach(([n], index) => {
                known.set(n, rows[index]!)
              })
            } else if ('remove' in each) {
              const gone = new Set(each.remove).intersection(new Set(known.keys())).size
              const refs = each.remove.map((n) => refOf('a', n))
              expect(await tenant.removeEmbeddings('words', refs)).toBe(gone)
              for (const n of each.remove) known.delete(n)
            } else {
              const { find, k, isExact } = each
              const hits = await tenant.findNearest({ space: 'words', vector: vectorOf(...find), k, isExact })
              expectSameHits(hits, bruteForce(known.values(), vectorOf(...find), k))
            }
          }
          expect((await tenant.getSpace('words'))?.rowCount).toBe(known.size)
        }),
        { numRuns: 30 },
      )
    })

    test('shard store: a vector is found by direction alone, replaced by a later one, and gives its cosine', async () => {
      const { tenant } = await opened()
      await withSpace(tenant, 2)
      await tenant.putEmbeddings('words', [
        { ...refOf('a', 0), vector: vectorOf(3e-40, 0) },
        { ...refOf('a', 1), vector: vectorOf(-0, 3e38) },
        { ...refOf('a', 2), vector: vectorOf(1, 1) },
        { ...refOf('a', 2), vector: vectorOf(-5, 0) },
      ])
      const hits = await tenant.findNearest({ space: 'words', vector: vectorOf(0, 7), k: 10 })
      expect(hits).toEqual([
        { ...refOf('a', 1), score: 1 },
        { ...refOf('a', 0), score: expect.closeTo(0, 6) },
        { ...refOf('a', 2), score: expect.closeTo(0, 6) },
      ])
      expect(await tenant.getSpace('words')).toMatchObject({ name: 'words', dimension: 2, rowCount: 3 })
    })

    test('shard store: a vector goes with its component, and with its model', async () => {
      const { tenant, store } = await opened()
      await withSpace(tenant, 2, 3)
      await tenant.putModel(modelOfComponents('b', 1))
      const rows = [refOf('a', 0), refOf('a', 2), refOf('b', 0)].map((ref) => ({ ...ref, vector: vectorOf(1, 0) }))
      await tenant.putEmbeddings('words', rows)
      const keys = async () =>
        (await tenant.findNearest({ space: 'words', vector: vectorOf(1, 0), k: 9 })).map(({ modelId, key }) =>
          modelId === modelIdOf('a') ? key : `b ${key}`,
        )
      expect((await keys()).sort()).toEqual(['b c0', 'c0', 'c2'])
      await tenant.removeModel(modelIdOf('b'))
      expect((await keys()).sort()).toEqual(['c0', 'c2'])
      // Other components: all rows of the model are written anew.
      await tenant.putModel(modelOfComponents('a', 2))
      expect(await keys()).toEqual([])
      expect((await store.statistics()).rows).toMatchObject({ embedding: 0, space: 1 })
      expect((await tenant.getSpace('words'))?.rowCount).toBe(0)
    })

    test('shard store: a filter leaves only components of its model, kinds and layers, and still finds k of them', async () => {
      const { tenant } = await opened()
      await withSpace(tenant, 8, 300)
      await tenant.putModel(modelOfComponents('b', 300))
      const source = clusters(3, { dimension: 8, count: 5 })
      const rows = ['a', 'b'].flatMap((seed) =>
        Array.from({ length: 300 }, (_, n) => ({ ...refOf(seed, n), vector: source.next(), n })),
      )
      await tenant.putEmbeddings('words', rows)
      const vector = source.next()
      const check = async (where: object, isMeant: (row: (typeof rows)[number]) => boolean) => {
        const hits = await tenant.findNearest({ space: 'words', vector, k: 25, where })
        expectSameHits(hits, bruteForce(rows.filter(isMeant), vector, 25))
      }
      await check({}, () => true)
      await check({ modelId: modelIdOf('b') }, ({ modelId }) => modelId === modelIdOf('b'))
      await check({ kinds: ['head'] }, ({ n }) => n % 10 === 0)
      await check({ kinds: ['head', 'ffn'], layers: { min: 28 } }, ({ n }) => n >= 280)
      await check(
        { modelId: modelIdOf('a'), layers: { min: 3, max: 3 } },
        (row) => [3].includes(Math.floor(row.n / 10)) && row.modelId === modelIdOf('a'),
      )
      await check({ modelId: modelIdOf('none') }, () => false)
      await check({ kinds: [] }, () => true)
    })

    test('shard store: refuses what is no vector of the space, and keeps nothing of that put', async () => {
      const { tenant } = await opened()
      await withSpace(tenant, 2)
      const good = { ...refOf('a', 0), vector: vectorOf(1, 2) }
      const bad = [[Number.NaN, 1], [1, Number.POSITIVE_INFINITY], [0, -0], [1], [1, 2, 3]]
      for (const values of bad) {
        const vector = vectorOf(...values)
        const put = tenant.putEmbeddings('words', [good, { ...refOf('a', 1), vector }])
        await expect(put, `${values}`).rejects.toMatchObject({ code: 'ERR_USAGE' })
        const find = tenant.findNearest({ space: 'words', vector, k: 1 })
        await expect(find, `${values}`).rejects.toMatchObject({ code: 'ERR_USAGE' })
      }
      for (const ref of [refOf('a', 999), refOf('none', 0)]) {
        const put = tenant.putEmbeddings('words', [good, { ...ref, vector: vectorOf(1, 2) }])
        await expect(put).rejects.toMatchObject({ code: 'ERR_NOT_FOUND', fields: { kind: 'component' } })
        expect(await tenant.removeEmbeddings('words', [ref])).toBe(0)
      }
      for (const k of [0, -1, 1.5, Number.NaN]) {
        const find = tenant.findNearest({ space: 'words', vector: vectorOf(1, 0), k })
        await expect(find).rejects.toMatchObject({ code: 'ERR_USAGE' })
      }
      const many = tenant.findNearest({ space: 'words', vector: vectorOf(1, 0), k: nearestHitsMax + 1 })
      await expect(many).rejects.toMatchObject({ code: 'ERR_LIMIT' })
      const tooMany = tenant.putEmbeddings('words', Array(embeddingsPerPutMax + 1).fill(good))
      await expect(tooMany).rejects.toMatchObject({ code: 'ERR_LIMIT' })
      expect(await tenant.getSpace('words')).toMatchObject({ rowCount: 0 })
    })

    test('shard store: a space has one dimension for ever, and must be there', async () => {
      const { tenant } = await opened()
      await tenant.putSpace('größe 😀', vectorDimensionMax)
      await tenant.putSpace('größe 😀', vectorDimensionMax)
      await expect(tenant.putSpace('größe 😀', 3)).rejects.toMatchObject({ code: 'ERR_USAGE' })
      for (const dimension of [0, -1, 2.5, Number.NaN]) {
        await expect(tenant.putSpace('other', dimension)).rejects.toMatchObject({ code: 'ERR_USAGE' })
      }
      await expect(tenant.putSpace('other', vectorDimensionMax + 1)).rejects.toMatchObject({ code: 'ERR_LIMIT' })
      for (const name of ['', '\ud800']) {
        await expect(tenant.putSpace(name, 1)).rejects.toMatchObject({ code: 'ERR_USAGE' })
      }
      await expect(tenant.putSpace('x'.repeat(200), 1)).rejects.toMatchObject({ code: 'ERR_LIMIT' })
      for (let n = 1; n < spacesPerTenantMax; n++) await tenant.putSpace(`space ${n}`, 1)
      await expect(tenant.putSpace('one more', 1)).rejects.toMatchObject({ code: 'ERR_LIMIT' })
      const missing = { code: 'ERR_NOT_FOUND', fields: { kind: 'space', id: 'none' } }
      await expect(tenant.putEmbeddings('none', [])).rejects.toMatchObject(missing)
      await expect(tenant.removeEmbeddings('none', [])).rejects.toMatchObject(missing)
      await expect(tenant.findNearest({ space: 'none', vector: vectorOf(1), k: 1 })).rejects.toMatchObject(missing)
      expect(await tenant.getSpace('none')).toBeUndefined()
    })

    test('shard store: of two tenants with equal names neither finds a vector of the other', async () => {
      const { store } = await opened()
      const [rich, poor] = [store.forTenant('issuer:rich'), store.forTenant('issuer:poor')]
      for (const tenant of [rich, poor]) await withSpace(tenant, 2)
      const put = (tenant: TenantStore, count: number) =>
        tenant.putEmbeddings(
          'words',
          Array.from({ length: count }, (_, n) => ({ ...refOf('a', n), vector: vectorOf(1, n) })),
        )
      await put(rich, 40)
      await put(poor, 2)
      const find = { space: 'words', vector: vectorOf(1, 0), k: 50 }
      expect((await poor.findNearest(find)).map(({ key }) => key)).toEqual(['c0', 'c1'])
      expect(await poor.removeEmbeddings('words', [refOf('a', 0), refOf('a', 7)])).toBe(1)
      expect(await rich.findNearest(find)).toHaveLength(40)
      const stranger = store.forTenant('issuer:stranger')
      await expect(stranger.findNearest(find)).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
    })

    test('shard store: of 20,000 clustered vectors it finds at least 95 in 100 of the nearest ten', async () => {
      const { tenant } = await opened()
      const count = 20_000
      const source = clusters(11, { dimension: 64, count: 200 })
      await tenant.putModel(modelOfComponents('a', count))
      await tenant.putSpace('words', source.dimension)
      const rows = Array.from({ length: count }, (_, n) => ({ ...refOf('a', n), vector: source.next() }))
      for (let at = 0; at < count; at += 5000) await tenant.putEmbeddings('words', rows.slice(at, at + 5000))
      // An engine that has an index takes the rows into it in the background.
      await expect
        .poll(async () => (await tenant.getSpace('words'))?.index?.pendingCount ?? 0, { timeout: 60_000 })
        .toBeLessThan(pendingRowsMax)
      let found = 0
      for (let n = 0; n < 20; n++) {
        const vector = source.next()
        const expected = bruteForce(rows, vector, 10)
        const keys = new Set(expected.map(({ key }) => key))
        const hits = await tenant.findNearest({ space: 'words', vector, k: 10 })
        found += hits.filter(({ key }) => keys.has(key)).length
        if (n > 0) continue
        expectSameHits(await tenant.findNearest({ space: 'words', vector, k: 10, isExact: true }), expected)
      }
      expect(found / 200).toBeGreaterThanOrEqual(0.95)
    }, 90_000)
  })
}
