import { describe, expect, test } from 'vitest'
import { Bitfield } from '#protocol/codec/bitfield.ts'
import { extentsPerModelMax } from '#protocol/limits.ts'
import { contentSizeBytes } from '#protocol/model/content.ts'
import { MiB } from '#protocol/units.ts'
import type { PutModel } from '../types.ts'
import { chunkCountOfContent, modelIdOf, sampleModel } from './sample.ts'
import { type OpenStore, storeOpener } from './setup.ts'

const spoilers: [what: string, code: string, spoil: (put: PutModel) => void][] = [
  [
    'a hole between extents',
    'ERR_USAGE',
    ({ content }) => Object.assign(content.files[0]!.extents[1]!, { offsetBytes: 4097 }),
  ],
  ['a file longer than its extents', 'ERR_USAGE', ({ content }) => content.files[0]!.sizeBytes++],
  ['a negative size', 'ERR_USAGE', ({ content }) => Object.assign(content.files[0]!.extents[0]!, { sizeBytes: -1 })],
  ['a leaf too few', 'ERR_USAGE', ({ content }) => Object.assign(content, { leaves: content.leaves.subarray(32) })],
  ['a root that is none', 'ERR_ID', ({ content }) => Object.assign(content.files[0]!.extents[0]!, { root: 'xyz' })],
  ['a model id that is none', 'ERR_ID', (put) => Object.assign(put, { modelId: 'xyz' })],
  ['a bitfield of the wrong size', 'ERR_DECODE', (put) => Object.assign(put, { held: new Uint8Array(1) })],
  ['spare bits that are set', 'ERR_DECODE', (put) => put.held.fill(255)],
  ['a component with an unknown extent', 'ERR_USAGE', (put) => put.components[0]!.extents.push([0, 99])],
  ['two components of one key', 'ERR_USAGE', (put) => put.components.push(put.components[0]!)],
  ['an edge to nowhere', 'ERR_USAGE', (put) => put.edges.push({ from: 'x', to: 'y', kind: 'uses' })],
  ['a kind that does not exist', 'ERR_USAGE', (put) => Object.assign(put.components[0]!, { kind: 'liver' })],
  ['a file of another size', 'ERR_USAGE', (put) => put.files[0]!.sizeBytes++],
  ['metadata that is no data', 'ERR_USAGE', (put) => Object.assign(put, { meta: { list: [new Date(0)] } })],
  [
    'too many extents',
    'ERR_LIMIT',
    ({ content }) => {
      const { root } = content.files[0]!.extents[0]!
      const empty = { kind: 'gap', offsetBytes: 0, sizeBytes: 0, root } as const
      content.files = [{ sizeBytes: 0, extents: Array(extentsPerModelMax + 1).fill(empty) }]
    },
  ],
]

export function modelCompliance(open: OpenStore): void {
  describe('models', () => {
    const opened = storeOpener(open)

    test('shard store: gives back the content that was put, byte for byte', async () => {
      const { tenant } = await opened()
      const put = sampleModel('a')
      await tenant.putModel(put)
      expect(await tenant.getContent(put.modelId)).toEqual(put.content)
      expect(await tenant.getContent(modelIdOf('other'))).toBeUndefined()
    })

    test('shard store: gives back the model row, its files and metadata', async () => {
      const { tenant } = await opened()
      const put = sampleModel('a', { held: [0, 1, 4] })
      const beforeMs = Date.now()
      await tenant.putModel(put)
      const row = await tenant.getModel(put.modelId)
      expect(row).toEqual({
        modelId: put.modelId,
        architecture: 'llama',
        format: 'gguf',
        parameterCount: 134_000_000,
        sizeBytes: contentSizeBytes(put.content),
        chunkCount: chunkCountOfContent(put.content),
        heldChunks: 3,
        // The header, the first MiB of a tensor, and that tensor's last byte.
        heldBytes: 4096 + MiB + 1,
        origin: 'ingest',
        createdAtMs: row!.createdAtMs,
        lastUsedAtMs: row!.createdAtMs,
        isPinned: false,
        files: put.files,
        meta: put.meta,
      })
      expect(row!.createdAtMs).toBeGreaterThanOrEqual(beforeMs)
      expect(await tenant.listModels()).toEqual([row])
      expect(await tenant.getModel(modelIdOf('other'))).toBeUndefined()
    })

    test('shard store: survives closing and opening again', async ({ skip }) => {
      const { tenant, reopen } = await opened()
      if (reopen === undefined) return skip('this engine keeps nothing')
      const put = sampleModel('a', { held: [2] })
      await tenant.putModel(put)
      await tenant.addHeld(put.modelId, [3])
      const again = (await reopen()).forTenant('local:owner')
      expect(await again.getContent(put.modelId)).toEqual(put.content)
      expect(await again.getHeld(put.modelId)).toEqual(Bitfield.of(chunkCountOfContent(put.content), [2, 3]).bytes)
    })

    test('shard store: keeps a model without chunks, and files whose place is not known', async () => {
      const { tenant } = await opened()
      const put: PutModel = { ...sampleModel('empty', { fileExtentBytes: [[0, 0], []] }), files: [] }
      await tenant.putModel(put)
      expect(await tenant.getContent(put.modelId)).toEqual(put.content)
      expect(await tenant.getModel(put.modelId)).toMatchObject({
        chunkCount: 0,
        heldChunks: 0,
        sizeBytes: 0,
        files: [],
      })
      expect(await tenant.getHeld(put.modelId)).toEqual(new Uint8Array(0))
    })

    test('shard store: keeps 8 MiB of leaves and metadata with odd text', async () => {
      const { tenant } = await opened()
      // 262,144 chunks in two extents: 8 MiB of leaves, 16 leaf blocks.
      const put = sampleModel('large', { fileExtentBytes: [[1, 262_143 * MiB]] })
      put.meta = {
        'a\u0000b': '\u0000',
        '': '',
        __proto__x: ['\ud83e\udd99', '"\\\n'],
        deep: [[[[{}]]]],
        big: 2 ** 53,
        low: -0.5,
      }
      put.content.files[0]!.extents[1]!.name = 'zero\u0000inside'
      expect(put.content.leaves.length).toBe(8 * MiB)
      await tenant.putModel(put)
      const content = await tenant.getContent(put.modelId)
      expect(content!.files).toEqual(put.content.files)
      expect(Buffer.from(content!.leaves).equals(put.content.leaves)).toBe(true)
      expect((await tenant.getModel(put.modelId))!.meta).toEqual(put.meta)
    })

    test('shard store: what JSON lacks is kept as text', async () => {
      const { tenant } = await opened()
      const put = { ...sampleModel('a'), meta: { big: 2n ** 64n, nan: Number.NaN, low: -Infinity, none: undefined } }
      await tenant.putModel(put)
      expect((await tenant.getModel(put.modelId))!.meta).toEqual({
        big: '18446744073709551616',
        nan: 'NaN',
        low: '-Infinity',
      })
    })

    test('shard store: putting a model again changes nothing and unites what is held', async () => {
      const { tenant, store } = await opened()
      await tenant.putModel(sampleModel('a', { held: [0, 2] }))
      await tenant.ackOutbox((await tenant.claimOutbox(10, 1000)).map((event) => event.seq))
      const before = (await store.statistics()).rows
      await tenant.putModel(sampleModel('a', { held: [0, 2] }))
      await tenant.putModel(sampleModel('a', { held: [3] }))
      expect((await store.statistics()).rows).toEqual(before)
      const bits = Bitfield.of(chunkCountOfContent(sampleModel('a').content), [0, 2, 3])
      expect(await tenant.getHeld(modelIdOf('a'))).toEqual(bits.bytes)
    })

    test('shard store: other files replace the old ones unless held chunks would be forgotten', async () => {
      const { tenant } = await opened()
      await tenant.putModel(sampleModel('a', { held: [0, 2] }))
      const moved = sampleModel('a', { held: [0], path: '/elsewhere' })
      await expect(tenant.putModel(moved)).rejects.toMatchObject({ code: 'ERR_STORE_DUPLICATE' })
      expect((await tenant.getModel(moved.modelId))!.files).toEqual(sampleModel('a').files)
      const whole = sampleModel('a', { path: '/elsewhere' })
      await tenant.putModel(whole)
      const row = await tenant.getModel(whole.modelId)
      expect(row).toMatchObject({ files: whole.files, heldChunks: row!.chunkCount, heldBytes: row!.sizeBytes })
    })

    test('shard store: a new index replaces components and edges', async () => {
      const { tenant, store } = await opened()
      await tenant.putModel(sampleModel('a'))
      const put = sampleModel('a')
      put.components = put.components.slice(1).map((row) => ({ ...row, key: `v2.${row.key}` }))
      put.edges = []
      await tenant.putModel(put)
      const found = await tenant.findComponents({ modelId: put.modelId })
      expect(found.map(({ key }) => key)).toEqual(put.components.map(({ key }) => key).sort())
      const { rows } = await store.statistics()
      expect(rows).toMatchObject({ edge: 0, component_history: sampleModel('a').components.length })
    })

    test('shard store: removing a model removes all that belongs to it, and only that', async () => {
      const { tenant, store } = await opened()
      await tenant.putModel(sampleModel('keep'))
      const { rows: before } = await store.statistics()
      await tenant.putModel(sampleModel('go'))
      expect(await tenant.removeModel(modelIdOf('go'))).toBe(true)
      expect(await tenant.removeModel(modelIdOf('go'))).toBe(false)
      const { rows: after } = await store.statistics()
      const { outbox: _, component_history: __, ...tables } = before
      expect(after).toMatchObject(tables)
      expect(await tenant.getContent(modelIdOf('keep'))).toEqual(sampleModel('keep').content)
      expect(await tenant.getContent(modelIdOf('go'))).toBeUndefined()
      await tenant.putModel(sampleModel('go'))
      expect(await tenant.getContent(modelIdOf('go'))).toEqual(sampleModel('go').content)
    })

    test('shard store: pins and touches', async () => {
      const { tenant } = await opened()
      const { modelId } = sampleModel('a')
      await tenant.putModel(sampleModel('a'))
      const created = (await tenant.getModel(modelId))!
      await new Promise((resolve) => setTimeout(resolve, 5))
      await tenant.setPinned(modelId, true)
      await tenant.touchModel(modelId)
      const row = (await tenant.getModel(modelId))!
      expect(row.isPinned).toBe(true)
      expect(row.lastUsedAtMs).toBeGreaterThan(created.lastUsedAtMs)
      await tenant.setPinned(modelId, false)
      expect((await tenant.getModel(modelId))!.isPinned).toBe(false)
      await expect(tenant.setPinned(modelIdOf('other'), true)).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
      await tenant.touchModel(modelIdOf('other'))
    })

    test('shard store: a file that was touched keeps its place, with what it looks like now', async () => {
      const { tenant } = await opened()
      const put = sampleModel('a')
      await tenant.putModel(put)
      await tenant.setFileIdentity(put.modelId, 1, '{"inode":"7"}')
      expect((await tenant.getModel(put.modelId))!.files).toEqual([
        put.files[0],
        { ...put.files[1], identity: '{"inode":"7"}' },
      ])
      await expect(tenant.setFileIdentity(put.modelId, 2, '{}')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
      await expect(tenant.setFileIdentity(modelIdOf('other'), 0, '{}')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
    })

    test('shard store: refuses what is no model, and writes nothing of it', async () => {
      const { tenant, store } = await opened()
      for (const [what, code, spoil] of spoilers) {
        const put = structuredClone(sampleModel('bad'))
        spoil(put)
        await expect(tenant.putModel(put), what).rejects.toMatchObject({ code })
        const { tenant: _, ...rows } = (await store.statistics()).rows
        expect(
          Object.entries(rows).filter(([, count]) => count > 0),
          what,
        ).toEqual([])
      }
    })

    test('shard store: two models share extents without sharing rows', async () => {
      const { tenant } = await opened()
      const a = sampleModel('a', { rootSeed: 'same' })
      const b = sampleModel('b', { rootSeed: 'same' })
      await Promise.all([tenant.putModel(a), tenant.putModel(b)])
      await tenant.removeModel(a.modelId)
      expect(await tenant.getContent(b.modelId)).toEqual(b.content)
    })
  })
}
