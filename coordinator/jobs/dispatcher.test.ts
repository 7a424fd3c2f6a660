import { afterEach, expect, test } from 'vitest'
import type { Work } from '#protocol/api/jobs.ts'
import { jobsInWorkMax } from '#protocol/limits.ts'
import { openShardStore } from '#sql/store/index.ts'
import type { ShardStore } from '#sql/store/types.ts'
import { principalOf } from '../constitution/index.ts'
import { answer, chat, identityOf } from './bench.fixture.ts'
import { Dispatcher } from './dispatcher.ts'
import { JobHub } from './job-hub.ts'
import { newJob } from './new-job.ts'
import type { RunningJob } from './running-job.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function openStore(): Promise<ShardStore> {
  const store = await openShardStore({ path: ':memory:' })
  await store.migrate()
  closers.push(() => store.close())
  return store
}

async function insert(store: ShardStore, tenant: string, works: readonly Work[]): Promise<void> {
  const { tenant: _, ...principal } = principalOf(identityOf(tenant))
  const rows = works.map((work) => newJob({ request: { work }, principal, nowMs: Date.now() }))
  for (let at = 0; at < rows.length; at += 500) await store.forTenant(tenant).insertJobs(rows.slice(at, at + 500))
}

function dispatcherOf(store: ShardStore, run: (job: RunningJob) => Promise<void>): Dispatcher {
  const dispatcher = new Dispatcher({
    tenants: () => store.listTenants(),
    storeOf: (tenant) => store.forTenant(tenant),
    hub: new JobHub(),
    owner: 'coordinator:test',
    now: Date.now,
    log: { debug() {}, info() {}, warn() {}, error() {} },
    run: async (job) => {
      await run(job)
      return { result: answer('done'), chargedWei: 0n }
    },
    onEnd: () => undefined,
  })
  closers.push(() => dispatcher.close())
  return dispatcher
}

const until = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
const asking: Work = {
  kind: 'workflow',
  input: {},
  workflow: { name: 'ask', steps: [{ id: 'ask', type: 'approval', question: 'well?' }] },
}

test('dispatcher: workflows that wait for a person, more than there are places, hold up nobody', async () => {
  const store = await openStore()
  await insert(
    store,
    'a',
    Array.from({ length: jobsInWorkMax + 1 }, () => asking),
  )
  const answered = Promise.withResolvers<string>()
  const dispatcher = dispatcherOf(store, async ({ work, tenant, signal }) => {
    if (work.kind === 'workflow') await until(signal)
    answered.resolve(tenant)
  })
  await dispatcher.start()
  await expect.poll(() => dispatcher.inWork, { timeout: 20_000 }).toBeGreaterThanOrEqual(jobsInWorkMax)
  await insert(store, 'b', [chat().work])
  dispatcher.submitted('b')
  expect(await answered.promise).toBe('b')
}, 60_000)

test('dispatcher: where all places are taken, tenants take turns for each that becomes free', async () => {
  const store = await openStore()
  const busy = Array.from({ length: 8 }, (_, index) => `busy-${index}`)
  for (const tenant of busy)
    await insert(
      store,
      tenant,
      Array.from({ length: 300 }, () => chat().work),
    )
  const begun: string[] = []
  const ends: (() => void)[] = []
  const dispatcher = dispatcherOf(store, async ({ tenant, signal }) => {
    begun.push(tenant)
    const { promise, resolve } = Promise.withResolvers<void>()
    ends.push(resolve)
    await Promise.race([promise, until(signal)])
  })
  await dispatcher.start()
  await expect.poll(() => begun.length, { timeout: 20_000 }).toBe(jobsInWorkMax)
  await insert(store, 'late', [chat().work])
  dispatcher.submitted('late')
  for (let round = 0; round < 12 && !begun.includes('late'); round++) {
    const before = begun.length
    ends.shift()!()
    await expect.poll(() => begun.length, { timeout: 20_000 }).toBeGreaterThan(before)
  }
  expect(begun).toContain('late')
}, 60_000)
