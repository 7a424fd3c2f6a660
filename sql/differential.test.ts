import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { closure, find, parseQuery, walk } from './query/index.ts'
import { action, eventsOf, perform, seeds, viewOf } from './store/compliance/operations.ts'
import { modelIdOf } from './store/compliance/sample.ts'
import { openEmbeddedStore } from './store/embedded/index.ts'
import { MssqlExecutor } from './store/mssql/executor.ts'
import { openEmptyServer, serverOptions } from './store/mssql/fixtures/server.ts'
import { openTranscribed, plainProfile } from './store/mssql/fixtures/transcribed.ts'
import { createShardStore } from './store/shard-store.ts'
import type { ShardStore, TenantStore } from './store/types.ts'

/** 40 in the default tests, some 500 operations on each engine. 8,000 are 10^5 on each. */
const numRuns = Number(process.env['HARTONOMOUS_TENANT_RUNS'] ?? 40)

/** The same for all engines: leases of events must end for each after the same step. */
let nowMs = 0
const clock = { now: () => nowMs }

let folder: string
/** The first one is what the others are compared with. */
const engines: [name: string, store: ShardStore][] = []
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hart-engines-'))
  engines.push(['SQLite file', await openEmbeddedStore({ path: join(folder, 'shard.db') }, clock)])
  engines.push(['SQLite in memory', await openEmbeddedStore({ path: ':memory:' }, clock)])
  for (const hasPolicy of [false, true]) {
    const { connection } = await openTranscribed()
    const executor = new MssqlExecutor(connection, { ...plainProfile, hasPolicy }, { migrations: [] })
    engines.push([`T-SQL, transcribed${hasPolicy ? ', under the policy' : ''}`, createShardStore(executor, clock)])
  }
  const server = serverOptions(process.env)
  if (server === undefined) console.info('not compared: SQL Server itself, because MSSQL_URL is not set')
  else engines.push(['SQL Server', await openEmptyServer(server, clock)])
})
afterAll(async () => {
  for (const [, store] of engines) await store.close()
  rmSync(folder, { recursive: true, force: true })
})

const texts = [
  'kind:ffn',
  'layer:1-',
  'dtype:Q4_K size:>=20',
  'licence:mine',
  'meta:mark=mine kind:embedding',
  'blk mine',
]

/** What can be asked of models, beside what the store itself shows. */
async function answersOf(t: TenantStore): Promise<unknown> {
  const found = []
  for (const text of texts) {
    for (let cursor: string | undefined; ; ) {
      const page = await find(t, parseQuery(text).query, { limit: 2, ...(cursor === undefined ? {} : { cursor }) })
      found.push([text, page.hits])
      cursor = page.nextCursor
      if (cursor === undefined) break
    }
  }
  const mapped = []
  for (const seed of seeds) {
    const modelId = modelIdOf(seed)
    mapped.push(await walk(t, modelId, ['file.0.blk.0'], { hopsMax: 3 }))
    mapped.push(
      await closure(t, modelId, ['file.0.blk.0'], 'whole').then(
        ({ members }) => members.map(({ key, reason }) => [key, reason]),
        (error: { code: string }) => error.code,
      ),
    )
  }
  return { found, mapped }
}

test(
  'engines: the same random operations give the same rows, answers and events on each of them',
  async () => {
    let round = 0
    const property = fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 25 }), async (steps) => {
      round++
      let first: unknown
      for (const [name, store] of engines) {
        const tenant = store.forTenant(`mine:${round}`)
        nowMs = 1_000_000 * round
        for (const step of steps) {
          nowMs += 1000
          await perform(tenant, 'mine', step)
        }
        const all = [await viewOf(tenant), await answersOf(tenant), await eventsOf(tenant)]
        first ??= all
        expect(all, name).toEqual(first)
      }
    })
    await fc.assert(property, { numRuns })
  },
  30_000 + 500 * numRuns,
)
