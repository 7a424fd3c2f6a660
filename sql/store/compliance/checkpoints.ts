import { describe, expect, test } from 'vitest'
import { checkpointBytesMax, checkpointPageBytesMax } from '#protocol/limits.ts'
import type { CheckpointRow, CheckpointWrite } from '../checkpoint-row.ts'
import { bytesOf } from './sample.ts'
import { type OpenStore, storeOpener } from './setup.ts'

export function sampleCheckpoint(checkpointId: string, changes: Partial<CheckpointRow> = {}): CheckpointRow {
  const bytes = { checkpoint: bytesOf(`state ${checkpointId}`, 300), metadata: bytesOf(`meta ${checkpointId}`, 20) }
  return { thread: 'thread', namespace: '', checkpointId, ...bytes, ...changes }
}

const sampleWrite = (taskId: string, index: number, value: Uint8Array = new Uint8Array()): CheckpointWrite => ({
  ...{ taskId, index, channel: `channel ${index} `, value },
})
const idsOf = (rows: readonly CheckpointRow[]) => rows.map(({ checkpointId }) => checkpointId)

export function checkpointCompliance(open: OpenStore): void {
  describe('checkpoints of workflows', () => {
    const opened = storeOpener(open)

    test('shard store: the newest checkpoint of a thread comes back, or the one that was asked for', async () => {
      const { tenant, reopen } = await opened()
      expect(await tenant.getCheckpoint('thread', '')).toBeUndefined()
      const first = sampleCheckpoint('1', { metadata: new Uint8Array() })
      const second = sampleCheckpoint('2', { parentId: '1' })
      const inner = sampleCheckpoint('3', { namespace: 'step:größe 😀|inner ' })
      const other = sampleCheckpoint('4', { thread: 'thread ' })
      for (const row of [second, first, inner, other]) await tenant.putCheckpoint(row)
      expect(await tenant.getCheckpoint('thread', '')).toEqual(second)
      expect(await tenant.getCheckpoint('thread', '', '1')).toEqual(first)
      expect(await tenant.getCheckpoint('thread', '', '3')).toBeUndefined()
      expect(await tenant.getCheckpoint('thread', inner.namespace)).toEqual(inner)
      expect(await tenant.getCheckpoint('thread ', '')).toEqual(other)
      const again = sampleCheckpoint('2', { checkpoint: bytesOf('again', 5) })
      await tenant.putCheckpoint(again)
      expect(await tenant.getCheckpoint('thread', '')).toEqual(again)
      if (reopen === undefined) return
      expect(await (await reopen()).forTenant('local:owner').getCheckpoint('thread', '', '1')).toEqual(first)
    })

    test('shard store: checkpoints are listed newest first, of one namespace or all, before one of them', async () => {
      const { tenant } = await opened()
      const all = Array.from({ length: 30 }, (_, n) =>
        sampleCheckpoint(String(n).padStart(3, '0'), { namespace: n % 3 === 0 ? 'inner' : '' }),
      )
      for (const row of all) await tenant.putCheckpoint(row)
      const newest = all.toReversed()
      expect(await tenant.listCheckpoints('thread', {})).toEqual(newest)
      expect(await tenant.listCheckpoints('thread', { namespace: 'inner' })).toEqual(
        newest.filter(({ namespace }) => namespace === 'inner'),
      )
      const page = await tenant.listCheckpoints('thread', { namespace: '', before: '020', limit: 5 })
      expect(idsOf(page)).toEqual(['019', '017', '016', '014', '013'])
      expect(idsOf(await tenant.listCheckpoints('thread', { before: '002' }))).toEqual(['001', '000'])
      expect(await tenant.listCheckpoints('another', {})).toEqual([])
      await expect(tenant.listCheckpoints('thread', { limit: 0 })).rejects.toMatchObject({ code: 'ERR_USAGE' })
    })

    test('shard store: a page of checkpoints ends where they are many bytes', async () => {
      const { tenant } = await opened()
      const checkpoint = new Uint8Array(checkpointBytesMax - 20)
      const fitting = Math.floor(checkpointPageBytesMax / checkpointBytesMax)
      for (let n = 0; n < fitting + 2; n++) await tenant.putCheckpoint(sampleCheckpoint(`${n}`, { checkpoint }))
      const page = await tenant.listCheckpoints('thread', {})
      expect(page).toHaveLength(fitting)
      expect(idsOf(await tenant.listCheckpoints('thread', { before: page.at(-1)!.checkpointId }))).toEqual(['1', '0'])
    })

    test('shard store: writes are kept by task and index, the last one of each, before their checkpoint comes too', async () => {
      const { tenant } = await opened()
      const place = ['thread', '', '1'] as const
      expect(await tenant.listCheckpointWrites(...place)).toEqual([])
      const writes = [sampleWrite('a', -3), sampleWrite('a', 0, bytesOf('v', 9)), sampleWrite('b', 0)]
      await tenant.putCheckpointWrites(...place, writes.toReversed())
      await tenant.putCheckpointWrites(...place, [])
      expect(await tenant.listCheckpointWrites(...place)).toEqual(writes)
      const changed = { ...writes[1]!, channel: 'other', value: bytesOf('w', 3) }
      await tenant.putCheckpointWrites(...place, [changed, sampleWrite('c', 2)])
      expect(await tenant.listCheckpointWrites(...place)).toEqual([writes[0], changed, writes[2], sampleWrite('c', 2)])
      expect(await tenant.listCheckpointWrites('thread', '', '2')).toEqual([])
      expect(await tenant.listCheckpointWrites('thread', 'inner', '1')).toEqual([])
    })

    test('shard store: a removed thread goes with its writes; other threads and tenants keep theirs', async () => {
      const { tenant, store } = await opened()
      const other = store.forTenant('issuer:other')
      for (const t of [tenant, other]) {
        for (const thread of ['thread', 'another']) {
          await t.putCheckpoint(sampleCheckpoint('1', { thread }))
          await t.putCheckpoint(sampleCheckpoint('2', { thread, namespace: 'inner' }))
          await t.putCheckpointWrites(thread, 'inner', '2', [sampleWrite('a', 0)])
        }
      }
      await tenant.removeThread('thread')
      await tenant.removeThread('unknown')
      expect(await tenant.listCheckpoints('thread', {})).toEqual([])
      expect(await tenant.listCheckpointWrites('thread', 'inner', '2')).toEqual([])
      expect(await tenant.listCheckpoints('another', {})).toHaveLength(2)
      expect(await other.listCheckpoints('thread', {})).toHaveLength(2)
      expect((await store.statistics()).rows).toMatchObject({ thread_checkpoint: 6, thread_write: 3 })
    })

    test('shard store: refuses what is no checkpoint', async () => {
      const { tenant } = await opened()
      const bad: [Partial<CheckpointRow>, string][] = [
        [{ thread: '' }, 'ERR_USAGE'],
        [{ thread: 'x'.repeat(200) }, 'ERR_LIMIT'],
        [{ namespace: '\ud800' }, 'ERR_USAGE'],
        [{ namespace: 'x'.repeat(500) }, 'ERR_LIMIT'],
        [{ checkpointId: '' }, 'ERR_USAGE'],
        [{ parentId: '' }, 'ERR_USAGE'],
        [{ checkpoint: new Uint8Array(checkpointBytesMax + 1) }, 'ERR_LIMIT'],
      ]
      for (const [changes, code] of bad)
        await expect(tenant.putCheckpoint(sampleCheckpoint('1', changes))).rejects.toMatchObject({ code })
      for (const [changes, code] of [
        [{ taskId: '' }, 'ERR_USAGE'],
        [{ index: 0.5 }, 'ERR_USAGE'],
        [{ value: new Uint8Array(checkpointBytesMax + 1) }, 'ERR_LIMIT'],
      ] as const) {
        const done = tenant.putCheckpointWrites('thread', '', '1', [{ ...sampleWrite('a', 1), ...changes }])
        await expect(done).rejects.toMatchObject({ code })
      }
      expect(await tenant.listCheckpoints('thread', {})).toEqual([])
    })
  })
}
