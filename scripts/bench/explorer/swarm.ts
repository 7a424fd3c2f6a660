/**
 * A coordinator as it is run, with its pages, and the leases of as many nodes as are asked for: generated, renewed every ten
 * seconds as real ones are, and taken in by its own table. Only the network between is left out.
 */
import { createHash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { startCoordinator } from '#coordinator/runtime/server.ts'
import { resolveConfig } from '#node/config/index.ts'
import { createLog } from '#node/log/index.ts'
import type { Lease } from '#protocol/heartbeat/message.ts'
import type { ModelId, PeerId } from '#protocol/ids.ts'
import { leaseTtlMs } from '#protocol/limits.ts'
import { GiB, MiB, second } from '#protocol/units.ts'

export interface SwarmRequest {
  folder: string
  nodes: number
}

const model = fileURLToPath(new URL('../../../models/hartling/hartling-q8_0.gguf', import.meta.url))
/** Where computers are, roughly; empty: says nothing. */
const regions =
  'US US US DE DE FR GB NL JP IN CN CA BR PL SE FI ES IT CH AT CZ UA AU KR SG ZA KE NG AR CL MX NO DK PT'.split(' ')
const unplacedShare = 8
const prefix = '12D3KooW'
/** Of a peer id, after what all of ed25519 have in common. */
const idLength = 44
/** Leases come spread over the time in which each comes once. */
const beatMs = second
const beats = leaseTtlMs / 3 / beatMs

function leaseOf(n: number, sequence: number, modelId: ModelId): Lease {
  const issuedAtMs = Date.now()
  const slots = n % 7 === 0 ? 0 : 1 + (n % 4)
  return {
    peerId: `${prefix}${createHash('sha256').update(`node ${n}`).digest('hex').slice(0, idLength)}` as PeerId,
    epoch: 1,
    sequence,
    issuedAtMs,
    expiresAtMs: issuedAtMs + leaseTtlMs,
    version: n % 3 === 0 ? '0.1.0' : '0.1.1',
    region: n % unplacedShare === 0 ? '' : regions[(n * 7919) % regions.length]!,
    models: [{ modelId, heldChunks: n % 3 === 0 ? 2 : 4, chunkCount: 4, canInfer: n % 3 !== 0 }],
    load: (n % 10) / 10,
    inferenceSlots: slots,
    inferenceSlotsFree: n % 5 === 0 ? 0 : slots,
    uploadBytesPerSecond: (1 + (n % 40)) * MiB,
    diskFreeBytes: (n % 500) * GiB,
    isDataReachable: n % 4 !== 0,
    isPaused: n % 17 === 0,
  }
}

async function serve({ folder, nodes }: SwarmRequest): Promise<string> {
  const settings = {
    'api.port': 0,
    'network.listen': ['/ip4/127.0.0.1/tcp/0'],
    'network.mdns': false,
    'inference.enabled': false,
  }
  const server = await startCoordinator({
    dataDir: folder,
    config: resolveConfig(settings, {}, {}).config,
    log: createLog({ level: 'error', format: 'json' }),
    host: '127.0.0.1',
    port: 0,
    onEvent: () => undefined,
    requestStop: () => undefined,
    peers: {
      sit: () => {
        throw new Error('no job is run here')
      },
      probe: async (peerId) => {
        if (peerId.endsWith('0')) throw new Error('no answer in time')
      },
    },
  })
  const { parts } = server.coordinator.node
  const request = { path: model, name: 'hartling', licence: 'MIT' }
  const { modelId } = await server.coordinator.controller.ingest(request, () => undefined, AbortSignal.timeout(60_000))
  const beat = (sequence: number, isDue: (n: number) => boolean) => {
    for (let n = 0; n < nodes; n++) {
      if (!isDue(n)) continue
      const lease = leaseOf(n, sequence, modelId as ModelId)
      parts.leases.accept({ lease, bytes: new Uint8Array(), signature: new Uint8Array() })
    }
  }
  beat(0, () => true)
  let sequence = 0
  setInterval(() => {
    sequence++
    beat(sequence, (n) => n % beats === sequence % beats)
  }, beatMs)
  process.on('SIGTERM', () => void server.close().then(() => rm(folder, { recursive: true, force: true })))
  return server.url
}

process.on('message', (request: SwarmRequest) => {
  serve(request).then(
    (result) => process.send?.({ result }),
    (error: Error) => process.send?.({ error: error.message }),
  )
})
// A bench that was killed leaves nothing behind.
process.on('disconnect', () => process.exit())
