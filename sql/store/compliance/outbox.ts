import { describe, expect, test } from 'vitest'
import type { OutboxEvent } from '../types.ts'
import { modelIdOf, sampleModel } from './sample.ts'
import { type OpenStore, storeOpener } from './setup.ts'

const long = 60_000

export function outboxCompliance(open: OpenStore): void {
  describe('outbox', () => {
    const opened = storeOpener(open)

    test('shard store: tells what happened, in order', async () => {
      const { tenant } = await opened()
      const put = sampleModel('a', { held: [0] })
      const { modelId } = put
      await tenant.putModel(put)
      const rest = Array.from({ length: put.content.leaves.length / 32 - 1 }, (_, n) => n + 1)
      await tenant.addHeld(modelId, rest.slice(0, 3))
      await tenant.addHeld(modelId, rest)
      await tenant.addHeld(modelId, rest)
      await tenant.removeHeld(modelId, [1, 2])
      await tenant.removeHeld(modelId, [1, 2])
      await tenant.removeModel(modelId)
      const events = await tenant.claimOutbox(100, long)
      expect(events.map(({ topic, body }) => [topic, body])).toEqual([
        ['model-added', { modelId, origin: 'ingest' }],
        ['model-complete', { modelId }],
        ['held-removed', { modelId, chunks: 2, heldChunks: rest.length - 1 }],
        ['model-removed', { modelId }],
      ])
      expect(events.map(({ seq }) => seq)).toEqual(events.map(({ seq }) => seq).toSorted((a, b) => a - b))
    })

    test('shard store: an event stays until it is acknowledged, and is told again when its lease ends', async () => {
      const { tenant } = await opened()
      for (const seed of ['a', 'b', 'c']) await tenant.putModel(sampleModel(seed))
      // Long enough for a slow machine to ask twice before it ends.
      const first = await tenant.claimOutbox(2, 1500)
      expect(first.map(({ body: { modelId } }) => modelId)).toEqual([modelIdOf('a'), modelIdOf('b')])
      // The third one waits for the first two: told now, it could be acted upon before them.
      expect(await tenant.claimOutbox(10, long)).toEqual([])
      await tenant.ackOutbox([first[0]!.seq])
      expect(await tenant.claimOutbox(10, long)).toEqual([])
      let second: OutboxEvent[] = []
      const claim = async () => {
        second = await tenant.claimOutbox(10, long)
        return second.length
      }
      await expect.poll(claim).toBeGreaterThan(0)
      expect(second.map(({ body: { modelId } }) => modelId)).toEqual([modelIdOf('b'), modelIdOf('c')])
      expect(second[0]).toEqual(first[1])
      await tenant.ackOutbox(second.map(({ seq }) => seq))
      await tenant.ackOutbox([])
      expect(await tenant.claimOutbox(10, long)).toEqual([])
      await tenant.putModel(sampleModel('d'))
      expect(await tenant.claimOutbox(10, long)).toHaveLength(1)
    })

    test('shard store: refuses a claim of nothing', async () => {
      const { tenant } = await opened()
      for (const [limit, leaseMs] of [
        [0, 10],
        [1, 0],
        [Number.NaN, 10],
      ] as const) {
        await expect(tenant.claimOutbox(limit, leaseMs)).rejects.toMatchObject({ code: 'ERR_USAGE' })
      }
    })
  })
}
