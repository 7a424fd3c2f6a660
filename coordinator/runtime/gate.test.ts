import { afterEach, expect, test } from 'vitest'
import { type JobView, openJobStates, type SubmitRequest } from '#protocol/api/jobs.ts'
import type { WorkflowGraph } from '#protocol/api/workflow.ts'
import { jobForbidCharactersMax } from '#protocol/limits.ts'
import { openShardStore, type ShardStore } from '#sql/store/index.ts'
import { TenantQuotas } from '../auth/quota.ts'
import { auditTenant, type Constitution, defaultText, openConstitution } from '../constitution/index.ts'
import { answers, chat, identityOf, JobBench, type TestNode } from '../jobs/bench.fixture.ts'
import { Gate } from './gate.ts'
import { WorkflowJobs } from './workflow-jobs.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

interface House {
  bench: JobBench
  store: ShardStore
  constitution: Constitution
}

/** Nodes in two regions behind the real gate: store, constitution, quotas, jobs and workflows are the product's own. */
async function open(regions: readonly string[]): Promise<House> {
  const store = await openShardStore({ path: ':memory:' })
  await store.migrate()
  const audit = store.forTenant(auditTenant)
  const constitution = await openConstitution({ documents: audit, ledger: audit, now: Date.now })
  const storeOf = (tenant: string) => store.forTenant(tenant)
  const quotas = new TenantQuotas(() => undefined, Date.now)
  const gate = new Gate({ constitution, quotas, storeOf, priceMaxWei: 10n ** 18n, modelOf: async () => undefined })
  const nodes: TestNode[] = regions.map((region) => ({ name: `in ${region}`, region, behave: answers('yes') }))
  const bench = await JobBench.open(nodes, {
    store,
    parts: (own) => ({
      admit: (identity, request) => gate.admit(identity, request),
      authorize: (job, candidate, money) => gate.assign(job, candidate, money),
      workflow: (job, jobs) =>
        new WorkflowJobs({
          storeOf,
          hub: own.hub,
          now: Date.now,
          constitution,
          tools: new Map(),
          graphOf: () => Promise.reject(new Error('no names here')),
          find: () => Promise.reject(new Error('no queries here')),
          submitted: (tenant) => own.dispatcher.submitted(tenant),
        }).run(job, jobs),
    }),
  })
  closers.push(
    () => bench.close(),
    () => constitution.close(),
  )
  return { bench, store, constitution }
}

const notInRussia =
  '@id("not-there")\nforbid (principal, action == Action::"assign", resource)\nwhen { resource.region == "RU" };'

/** Hashes under which nodes were chosen for a job, as the audit log has them. */
async function hashesOf({ constitution, store }: House): Promise<{ action: string; policyHash: string }[]> {
  // Writes what waits.
  expect((await constitution.replay()).differences).toEqual([])
  const entries = await store.forTenant(auditTenant).listLedger({ kinds: ['decision'], limit: 1000 })
  return entries.map(({ body, fields }) => ({
    action: String(fields?.['action']),
    policyHash: (JSON.parse(Buffer.from(body).toString()) as { policyHash: string }).policyHash,
  }))
}

test('gate: a job that forbids a region is not given to a node there, and the audit log names what it forbade', async () => {
  const house = await open(['RU'])
  const { bench, constitution } = house
  const refused = await bench.run(chat('hello', { forbid: notInRussia }))
  expect(refused).toMatchObject({ state: 'failed', error: { code: 'ERR_FORBIDDEN' }, attempts: [] })
  expect(refused.error?.message).toContain('1:not-there')
  const free = await bench.run(chat())
  expect(free).toMatchObject({ state: 'succeeded', attempts: [{ peerId: 'in RU' }] })
  bench.nodes.push({ name: 'in NL', region: 'NL', behave: answers('yes') })
  const elsewhere = await bench.run(chat('again', { forbid: notInRussia }))
  expect(elsewhere).toMatchObject({ state: 'succeeded', attempts: [{ peerId: 'in NL' }] })
  expect(bench.asked.filter(({ job }) => job !== 'hello').map(({ node }) => node)).toEqual(['in NL'])

  const root = constitution.current()
  const { hash } = await constitution.derive(root, notInRussia)
  const hashes = await hashesOf(house)
  expect(new Set(hashes.map(({ policyHash }) => policyHash))).toEqual(new Set([root.hash, hash]))
  // Submitting is asked under both: who may not submit leaves nothing in the store.
  const submits = hashes.filter(({ action }) => action === 'submit').map(({ policyHash }) => policyHash)
  expect(submits).toEqual([root.hash, hash, root.hash, root.hash, hash])
  const assigns = new Set(hashes.filter(({ action }) => action === 'assign').map(({ policyHash }) => policyHash))
  expect(assigns).toEqual(new Set([root.hash, hash]))
})

const graph: WorkflowGraph = {
  name: 'one-step',
  steps: [{ id: 'ask', type: 'prompt', model: 'm', prompt: 'hello' }],
}

const parents: Record<string, SubmitRequest['work']> = {
  batch: {
    kind: 'batch',
    items: [{ id: '1', work: { kind: 'chat', model: 'm', messages: [{ role: 'user', content: 'hi' }] } }],
  },
  workflow: { kind: 'workflow', workflow: graph, input: {} },
}

for (const [kind, work] of Object.entries(parents)) {
  test(`gate: what a ${kind} forbids, its children cannot do, also after the constitution was replaced`, async () => {
    const house = await open(['RU'])
    const { bench, store, constitution } = house
    const first = await bench.run({ work, terms: { forbid: notInRussia } })
    const child = await childOf(bench, first)
    expect(child).toMatchObject({ state: 'failed', error: { code: 'ERR_FORBIDDEN' }, attempts: [] })
    const { request } = (await store.forTenant('a').getJob(child.jobId))!
    const { hash } = await constitution.derive(constitution.current(), notInRussia)
    // By its hash alone: the text stands with the parent.
    expect(request).toContain(hash)
    expect(request).not.toContain('not-there')
    await constitution.replace(`${defaultText()}\n// another`, constitution.current().hash)
    const second = await childOf(bench, await bench.run({ work, terms: { forbid: notInRussia } }))
    expect(second.error?.message).toContain('1:not-there')
    expect(bench.asked).toEqual([])
    const third = await childOf(bench, await bench.run({ work }))
    expect(third).toMatchObject({ state: 'succeeded', attempts: [{ peerId: 'in RU' }] })
    const hashes = await hashesOf(house)
    expect(hashes.map(({ policyHash }) => policyHash)).toContain(hash)
  })
}

async function childOf(bench: JobBench, { jobId: parentJobId }: JobView): Promise<JobView> {
  const { jobs } = await bench.jobs.list(identityOf('a'), { parentJobId })
  expect(jobs).toHaveLength(1)
  return jobs[0]!
}

test('gate: a running job keeps what it forbade when the constitution is replaced under it', async () => {
  const house = await open(['RU'])
  const { bench, constitution } = house
  const { policyHash } = JSON.parse(await storedRequest(house)) as { policyHash: string }
  const before = await constitution.find(policyHash)
  const next = await constitution.replace(`${defaultText()}\n// another`, constitution.current().hash)
  expect(before.parent?.hash).not.toBe(next.hash)
  bench.nodes = [{ name: 'in RU', region: 'RU', behave: answers('yes') }]
  bench.slots.look()
  const [{ jobId }] = (await bench.jobs.list(identityOf('a'), { states: openJobStates })).jobs as [JobView]
  const job = await bench.ended('a', jobId)
  expect(job.error?.message).toContain('1:not-there')
  const rebased = await constitution.derive(next, notInRussia)
  expect((await hashesOf(house)).at(-1)).toEqual({ action: 'assign', policyHash: rebased.hash })
})

/** Of a job that waits for a node. */
async function storedRequest({ bench, store }: House): Promise<string> {
  bench.nodes = []
  const { jobId } = await bench.jobs.submit(identityOf('a'), chat('waits', { forbid: notInRussia }), {})
  return (await store.forTenant('a').getJob(jobId))!.request
}

test('gate: what is no forbid is refused with its place, and no job is made of it', async () => {
  const { bench, constitution } = await open(['RU'])
  const wrong: [forbid: string, message: RegExp][] = [
    [`${notInRussia}\n\n  @id("more")\n  permit (principal, action, resource);`, /line 5, column 3: more permits/],
    ['@id("x")\nforbid (principal, action == Action::"asign", resource);', /line 2, column 30: .*assign/],
    ['\n forbid (principal, action, resource);', /line 2, column 2: each rule needs an @id/],
    ['forbid', /line 1, column \d+/],
  ]
  for (const [forbid, message] of wrong) {
    const submitted = bench.jobs.submit(identityOf('a'), chat('hello', { forbid }), {})
    await expect(submitted, forbid).rejects.toMatchObject({ code: 'ERR_USAGE', fields: { param: 'terms.forbid' } })
    await expect(submitted, forbid).rejects.toThrow(message)
  }
  const long = `${notInRussia}${' '.repeat(jobForbidCharactersMax)}`
  await expect(bench.jobs.submit(identityOf('a'), chat('hello', { forbid: long }), {})).rejects.toThrow('terms.forbid')
  const noSubmits = '@id("none") forbid (principal, action == Action::"submit", resource);'
  await expect(bench.jobs.submit(identityOf('a'), chat('hello', { forbid: noSubmits }), {})).rejects.toMatchObject({
    code: 'ERR_FORBIDDEN',
    fields: { reason: 'the rule 1:none of the constitution forbids it' },
  })
  expect((await bench.jobs.list(identityOf('a'), {})).jobs).toEqual([])
  expect((await constitution.replay()).differences).toEqual([])
})

test('gate: who may not submit leaves none of its texts in the store', async () => {
  const { bench, constitution, store } = await open(['NL'])
  const reader = { ...identityOf('a'), role: 'reader' as const }
  await expect(bench.jobs.submit(reader, chat('hello', { forbid: notInRussia }), {})).rejects.toMatchObject({
    code: 'ERR_FORBIDDEN',
  })
  const audit = store.forTenant(auditTenant)
  const text = `// on top of sha256:${constitution.current().hash}\n${notInRussia}`
  expect(await audit.getDocument(await sha256(text))).toBeUndefined()
})

async function sha256(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', Buffer.from(text)))
}
