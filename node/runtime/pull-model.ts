/** Models come in: a file of this machine, a model of the swarm, or a file of an HTTP origin, with progress as it goes. */
import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { IngestRequest, NodeEvent, PullRequest } from '#protocol/api/control.ts'
import { Bitfield } from '#protocol/codec/bitfield.ts'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import { dataFiles } from '../config/index.ts'
import { downloadOrigin, isOriginReference, openOrigin, ProgressMeter } from '../ingest/index.ts'
import type { PullSelection } from '../library/index.ts'
import type { Transfer } from '../swarm/index.ts'
import type { HartonomousNode } from './node.ts'

export async function ingestFile(
  node: HartonomousNode,
  request: IngestRequest,
  emit: (event: NodeEvent) => void,
  signal: AbortSignal,
): Promise<{ modelId: string; name: string }> {
  const { path, name, licence } = request
  const tell = (event: NodeEvent) => {
    emit(event)
    node.tell(event)
  }
  const { modelId, release } = await node.parts.library.ingest({
    path,
    ...(name === undefined ? {} : { name }),
    ...(licence === undefined ? {} : { licence }),
    signal,
    onProgress: ({ doneBytes, totalBytes, bytesPerSecond, etaMs }) =>
      tell({
        event: 'ingest-progress',
        path,
        doneBytes,
        totalBytes,
        bytesPerSecond,
        ...(etaMs === undefined ? {} : { etaMs }),
      }),
  })
  return { modelId, name: release.name }
}

export async function pullModel(
  node: HartonomousNode,
  request: PullRequest,
  emit: (event: NodeEvent) => void,
  signal: AbortSignal,
): Promise<{ modelId: string; name: string }> {
  if (isOriginReference(request.model)) return download(node, request, emit, signal)
  const { library, releases } = node.parts
  const selection: PullSelection = {
    ...(request.layers === undefined ? {} : { layers: request.layers }),
    ...(request.components === undefined ? {} : { components: request.components }),
  }
  const transfer = await library.pull(request.model, selection, signal)
  const unsubscribe = node.events.subscribe((event) => {
    if ('modelId' in event && event.modelId === transfer.modelId) emit(event)
  })
  try {
    await Promise.all([addOrigin(node, transfer, request.origins), transfer.finished])
  } finally {
    unsubscribe()
  }
  const release = await releases.releaseOf(transfer.modelId)
  return { modelId: transfer.modelId, name: release?.release.name ?? transfer.modelId }
}

/** An HTTP server with the whole file, used where no peer has a chunk. */
async function addOrigin(
  node: HartonomousNode,
  transfer: Transfer,
  urls: readonly string[] | undefined,
): Promise<void> {
  if (urls === undefined) return
  const peerId = new URL(urls[0]!).host
  try {
    const all = Bitfield.full(transfer.wanted.length).bytes
    await node.parts.dataPlane.addSource(transfer.modelId, { transport: 'http', peerId, urls: [...urls] }, all)
  } catch (error) {
    // Nothing was missing: the fetch is over before its sources are named.
    if (!isHartonomousError(error, 'ERR_NOT_FOUND')) throw error
  }
}

async function download(
  node: HartonomousNode,
  request: PullRequest,
  emit: (event: NodeEvent) => void,
  signal: AbortSignal,
): Promise<{ modelId: string; name: string }> {
  const { model: reference, licence } = request
  const endpoint = process.env['HF_ENDPOINT']
  const model = await openOrigin(reference, {
    signal,
    ...(endpoint === undefined ? {} : { huggingFaceEndpoint: endpoint }),
  })
  // A file that could not be released is not worth its bytes.
  if (model.header.licence === undefined && licence === undefined)
    throw new HartonomousError('ERR_LICENCE_REQUIRED', { file: reference })
  const folder = join(
    dataFiles.models(node.dataDir),
    'downloads',
    createHash('sha256').update(model.urls[0]!).digest('hex').slice(0, 16),
  )
  await mkdir(folder, { recursive: true, mode: 0o700 })
  let meter: ProgressMeter | undefined
  const [path] = await downloadOrigin(model, folder, {
    signal,
    onProgress: (doneBytes, totalBytes) => {
      meter ??= new ProgressMeter(totalBytes, doneBytes, Date.now)
      emit({ event: 'download-progress', url: reference, ...meter.at(doneBytes) })
    },
  })
  if (path === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'file', id: reference })
  return ingestFile(node, { path, ...(licence === undefined ? {} : { licence }) }, emit, signal)
}
