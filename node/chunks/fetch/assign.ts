/** Who is asked for what next (p2p.md 4): windows, tail guard, end-game. */
import { blockBytesMax, rangesPerRequestMax } from '#protocol/limits.ts'
import { abandonPart, beginAssembly, cancelRequest, dropAssembly, endIfDead, sendRequest, takeGap } from './assembly.ts'
import { canServe, isWitness } from './blame.ts'
import type { Source } from './source.ts'
import {
  type Assembly,
  chunkStatus,
  type FetchRequest,
  type FetchState,
  leftBytes,
  type Part,
  type Span,
} from './state.ts'

type Piece = { assembly: Assembly; span: Span; twinOf?: Part }

/** A begun chunk is left to the source that began it for this long, so that most chunks have one author. */
const shareAfterMs = 1000
/** A duplicate must be here this much earlier. */
const twinGainMs = 10
/** For taking over from a late source while there is other work, and for troubling a last resort. */
const lateGainMs = 1000
const twinScanMs = 5
/** Nothing came from any peer for this long: the last resort may help with everything. */
const idleBeforeLastResortMs = 3000
const tailSlackMs = 20
/** Disputed chunks looked at per pick. */
const disputedScanMax = 64
/** Neighbours looked at to fill up a request of tiny chunks. */
const smallScanMax = 256

/** Hands out work to one source until its window is full. */
export function fill(state: FetchState, source: Source): void {
  if (state.isPaused || !canServe(state, source)) return
  const nowMs = state.now()
  for (;;) {
    const left = leftBytes(state)
    if (left <= 0) return
    const blockBytes = source.blockBytes(left, state.sources.size)
    if (!source.hasRoom(nowMs, blockBytes, left)) {
      source.onFull()
      return
    }
    if (source.requests.length > 0 && source.isLate(nowMs)) return
    const pieces = nextPieces(state, source, blockBytes, nowMs)
    if (!pieces) return
    sendRequest(state, source, pieces)
  }
}

export function fillAll(state: FetchState): void {
  for (const source of state.sources.values()) fill(state, source)
}

function nextPieces(state: FetchState, source: Source, blockBytes: number, nowMs: number): Piece[] | undefined {
  const disputed = disputedPiece(state, source, blockBytes)
  if (disputed) return disputed
  const isMoving = nowMs - state.lastNormalByteMs < idleBeforeLastResortMs
  const isOrphansOnly = source.isLastResort && isMoving
  const isTailGuarded = isGuarded(state, source, blockBytes, nowMs)
  const mine = openPiece(state, source, blockBytes, { isOrphansOnly, isTailGuarded, nowMs, sharing: 'aged' })
  if (mine) return mine
  const late = twinPieces(state, source, nowMs, true)
  if (late) return late
  const fresh = freshPieces(state, source, blockBytes, isOrphansOnly, isTailGuarded)
  if (fresh) return fresh
  const any = openPiece(state, source, blockBytes, { isOrphansOnly, isTailGuarded, nowMs, sharing: 'all' })
  if (any) return any
  if (source.requests.length === 0 && makeRoom(state, source)) {
    const afterRoom = freshPieces(state, source, blockBytes, isOrphansOnly, isTailGuarded)
    if (afterRoom) return afterRoom
  }
  return twinPieces(state, source, nowMs, false)
}

/** Near the end a slow source must not take what the others together would finish sooner. */
function isGuarded(state: FetchState, source: Source, blockBytes: number, nowMs: number): boolean {
  if (!source.isRateKnown || source.requests.length === 0) return false
  let sumBytesPerSecond = 0
  for (const other of state.sources.values()) if (other.isRateKnown) sumBytesPerSecond += other.rateAt(nowMs)
  const ownMs = ((source.inFlightBytes + blockBytes) * 1000) / source.rateAt(nowMs)
  return ownMs > (leftBytes(state) * 1000) / sumBytesPerSecond + tailSlackMs
}

/** One source at a time copies a disputed chunk. */
function disputedPiece(state: FetchState, source: Source, blockBytes: number): Piece[] | undefined {
  if (state.cases.size === 0) return undefined
  for (const assembly of state.open) {
    if (assembly.only !== source || !state.queue.isHeldBy(assembly.chunkIndex, source.slot)) continue
    return [{ assembly, span: takeGap(state, assembly, blockBytes, blockBytesMax) }]
  }
  let scanned = 0
  for (const chunkIndex of state.disputed) {
    if (++scanned > disputedScanMax) return undefined
    if (!isWitness(state, state.cases.get(chunkIndex)!, source)) {
      // To the end of the line, so that hopeless ones do not hide the others.
      state.disputed.delete(chunkIndex)
      state.disputed.add(chunkIndex)
      continue
    }
    const assembly = beginAssembly(state, chunkIndex, source, source)
    if (assembly) return [{ assembly, span: takeGap(state, assembly, blockBytes, blockBytesMax) }]
    return undefined
  }
  return undefined
}

interface OpenChoice {
  isOrphansOnly: boolean
  isTailGuarded: boolean
  nowMs: number
  /** `aged`: chunks that the source began itself, and those that take long; `all`: any. */
  sharing: 'aged' | 'all'
}

function openPiece(state: FetchState, source: Source, blockBytes: number, choice: OpenChoice): Piece[] | undefined {
  for (const assembly of state.open) {
    if (assembly.only || !state.queue.isHeldBy(assembly.chunkIndex, source.slot)) continue
    const isMine = assembly.starter === source.id
    const isAged = choice.nowMs - assembly.begunAtMs > shareAfterMs || !hasSource(state, assembly)
    if (choice.sharing === 'aged' && !isMine && !isAged) continue
    const rarity = state.queue.rarityOf(assembly.chunkIndex)
    if (choice.isOrphansOnly && rarity > 0) continue
    if (choice.isTailGuarded && rarity > 1) continue
    return [{ assembly, span: takeGap(state, assembly, blockBytes, blockBytesMax) }]
  }
  return undefined
}

function hasSource(state: FetchState, assembly: Assembly): boolean {
  return state.sources.has(assembly.starter)
}

function freshPieces(
  state: FetchState,
  source: Source,
  blockBytes: number,
  isOrphansOnly: boolean,
  isTailGuarded: boolean,
): Piece[] | undefined {
  const chunkIndex = state.queue.pick(source.slot, isOrphansOnly)
  if (chunkIndex < 0 || (isTailGuarded && state.queue.rarityOf(chunkIndex) > 1)) return undefined
  const rarity = state.queue.rarityOf(chunkIndex)
  const assembly = beginAssembly(state, chunkIndex, source)
  if (!assembly) return undefined
  const pieces = [{ assembly, span: takeGap(state, assembly, blockBytes, blockBytesMax) }]
  if (assembly.sizeBytes < blockBytes && !source.askAlone.has(chunkIndex)) {
    addSmall(state, source, pieces, { blockBytes, rarity })
  }
  return pieces
}

/** Fills a request up with small chunks that follow in the file and are no less rare. */
function addSmall(
  state: FetchState,
  source: Source,
  pieces: Piece[],
  { blockBytes, rarity }: { blockBytes: number; rarity: number },
): void {
  const { small, queue } = state
  let totalBytes = pieces[0]!.assembly.sizeBytes
  const from = rankOf(small, pieces[0]!.assembly.chunkIndex)
  for (let step = 1; step < Math.min(small.length, smallScanMax); step++) {
    if (pieces.length >= rangesPerRequestMax || totalBytes > 0.9 * blockBytes) return
    const chunkIndex = small[(from + step) % small.length]!
    if (!queue.isQueued(chunkIndex) || !queue.isHeldBy(chunkIndex, source.slot)) continue
    if (queue.rarityOf(chunkIndex) > rarity || source.askAlone.has(chunkIndex)) continue
    const sizeBytes = state.places[chunkIndex]!.sizeBytes
    if (totalBytes + sizeBytes > blockBytes) continue
    const assembly = beginAssembly(state, chunkIndex, source)
    if (!assembly) return
    pieces.push({ assembly, span: takeGap(state, assembly, blockBytes, blockBytesMax) })
    totalBytes += sizeBytes
  }
}

function rankOf(sorted: Int32Array, value: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}

/** All buffers are half full of chunks that others let lie: one that nobody works on makes way. */
function makeRoom(state: FetchState, source: Source): boolean {
  if (!state.queue.hasFor(source.slot) || state.buffers.canAcquire(blockBytesMax)) return false
  for (const assembly of state.open) {
    if (assembly.parts.length > 0) continue
    dropAssembly(state, assembly)
    return true
  }
  return false
}

interface Candidate {
  request: FetchRequest
  parts: Part[]
  gainMs: number
}

/**
 * Nothing else to do: repeats the outstanding request that would gain most. With `isLateOnly` just those of sources that
 * have fallen silent, ahead of new work.
 */
function twinPieces(state: FetchState, source: Source, nowMs: number, isLateOnly: boolean): Piece[] | undefined {
  if (nowMs < source.nextTwinScanMs) return undefined
  let best: Candidate | undefined
  let hasLate = false
  for (const owner of state.sources.values()) {
    const isLate = owner.isLate(nowMs)
    // Of a source that is just starting nobody knows how long it will take.
    if (owner === source || (!isLate && (isLateOnly || !owner.isRateKnown))) continue
    hasLate = true
    const found = worthTwin(state, source, owner, nowMs)
    if (found && found.gainMs > (best?.gainMs ?? 0)) best = found
  }
  const isLastResortIdle = source.isLastResort && nowMs - state.lastNormalByteMs < idleBeforeLastResortMs
  const gainMs = isLateOnly || isLastResortIdle ? lateGainMs : twinGainMs
  if (!best || best.gainMs <= gainMs) {
    if (!isLateOnly || hasLate) source.nextTwinScanMs = nowMs + (isLateOnly ? 0 : twinScanMs)
    return undefined
  }
  return best.parts.map((part) => {
    if (part.twin) replaceTwin(state, part)
    return { assembly: part.assembly, span: { startBytes: part.atBytes, endBytes: part.endBytes }, twinOf: part }
  })
}

function worthTwin(state: FetchState, source: Source, owner: Source, nowMs: number): Candidate | undefined {
  let aheadBytes = 0
  let best: Candidate | undefined
  for (const request of owner.requests) {
    aheadBytes += request.remainingBytes
    const ownerMs = owner.etaMs(aheadBytes, nowMs)
    const parts: Part[] = []
    let lengthBytes = 0
    for (let index = request.cursor; index < request.parts.length; index++) {
      const part = request.parts[index]!
      if (!mayTwin(state, source, part, ownerMs, nowMs)) continue
      parts.push(part)
      lengthBytes += part.endBytes - part.atBytes
    }
    if (parts.length === 0) continue
    const gainMs = ownerMs - source.etaMs(source.inFlightBytes + lengthBytes, nowMs)
    if (gainMs > (best?.gainMs ?? 0)) best = { request, parts, gainMs }
  }
  return best
}

/** At most two owners; a second one that is as hopeless as the first may be replaced. */
function mayTwin(state: FetchState, source: Source, part: Part, ownerMs: number, nowMs: number): boolean {
  if (part.isOver || part.buffer || part.assembly.only) return false
  if (!state.queue.isHeldBy(part.assembly.chunkIndex, source.slot)) return false
  if (!part.twin) return true
  const second = part.twin.request.source
  if (second === source) return false
  const secondMs = second.etaMs(second.inFlightBytes, nowMs)
  const ownMs = source.etaMs(source.inFlightBytes + blockBytesMax, nowMs)
  return Math.min(secondMs, ownerMs) > 4 * ownMs + lateGainMs
}

function replaceTwin(state: FetchState, part: Part): void {
  const second = part.twin!
  abandonPart(state, second, false)
  endIfDead(state, second.request)
}

/** Takes back what a source that became slow will not deliver in time; it keeps what it is sending now. */
export function trim(state: FetchState, source: Source, nowMs: number): void {
  const left = leftBytes(state)
  const blockBytes = source.blockBytes(left, state.sources.size)
  const isLate = source.isLate(nowMs)
  const allowedBytes = isLate ? 0 : 2 * source.windowBytes(nowMs, blockBytes, left) + 2 * blockBytesMax
  if (source.inFlightBytes <= allowedBytes || !hasHelper(state, source, nowMs)) return
  while (source.requests.length > 1 && source.inFlightBytes > allowedBytes) {
    cancelRequest(state, source.requests.at(-1)!)
  }
}

function hasHelper(state: FetchState, source: Source, nowMs: number): boolean {
  for (const other of state.sources.values()) if (other !== source && !other.isLate(nowMs)) return true
  return false
}

/** A settling copy that crawls, or whose source lost the chunk, is given to somebody else. */
export function speedUpDisputed(state: FetchState, nowMs: number): void {
  if (state.cases.size === 0) return
  for (const assembly of [...state.assemblies.values()]) {
    const owner = assembly.only
    const blame = state.cases.get(assembly.chunkIndex)
    if (!owner || !blame || state.status[assembly.chunkIndex] !== chunkStatus.begun) continue
    if (!state.queue.isHeldBy(assembly.chunkIndex, owner.slot)) {
      dropAssembly(state, assembly)
      continue
    }
    const ownerMs = owner.etaMs(owner.inFlightBytes + assembly.missingBytes, nowMs)
    if (ownerMs < 2 * lateGainMs) continue
    const hasBetter = [...state.sources.values()].some(
      (other) =>
        other !== owner &&
        !blame.tooSlow.has(other.id) &&
        !blame.failedCopies.has(other.id) &&
        state.queue.isHeldBy(assembly.chunkIndex, other.slot) &&
        canServe(state, other) &&
        4 * other.etaMs(other.inFlightBytes + assembly.sizeBytes, nowMs) < ownerMs,
    )
    if (!hasBetter) continue
    blame.tooSlow.add(owner.id)
    dropAssembly(state, assembly)
  }
}
