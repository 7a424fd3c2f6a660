/**
 * The door to usearch: graphs (HNSW) of unit vectors in 8 bits per number. Optional: there is no binary for musl and for
 * Windows on ARM.
 *
 * What must be known of it (each is pinned by a test): `exactSearch` reads from the start of the memory behind a view, for
 * rows and query alike; how far a search looks (`expansion_search`) is said when the object is made and never again; what
 * was opened by `view` takes nothing more in; it opens graphs of any dimension, whatever it was told; keys are bigints.
 */
import { readFileSync } from 'node:fs'
import type { Index } from 'usearch'

type Usearch = typeof import('usearch')

/**
 * Edges of a node, and how far is looked when one is added. With 24 instead of the usual 16 a search of the same time
 * finds half of what it would miss; a graph takes 80 bytes more per vector, and a fifth longer to make.
 */
const connectivity = 24
const expansionAdd = 128

/** How far a search looks: at 64 it misses some small clusters that lie apart; in 8 bits a larger graph takes a longer look. */
function expansionOf(size: number): number {
  return size <= 150_000 ? 80 : 128
}

export interface Graph {
  readonly size: number
  /** Keys of what is near, nearest first, by the 8 bits. */
  search(query: Float32Array, count: number): number[]
}

export interface GrowingGraph extends Graph {
  /** One row after another in `vectors`. Blocks the thread. */
  add(keys: BigUint64Array, vectors: Float32Array, threads: number): void
  /** Writes in place: a file of its own. */
  save(file: string): void
}

export interface VectorEngine {
  /** Graphs of other versions are made anew. */
  version: string
  grow(dimension: number, base?: string): GrowingGraph
  /** Mapped into memory, not read. The file must be whole: nothing is checked. */
  view(file: string, dimension: number, size: number): Graph
  /** Places of the nearest of `rowCount` rows at the start of `rows`, by all bits. */
  nearestPlaces(rows: Float32Array, rowCount: number, query: Float32Array, count: number): number[]
}

/** Undefined where there is no binary for this platform. */
export async function loadVectorEngine(): Promise<VectorEngine | undefined> {
  let usearch: Usearch
  try {
    usearch = await import('usearch')
  } catch {
    return undefined
  }
  const newIndex = (dimension: number, expansionSearch: number) =>
    new usearch.Index({
      dimensions: dimension,
      metric: usearch.MetricKind.IP,
      quantization: usearch.ScalarKind.I8,
      connectivity,
      expansion_add: expansionAdd,
      expansion_search: expansionSearch,
      multi: false,
    })
  return {
    version: installedVersion(),
    grow: (dimension, base) => {
      const index = newIndex(dimension, expansionAdd)
      if (base !== undefined) index.load(base)
      assertDimension(index, dimension)
      return {
        ...searching(index),
        get size() {
          return index.size()
        },
        add: (keys, vectors, threads) => index.add(keys, vectors, threads),
        save: (file) => index.save(file),
      }
    },
    view: (file, dimension, size) => {
      const index = newIndex(dimension, expansionOf(size))
      index.view(file)
      assertDimension(index, dimension)
      return searching(index)
    },
    nearestPlaces: (rows, rowCount, query, count) => {
      const dimension = query.length
      const part = rows.subarray(0, rowCount * dimension)
      const start = query.byteOffset === 0 ? query : query.slice()
      const threads = 1
      const found = usearch.exactSearch(
        part,
        start,
        dimension,
        Math.min(count, rowCount),
        usearch.MetricKind.IP,
        threads,
      )
      return Array.from(found.keys, Number)
    },
  }
}

function searching(index: Index): Graph {
  return {
    size: index.size(),
    search: (query, count) => Array.from(index.search(query, count, 1).keys, Number),
  }
}

function assertDimension(index: Index, dimension: number): void {
  if (index.dimensions() !== dimension) throw new Error(`a graph of ${index.dimensions()} dimensions, not ${dimension}`)
}

function installedVersion(): string {
  // The package does not export its package.json; its entry lies three folders below it.
  const file = new URL('../../../package.json', import.meta.resolve('usearch'))
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
