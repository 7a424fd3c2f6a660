import { describe, expect, test } from 'vitest'
import { leavesPerBlock } from '#protocol/limits.ts'
import { bytesOf } from './sample.ts'
import { type OpenStore, storeOpener } from './setup.ts'

export function settingCompliance(open: OpenStore): void {
  describe('settings and checkpoints', () => {
    const opened = storeOpener(open)

    test('shard store: settings hold any plain value', async () => {
      const { tenant } = await opened()
      expect(await tenant.getSetting('none')).toBeUndefined()
      for (const value of [null, false, 0, -1.5, '', '😀 \u0000 "', [], [[1, null]], { b: 1, a: { c: [{}] } }]) {
        await tenant.putSetting('key 😀', value)
        expect(await tenant.getSetting('key 😀')).toEqual(value)
      }
      await tenant.putSetting('key 😀', undefined)
      expect(await tenant.getSetting('key 😀')).toBeUndefined()
      for (const bad of [new Map([[1, 2]]), [new Uint8Array(3)]]) {
        await expect(tenant.putSetting('bad', bad)).rejects.toMatchObject({ code: 'ERR_USAGE' })
      }
      const cycle: unknown[] = []
      cycle.push(cycle)
      await expect(tenant.putSetting('bad', cycle)).rejects.toMatchObject({ code: 'ERR_USAGE' })
    })

    test('shard store: a checkpoint grows over block borders, starts anew, and vanishes', async () => {
      const { tenant } = await opened()
      const path = '/models/größe 😀.gguf'
      const leaves = bytesOf('leaves', (2 * leavesPerBlock + 5) * 32)
      for (const count of [0, 1, leavesPerBlock - 1, leavesPerBlock, leavesPerBlock + 3, 2 * leavesPerBlock + 5]) {
        const checkpoint = { path, identity: '{"v":1}', leaves: leaves.subarray(0, count * 32) }
        await tenant.saveIngestCheckpoint(checkpoint)
        const read = await tenant.getIngestCheckpoint(path)
        expect({ ...read, leaves: undefined }).toEqual({ path, identity: '{"v":1}', leaves: undefined })
        expect(Buffer.from(read!.leaves).equals(checkpoint.leaves), `${count} leaves`).toBe(true)
      }
      const changed = { path, identity: '{"v":2}', leaves: bytesOf('other', 64) }
      await tenant.saveIngestCheckpoint(changed)
      expect(await tenant.getIngestCheckpoint(path)).toEqual(changed)
      const shorter = { ...changed, leaves: changed.leaves.slice(0, 32) }
      await tenant.saveIngestCheckpoint(shorter)
      expect(await tenant.getIngestCheckpoint(path)).toEqual(shorter)
      await expect(tenant.saveIngestCheckpoint({ ...changed, leaves: new Uint8Array(31) })).rejects.toMatchObject({
        code: 'ERR_USAGE',
      })
      await tenant.removeIngestCheckpoint(path)
      expect(await tenant.getIngestCheckpoint(path)).toBeUndefined()
    })
  })
}
