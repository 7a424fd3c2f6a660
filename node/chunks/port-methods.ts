/** The calls and events between the main thread and the data worker. */
import type { MessagePort } from 'node:worker_threads'
import type { ModelId, PeerId } from '#protocol/ids.ts'
import { type CallContext, transfer } from '#protocol/port/index.ts'
import type { DataPlaneCore, EmitDataPlaneEvent } from './data-plane-core.ts'
import { type HashFileOptions, type HashRange, hashFileExtents } from './hash-file.ts'
import type {
  DataPlaneConfig,
  DataPlaneEvents,
  FileIdentity,
  Source,
  TlsSourceAddress,
  TransferModel,
} from './types.ts'

/** As a type and not an interface: only those have the index signature that ports want. */
export type DataPlaneEventTable = { [K in keyof DataPlaneEvents]: DataPlaneEvents[K] }

export interface HashJob {
  jobId: string
  path: string
  extents: HashRange[]
  skipChunks?: number
  identity?: FileIdentity
}

/** Progress is told at most this often per job. */
const progressEveryMs = 250

export function dataPlaneMethods(started: Promise<DataPlaneCore>, emit: EmitDataPlaneEvent) {
  return {
    endpoint: async () => (await started).endpoint,
    issueToken: async (input: { peerId: PeerId; certificateSha256: string | undefined }) =>
      (await started).issueToken(input.peerId, input.certificateSha256),
    dialAndServe: async (peer: TlsSourceAddress) => (await started).dialAndServe(peer),
    attachChannel: async (input: { peerId: PeerId; role: 'serve' | 'fetch'; port: MessagePort }) =>
      (await started).attachChannel(input.peerId, input.role, input.port),
    hashFile: (job: HashJob, context: CallContext) => runHashJob(job, context.signal, emit),
    addModel: async (model: TransferModel) => (await started).addModel(model),
    removeModel: async (modelId: ModelId) => (await started).removeModel(modelId),
    readChunk: async (input: { modelId: ModelId; chunkIndex: number }) => {
      const bytes = await (await started).readChunk(input.modelId, input.chunkIndex)
      return transfer(bytes, [bytes.buffer])
    },
    held: async (modelId: ModelId) => (await started).held(modelId),
    startFetch: async (input: { modelId: ModelId; wanted: Uint8Array }) =>
      (await started).startFetch(input.modelId, input.wanted),
    addSource: async (input: { modelId: ModelId; source: Source; have: Uint8Array }) =>
      (await started).addSource(input.modelId, input.source, input.have),
    updateSource: async (input: { modelId: ModelId; peerId: string; have: Uint8Array }) =>
      (await started).updateSource(input.modelId, input.peerId, input.have),
    removeSource: async (input: { modelId: ModelId; peerId: string }) =>
      (await started).removeSource(input.modelId, input.peerId),
    resumeFetch: async (modelId: ModelId) => (await started).resumeFetch(modelId),
    stopFetch: async (modelId: ModelId) => (await started).stopFetch(modelId),
    setSelling: async (isSelling: boolean) => (await started).setSelling(isSelling),
    setCredit: async (input: { sessionId: number; creditBytes: number }) =>
      (await started).setCredit(input.sessionId, input.creditBytes),
    sendToBuyer: async (input: { sessionId: number; body: Uint8Array }) =>
      (await started).sendToBuyer(input.sessionId, input.body),
    sendToSeller: async (input: { linkId: number; body: Uint8Array }) =>
      (await started).sendToSeller(input.linkId, input.body),
    keepForReceipt: async (linkId: number) => (await started).keepForReceipt(linkId),
    finishPurchase: async (linkId: number) => (await started).finishPurchase(linkId),
    closeLink: async (linkId: number) => (await started).closeLink(linkId),
    setCaps: async (caps: Pick<DataPlaneConfig, 'uploadBytesPerSecond' | 'downloadBytesPerSecond'>) =>
      (await started).setCaps(caps),
    close: async () => (await started).close(),
  }
}

export type DataPlaneMethods = ReturnType<typeof dataPlaneMethods>

async function runHashJob(job: HashJob, signal: AbortSignal, emit: EmitDataPlaneEvent) {
  const { jobId } = job
  let toldAtMs = 0
  const options: HashFileOptions = {
    signal,
    onLeaves: (leaves) => emit('hash-leaves', { jobId, leaves }),
    onProgress: (doneBytes, totalBytes) => {
      if (doneBytes < totalBytes && performance.now() - toldAtMs < progressEveryMs) return
      toldAtMs = performance.now()
      emit('hash-progress', { jobId, doneBytes, totalBytes })
    },
  }
  if (job.skipChunks !== undefined) options.skipChunks = job.skipChunks
  if (job.identity !== undefined) options.identity = job.identity
  return hashFileExtents(job.path, job.extents, options)
}
