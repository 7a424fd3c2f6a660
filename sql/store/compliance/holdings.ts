import { describe, expect, test } from 'vitest'
import { Bitfield } from '#protocol/codec/bitfield.ts'
import { chunkPlaces, contentSizeBytes } from '#protocol/model/content.ts'
import type { PutModel, TenantStore } from '../types.ts'
import { chunkCountOfContent, modelIdOf, sampleModel } from './sample.ts'
import { type OpenStore, storeOpener } from './setup.ts'

/** The counters that follow from the bitfield, counted the slow way. */
async function expectHeld(tenant: TenantStore, put: PutModel, indexes: Iterable<number>): Promise<void> {
  const expected = [...new Set(indexes)]
  const places = chunkPlaces(put.content)
  const heldBytes = expected.reduce((sum, index) => sum + places[index]!.sizeBytes, 0)
  expect(await tenant.getHeld(put.modelId)).toEqual(Bitfield.of(places.length, expected).bytes)
  expect(await tenant.getModel(put.modelId)).toMatchObject({ heldChunks: expected.length, heldBytes })
}

export function holdingCompliance(open: OpenStore): void {
  describe('holdings', () => {
    const opened = storeOpener(open)

    test('shard store: marks each chunk held, with its own size, in any order and more than once', async () => {
      const { tenant } = await opened()
      const put = sampleModel('a', { held: 'none' })
      await tenant.putModel(put)
      await expectHeld(tenant, put, [])
      await tenant.addHeld(put.modelId, [])
      const all = [...Array(chunkCountOfContent(put.content)).keys()]
      const held: number[] = []
      for (const index of all.toReversed()) {
        await tenant.addHeld(put.modelId, [index, index, ...held.slice(0, 2)])
        held.push(index)
        await expectHeld(tenant, put, held)
      }
      const row = await tenant.getModel(put.modelId)
      expect(row).toMatchObject({ heldChunks: row!.chunkCount, heldBytes: contentSizeBytes(put.content) })
    })

    test('shard store: forgets chunks one by one, many at once, or all', async () => {
      const { tenant } = await opened()
      const put = sampleModel('a')
      await tenant.putModel(put)
      const all = [...Array(chunkCountOfContent(put.content)).keys()]
      await tenant.removeHeld(put.modelId, [0, 0])
      await expectHeld(tenant, put, all.slice(1))
      await tenant.removeHeld(put.modelId, [0, 4, 1])
      await expectHeld(tenant, put, [2, 3, ...all.slice(5)])
      await tenant.removeHeld(put.modelId, 'all')
      await expectHeld(tenant, put, [])
      await tenant.removeHeld(put.modelId, 'all')
      await tenant.addHeld(put.modelId, all)
      await expectHeld(tenant, put, all)
    })

    test('shard store: refuses indexes that do not exist, and marks none of the others', async () => {
      const { tenant } = await opened()
      const put = sampleModel('a', { held: [1] })
      await tenant.putModel(put)
      for (const bad of [-1, 0.5, Number.NaN, chunkCountOfContent(put.content), 2 ** 40]) {
        await expect(tenant.addHeld(put.modelId, [0, bad])).rejects.toMatchObject({ code: 'ERR_USAGE' })
        await expect(tenant.removeHeld(put.modelId, [1, bad])).rejects.toMatchObject({ code: 'ERR_USAGE' })
      }
      await expectHeld(tenant, put, [1])
      await expect(tenant.addHeld(modelIdOf('other'), [0])).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
      await expect(tenant.removeHeld(modelIdOf('other'), 'all')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
      expect(await tenant.getHeld(modelIdOf('other'))).toBeUndefined()
    })

    test('shard store: calls at the same time lose no chunk', async () => {
      const { tenant } = await opened()
      const put = sampleModel('a', { held: 'none' })
      await tenant.putModel(put)
      const all = [...Array(chunkCountOfContent(put.content)).keys()]
      await Promise.all(all.map((index) => tenant.addHeld(put.modelId, [index])))
      await expectHeld(tenant, put, all)
    })

    test('shard store: finds an extent only where all of it is held', async () => {
      const { tenant } = await opened()
      // Extent 1 of file 0 has chunks 1 to 4.
      const partial = sampleModel('a', { rootSeed: 'same', held: [0, 1, 2, 3] })
      const whole = sampleModel('b', { rootSeed: 'same' })
      const placeless = { ...sampleModel('c', { rootSeed: 'same' }), files: [] }
      for (const put of [partial, whole, placeless]) await tenant.putModel(put)
      const extent = whole.content.files[0]!.extents[1]!
      const place = ({ modelId, files }: PutModel) => ({
        modelId,
        path: files[0]!.path,
        offsetBytes: extent.offsetBytes,
        sizeBytes: extent.sizeBytes,
      })
      expect(await tenant.findExtent(extent.root)).toEqual([place(whole)])
      await tenant.addHeld(partial.modelId, [4])
      expect(await tenant.findExtent(extent.root)).toEqual([place(whole), place(partial)])
      await tenant.removeHeld(whole.modelId, [1])
      expect(await tenant.findExtent(extent.root)).toEqual([place(partial)])
      const empty = whole.content.files[0]!.extents[2]!
      expect(await tenant.findExtent(empty.root)).toEqual([])
      await expect(tenant.findExtent('nonsense' as never)).rejects.toMatchObject({ code: 'ERR_ID' })
    })
  })
}
