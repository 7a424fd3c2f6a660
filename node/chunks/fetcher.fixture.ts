/** For tests: a fetching process that can be killed. Its parent plays the store and the network. */
import { Bitfield } from '#protocol/codec/bitfield.ts'
import type { ExtentRoot, ModelId } from '#protocol/ids.ts'
import { DataPlaneCore } from './data-plane-core.ts'
import type { TlsSourceAddress } from './types.ts'

export type FetcherMessage = { held: number[] } | { certificateSha256: string } | { receivedBytes: number }

interface Job {
  modelId: ModelId
  path: string
  sizeBytes: number
  extents: { root: ExtentRoot; offsetBytes: number; sizeBytes: number }[]
  leaves: string
  held: string
}

const say = (message: FetcherMessage) => process.send?.(message)
let receivedBytes = 0
const core = await DataPlaneCore.start({
  config: { listenHost: '127.0.0.1', listenPort: 0 },
  emit: (event, payload) => {
    if (event === 'chunks-held') say({ held: (payload as { chunkIndexes: number[] }).chunkIndexes })
    if (event === 'fetch-progress') {
      receivedBytes = (payload as { sources: { bytes: number }[] }).sources.reduce((sum, one) => sum + one.bytes, 0)
    }
    if (event === 'fetch-complete') say({ receivedBytes })
  },
})
let job: Job | undefined

process.on('message', async (message: Job | { source: TlsSourceAddress; token: string }) => {
  if ('source' in message) {
    if (job === undefined) return
    const have = Bitfield.full(job.leaves.length / 64).bytes
    await core.addSource(job.modelId, { ...message.source, token: Buffer.from(message.token, 'hex') }, have)
    return
  }
  job = message
  const { modelId, path, sizeBytes, extents } = message
  const leaves = Buffer.from(message.leaves, 'hex')
  const held = Buffer.from(message.held, 'hex')
  await core.addModel({ modelId, files: [{ path, sizeBytes, extents }], leaves, held })
  await core.startFetch(modelId, Bitfield.full(leaves.length / 32).bytes)
  say({ certificateSha256: core.endpoint.certificateSha256 })
})
process.once('disconnect', () => process.exit(0))
