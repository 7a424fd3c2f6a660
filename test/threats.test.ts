/** Whole nodes in this process, and peers that mean harm. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { resolveConfig } from '#node/config/index.ts'
import { createLog } from '#node/log/index.ts'
import { HartonomousNode } from '#node/runtime/node.ts'
import { peerIdFromPublicKey } from '#protocol/codec/signature.ts'
import { decodeSignedLease, encodeLease, encodeSignedLease, leaseSigningBytes } from '#protocol/heartbeat/index.ts'
import type { Lease, SignedLease } from '#protocol/heartbeat/message.ts'
import type { ModelId, PeerId } from '#protocol/ids.ts'
import { leaseTtlMs, sourcesPerFetchMax } from '#protocol/limits.ts'
import { smallModel } from './swarm.fixture.ts'

const folders: string[] = []
const nodes: HartonomousNode[] = []
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.close('the test is over')))
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
})

async function startNode(flags: Record<string, unknown> = {}, dataDir?: string): Promise<HartonomousNode> {
  const folder = dataDir ?? (await mkdtemp(join(tmpdir(), 'hart-threats-')))
  folders.push(folder)
  const { config } = resolveConfig(
    {
      'network.listen': '/ip4/127.0.0.1/tcp/0',
      'network.mdns': false,
      'network.gossip': false,
      'inference.enabled': false,
      ...flags,
    },
    {},
    {},
  )
  const node = await HartonomousNode.start({
    dataDir: folder,
    config,
    log: createLog({ level: 'silent', format: 'json' }),
  })
  nodes.push(node)
  return node
}

const addressesOf = async (node: HartonomousNode) => ({
  'network.bootstrap': (await node.parts.network.addresses()).join(','),
})

/** A peer that exists by its signature only. */
function madeUpPeer(): { peerId: PeerId; privateKey: KeyObject } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url')
  return { peerId: peerIdFromPublicKey(raw), privateKey }
}

function madeUpLease(modelId: ModelId, chunkCount: number): SignedLease {
  const { peerId, privateKey } = madeUpPeer()
  const lease: Lease = {
    peerId,
    epoch: 1,
    sequence: 1,
    issuedAtMs: 0,
    expiresAtMs: leaseTtlMs,
    version: '1.0.0',
    region: '',
    models: [{ modelId, heldChunks: chunkCount, chunkCount, canInfer: true }],
    load: 0,
    inferenceSlotsFree: 8,
    inferenceSlots: 8,
    uploadBytesPerSecond: 0,
    diskFreeBytes: 0,
    isDataReachable: true,
    isPaused: false,
  }
  const bytes = encodeLease(lease)
  const signature = new Uint8Array(sign(null, leaseSigningBytes(bytes), privateKey))
  return decodeSignedLease(encodeSignedLease({ lease, bytes, signature }))
}

test('threats: dead peers that claim a model do not keep an honest holder out of the places of a fetch', async () => {
  const seed = await startNode()
  const { modelId } = await seed.parts.library.ingest({ path: smallModel, name: 'honest' })
  const chunkCount = seed.parts.shard.get(modelId)!.places.length
  const fetcher = await startNode(await addressesOf(seed))
  for (let n = 0; n < 3 * sourcesPerFetchMax; n++) {
    expect(fetcher.parts.leases.accept(madeUpLease(modelId, chunkCount))).toBe(true)
  }
  const transfer = await fetcher.parts.library.pull(modelId, {}, AbortSignal.timeout(60_000))
  await transfer.finished
  const model = fetcher.parts.shard.get(modelId)!
  expect((await readFile(model.row.files[0]!.path)).equals(await readFile(smallModel))).toBe(true)
}, 60_000)
