import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { clusters, seededRandom } from '../compliance/clusters.ts'
import { loadVectorEngine, type VectorEngine } from './usearch.ts'
import { dotProduct, unitVector } from './vector.ts'

const usearch = await import('usearch').catch(() => undefined)
if (usearch === undefined) process.stderr.write('skipped: usearch has no binary for this platform\n')
const dimension = 32
const rowCount = 2000

let engine: VectorEngine
let folder: string
beforeEach(async () => {
  engine = (await loadVectorEngine())!
  folder = mkdtempSync(path.join(tmpdir(), 'hart-usearch-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function unitRows(count: number, seed = 1): Float32Array {
  const source = clusters(seed, { dimension, count: 40 })
  const rows = new Float32Array(count * dimension)
  for (let row = 0; row < count; row++) rows.set(unitVector(source.next(), dimension), row * dimension)
  return rows
}

function nearestOf(rows: Float32Array, query: Float32Array, count: number): number[] {
  const scored = Array.from({ length: rows.length / dimension }, (_, place) => ({
    place,
    score: dotProduct(query, rows, place * dimension),
  }))
  const best = scored.sort((a, b) => b.score - a.score).slice(0, count)
  return best.map(({ place }) => place)
}

function keysFrom(first: number, count: number): BigUint64Array {
  return BigUint64Array.from({ length: count }, (_, n) => BigInt(first + n))
}

function shareOf(found: readonly number[], expected: readonly number[]): number {
  return expected.filter((each) => found.includes(each)).length / expected.length
}

describe.skipIf(usearch === undefined)('usearch, as it is', () => {
  const { exactSearch, Index, MetricKind, ScalarKind } = usearch ?? ({} as NonNullable<typeof usearch>)
  const newIndex = () =>
    new Index({
      dimensions: dimension,
      metric: MetricKind.IP,
      quantization: ScalarKind.I8,
      connectivity: 16,
      expansion_add: 64,
      expansion_search: 64,
      multi: false,
    })

  test('usearch: exactSearch reads rows and query from the start of their memory, wherever the view begins', () => {
    const rows = unitRows(60)
    const query = rows.slice(0, dimension)
    const find = (of: Float32Array, by: Float32Array) => [...exactSearch(of, by, dimension, 3, MetricKind.IP, 1).keys]
    const later = rows.subarray(20 * dimension, 40 * dimension)
    expect(find(later, query)).toEqual(find(rows.slice(0, 20 * dimension), query))
    expect(find(later, query)).not.toEqual(find(later.slice(), query))
    const queryView = rows.subarray(7 * dimension, 8 * dimension)
    expect(find(rows, queryView)).toEqual(find(rows, query))
    expect(find(rows, queryView)).not.toEqual(find(rows, queryView.slice()))
    expect(() => exactSearch(rows, query, dimension, 61, MetricKind.IP, 1)).toThrow('Count must be')
  })

  test('usearch: what was opened by view takes nothing in, and opens whatever dimension it is told', () => {
    const file = path.join(folder, 'a.usearch')
    const rows = unitRows(50)
    const made = newIndex()
    made.add(keysFrom(0, 50), rows, 1)
    made.save(file)
    const viewed = newIndex()
    viewed.view(file)
    expect(() => viewed.add(99n, rows.slice(0, dimension), 1)).toThrow('immutable')
    const other = new Index(8, MetricKind.IP, ScalarKind.I8)
    other.view(file)
    expect(other.dimensions()).toBe(dimension)
    expect([...viewed.search(rows.slice(0, dimension), 1, 1).keys]).toEqual([0n])
  })

  test('usearch: add and search of a graph honour where a view begins, and a key is taken once', () => {
    const rows = unitRows(50)
    const index = newIndex()
    index.add(keysFrom(20, 20), rows.subarray(20 * dimension, 40 * dimension), 1)
    expect([...index.search(rows.subarray(33 * dimension, 34 * dimension), 1, 1).keys]).toEqual([33n])
    expect(() => index.add(33n, rows.slice(0, dimension), 1)).toThrow('Duplicate')
  })
})

describe.skipIf(usearch === undefined)('vector engine', () => {
  test('vector engine: the nearest of a matrix are those of brute force, also for a query inside of another array', () => {
    const rows = unitRows(rowCount)
    const queries = unitRows(20, 2)
    for (let n = 0; n < 20; n++) {
      const query = queries.subarray(n * dimension, (n + 1) * dimension)
      // Only the first 1,500 rows: the memory behind may be larger than what is used of it.
      const places = engine.nearestPlaces(rows, 1500, query, 10)
      expect(places).toEqual(nearestOf(rows.subarray(0, 1500 * dimension), query, 10))
    }
    expect(engine.nearestPlaces(rows, 3, rows.subarray(0, dimension), 10)).toHaveLength(3)
  })

  test('vector engine: a graph that was saved, grown and viewed finds what it was given', () => {
    const rows = unitRows(rowCount)
    const [first, second] = ['a', 'b'].map((name) => path.join(folder, name)) as [string, string]
    const graph = engine.grow(dimension)
    graph.add(keysFrom(1, 1200), rows.subarray(0, 1200 * dimension), 1)
    graph.save(first)
    const grown = engine.grow(dimension, first)
    expect(grown.size).toBe(1200)
    grown.add(keysFrom(1201, 800), rows.subarray(1200 * dimension), 1)
    expect(grown.size).toBe(rowCount)
    grown.save(second)
    const viewed = engine.view(second, dimension, rowCount)
    expect(viewed.size).toBe(rowCount)
    const queries = unitRows(30, 3)
    let share = 0
    for (let n = 0; n < 30; n++) {
      const query = queries.slice(n * dimension, (n + 1) * dimension)
      const found = viewed.search(query, 40).map((key) => key - 1)
      share += shareOf(found, nearestOf(rows, query, 10)) / 30
    }
    expect(share).toBeGreaterThan(0.95)
    expect(viewed.search(rows.slice(0, dimension), 3 * rowCount)).toHaveLength(rowCount)
    expect(() => engine.view(second, dimension + 1, rowCount)).toThrow('dimensions')
    expect(() => engine.grow(dimension + 1, second)).toThrow('dimensions')
  })

  test('vector engine: a file that is no graph is an error', () => {
    const file = path.join(folder, 'none')
    expect(() => engine.view(file, dimension, 1)).toThrow()
    const random = seededRandom(5)
    writeFileSync(
      file,
      Uint8Array.from({ length: 5000 }, () => Math.floor(random() * 256)),
    )
    expect(() => engine.view(file, dimension, 1)).toThrow()
  })

  test('vector engine: says its version', () => {
    expect(engine.version).toMatch(/^\d+\.\d+\.\d+$/)
  })
})
