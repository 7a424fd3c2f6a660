import { expect, test } from 'vitest'
import type { Lease, SignedLease } from '#protocol/heartbeat/message.ts'
import type { ModelId, PeerId } from '#protocol/ids.ts'
import { leasesKnownMax, leaseTtlMs } from '#protocol/limits.ts'
import { LeaseTable } from './leases.ts'

function signed(peer: string, epoch: number, sequence: number, over: Partial<Lease> = {}): SignedLease {
  const lease: Lease = {
    peerId: peer as PeerId,
    epoch,
    sequence,
    issuedAtMs: 0,
    expiresAtMs: leaseTtlMs,
    version: '0',
    region: '',
    models: [],
    load: 0,
    inferenceSlotsFree: 0,
    inferenceSlots: 0,
    uploadBytesPerSecond: 0,
    diskFreeBytes: 0,
    isDataReachable: true,
    isPaused: false,
    ...over,
  }
  return { lease, bytes: new Uint8Array(), signature: new Uint8Array() }
}

test('leases: the newer (epoch, sequence) wins, an older or equal one is ignored', () => {
  const table = new LeaseTable(() => 0)
  expect(table.accept(signed('a', 1, 5))).toBe(true)
  expect(table.accept(signed('a', 1, 5))).toBe(false)
  expect(table.accept(signed('a', 1, 4))).toBe(false)
  expect(table.accept(signed('a', 2, 0))).toBe(true)
})

test('leases: one expires by our clock, however far its own claims to reach', () => {
  let nowMs = 1_000_000
  const table = new LeaseTable(() => nowMs)
  table.accept(signed('a', 1, 1, { issuedAtMs: 0, expiresAtMs: Number.MAX_SAFE_INTEGER }))
  nowMs += leaseTtlMs - 1
  expect(table.live()).toHaveLength(1)
  nowMs += 1
  expect(table.live()).toHaveLength(0)
  expect(table.get('a' as PeerId)).toBeUndefined()
})

test('leases: holders of a model come with their share', () => {
  const table = new LeaseTable(() => 0)
  const modelId = 'm' as ModelId
  table.accept(signed('a', 1, 1, { models: [{ modelId, heldChunks: 1, chunkCount: 4, canInfer: false }] }))
  table.accept(signed('b', 1, 1))
  expect(table.holders(modelId)).toMatchObject([{ share: 0.25, canInfer: false }])
})

test('leases: a replaced, removed or expired lease is no holder any more', () => {
  let nowMs = 0
  const table = new LeaseTable(() => nowMs)
  const [modelId, otherId] = ['m' as ModelId, 'n' as ModelId]
  const holding = (id: ModelId) => ({ models: [{ modelId: id, heldChunks: 1, chunkCount: 1, canInfer: true }] })
  table.accept(signed('a', 1, 1, holding(modelId)))
  table.accept(signed('a', 1, 2, holding(otherId)))
  expect([table.holders(modelId).length, table.holders(otherId).length]).toEqual([0, 1])
  table.remove('a' as PeerId)
  expect(table.holders(otherId)).toEqual([])
  table.accept(signed('b', 1, 1, holding(modelId)))
  nowMs += leaseTtlMs
  expect(table.holders(modelId)).toEqual([])
})

test('leases: a flood of made-up ones pushes out others like them, not those of connected peers', () => {
  const table = new LeaseTable(() => 0)
  table.setConnected('friend' as PeerId, true)
  table.accept(signed('friend', 1, 1))
  table.accept(signed('stranger', 1, 1))
  for (let n = 0; n < leasesKnownMax; n++) table.accept(signed(`made-up ${n}`, 1, 1))
  expect(table.live()).toHaveLength(leasesKnownMax)
  expect(table.get('friend' as PeerId)).toBeDefined()
  expect(table.get('stranger' as PeerId)).toBeUndefined()
})
