/** Sources coming, going, and changing what they hold. */

import { abandonPart, discardContributions, dropAssembly, endIfDead, withdrawRequest } from './assembly.ts'
import { bitAt } from './bits.ts'
import type { Source } from './source.ts'
import type { FetchState } from './state.ts'

/** Sources that are gone keep their totals for the summary, the latest so many. */
const departedMax = 64
/** A source that keeps withdrawing what it offered is let go. */
const withdrawalsMax = 3

export function setHave(state: FetchState, source: Source, have: Uint8Array): void {
  for (let chunkIndex = 0; chunkIndex < state.places.length; chunkIndex++) {
    const isHolder = bitAt(have, chunkIndex)
    if (isHolder === state.queue.isHeldBy(chunkIndex, source.slot)) continue
    state.queue.setHolder(chunkIndex, source.slot, isHolder, source.isLastResort)
  }
}

export function clearHave(state: FetchState, source: Source, chunkIndex: number): void {
  state.queue.setHolder(chunkIndex, source.slot, false, source.isLastResort)
}

/** Removes a source; what it owed goes back to the queue. `isKept`: unverified bytes from it stay. */
export function detachSource(state: FetchState, source: Source, isKept: boolean): void {
  if (state.sources.get(source.id) !== source) return
  state.sources.delete(source.id)
  for (const request of [...source.requests]) withdrawRequest(state, request, isKept)
  for (const assembly of [...state.assemblies.values()]) {
    if (assembly.only === source) dropAssembly(state, assembly)
    else if (!isKept) discardContributions(state, assembly, source.id)
  }
  for (let chunkIndex = 0; chunkIndex < state.places.length; chunkIndex++) clearHave(state, source, chunkIndex)
  state.slots[source.slot] = undefined
  const before = state.departed.get(source.id)
  state.departed.delete(source.id)
  state.departed.set(source.id, {
    bytes: source.bytes + (before?.bytes ?? 0),
    chunks: source.chunks + (before?.chunks ?? 0),
  })
  for (const id of state.departed.keys()) {
    if (state.departed.size <= departedMax) break
    state.departed.delete(id)
  }
}

export function dropSource(state: FetchState, source: Source, reason: string): void {
  detachSource(state, source, true)
  state.actions.push({ type: 'drop', sourceId: source.id, reason })
}

/** The source's file has changed: nothing of that file is to be had there, and what it sent of it is not trusted. */
export function withdrawFile(state: FetchState, source: Source, fileIndex: number): void {
  source.withdrawals++
  source.badCopies = 0
  let hasMore = false
  for (const { chunkIndex, fileIndex: file } of state.places) {
    if (file === fileIndex) clearHave(state, source, chunkIndex)
    else hasMore ||= state.queue.isHeldBy(chunkIndex, source.slot)
  }
  for (const request of [...source.requests]) {
    for (const part of request.parts) {
      if (!part.isOver && state.places[part.assembly.chunkIndex]!.fileIndex === fileIndex) {
        abandonPart(state, part, false)
      }
    }
    endIfDead(state, request)
  }
  for (const assembly of [...state.assemblies.values()]) {
    if (state.places[assembly.chunkIndex]!.fileIndex !== fileIndex) continue
    if (assembly.only === source) dropAssembly(state, assembly)
    else discardContributions(state, assembly, source.id)
  }
  if (!hasMore || source.withdrawals > withdrawalsMax) dropSource(state, source, 'withdrew its file')
}
