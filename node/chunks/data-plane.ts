/** Starts the data worker and speaks to it: what the rest of the node uses. */
import { Worker } from 'node:worker_threads'
import { HartonomousError } from '#protocol/errors.ts'
import { workerPort } from '#protocol/port/adapters.ts'
import { PortClient } from '#protocol/port/index.ts'
import type { DataPlaneEventTable, DataPlaneMethods } from './port-methods.ts'
import type { DataPlane, DataPlaneConfig } from './types.ts'

/** A worker that does not close by itself in this time is ended. */
const closeTimeoutMs = 5000

/** @throws {ERR_CONFIG} when the address cannot be listened on. @throws {ERR_WORKER_GONE} */
export async function startDataPlane(config: DataPlaneConfig): Promise<DataPlane> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: config, name: 'data' })
  const client = new PortClient<DataPlaneMethods, DataPlaneEventTable>(workerPort(worker), 'data')
  try {
    const endpoint = await client.call('endpoint', null)
    return new WorkerDataPlane(worker, client, endpoint)
  } catch (error) {
    await worker.terminate()
    throw error
  }
}

type Client = PortClient<DataPlaneMethods, DataPlaneEventTable>

class WorkerDataPlane implements DataPlane {
  readonly endpoint: DataPlane['endpoint']
  readonly on: DataPlane['on']
  readonly #worker: Worker
  readonly #client: Client
  readonly #hashJobs = new Set<string>()

  constructor(worker: Worker, client: Client, endpoint: DataPlane['endpoint']) {
    this.#worker = worker
    this.#client = client
    this.endpoint = endpoint
    this.on = (event, listener) => client.on(event, listener)
  }

  onClose(listener: (reason: string) => void): void {
    this.#client.onClose(listener)
  }

  issueToken: DataPlane['issueToken'] = (peerId, certificateSha256) =>
    this.#client.call('issueToken', { peerId, certificateSha256 })

  dialAndServe: DataPlane['dialAndServe'] = (peer) => this.#client.call('dialAndServe', peer)

  attachChannel: DataPlane['attachChannel'] = (peerId, role, port) =>
    this.#client.call('attachChannel', { peerId, role, port }, { transfer: [port] })

  hashFile: DataPlane['hashFile'] = async (job, options = {}) => {
    const { jobId } = job
    if (this.#hashJobs.has(jobId)) {
      throw new HartonomousError('ERR_USAGE', { message: `hash job ${jobId} is running already` })
    }
    this.#hashJobs.add(jobId)
    const stop = this.#client.on('hash-leaves', (part) => {
      if (part.jobId === jobId) options.onLeaves?.(part.leaves)
    })
    try {
      return await this.#client.call('hashFile', job, { signal: options.signal })
    } finally {
      stop()
      this.#hashJobs.delete(jobId)
    }
  }

  addModel: DataPlane['addModel'] = (model) => this.#client.call('addModel', model)
  removeModel: DataPlane['removeModel'] = (modelId) => this.#client.call('removeModel', modelId)
  readChunk: DataPlane['readChunk'] = (modelId, chunkIndex) => this.#client.call('readChunk', { modelId, chunkIndex })
  held: DataPlane['held'] = (modelId) => this.#client.call('held', modelId)
  startFetch: DataPlane['startFetch'] = (modelId, wanted) => this.#client.call('startFetch', { modelId, wanted })
  addSource: DataPlane['addSource'] = (modelId, source, have) =>
    this.#client.call('addSource', { modelId, source, have })
  updateSource: DataPlane['updateSource'] = (modelId, peerId, have) =>
    this.#client.call('updateSource', { modelId, peerId, have })
  removeSource: DataPlane['removeSource'] = (modelId, peerId) => this.#client.call('removeSource', { modelId, peerId })
  resumeFetch: DataPlane['resumeFetch'] = (modelId) => this.#client.call('resumeFetch', modelId)
  stopFetch: DataPlane['stopFetch'] = (modelId) => this.#client.call('stopFetch', modelId)
  setSelling: DataPlane['setSelling'] = (isSelling) => this.#client.call('setSelling', isSelling)
  setCredit: DataPlane['setCredit'] = (sessionId, creditBytes) =>
    this.#client.call('setCredit', { sessionId, creditBytes })
  sendToBuyer: DataPlane['sendToBuyer'] = (sessionId, body) => this.#client.call('sendToBuyer', { sessionId, body })
  sendToSeller: DataPlane['sendToSeller'] = (linkId, body) => this.#client.call('sendToSeller', { linkId, body })
  keepForReceipt: DataPlane['keepForReceipt'] = (linkId) => this.#client.call('keepForReceipt', linkId)
  finishPurchase: DataPlane['finishPurchase'] = (linkId) => this.#client.call('finishPurchase', linkId)
  closeLink: DataPlane['closeLink'] = (linkId) => this.#client.call('closeLink', linkId)
  setCaps: DataPlane['setCaps'] = (caps) => this.#client.call('setCaps', caps)

  close: DataPlane['close'] = async () => {
    const timer = setTimeout(() => void this.#worker.terminate(), closeTimeoutMs)
    await this.#client.call('close', null).catch(() => {})
    clearTimeout(timer)
    await this.#worker.terminate()
  }
}
