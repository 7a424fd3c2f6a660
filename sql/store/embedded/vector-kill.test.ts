import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { bruteForce, expectSameHits, modelOfComponents } from '../compliance/embeddings.ts'
import type { EmbeddingRow, TenantStore } from '../types.ts'
import { loadVectorEngine } from '../vectors/usearch.ts'
import { bounds, componentCount, space, vectorSteps } from './fixtures/vector-steps.ts'
import { openEmbeddedStore } from './index.ts'

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'hart-vector-kill-'))
  file = path.join(folder, 'shard.db')
})
afterEach(() => rmSync(folder, { recursive: true }))

const rounds = 10
const writer = path.join(import.meta.dirname, 'fixtures/vector-writer.ts')
type Rows = Map<string, EmbeddingRow>

/** Kills the writer once it has acknowledged `steps` steps and a little later; gives back how many it has in all. */
async function writeAndKill(round: number, steps: number, delayMs: number): Promise<number> {
  const child = spawn(process.execPath, [writer, file, String(round)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  let isTimed = false
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part
    if (!isTimed && text.split('\n').length > steps) {
      isTimed = true
      setTimeout(() => child.kill('SIGKILL'), delayMs)
    }
  })
  const signal = await new Promise((resolve) => child.once('close', (_, by) => resolve(by)))
  expect(signal, 'the writer ends by being killed only').toBe('SIGKILL')
  return text.split('\n').length - 1
}

/** The rows after so many steps of a round, and after one more, which may have been written without a word. */
function rowsAfter(before: Rows, round: number, steps: number): [Rows, Rows] {
  const rows = new Map(before)
  const states: Rows[] = []
  let count = 0
  for (const step of vectorSteps(round)) {
    if (count === steps) states.push(new Map(rows))
    if (count++ > steps) break
    if ('put' in step) for (const row of step.put) rows.set(row.key, row)
    else for (const { key } of step.remove) rows.delete(key)
    if (count === steps + 1) states.push(new Map(rows))
  }
  return states as [Rows, Rows]
}

/** All rows as the store has them: the scores of all, to one vector. */
async function isInStore(tenant: TenantStore, rows: Rows): Promise<boolean> {
  const vector = Float32Array.from({ length: space.dimension }, (_, n) => n + 1)
  const hits = await tenant.findNearest({ space: space.name, vector, k: 1000, isExact: true })
  const expected = bruteForce(rows.values(), vector, 1000)
  return (
    (await tenant.getSpace(space.name))?.rowCount === rows.size &&
    hits.every(({ score }, index) => Math.abs(score - (expected[index]?.score ?? 2)) < 1e-5)
  )
}

async function expectParity(tenant: TenantStore, rows: Rows): Promise<void> {
  await expect
    .poll(async () => (await tenant.getSpace(space.name))!.index?.pendingCount ?? 0)
    .toBeLessThan(bounds.pendingRows)
  const { index, rowCount } = (await tenant.getSpace(space.name))!
  expect(rowCount).toBe(rows.size)
  if (index !== undefined) expect(index.entryCount - index.deadCount + index.pendingCount).toBe(rowCount)
  let found = 0
  for (const row of rows.values()) {
    const query = { space: space.name, vector: row.vector, k: 1 }
    const [hit] = await tenant.findNearest(query)
    if (hit?.key === row.key) found++
  }
  // Each row is found by its own vector: none is missing, whatever a graph may overlook.
  expect(found).toBeGreaterThanOrEqual(0.98 * rows.size)
  for (const { vector } of [...rows.values()].slice(0, 3)) {
    const hits = await tenant.findNearest({ space: space.name, vector, k: 10, isExact: true })
    expectSameHits(hits, bruteForce(rows.values(), vector, 10))
  }
}

test.skipIf((await loadVectorEngine()) === undefined)(
  'vector index: after each kill its rows are those acknowledged, and it finds every one of them',
  async () => {
    const first = await openEmbeddedStore({ path: file })
    await first.forTenant('local:owner').putModel(modelOfComponents('a', componentCount))
    await first.forTenant('local:owner').putSpace(space.name, space.dimension)
    await first.close()
    let rows: Rows = new Map()
    let indexed = 0
    for (let round = 1; round <= rounds; round++) {
      const steps = await writeAndKill(round, 5 + ((round * 7) % 20), (round * 37) % 50)
      if (readdirSync(`${file}-vectors`).some((name) => name.endsWith('.json'))) indexed++
      const states = rowsAfter(rows, round, steps)
      const store = await openEmbeddedStore({ path: file }, { vectors: { bounds } })
      try {
        const tenant = store.forTenant('local:owner')
        expect(await store.check()).toEqual([])
        const known = (await isInStore(tenant, states[0])) ? states[0] : states[1]
        expect(await isInStore(tenant, known), `round ${round}, after ${steps} steps`).toBe(true)
        rows = known
        await expectParity(tenant, rows)
      } finally {
        await store.close()
      }
    }
    expect(indexed, 'graphs were written before some of the kills').toBeGreaterThan(5)
  },
  90_000,
)
