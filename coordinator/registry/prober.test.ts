import { expect, test } from 'vitest'
import type { Lease } from '#protocol/heartbeat/message.ts'
import type { PeerId } from '#protocol/ids.ts'
import { leaseTtlMs, probesAtOnceMax } from '#protocol/limits.ts'
import { NodeTable } from './node-table.ts'
import { Prober } from './prober.ts'

test('prober: nodes that let a probe hang, whatever it is told, hold up the others for one time limit only', async () => {
  const nowMs = 1_000_000
  const table = new NodeTable({
    now: () => nowMs,
    factsOf: () => ({ score: 0.25 }),
    nameOf: () => undefined,
    tell: () => undefined,
  })
  const peers = [...Array.from({ length: probesAtOnceMax }, (_, index) => `a${index}`), 'honest'] as PeerId[]
  table.observe(
    peers.map((peerId) => ({
      lease: { peerId, models: [], inferenceSlots: 1, inferenceSlotsFree: 1, isPaused: false } as unknown as Lease,
      receivedAtMs: nowMs,
      expiresAtMs: nowMs + leaseTtlMs,
    })),
  )
  const probe = (peerId: PeerId) => (peerId === 'honest' ? Promise.resolve() : new Promise<void>(() => undefined))
  const prober = new Prober({ table, now: () => nowMs, isWorking: () => false, probe, timeoutMs: 50 })
  prober.round()
  expect(table.probeOf('honest' as PeerId)).toBeUndefined()
  await expect.poll(() => table.get('a0')?.state, { timeout: 10_000 }).toBe('unreachable')
  prober.round()
  await expect.poll(() => table.get('honest')?.state, { timeout: 10_000 }).toBe('ready')
  prober.close()
})
