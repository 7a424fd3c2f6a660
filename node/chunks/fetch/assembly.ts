/** Chunks being put together: gaps, parts on the way, who contributed what. */
import type { FetchAction } from '../fetch-types.ts'
import type { Source } from './source.ts'
import { type Assembly, chunkStatus, type FetchRequest, type FetchState, type Part, type Span } from './state.ts'

/** Undefined when all chunk buffers are in use. */
export function beginAssembly(
  state: FetchState,
  chunkIndex: number,
  starter: Source,
  only?: Source,
): Assembly | undefined {
  const sizeBytes = state.places[chunkIndex]!.sizeBytes
  const bytes = state.buffers.acquire(sizeBytes)
  if (!bytes) return undefined
  const assembly: Assembly = {
    chunkIndex,
    sizeBytes,
    bytes,
    gaps: [{ startBytes: 0, endBytes: sizeBytes }],
    parts: [],
    contributions: [],
    missingBytes: sizeBytes,
    begunAtMs: state.now(),
    starter: starter.id,
    only,
  }
  state.queue.remove(chunkIndex)
  if (state.disputed.delete(chunkIndex)) state.disputedBytes -= sizeBytes
  state.status[chunkIndex] = chunkStatus.begun
  state.missingBytes += sizeBytes
  state.assemblies.set(chunkIndex, assembly)
  state.open.add(assembly)
  return assembly
}

/** Takes up to `maxBytes` out of the gaps; a remainder too small for a request of its own comes along. */
export function takeGap(state: FetchState, assembly: Assembly, maxBytes: number, limitBytes: number): Span {
  const gap = assembly.gaps[assembly.gaps.length - 1]!
  const sizeBytes = gap.endBytes - gap.startBytes
  const takenBytes = sizeBytes <= Math.min(limitBytes, maxBytes * 1.5) ? sizeBytes : maxBytes
  const span = { startBytes: gap.startBytes, endBytes: gap.startBytes + takenBytes }
  gap.startBytes += takenBytes
  if (gap.startBytes === gap.endBytes) assembly.gaps.pop()
  if (assembly.gaps.length === 0) state.open.delete(assembly)
  return span
}

function addGap(state: FetchState, assembly: Assembly, startBytes: number, endBytes: number): void {
  if (startBytes >= endBytes) return
  assembly.gaps.push({ startBytes, endBytes })
  assembly.gaps.sort((a, b) => b.startBytes - a.startBytes)
  for (let index = assembly.gaps.length - 1; index > 0; index--) {
    const gap = assembly.gaps[index]!
    const next = assembly.gaps[index - 1]!
    if (gap.endBytes !== next.startBytes) continue
    next.startBytes = gap.startBytes
    assembly.gaps.splice(index, 1)
  }
  state.open.add(assembly)
}

function contribute(state: FetchState, assembly: Assembly, source: Source, startBytes: number, endBytes: number): void {
  if (startBytes >= endBytes) return
  const last = assembly.contributions.at(-1)
  if (last && last.sourceId === source.id && last.endBytes === startBytes) last.endBytes = endBytes
  else assembly.contributions.push({ sourceId: source.id, startBytes, endBytes })
  assembly.missingBytes -= endBytes - startBytes
  state.missingBytes -= endBytes - startBytes
  if (assembly.missingBytes > 0) return
  state.assemblies.delete(assembly.chunkIndex)
  state.open.delete(assembly)
  state.verifying.set(assembly.chunkIndex, assembly)
  state.status[assembly.chunkIndex] = chunkStatus.verifying
  state.actions.push({ type: 'verify', chunkIndex: assembly.chunkIndex, bytes: assembly.bytes })
}

/** Parts of one request; `twinOf[i]` where it duplicates another source's part. */
export function sendRequest(
  state: FetchState,
  source: Source,
  pieces: { assembly: Assembly; span: Span; twinOf?: Part }[],
): void {
  const request: FetchRequest = {
    id: state.nextRequestId,
    source,
    parts: [],
    cursor: 0,
    totalBytes: 0,
    remainingBytes: 0,
    liveParts: pieces.length,
  }
  state.nextRequestId = state.nextRequestId === 0xffff_ffff ? 1 : state.nextRequestId + 1
  for (const { assembly, span, twinOf } of pieces) {
    const part: Part = {
      startBytes: span.startBytes,
      endBytes: span.endBytes,
      request,
      assembly,
      atBytes: span.startBytes,
      isOver: false,
      buffer: twinOf ? new Uint8Array(span.endBytes - span.startBytes) : undefined,
      twin: twinOf,
    }
    if (twinOf) twinOf.twin = part
    assembly.parts.push(part)
    request.parts.push(part)
    request.totalBytes += span.endBytes - span.startBytes
  }
  request.remainingBytes = request.totalBytes
  source.onRequest(state.now())
  source.requests.push(request)
  source.inFlightBytes += request.totalBytes
  state.requests.set(request.id, request)
  const action: FetchAction = {
    type: 'request',
    sourceId: source.id,
    requestId: request.id,
    ranges: request.parts.map((part) => ({
      chunkIndex: part.assembly.chunkIndex,
      offsetInChunkBytes: part.startBytes,
      lengthBytes: part.endBytes - part.startBytes,
    })),
  }
  state.actions.push(action)
}

/** Copies a slice of a reply to where it belongs. */
export function writePart(part: Part, slice: Uint8Array): void {
  if (part.buffer) part.buffer.set(slice, part.atBytes - part.startBytes)
  else part.assembly.bytes.set(slice, part.atBytes)
}

function closePart(part: Part): void {
  part.isOver = true
  part.buffer = undefined
  part.twin = undefined
  part.request.liveParts--
  const parts = part.assembly.parts
  const at = parts.indexOf(part)
  if (at >= 0) parts.splice(at, 1)
}

/** The part's last byte is here: it wins over its twin, whose request ends when nothing else is in it. */
export function finishPart(state: FetchState, part: Part): void {
  const { assembly, twin } = part
  const source = part.request.source
  if (part.buffer) assembly.bytes.set(part.buffer, part.startBytes)
  closePart(part)
  if (twin) {
    const isTwinFirstOwner = twin.buffer === undefined
    state.duplicateBytes += twin.atBytes - (isTwinFirstOwner ? part.startBytes : twin.startBytes)
    closePart(twin)
    endIfDead(state, twin.request)
    if (isTwinFirstOwner) contribute(state, assembly, twin.request.source, twin.startBytes, part.startBytes)
  }
  contribute(state, assembly, source, part.startBytes, part.endBytes)
}

/** Gives a part up. Its bytes so far stay (`isKept`) or are fetched again; a twin goes on alone. */
export function abandonPart(state: FetchState, part: Part, isKept: boolean): void {
  const { assembly, twin, buffer } = part
  const atBytes = isKept ? part.atBytes : part.startBytes
  const startBytes = part.startBytes
  const source = part.request.source
  closePart(part)
  if (twin && buffer) {
    twin.twin = undefined
    state.duplicateBytes += part.atBytes - startBytes
    return
  }
  if (twin) {
    const keptBytes = isKept ? twin.startBytes : startBytes
    state.duplicateBytes += Math.max(0, part.atBytes - twin.startBytes)
    assembly.bytes.set(twin.buffer!.subarray(0, twin.atBytes - twin.startBytes), twin.startBytes)
    twin.buffer = undefined
    twin.twin = undefined
    addGap(state, assembly, keptBytes, twin.startBytes)
    contribute(state, assembly, source, startBytes, keptBytes)
    return
  }
  addGap(state, assembly, atBytes, part.endBytes)
  contribute(state, assembly, source, startBytes, atBytes)
}

export function detachRequest(state: FetchState, request: FetchRequest): void {
  if (!state.requests.delete(request.id)) return
  const { source } = request
  source.requests.splice(source.requests.indexOf(request), 1)
  source.inFlightBytes -= request.remainingBytes
  if (source.requests.length === 0) source.onIdle(state.now())
}

/** Cancels a request of which no part is wanted any more. */
export function endIfDead(state: FetchState, request: FetchRequest): void {
  if (request.liveParts > 0 || !state.requests.has(request.id)) return
  detachRequest(state, request)
  if (request.remainingBytes > 0) {
    state.actions.push({ type: 'cancel', sourceId: request.source.id, requestId: request.id })
  }
}

/** Takes a request back without telling the source: it refused it, or is gone. */
export function withdrawRequest(state: FetchState, request: FetchRequest, isKept: boolean): void {
  detachRequest(state, request)
  for (const part of request.parts) if (!part.isOver) abandonPart(state, part, isKept)
}

export function cancelRequest(state: FetchState, request: FetchRequest): void {
  withdrawRequest(state, request, true)
  state.actions.push({ type: 'cancel', sourceId: request.source.id, requestId: request.id })
}

/** Forgets what a source contributed, so that it is fetched again. */
export function discardContributions(state: FetchState, assembly: Assembly, sourceId: string): void {
  const discarded = assembly.contributions.filter((contribution) => contribution.sourceId === sourceId)
  if (discarded.length === 0) return
  assembly.contributions = assembly.contributions.filter((contribution) => contribution.sourceId !== sourceId)
  for (const { startBytes, endBytes } of discarded) {
    assembly.missingBytes += endBytes - startBytes
    state.missingBytes += endBytes - startBytes
    addGap(state, assembly, startBytes, endBytes)
  }
}

/** Gives a begun chunk up with all that was received of it; it waits in its queue again. */
export function dropAssembly(state: FetchState, assembly: Assembly): void {
  for (const part of [...assembly.parts]) {
    const { request } = part
    state.duplicateBytes += part.atBytes - part.startBytes
    closePart(part)
    endIfDead(state, request)
  }
  state.assemblies.delete(assembly.chunkIndex)
  state.open.delete(assembly)
  state.missingBytes -= assembly.missingBytes
  state.buffers.release(assembly.bytes)
  requeue(state, assembly.chunkIndex)
}

/** A wanted chunk of which nothing is here. */
export function requeue(state: FetchState, chunkIndex: number): void {
  if (state.cases.has(chunkIndex)) {
    state.status[chunkIndex] = chunkStatus.disputed
    state.disputed.add(chunkIndex)
    state.disputedBytes += state.places[chunkIndex]!.sizeBytes
    return
  }
  state.status[chunkIndex] = chunkStatus.queued
  state.queue.add(chunkIndex)
}
