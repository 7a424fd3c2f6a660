/** How long a registry needs for a snapshot of a large swarm, encoded: its own work alone, nothing kept from before. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { Registry, type RegistryDependencies } from '#coordinator/registry/index.ts'
import { createLog } from '#node/log/index.ts'
import { Standing } from '#node/standing/index.ts'
import { LeaseTable } from '#node/swarm/index.ts'
import type { Lease } from '#protocol/heartbeat/message.ts'
import type { ModelId, PeerId } from '#protocol/ids.ts'
import { leaseTtlMs, registryLeasesMax } from '#protocol/limits.ts'
import { GiB, MiB } from '#protocol/units.ts'

const groups = 3
/** Of a group, while its leases live. */
const rounds = 5
/** Longer than a snapshot is kept. */
const stepMs = 5001
const modelsPerNode = 3

export async function snapshotMs(nodeCount: number): Promise<{ snapshotMs: number; snapshotMiB: number }> {
  let nowMs = 1_800_000_000_000
  const now = () => nowMs
  const log = createLog({ level: 'error', format: 'json', write: () => undefined })
  const leases = new LeaseTable(now, undefined, registryLeasesMax)
  const fill = (sequence: number) => {
    for (let n = 0; n < nodeCount; n++)
      leases.accept({ lease: leaseOf(n, sequence, nowMs), bytes: new Uint8Array(), signature: new Uint8Array() })
  }
  const store = { getSetting: async () => undefined, putSetting: async () => undefined }
  const standing = await Standing.load({ store, now, log, random: Math.random, paymentOf: () => undefined })
  // Of a node what a snapshot reads: its table of leases, and what it thinks of its peers.
  const parts = { leases, standing, network: { peers: async () => [] }, releases: { all: async () => [] } }
  const times: number[] = []
  let bytes = 0
  for (let group = 0; group < groups; group++) {
    nowMs += leaseTtlMs
    fill(group)
    const registry = new Registry({
      parts: parts as unknown as RegistryDependencies['parts'],
      now,
      log,
      jobs: () => ({ running: 0, today: 0 }),
      probe: async () => undefined,
      isWorking: () => true,
      onRound: () => undefined,
      onChange: () => undefined,
    })
    await registry.start()
    for (let round = 0; round < rounds; round++) {
      nowMs += stepMs
      const beganMs = performance.now()
      bytes = registry.snapshotJson().length
      times.push(performance.now() - beganMs)
      assert.equal(registry.snapshot().totals.nodes, nodeCount, 'all of them live')
    }
    await registry.close()
  }
  return { snapshotMs: times.sort((a, b) => a - b)[times.length >> 1]!, snapshotMiB: bytes / MiB }
}

function leaseOf(n: number, sequence: number, issuedAtMs: number): Lease {
  return {
    peerId: `12D3KooW${hex(`peer ${n}`).slice(0, 44)}` as PeerId,
    epoch: 1,
    sequence,
    issuedAtMs,
    expiresAtMs: issuedAtMs + leaseTtlMs,
    version: '1.0.0',
    region: ['DE', 'FR', 'US', ''][n % 4]!,
    models: Array.from({ length: modelsPerNode }, (_, at) => {
      const modelId = hex(`model ${(n + at) % 100}`) as ModelId
      return { modelId, heldChunks: n % 4096, chunkCount: 4096, canInfer: n % 3 === 0 }
    }),
    load: (n % 10) / 10,
    inferenceSlots: 4,
    inferenceSlotsFree: n % 5,
    uploadBytesPerSecond: 10 * MiB,
    diskFreeBytes: 100 * GiB,
    isDataReachable: true,
    isPaused: false,
  }
}

function hex(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
