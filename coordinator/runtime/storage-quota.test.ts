/** What a tenant may keep at a coordinator, with the store that counts it. */
import { expect, onTestFinished, test } from 'vitest'
import type { SubmitRequest } from '#protocol/api/jobs.ts'
import type { WorkflowGraph } from '#protocol/api/workflow.ts'
import { openShardStore, type TenantId } from '#sql/store/index.ts'
import { TenantQuotas } from '../auth/quota.ts'
import { auditTenant, openConstitution, principalOf } from '../constitution/index.ts'
import { identityOf } from '../jobs/bench.fixture.ts'
import { newJob } from '../jobs/new-job.ts'
import { Gate } from './gate.ts'
import { WorkflowLibrary } from './workflow-library.ts'

const limits = { requestsPerMinute: 1e6, tokensPerDay: 1e9, concurrentJobs: 100, storedBytes: 20_000 }
const chat = (content: string): SubmitRequest => ({
  work: { kind: 'chat', model: 'm', messages: [{ role: 'user', content }] },
})

async function opened() {
  const store = await openShardStore({ path: ':memory:' })
  onTestFinished(() => store.close())
  await store.migrate()
  const audit = store.forTenant(auditTenant)
  const constitution = await openConstitution({ documents: audit, ledger: audit, now: Date.now })
  onTestFinished(() => constitution.close())
  const storeOf = (tenant: TenantId) => store.forTenant(tenant)
  const quotas = new TenantQuotas((tenant) => (tenant === 'local:owner' ? undefined : limits), Date.now)
  const gate = new Gate({ constitution, quotas, storeOf, priceMaxWei: 10n ** 18n, modelOf: async () => undefined })
  const keep = (tenant: TenantId, sizeBytes: number) => gate.keep(tenant, sizeBytes)
  const library = new WorkflowLibrary({ storeOf, tools: new Map(), now: Date.now, keep })
  const submit = async (tenant: TenantId, request: SubmitRequest) => {
    const { entered } = await gate.admit(identityOf(tenant), request)
    const context = { idempotencyKey: undefined, traceparent: undefined, principal: principalOf(identityOf(tenant)) }
    const row = newJob({ request, work: request.work, nowMs: Date.now(), ...context })
    await storeOf(tenant).insertJobs([row])
    entered()
    return row.jobId
  }
  return { gate, library, storeOf, submit }
}

const tooMuch = { code: 'ERR_QUOTA', fields: { what: 'stored bytes', limit: limits.storedBytes } }

test('storage quota: requests and results fill it, and what is removed makes room', async () => {
  const { gate, storeOf, submit } = await opened()
  const store = storeOf('a')
  expect(await gate.usage('a')).toMatchObject({ jobs: 0, storedBytes: 0 })
  const jobId = await submit('a', chat('x'.repeat(5000)))
  const { request } = (await store.getJob(jobId))!
  expect(await gate.usage('a')).toMatchObject({ jobs: 1, storedBytes: Buffer.byteLength(request) })
  const result = JSON.stringify({ kind: 'chat', text: 'y'.repeat(12_000) })
  await store.changeJobs([{ jobId, revision: 1, atMs: 5, state: 'succeeded', result }])
  expect(await gate.usage('a')).toMatchObject({ jobs: 0, storedBytes: Buffer.byteLength(request + result) })
  await expect(gate.admit(identityOf('a'), chat('x'.repeat(5000)))).rejects.toMatchObject(tooMuch)
  await submit('b', chat('x'.repeat(5000)))
  expect(await store.removeJobs(6, 100)).toBe(1)
  await submit('a', chat('x'.repeat(5000)))
})

test('storage quota: requests that come at once are counted before they are in the store', async () => {
  const { gate } = await opened()
  const entered = await Promise.allSettled(
    Array.from({ length: 6 }, () => gate.admit(identityOf('a'), chat('x'.repeat(5000)))),
  )
  const admitted = entered.filter(({ status }) => status === 'fulfilled')
  expect(admitted).toHaveLength(3)
  for (const each of entered) if (each.status === 'rejected') expect(each.reason).toMatchObject(tooMuch)
  for (const each of entered) if (each.status === 'fulfilled') each.value.entered()
  expect(await gate.usage('a')).toMatchObject({ jobs: 0, storedBytes: 0 })
})

test('storage quota: saved workflows are part of it, and the owner has none', async () => {
  const { gate, library } = await opened()
  const graph = (characters: number): WorkflowGraph => ({
    name: `of-${characters}`,
    steps: [{ id: 'ask', type: 'prompt', model: 'm', prompt: 'x'.repeat(characters) }],
  })
  await library.save(identityOf('a'), graph(15_000))
  expect((await gate.usage('a'))!.storedBytes).toBeGreaterThan(15_000)
  await expect(library.save(identityOf('a'), graph(6000))).rejects.toMatchObject(tooMuch)
  expect(await library.list(identityOf('a'))).toContainEqual(expect.objectContaining({ name: 'of-15000' }))
  await library.save(identityOf('local:owner'), graph(30_000))
  expect(await gate.usage('local:owner')).toBeUndefined()
})
