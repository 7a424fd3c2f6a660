/**
 * Searches one space: through graphs for most rows, one by one for the newer ones. Neither is trusted: what they name is
 * read from the rows of the caller's transaction, which say whether it is still there and how near it is.
 */
import { deadShareMax, indexStepRowsMax, pendingRowsMax, unindexedRowsMax } from '#protocol/limits.ts'
import type { TenantSession } from '../executor.ts'
import type { StoredSpace } from '../statements.ts'
import type { IndexFiles, Manifest, SegmentFile } from './manifest.ts'
import { VectorMatrix } from './matrix.ts'
import { Ranking, type Scored } from './ranking.ts'
import { rowsOf, scanRows, scoredRows } from './rows.ts'
import type { Graph, VectorEngine } from './usearch.ts'
import { vectorOfBytes } from './vector.ts'

/** Beyond so many candidates, all rows are cheaper to look at than to look up. */
const candidatesMax = 8192

export interface IndexBounds {
  /** Up to so many rows a space has no graph. */
  unindexedRows: number
  /** So many new rows are taken into one. */
  pendingRows: number
  /** New rows that are taken in at a time. */
  stepRows: number
}

export const indexBounds: IndexBounds = {
  unindexedRows: unindexedRowsMax,
  pendingRows: pendingRowsMax,
  stepRows: indexStepRowsMax,
}

export interface Segment extends SegmentFile {
  graph: Graph
}

export class SpaceIndex {
  readonly spacePk: number
  readonly dimension: number
  readonly engine: VectorEngine | undefined
  /** Undefined where nothing is written: then there are no graphs. */
  readonly files: IndexFiles | undefined
  readonly bounds: IndexBounds
  /** Replaced as a whole, never changed: a search goes on with those that it began with. */
  segments: readonly Segment[] = []
  /** So many rows have gone that it should be looked after. */
  isStale = false
  /** Why rows could not be taken in. */
  problem: string | undefined
  #matrix: VectorMatrix
  #lastTurn: Promise<unknown> = Promise.resolve()

  constructor(
    space: StoredSpace,
    engine: VectorEngine | undefined,
    files: IndexFiles | undefined,
    bounds: IndexBounds,
  ) {
    this.spacePk = space.spacePk
    this.dimension = space.dimension
    this.engine = engine
    this.files = files
    this.bounds = bounds
    this.#matrix = new VectorMatrix(space.dimension, 0)
  }

  /** Rows up to this one are in the graphs. */
  get indexedRev(): number {
    return this.segments.at(-1)?.untilRev ?? 0
  }

  get entryCount(): number {
    return this.segments.reduce((sum, { size }) => sum + size, 0)
  }

  get cacheBytes(): number {
    return this.#matrix.sizeBytes
  }

  /** There is a place for graphs, and something that makes them. */
  get isWritten(): boolean {
    return this.files !== undefined && this.engine !== undefined
  }

  /**
   * Whole transactions that search, and replacements: one after another, begun in this order. In an engine whose readers run
   * side by side a search of an older state would meet an index that has been brought to a newer one, and of a vector that
   * was replaced in between it would find neither row.
   */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#lastTurn.then(work)
    this.#lastTurn = turn.catch(() => {})
    return turn
  }

  /** False while some rows have not been seen. */
  hasManyDead({ rowCount, rev }: StoredSpace): boolean {
    if (this.#matrix.seenRev < rev) return false
    const entries = this.entryCount + this.#matrix.length
    return entries - rowCount > deadShareMax * entries
  }

  dropCache(): void {
    this.#matrix = new VectorMatrix(this.dimension, this.indexedRev)
  }

  replace(segments: readonly Segment[]): void {
    this.segments = segments
    const { indexedRev } = this
    this.#matrix = indexedRev < this.#matrix.seenRev ? this.#matrix.after(indexedRev) : this.#empty()
  }

  /**
   * At least `count` where there are so many, nearest first. `isCommitted`: nothing that the caller sees can be rolled back.
   */
  async nearest(
    x: TenantSession,
    space: StoredSpace,
    query: Float32Array,
    count: number,
    isCommitted: boolean,
  ): Promise<Scored[]> {
    const { segments, entryCount } = this
    const matrix = this.#matrix
    if (isCommitted) await this.#lookAfter(x, space, matrix)
    const isSeen = matrix.seenRev >= space.rev
    const newer = isSeen ? undefined : await scanRows(x, space, query, count, { afterRev: matrix.seenRev })
    const expected = Math.min(count, space.rowCount)
    for (let wanted = 12 + 2 * count; wanted <= candidatesMax; wanted *= 2) {
      const revs = segments.flatMap(({ graph }) => graph.search(query, wanted))
      revs.push(...matrix.search(this.engine, query, wanted))
      const rows = await scoredRows(x, space, query, revs)
      const isAll = revs.length === entryCount + matrix.length
      // Where half of what is near has gone, what is left may lie beyond.
      const isEnough = rows.length + (newer?.rowCount ?? 0) >= expected && 2 * rows.length >= revs.length
      if (isAll || isEnough) return bestOf([...rows, ...(newer?.best ?? [])], count)
    }
    return (await scanRows(x, space, query, count)).best
  }

  async #lookAfter(x: TenantSession, space: StoredSpace, matrix: VectorMatrix): Promise<void> {
    await catchUp(x, space, matrix)
    if (!this.hasManyDead(space)) return
    if (this.segments.length > 0) this.isStale = true
    else this.dropCache()
  }

  #empty(): VectorMatrix {
    return new VectorMatrix(this.dimension, this.indexedRev)
  }
}

/** Takes rows in that came since, as far as there is room. */
async function catchUp(x: TenantSession, space: StoredSpace, matrix: VectorMatrix): Promise<void> {
  if (matrix.seenRev >= space.rev || matrix.isFull) return
  for await (const { rev, vector } of rowsOf(x, space, matrix.seenRev)) {
    if (matrix.isFull) return
    matrix.append(rev, vectorOfBytes(vector, space.dimension))
  }
  matrix.seenRev = Math.max(matrix.seenRev, space.rev)
}

function bestOf(scored: readonly Scored[], count: number): Scored[] {
  const ranking = new Ranking(count)
  for (const { rev, score } of scored) ranking.add(rev, score)
  return ranking.best()
}

/** Graphs of an index on disk, as far as they can be trusted: the first ones, up to one that is damaged or has gone. */
export async function openSegments(
  index: SpaceIndex,
  space: StoredSpace,
  sha256Of: (path: string) => Promise<string>,
): Promise<Segment[]> {
  const { files, engine } = index
  const found = files?.read()
  if (files === undefined || engine === undefined || found === undefined) return []
  if (!isOf(found, space, engine)) return []
  const segments: Segment[] = []
  let untilRev = 0
  for (const file of found.segments) {
    const isNext = file.afterRev === untilRev && file.untilRev > untilRev
    if (!isNext || !files.hasSize(file)) break
    const path = files.pathOf(file.file)
    if ((await sha256Of(path)) !== file.sha256) break
    const graph = viewOf(engine, path, space.dimension, file.size)
    if (graph === undefined) break
    segments.push({ ...file, graph })
    untilRev = file.untilRev
  }
  return segments
}

function viewOf(engine: VectorEngine, path: string, dimension: number, size: number): Graph | undefined {
  try {
    const graph = engine.view(path, dimension, size)
    return graph.size === size ? graph : undefined
  } catch {
    return undefined
  }
}

function isOf(found: Manifest, { shardUid, dimension, indexNumber }: StoredSpace, { version }: VectorEngine): boolean {
  const isOfSpace = found.shardUid === shardUid && found.indexNumber <= indexNumber
  return isOfSpace && found.dimension === dimension && found.engineVersion === version
}
