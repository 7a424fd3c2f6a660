/** A coordinator as it is run, with a node that answers: a model known to both, and a job that has ended. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ControlClient } from '#node/cli/client.ts'
import { DevnetNode } from '#node/cli/devnet/child.ts'
import { isFinalJobState, type JobView } from '#protocol/api/jobs.ts'
import type { NetworkSnapshot } from '#protocol/api/network.ts'

const model = fileURLToPath(new URL('../../../models/hartling/hartling-q8_0.gguf', import.meta.url))
const flags = ['--listen', '/ip4/127.0.0.1/tcp/0', '--api-port', '0', '--no-mdns']

export interface RunningCoordinator {
  url: string
  client: ControlClient
  peerId: string
  model: string
  /** A chat that a node has answered. */
  jobId: string
  stop(): Promise<void>
}

export async function startCoordinator(folder: string, signal: AbortSignal): Promise<RunningCoordinator> {
  const node = new DevnetNode(1, join(folder, 'node'), [...flags, '--ingest', model])
  const { addresses, peerId } = await node.start(signal)
  const more = [
    '--coordinator-port',
    '0',
    '--no-inference',
    ...addresses.flatMap((address) => ['--bootstrap', address]),
  ]
  const coordinator = new DevnetNode(2, join(folder, 'coordinator'), [...flags, ...more], [], 'coordinator')
  const stop = async () => {
    await coordinator.stop()
    await node.stop()
  }
  try {
    const client = await coordinator.connectToCoordinator(signal)
    const seen = await until(signal, async () => {
      const { nodes } = await client.get<NetworkSnapshot>('/api/v1/network/snapshot')
      const name = nodes.find((each) => each.state === 'ready')?.models[0]?.name
      return name === undefined ? undefined : { name }
    })
    // Its components are asked for in the coordinator's own shard.
    await ended(client, { kind: 'pull', model: seen.name }, signal)
    const messages = [{ role: 'user', content: 'What is Hartonomous?' }]
    const jobId = await ended(client, { kind: 'chat', model: seen.name, messages, maxTokens: 8 }, signal)
    return { url: client.apiUrl.replace(/\/$/, ''), client, peerId, model: seen.name, jobId, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function ended(client: ControlClient, work: object, signal: AbortSignal): Promise<string> {
  const { jobId } = await client.post<JobView>('/api/v1/jobs', { work })
  const job = await until(signal, async () => {
    const seen = await client.get<JobView>(`/api/v1/jobs/${jobId}`)
    return isFinalJobState(seen.state) ? seen : undefined
  })
  if (job.state !== 'succeeded') throw new Error(`a job of the bench ${job.state}: ${job.reason}`)
  return jobId
}

async function until<T>(signal: AbortSignal, look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const seen = await look()
    if (seen !== undefined) return seen
    await sleep(100, undefined, { signal })
  }
}
