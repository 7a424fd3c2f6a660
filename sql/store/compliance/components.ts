import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { keyPatternCharactersMax, keyPatternStarsMax } from '#protocol/limits.ts'
import { MiB } from '#protocol/units.ts'
import type { ComponentHit, ComponentRow } from '../types.ts'
import { modelIdOf, sampleModel } from './sample.ts'
import { type OpenStore, storeOpener } from './setup.ts'

/** One extent of 100 bytes per component, so that ranges are easy to count; component n lists extent n + 1. */
function manyComponents(seed: string, count: number) {
  const put = sampleModel(seed, { fileExtentBytes: [[100, ...Array<number>(count).fill(100)]] })
  put.components = Array.from(
    { length: count },
    (_, n): ComponentRow => ({
      key: `blk.${n}.attention`,
      kind: n % 2 === 0 ? 'attention' : 'expert',
      layer: n >> 1,
      ...(n % 2 === 0 ? {} : { expert: n }),
      extents: [[0, n + 1]],
      sizeBytes: 100,
      parameterCount: n,
      meta: {},
    }),
  )
  put.edges = put.components.slice(1).map(({ key }, n) => ({ from: `blk.${n}.attention`, to: key, kind: 'next' }))
  return put
}

export function componentCompliance(open: OpenStore): void {
  describe('components', () => {
    const opened = storeOpener(open)

    test('shard store: gives back components as put, with the bytes of them that are held', async () => {
      const { tenant } = await opened()
      const put = sampleModel('a', { held: [0, 1, 4] })
      put.components[0]!.extents = [
        [0, 1],
        [1, 0],
        [0, 0],
      ]
      await tenant.putModel(put)
      const byKey = (a: { key: string }, b: { key: string }) => (a.key < b.key ? -1 : 1)
      const heldBytes = (key: string) => (key === put.components[0]!.key ? MiB + 1 + 4096 : 0)
      const tensorsOf = (row: ComponentRow) =>
        row.extents.flatMap(([file, index]) => {
          const { name, dtype, shape, sizeBytes } = put.content.files[file]!.extents[index]!
          return name === undefined ? [] : [{ name, dtype, shape, sizeBytes }]
        })
      const expected = put.components.map((row) => ({
        ...row,
        modelId: put.modelId,
        heldBytes: heldBytes(row.key),
        tensors: tensorsOf(row),
      }))
      expect(await tenant.findComponents({})).toEqual(expected.sort(byKey))
    })

    test('shard store: filters components by model, kind, layers and key', async () => {
      const { tenant } = await opened()
      await tenant.putModel(manyComponents('a', 10))
      await tenant.putModel(manyComponents('b', 3))
      const keys = async (filter: Parameters<typeof tenant.findComponents>[0]) =>
        (await tenant.findComponents({ modelId: modelIdOf('a'), ...filter })).map(
          ({ parameterCount }) => parameterCount,
        )
      expect(await keys({})).toHaveLength(10)
      expect(await keys({ kinds: ['expert'] })).toEqual([1, 3, 5, 7, 9])
      expect(await keys({ layers: { min: 1, max: 2 } })).toEqual([2, 3, 4, 5])
      expect(await keys({ kinds: ['attention'], layers: { min: 3 } })).toEqual([6, 8])
      expect(await keys({ keyPattern: 'blk.?.att*' })).toHaveLength(10)
      expect(await keys({ keyPattern: 'blk.3*' })).toEqual([3])
      expect(await keys({ kinds: ['expert', 'attention'], layers: { max: 0 } })).toEqual([0, 1])
      expect(await keys({ experts: { min: 3, max: 7 } })).toEqual([3, 5, 7])
      expect(await keys({ sizeBytes: { min: 101 } })).toEqual([])
      expect(await keys({ sizeBytes: { max: 100 }, kinds: ['expert'], experts: { min: 9 } })).toEqual([9])
      for (const none of ['BLK.3*', 'blk.[0-9].attention', 'blk', '%', '_', '']) {
        expect(await keys({ keyPattern: none }), none).toEqual([])
      }
      expect(await tenant.findComponents({ modelId: modelIdOf('other') })).toEqual([])
      for (const keyPattern of ['*'.repeat(keyPatternStarsMax + 1), 'x'.repeat(keyPatternCharactersMax + 1)]) {
        await expect(tenant.findComponents({ keyPattern })).rejects.toMatchObject({ code: 'ERR_LIMIT' })
      }
    })

    test('shard store: pages through the components of all models without a gap', async () => {
      const { tenant } = await opened()
      for (const seed of ['a', 'b', 'c']) await tenant.putModel(manyComponents(seed, 7))
      const all = await tenant.findComponents({})
      expect(all).toHaveLength(21)
      const paged: ComponentHit[] = []
      for (;;) {
        const last = paged.at(-1)
        const page = await tenant.findComponents({
          limit: 4,
          ...(last && { after: { modelId: last.modelId, key: last.key } }),
        })
        expect(page.length).toBeLessThanOrEqual(4)
        if (page.length === 0) break
        paged.push(...page)
      }
      expect(paged).toEqual(all)
      await expect(tenant.findComponents({ limit: 0 })).rejects.toMatchObject({ code: 'ERR_USAGE' })
    })

    test('shard store: follows edges both ways, loops and doubles included', async () => {
      const { tenant } = await opened()
      const put = manyComponents('a', 3)
      const [a, b, c] = put.components.map(({ key }) => key) as [string, string, string]
      put.edges = [
        { from: a, to: c, kind: 'uses' },
        { from: a, to: b, kind: 'next' },
        { from: a, to: b, kind: 'next' },
        { from: a, to: b, kind: 'contains' },
        { from: b, to: b, kind: 'next' },
      ]
      await tenant.putModel(put)
      expect(await tenant.edges(put.modelId, [a], 'out')).toEqual([put.edges[3], put.edges[1], put.edges[0]])
      expect(await tenant.edges(put.modelId, [b], 'in')).toEqual([put.edges[3], put.edges[1], put.edges[4]])
      expect(await tenant.edges(put.modelId, [a], 'in')).toEqual([])
      expect(await tenant.edges(modelIdOf('other'), [a], 'out')).toEqual([])
    })

    test('shard store: ranges are sorted, coalesced and cover exactly the components', async () => {
      const { tenant } = await opened()
      const put = manyComponents('a', 12)
      await tenant.putModel(put)
      const key = fc.integer({ min: 0, max: 11 })
      await fc.assert(
        fc.asyncProperty(fc.array(key, { maxLength: 15 }), async (numbers) => {
          const ranges = await tenant.ranges(
            put.modelId,
            numbers.map((n) => `blk.${n}.attention`),
          )
          const covered = ranges.flatMap(({ offsetBytes, sizeBytes }) =>
            Array.from({ length: sizeBytes / 100 }, (_, i) => offsetBytes / 100 - 1 + i),
          )
          expect(covered).toEqual([...new Set(numbers)].sort((a, b) => a - b))
          ranges.slice(1).forEach((range, i) => {
            expect(range.offsetBytes).toBeGreaterThan(ranges[i]!.offsetBytes + ranges[i]!.sizeBytes)
          })
        }),
        { numRuns: 40 },
      )
      await expect(tenant.ranges(put.modelId, ['blk.1.attention', 'no'])).rejects.toMatchObject({
        code: 'ERR_NOT_FOUND',
        fields: { kind: 'component', id: 'no' },
      })
      await expect(tenant.ranges(modelIdOf('other'), [])).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
    })

    test('shard store: ranges of several files come file by file', async () => {
      const { tenant } = await opened()
      const put = sampleModel('a')
      await tenant.putModel(put)
      const keys = put.components.map(({ key }) => key)
      const sizeOf = (fileIndex: number) => put.content.files[fileIndex]!.sizeBytes
      expect(await tenant.ranges(put.modelId, keys.toReversed())).toEqual([
        { fileIndex: 0, offsetBytes: 4096, sizeBytes: sizeOf(0) - 4096 },
        { fileIndex: 1, offsetBytes: 512, sizeBytes: sizeOf(1) - 512 },
      ])
    })

    test('shard store: a model of 10,000 components is put, found, mapped and removed', async () => {
      const { tenant, store } = await opened()
      const put = manyComponents('large', 10_000)
      await tenant.putModel(put)
      const found = await tenant.findComponents({ modelId: put.modelId })
      expect(found).toHaveLength(10_000)
      expect(found.every(({ heldBytes }) => heldBytes === 100)).toBe(true)
      expect(
        await tenant.ranges(
          put.modelId,
          put.components.map(({ key }) => key),
        ),
      ).toEqual([{ fileIndex: 0, offsetBytes: 100, sizeBytes: 1_000_000 }])
      expect(await tenant.edges(put.modelId, ['blk.5000.attention'], 'in')).toHaveLength(1)
      await tenant.removeModel(put.modelId)
      const { rows } = await store.statistics()
      expect(rows).toMatchObject({ component: 0, edge: 0, extent: 0, component_extent: 0 })
    })
  })
}
