/** A coordinator, an honest node and one that promises everything and gives nothing, all real. */
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ControlClient } from '#node/cli/client.ts'
import { DevnetNode } from '#node/cli/devnet/child.ts'
import { resolveConfig } from '#node/config/index.ts'
import { createLog } from '#node/log/index.ts'
import { HartonomousNode } from '#node/runtime/node.ts'
import type { JobView } from '#protocol/api/jobs.ts'
import type { NetworkSnapshot } from '#protocol/api/network.ts'
import { encodeLease, encodeSignedLease, heartbeatProtocol, leaseSigningBytes } from '#protocol/heartbeat/index.ts'
import type { Lease } from '#protocol/heartbeat/message.ts'
import type { ModelId, PeerId } from '#protocol/ids.ts'
import { inferProtocol } from '#protocol/infer/index.ts'
import { leaseTtlMs } from '#protocol/limits.ts'
import { hour } from '#protocol/units.ts'
import { bootstrap, smallModel, TestSwarm, until } from './swarm.fixture.ts'

let swarm: TestSwarm
let liar: HartonomousNode
let coordinator: DevnetNode
let client: ControlClient
let asked = 0

beforeAll(async () => {
  swarm = await TestSwarm.create()
  const honest = await swarm.start(1, '--ingest', smallModel)
  const listen = ['--listen', '/ip4/127.0.0.1/tcp/0', '--api-port', '0', '--coordinator-port', '0']
  const flags = [...listen, '--no-mdns', '--no-inference', ...bootstrap(honest)]
  coordinator = new DevnetNode(9, join(swarm.folder, 'coordinator'), flags, [], 'coordinator')
  await coordinator.start(AbortSignal.timeout(60_000))
  client = await coordinator.connectToCoordinator(AbortSignal.timeout(60_000))
  const { config } = resolveConfig(
    {
      'network.listen': '/ip4/127.0.0.1/tcp/0',
      'network.bootstrap': coordinator.ready!.addresses.join(','),
      'network.mdns': false,
      'inference.enabled': false,
    },
    {},
    {},
  )
  const log = createLog({ level: 'silent', format: 'json' })
  liar = await HartonomousNode.start({ dataDir: join(swarm.folder, 'liar'), config, log })
  // Takes every session, and says nothing in any.
  await liar.parts.network.handle(inferProtocol.id, { frameBytesMax: inferProtocol.frameBytesMax }, () => {
    asked++
  })
})
afterAll(async () => {
  await liar?.close('the test is over')
  await coordinator?.stop()
  await swarm?.close()
})

/** What a node of its kind says, but for what it promises. */
async function boast(to: PeerId): Promise<boolean> {
  const { nodes } = await client.get<NetworkSnapshot>('/api/v1/network/snapshot')
  const honest = nodes.find(({ peerId }) => peerId !== liar.parts.network.peerId && peerId !== to)
  const models = honest?.models.map(({ name: _, ...model }) => ({ ...model, modelId: model.modelId as ModelId })) ?? []
  const { network } = liar.parts
  const nowMs = Date.now()
  const lease: Lease = {
    peerId: network.peerId,
    epoch: nowMs + hour,
    sequence: 1,
    issuedAtMs: nowMs,
    expiresAtMs: nowMs + leaseTtlMs,
    version: '1.0.0',
    region: '',
    models,
    load: 0,
    inferenceSlots: 10_000,
    inferenceSlotsFree: 10_000,
    uploadBytesPerSecond: 0,
    diskFreeBytes: 0,
    isDataReachable: true,
    isPaused: false,
  }
  const bytes = encodeLease(lease)
  const signed = encodeSignedLease({ lease, bytes, signature: await network.sign(leaseSigningBytes(bytes)) })
  await network.request(to, heartbeatProtocol.id, signed, { frameBytesMax: heartbeatProtocol.frameBytesMax })
  return models.length > 0
}

test('liar: ten thousand promised slots that give nothing get a few jobs, and every job is answered by somebody else', async () => {
  const to = coordinator.ready!.peerId as PeerId
  const boasts = setInterval(() => void boast(to).catch(() => undefined), 1000)
  try {
    const model = await until('its promises are believed', async () => {
      const { nodes } = await client.get<NetworkSnapshot>('/api/v1/network/snapshot')
      const seen = nodes.find(({ inferenceSlots }) => inferenceSlots === 10_000)
      return seen?.models[0]?.name
    })
    const work = { kind: 'chat', model, messages: [{ role: 'user', content: 'Hello' }], maxTokens: 4 }
    const jobs = Array.from({ length: 40 }, () => client.post<JobView>('/api/v1/jobs', { work }))
    let onLiar = 0
    for (const { jobId } of await Promise.all(jobs)) {
      const job = await until(`job ${jobId} ends`, async () => {
        const seen = await client.get<JobView>(`/api/v1/jobs/${jobId}`)
        return ['succeeded', 'failed', 'cancelled'].includes(seen.state) ? seen : undefined
      })
      expect(job).toMatchObject({ state: 'succeeded' })
      onLiar += job.attempts.filter(({ peerId }) => peerId === liar.parts.network.peerId).length
    }
    expect(asked).toBeGreaterThan(0)
    expect(onLiar).toBeLessThanOrEqual(20)
  } finally {
    clearInterval(boasts)
  }
}, 120_000)
