/** Takes new rows into the index of a space, beside everything else that goes on. */

import { HartonomousError } from '#protocol/errors.ts'
import { deadShareMax } from '#protocol/limits.ts'
import type { TenantSession, TransactionMode } from '../executor.ts'
import type { StoredSpace } from '../statements.ts'
import { type GraphThread, withGraphThread } from './graph-thread.ts'
import type { SegmentFile } from './manifest.ts'
import type { IndexBounds, Segment, SpaceIndex } from './space-index.ts'
import type { VectorEngine } from './usearch.ts'
import { vectorOfBytes } from './vector.ts'

/** Rows that are read and added at a time: the store does nothing else for some 5 ms. */
const rowsPerBatch = 1000

/**
 * Each graph costs a search the same, whatever its size. Growing one by a twentieth: 5 s to copy a million vectors, 40 s to
 * add 50,000.
 */
const mergeRatio = 20

export interface SpaceTransactions {
  run<T>(mode: TransactionMode, work: (x: TenantSession) => Promise<T>): Promise<T>
}

/** What a space looks like when it is decided what to do. */
export interface IndexState {
  space: StoredSpace
  /** Rows that are there, of each segment. */
  liveCounts: number[]
  pendingCount: number
}

export async function indexState(x: TenantSession, name: string, index: SpaceIndex): Promise<IndexState | undefined> {
  const space = await x.get('findSpace', { name })
  if (space === undefined) return undefined
  const { spacePk } = space
  const liveCounts: number[] = []
  for (const { afterRev, untilRev } of index.segments) {
    liveCounts.push((await x.get('countEmbeddings', { spacePk, afterRev, untilRev }))!.count)
  }
  const pendingCount = space.rowCount - liveCounts.reduce((sum, count) => sum + count, 0)
  return { space, liveCounts, pendingCount }
}

export interface GrowthPlan {
  /** Segments before this one stay as they are. */
  keep: number
  /** Place of the segment whose graph is grown; the rows of the others are read again. */
  base: number | undefined
  /** New rows at most. */
  take: number
}

/**
 * New rows become a graph together with the ones before them that are at most `mergeRatio` times as large: so there are few
 * graphs, and a row is added to one a few times only. Where too many rows have gone, it is made anew.
 */
export function planGrowth(
  segments: readonly { size: number }[],
  liveCounts: readonly number[],
  pendingCount: number,
  { pendingRows, stepRows }: IndexBounds,
): GrowthPlan | undefined {
  // More rows than entries: an index that is not of these rows.
  const isStale = (place: number) => {
    const dead = segments[place]!.size - liveCounts[place]!
    return dead < 0 || dead > deadShareMax * segments[place]!.size
  }
  const take = pendingCount >= pendingRows ? Math.min(pendingCount, stepRows) : 0
  let keep = segments.length
  let sum = take
  while (keep > 0 && segments[keep - 1]!.size <= mergeRatio * sum) sum += segments[--keep]!.size
  const stale = segments.findIndex((_, place) => isStale(place))
  if (stale >= 0) keep = Math.min(keep, stale)
  if (take === 0 && stale < 0) return undefined
  let base: number | undefined
  for (let place = keep; place < segments.length; place++) {
    if (!isStale(place) && segments[place]!.size > (segments[base ?? -1]?.size ?? 0)) base = place
  }
  return { keep, base, take }
}

/** Until there is nothing more to do. @throws what the store throws, and the reason of the signal */
export async function growIndex(
  transactions: SpaceTransactions,
  name: string,
  index: SpaceIndex,
  signal: AbortSignal,
): Promise<void> {
  const { files, engine } = index
  if (files === undefined || engine === undefined) return
  for (;;) {
    signal.throwIfAborted()
    const state = await transactions.run('read', (x) => indexState(x, name, index))
    if (state === undefined) return
    const { space, liveCounts, pendingCount } = state
    const isSmall = space.rowCount <= index.bounds.unindexedRows && index.segments.length === 0
    const plan = isSmall ? undefined : planGrowth(index.segments, liveCounts, pendingCount, index.bounds)
    if (plan === undefined) {
      if (index.hasManyDead(space)) index.dropCache()
      return
    }
    await withGraphThread(signal, async (thread) => {
      const made = await makeSegment(transactions, space, index, plan, thread)
      await commit(transactions, space, index, engine, [
        ...index.segments.slice(0, plan.keep),
        ...(made === undefined ? [] : [made]),
      ])
    })
  }
}

/** Undefined where no row is left. */
async function makeSegment(
  transactions: SpaceTransactions,
  space: StoredSpace,
  index: SpaceIndex,
  plan: GrowthPlan,
  thread: GraphThread,
): Promise<Segment | undefined> {
  const files = index.files!
  const old = index.segments.slice(plan.keep)
  const base = plan.base === undefined ? undefined : index.segments[plan.base]
  await thread.call('begin', { dimension: space.dimension, base: base && files.pathOf(base.file) })
  let size = base?.size ?? 0
  const add = async (afterRev: number, untilRev: number, limit: number) => {
    const added = await addRows(transactions, space, thread, { afterRev, untilRev, limit })
    size += added.count
    return added.isAll ? untilRev : added.lastRev
  }
  for (const segment of old)
    if (segment !== base) await add(segment.afterRev, segment.untilRev, Number.POSITIVE_INFINITY)
  const untilRev = plan.take === 0 ? index.indexedRev : await add(index.indexedRev, space.rev, plan.take)
  if (size === 0) return undefined
  const file = files.newFile()
  const made = await thread.call('finish', files.pathOf(file))
  if (made.size !== size) {
    throw new HartonomousError('ERR_STORE_UNAVAILABLE', { reason: `a graph of ${made.size} vectors, not ${size}` })
  }
  const afterRev = old[0]?.afterRev ?? index.indexedRev
  const graph = index.engine!.view(files.pathOf(file), space.dimension, size)
  return { file, afterRev, untilRev, graph, ...made }
}

/** Each page in a transaction of its own: rows that go meanwhile stay in the graph, and count as gone. */
async function addRows(
  transactions: SpaceTransactions,
  { spacePk, dimension }: StoredSpace,
  thread: GraphThread,
  { afterRev, untilRev, limit }: { afterRev: number; untilRev: number; limit: number },
): Promise<{ count: number; lastRev: number; isAll: boolean }> {
  let count = 0
  let lastRev = afterRev
  let adding: Promise<unknown> = Promise.resolve()
  for (;;) {
    const page = { spacePk, afterRev: lastRev, untilRev, limit: Math.min(rowsPerBatch, limit - count) }
    const rows = page.limit === 0 ? [] : await transactions.run('read', (x) => x.all('listEmbeddings', page))
    if (rows.length > 0) {
      const vectors = new Float32Array(rows.length * dimension)
      rows.forEach(({ vector }, row) => {
        vectors.set(vectorOfBytes(vector, dimension), row * dimension)
      })
      const revs = BigUint64Array.from(rows, ({ rev }) => BigInt(rev))
      await adding
      adding = thread.call('add', { revs, vectors }, { transfer: [revs.buffer, vectors.buffer] })
      // It is awaited one page later; should this loop throw before, nobody else would hear of it.
      adding.catch(() => {})
      count += rows.length
      lastRev = rows.at(-1)!.rev
    }
    if (rows.length < rowsPerBatch) {
      await adding
      return { count, lastRev, isAll: count < limit }
    }
  }
}

/**
 * In this order: the files (on disk already), the number in the row of the space (on disk, too, and with it all rows before
 * it), the manifest. After a crash between any two of them the old manifest stands.
 */
async function commit(
  transactions: SpaceTransactions,
  { spacePk, dimension, shardUid }: StoredSpace,
  index: SpaceIndex,
  engine: VectorEngine,
  segments: readonly Segment[],
): Promise<void> {
  const numbered = await transactions.run('durable', (x) => x.get('numberIndex', { spacePk }))
  if (numbered === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'space', id: String(spacePk) })
  const listed = segments.map(({ graph: _, ...file }): SegmentFile => file)
  index.files?.write({ shardUid, ...numbered, dimension, engineVersion: engine.version, segments: listed })
  await index.inTurn(async () => index.replace(segments))
}
