/**
 * Who sent wrong bytes, by evidence: a failed chunk is fetched whole from one other source, and once a copy is good, the
 * ranges of the failed ones are compared with it. Only a source whose bytes differ, and that does not say that its file
 * has changed meanwhile, is banned.
 */

import { requeue } from './assembly.ts'
import { type BlameCase, createCase, digestOf, type RecheckAnswer } from './blame-case.ts'
import { detachSource, dropSource, withdrawFile } from './members.ts'
import type { Source } from './source.ts'
import type { Assembly, FetchState } from './state.ts'

/** Ranges remembered per chunk: more than any first copy has (1 MiB in blocks of 32 KiB). */
const evidenceMax = 64
/** Whole copies of a source that failed while no other copy could show why. */
const badCopiesMax = 8
/** Rehashing a chunk takes milliseconds; a source that is asked and silent had its chance. */
const recheckTimeoutMs = 30_000
/** Proven lies of a source that left before it could be asked; the next time it comes it is not let in. */
const strikesMax = 3
const strikesKnownMax = 256

export function chunkFailed(state: FetchState, assembly: Assembly): void {
  const { chunkIndex, contributions, bytes } = assembly
  const blame = state.cases.get(chunkIndex) ?? createCase(chunkIndex)
  state.cases.set(chunkIndex, blame)
  // A buffer that was transferred away cannot testify.
  if (bytes.byteLength === assembly.sizeBytes) {
    for (const { sourceId, startBytes, endBytes } of contributions) {
      if (blame.evidence.length >= evidenceMax) break
      blame.evidence.push({ sourceId, startBytes, endBytes, digest: digestOf(bytes.subarray(startBytes, endBytes)) })
    }
  }
  state.buffers.release(bytes)
  requeue(state, chunkIndex)
  const senders = new Set(contributions.map((contribution) => contribution.sourceId))
  if (senders.size !== 1) return
  const sourceId = contributions[0]!.sourceId
  blame.failedCopies.set(sourceId, (blame.failedCopies.get(sourceId) ?? 0) + 1)
  const source = state.sources.get(sourceId)
  if (!source) return
  source.badCopies++
  if (source.badCopies > badCopiesMax) dropSource(state, source, 'too many of its chunks failed their hash')
  else if (!blame.answers.has(sourceId)) ask(state, blame, source)
}

export function chunkProven(state: FetchState, assembly: Assembly): void {
  const blame = state.cases.get(assembly.chunkIndex)
  if (!blame) return
  const authors = new Set(assembly.contributions.map((contribution) => contribution.sourceId))
  const liars = new Map<string, string>()
  for (const { sourceId, startBytes, endBytes, digest } of blame.evidence) {
    // Its own later copy is no witness against a source.
    if (authors.size === 1 && authors.has(sourceId)) continue
    if (digestOf(assembly.bytes.subarray(startBytes, endBytes)) === digest) continue
    liars.set(
      sourceId,
      `chunk ${assembly.chunkIndex}, bytes ${startBytes} to ${endBytes} differ from the verified copy`,
    )
  }
  blame.liars = liars
  blame.evidence = []
  for (const sourceId of [...liars.keys()]) judge(state, blame, sourceId)
  closeIfSettled(state, blame)
}

function ask(state: FetchState, blame: BlameCase, source: Source): void {
  if (source.recheckingChunk >= 0) return
  source.recheckingChunk = blame.chunkIndex
  source.recheckSinceMs = state.now()
  blame.answers.set(source.id, 'asked')
  state.actions.push({ type: 'recheck', sourceId: source.id, chunkIndex: blame.chunkIndex })
}

/** Bans a proven liar, or asks it first. */
function judge(state: FetchState, blame: BlameCase, sourceId: string): void {
  const evidence = blame.liars?.get(sourceId)
  if (evidence === undefined) return
  const source = state.sources.get(sourceId)
  const answer = blame.answers.get(sourceId)
  if (source && answer === 'asked') return
  if (source && answer === undefined) {
    ask(state, blame, source)
    return
  }
  blame.liars!.delete(sourceId)
  if (answer === 'withdrawn') return
  if (!source) {
    strike(state, sourceId, 1)
    return
  }
  strike(state, sourceId, strikesMax)
  detachSource(state, source, false)
  state.actions.push({ type: 'ban', sourceId, evidence })
  sourceGone(state, sourceId)
}

function closeIfSettled(state: FetchState, blame: BlameCase): void {
  if (blame.liars?.size === 0) state.cases.delete(blame.chunkIndex)
}

function strike(state: FetchState, sourceId: string, count: number): void {
  const strikes = (state.strikes.get(sourceId) ?? 0) + count
  state.strikes.delete(sourceId)
  state.strikes.set(sourceId, strikes)
  for (const id of state.strikes.keys()) {
    if (state.strikes.size <= strikesKnownMax) break
    state.strikes.delete(id)
  }
}

/** Lies that were proven only after the source had left count when it comes back. */
export function isUnwelcome(state: FetchState, sourceId: string): boolean {
  return (state.strikes.get(sourceId) ?? 0) >= strikesMax
}

export function answered(state: FetchState, source: Source, chunkIndex: number, answer: RecheckAnswer): void {
  if (source.recheckingChunk !== chunkIndex) return
  source.recheckingChunk = -1
  const blame = state.cases.get(chunkIndex)
  if (blame) {
    blame.answers.set(source.id, answer)
    // It may offer the chunk again once its file has been hashed anew.
    if (answer === 'withdrawn') blame.failedCopies.delete(source.id)
    judge(state, blame, source.id)
    closeIfSettled(state, blame)
  }
  if (answer === 'withdrawn') withdrawFile(state, source, state.places[chunkIndex]!.fileIndex)
  if (state.sources.get(source.id) !== source) {
    sourceGone(state, source.id)
    return
  }
  for (const other of state.cases.values()) {
    if (source.recheckingChunk >= 0) return
    if (other.liars?.has(source.id) && other.answers.get(source.id) === undefined) ask(state, other, source)
  }
}

/** Nobody is left to ask. */
export function sourceGone(state: FetchState, sourceId: string): void {
  for (const blame of [...state.cases.values()]) {
    if (blame.answers.get(sourceId) === 'asked') blame.answers.set(sourceId, 'no-answer')
    judge(state, blame, sourceId)
    closeIfSettled(state, blame)
  }
}

export function expireRechecks(state: FetchState): void {
  for (const source of [...state.sources.values()]) {
    if (source.recheckingChunk < 0 || state.now() - source.recheckSinceMs < recheckTimeoutMs) continue
    answered(state, source, source.recheckingChunk, 'no-answer')
  }
}

/** Whether this source should send the single copy that settles a disputed chunk. */
export function isWitness(state: FetchState, blame: BlameCase, source: Source): boolean {
  if (!state.queue.isHeldBy(blame.chunkIndex, source.slot)) return false
  const failed = blame.failedCopies.get(source.id) ?? 0
  const isSecondTry = failed === 1 && blame.answers.get(source.id) === 'good'
  if (failed > 0 && !isSecondTry) return false
  const own = reluctance(blame, source, failed)
  for (const other of state.sources.values()) {
    if (other === source || !state.queue.isHeldBy(blame.chunkIndex, other.slot)) continue
    const otherFailed = blame.failedCopies.get(other.id) ?? 0
    if (otherFailed > 0 || !canServe(state, other)) continue
    if (reluctance(blame, other, otherFailed) < own) return false
  }
  return true
}

/** Ready to be given work now. One that has fallen silent is probed with single requests. */
export function canServe(state: FetchState, source: Source): boolean {
  const nowMs = state.now()
  if (source.recheckingChunk >= 0 || nowMs < source.backoffUntilMs) return false
  return source.requests.length === 0 || !source.isLate(nowMs)
}

/** Order in which sources are asked for the settling copy: first who contributed nothing and is no last resort. */
function reluctance(blame: BlameCase, source: Source, failedCopies: number): number {
  if (failedCopies > 0) return 4
  if (blame.tooSlow.has(source.id)) return 3
  if (source.isLastResort) return 2
  return blame.evidence.some((evidence) => evidence.sourceId === source.id) ? 1 : 0
}
