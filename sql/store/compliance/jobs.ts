import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type JobEventBody, type JobState, jobStates } from '#protocol/api/jobs.ts'
import { jobPageBytesMax, jobPageRowsMax, jobRequestBytesMax, jobsPerChangeMax, weiMax } from '#protocol/limits.ts'
import type { JobChange, JobFilter, JobRow, NewJob } from '../job.ts'
import type { TenantStore } from '../types.ts'
import { bytesOf } from './sample.ts'
import { type OpenStore, storeOpener } from './setup.ts'
import { jobIdOf, sampleAttempt, sampleJob } from './work.ts'

const idsOf = (jobs: readonly { jobId: string }[]) => jobs.map(({ jobId }) => jobId)
const started: JobEventBody = { type: 'state', state: 'running', reason: 'a node took it' }
const text = (words: string): JobEventBody => ({ type: 'text', text: words, tokens: 1 })

async function submit(tenant: TenantStore, ...jobs: NewJob[]): Promise<JobRow[]> {
  return (await tenant.insertJobs(jobs)).map(({ job }) => job)
}

async function change(tenant: TenantStore, given: Omit<JobChange, 'revision' | 'atMs'>, atMs = 9): Promise<JobRow> {
  const { revision } = (await tenant.getJob(given.jobId))!
  return (await tenant.changeJobs([{ revision, atMs, ...given }]))[0]!
}

const codesOf = async (calls: readonly Promise<unknown>[]) =>
  (await Promise.allSettled(calls)).map((done) => (done.status === 'rejected' ? (done.reason.code as string) : 'done'))

export function jobCompliance(open: OpenStore): void {
  describe('jobs', () => {
    const opened = storeOpener(open)

    test('shard store: a submitted job is queued, comes back as it was, and is there after a restart', async () => {
      const { tenant, reopen } = await opened()
      const plain = sampleJob(1)
      const full = sampleJob(2, {
        kind: 'batch',
        idempotencyKey: 'größe 😀 ',
        parentJobId: plain.jobId,
        request: JSON.stringify({ text: 'x'.repeat(300_000), odd: ' \u0000"' }),
      })
      const submitted = await tenant.insertJobs([plain, full])
      const fresh = { state: 'queued', revision: 1, isCancelRequested: false, detail: '{}', chargedWei: 0n }
      expect(submitted).toEqual(
        [plain, full].map((job) => ({
          job: { ...job, ...fresh, reason: 'submitted', updatedAtMs: job.createdAtMs },
          isNew: true,
        })),
      )
      expect(await tenant.insertJobs([])).toEqual([])
      expect(await tenant.getJob(plain.jobId)).toEqual(submitted[0]!.job)
      expect(await tenant.getJob(full.jobId)).toEqual(submitted[1]!.job)
      expect(await tenant.getJob(jobIdOf('unknown'))).toBeUndefined()
      await expect(tenant.insertJobs([sampleJob(3), plain])).rejects.toMatchObject({ code: 'ERR_STORE_DUPLICATE' })
      expect(await tenant.getJob(sampleJob(3).jobId)).toBeUndefined()
      if (reopen === undefined) return
      const again = (await reopen()).forTenant('local:owner')
      expect(await again.listJobs()).toEqual(submitted.map(({ job }) => job))
    })

    test('shard store: a key brings back the job that it made, and is refused for another request', async () => {
      const { tenant, store } = await opened()
      const first = sampleJob(1, { idempotencyKey: 'key' })
      await tenant.insertJobs([first])
      await change(tenant, { jobId: first.jobId, state: 'running' })
      const again = { ...first, jobId: sampleJob(7).jobId }
      const [known, fresh, twin] = await tenant.insertJobs([
        again,
        sampleJob(2, { idempotencyKey: 'key ' }),
        { ...sampleJob(2, { idempotencyKey: 'key ' }), jobId: sampleJob(8).jobId },
      ])
      expect(known).toEqual({ job: await tenant.getJob(first.jobId), isNew: false })
      expect(known!.job.state).toBe('running')
      expect([fresh!.isNew, twin!.isNew]).toEqual([true, false])
      expect(twin!.job).toEqual(fresh!.job)
      const other = sampleJob(9, { idempotencyKey: 'key' })
      await expect(tenant.insertJobs([sampleJob(3), other])).rejects.toMatchObject({
        code: 'ERR_IDEMPOTENCY',
        fields: { key: 'key' },
      })
      expect(idsOf(await tenant.listJobs())).toEqual([first.jobId, fresh!.job.jobId])
      // Of another tenant it is another key.
      expect(await store.forTenant('issuer:b').insertJobs([other])).toMatchObject([{ isNew: true }])
      // At once, from callers that know nothing of one another: one makes it.
      const race = Array.from({ length: 8 }, (_, n) => ({
        ...sampleJob(20, { idempotencyKey: 'race' }),
        jobId: jobIdOf(`race ${n}`),
      }))
      const raced = (await Promise.all(race.map((job) => tenant.insertJobs([job])))).flat()
      expect(raced.filter(({ isNew }) => isNew)).toHaveLength(1)
      expect(new Set(raced.map(({ job }) => job.jobId)).size).toBe(1)
    })

    test('shard store: a change is whole: state, attempts, events and owner, and nothing of a refused one', async () => {
      const { tenant, reopen } = await opened()
      const [job, other] = await submit(tenant, sampleJob(1), sampleJob(2))
      const { jobId } = job!
      const attempt = sampleAttempt(jobId, 1, { detail: '{"blame":"none"}', isHedge: true })
      const [running] = await tenant.changeJobs([
        {
          ...{ jobId, revision: 1, atMs: 10, state: 'running', reason: 'größe 😀', detail: '{"phases":[]}' },
          ...{ owner: { id: 'me', untilMs: 50 }, attempts: [attempt], events: [started, text('a')] },
        },
      ])
      expect(running).toEqual({
        ...{ ...job, state: 'running', reason: 'größe 😀', detail: '{"phases":[]}', revision: 2, updatedAtMs: 10 },
        ...{ owner: 'me', ownerUntilMs: 50 },
      })
      expect(await tenant.getJob(jobId)).toEqual(running)
      expect(await tenant.listAttempts(jobId)).toEqual([attempt])
      const won = { ...attempt, endedAtMs: 11, outcome: 'won', paidWei: weiMax, receiptHash: bytesOf('r', 32) } as const
      const wrongs: Partial<JobChange>[] = [
        { revision: 1 },
        { revision: 3 },
        { attempts: [won, sampleAttempt(jobId, 2, { outcome: 'won' })] },
      ]
      for (const wrong of wrongs) {
        const good = { jobId: other!.jobId, revision: 1, atMs: 11, state: 'failed', error: '{}' } as const
        const bad = { jobId, revision: 2, atMs: 11, events: [text('never')], attempts: [won], ...wrong }
        await expect(tenant.changeJobs([good, bad])).rejects.toMatchObject({ code: 'ERR_STORE_CONFLICT' })
      }
      const nobody = { jobId: jobIdOf('unknown'), revision: 1, atMs: 1 }
      await expect(tenant.changeJobs([{ jobId, revision: 2, atMs: 11 }, nobody])).rejects.toMatchObject({
        code: 'ERR_NOT_FOUND',
        fields: { kind: 'job' },
      })
      expect(await tenant.listJobs()).toEqual([running, other])
      const end: JobChange = {
        ...{ jobId, revision: 2, atMs: 12, state: 'succeeded', reason: '', result: '{"kind":"chat"}' },
        ...{
          chargedWei: weiMax,
          attempts: [sampleAttempt(jobId, 0), won],
          events: [text('b')],
          isCancelRequested: true,
        },
      }
      const [done, cancelled] = await tenant.changeJobs([
        end,
        { jobId: other!.jobId, revision: 1, atMs: 12, state: 'cancelled', error: '{"code":"ERR_TIMEOUT"}' },
      ])
      const { owner: _, ownerUntilMs: __, ...kept } = running!
      expect(done).toEqual({
        ...{ ...kept, state: 'succeeded', reason: '', revision: 3, updatedAtMs: 12, finishedAtMs: 12 },
        ...{ result: '{"kind":"chat"}', chargedWei: weiMax, isCancelRequested: true },
      })
      expect(cancelled).toMatchObject({ state: 'cancelled', error: '{"code":"ERR_TIMEOUT"}', chargedWei: 0n })
      const look = async (t: TenantStore) => [
        await t.listJobs(),
        await t.listAttempts(jobId),
        await t.listJobEvents(jobId, {}),
      ]
      const seen = [
        [done, cancelled],
        [sampleAttempt(jobId, 0), won],
        [
          { seq: 1, atMs: 10, ...started },
          { seq: 2, atMs: 10, ...text('a') },
          { seq: 3, atMs: 12, ...text('b') },
        ],
      ]
      expect(await look(tenant)).toEqual(seen)
      if (reopen !== undefined) expect(await look((await reopen()).forTenant('local:owner'))).toEqual(seen)
    })

    test('shard store: a job ends once, and one attempt of it wins', async () => {
      const { tenant } = await opened()
      const [job, other] = await submit(tenant, sampleJob(1), sampleJob(2))
      const { jobId } = job!
      const attempts = (attempt: number, outcome: 'won' | 'lost') => [sampleAttempt(jobId, attempt, { outcome })]
      await change(tenant, { jobId, attempts: attempts(1, 'won') })
      await expect(change(tenant, { jobId, attempts: attempts(2, 'won') })).rejects.toMatchObject({
        code: 'ERR_STORE_CONFLICT',
      })
      await expect(change(tenant, { jobId, attempts: attempts(1, 'lost') })).rejects.toMatchObject({
        code: 'ERR_STORE_CONFLICT',
      })
      await change(tenant, { jobId, attempts: [...attempts(1, 'won'), ...attempts(2, 'lost')] })
      // Another job's winner is its own.
      await change(tenant, { jobId: other!.jobId, attempts: [sampleAttempt(other!.jobId, 2, { outcome: 'won' })] })
      await change(tenant, { jobId, state: 'succeeded', result: '{}' })
      for (const state of jobStates)
        await expect(change(tenant, { jobId, state }), state).rejects.toMatchObject({ code: 'ERR_STORE_CONFLICT' })
      await expect(change(tenant, { jobId, events: [text('late')] })).rejects.toMatchObject({
        code: 'ERR_STORE_CONFLICT',
      })
      expect(await tenant.listJobEvents(jobId, {})).toEqual([])
      expect(await tenant.getJob(jobId)).toMatchObject({ state: 'succeeded', revision: 4 })
    })

    test('shard store: of writers that read the same revision one gets through, and events have no gap', async () => {
      const { tenant } = await opened()
      const [job] = await submit(tenant, sampleJob(1))
      const { jobId } = job!
      let done = 0
      const write = async (n: number): Promise<void> => {
        const { revision } = (await tenant.getJob(jobId))!
        const [code] = await codesOf([
          tenant.changeJobs([{ jobId, revision, atMs: 20, events: [text(`${n}`), text(`${n}`)] }]),
        ])
        if (code === 'done') done++
        else expect(code).toBe('ERR_STORE_CONFLICT')
      }
      for (let round = 0; round < 6; round++) {
        const before = done
        await Promise.all([0, 1, 2, 3].map(write))
        expect(done).toBeGreaterThan(before)
      }
      const events = await tenant.listJobEvents(jobId, {})
      expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: 2 * done }, (_, n) => n + 1))
      expect((await tenant.getJob(jobId))!.revision).toBe(1 + done)
      // All with the same revision in hand.
      const { revision } = (await tenant.getJob(jobId))!
      const ends = ['succeeded', 'failed', 'cancelled', 'failed'] as const
      const codes = await codesOf(ends.map((state) => tenant.changeJobs([{ jobId, revision, atMs: 30, state }])))
      expect(codes.toSorted()).toEqual(['ERR_STORE_CONFLICT', 'ERR_STORE_CONFLICT', 'ERR_STORE_CONFLICT', 'done'])
    })

    test('shard store: events are read page by page behind the last one seen', async () => {
      const { tenant } = await opened()
      const [job] = await submit(tenant, sampleJob(1))
      const { jobId } = job!
      for (let round = 0; round < 2; round++)
        await change(tenant, { jobId, events: Array.from({ length: 600 }, (_, n) => text(`${n}`)) })
      const all = await tenant.listJobEvents(jobId, { limit: 5000 })
      expect(all).toHaveLength(jobPageRowsMax)
      const rest = await tenant.listJobEvents(jobId, { afterSeq: 1000 })
      expect([...all, ...rest].map(({ seq }) => seq)).toEqual(Array.from({ length: 1200 }, (_, n) => n + 1))
      expect((await tenant.listJobEvents(jobId, { afterSeq: 7, limit: 2 })).map(({ seq }) => seq)).toEqual([8, 9])
      expect(await tenant.listJobEvents(jobId, { afterSeq: 1200 })).toEqual([])
      expect(await tenant.listJobEvents(jobIdOf('unknown'), {})).toEqual([])
      for (const page of [{ limit: 0 }, { limit: 1.5 }, { afterSeq: -1 }])
        await expect(tenant.listJobEvents(jobId, page)).rejects.toMatchObject({ code: 'ERR_USAGE' })
    })

    test('shard store: jobs are listed by state, kind and parent, oldest or newest first, page by page', async () => {
      const { tenant } = await opened()
      const parents = [sampleJob(500).jobId, sampleJob(501).jobId]
      const kinds = ['chat', 'pull', 'workflow'] as const
      const states: readonly JobState[] = ['queued', 'running', 'waiting', 'failed']
      const given = Array.from({ length: 60 }, (_, n) =>
        sampleJob(n, { kind: kinds[n % 3]!, ...(n % 4 === 0 ? {} : { parentJobId: parents[n % 2]! }) }),
      )
      await tenant.insertJobs(given.toReversed())
      await tenant.changeJobs(
        given.flatMap(({ jobId }, n) =>
          n % 7 === 0 ? [] : [{ jobId, revision: 1, atMs: 5, state: states[(n % 7) % 4]! }],
        ),
      )
      const all = await Promise.all(given.map(async ({ jobId }) => (await tenant.getJob(jobId))!))
      const asked = fc.record<JobFilter>(
        {
          states: fc.uniqueArray(fc.constantFrom(...jobStates), { maxLength: 4 }),
          kind: fc.constantFrom(...kinds),
          parentJobId: fc.constantFrom(...parents),
          after: fc.constantFrom(...idsOf(given)),
          limit: fc.integer({ min: 1, max: 70 }),
          newestFirst: fc.boolean(),
        },
        { requiredKeys: [] },
      )
      await fc.assert(
        fc.asyncProperty(asked, async (filter) => {
          const { after, limit = 100, newestFirst = false } = filter
          const expected = (newestFirst ? all.toReversed() : all).filter(
            (job) =>
              (filter.states === undefined || filter.states.length === 0 || filter.states.includes(job.state)) &&
              (filter.kind === undefined || filter.kind === job.kind) &&
              (filter.parentJobId === undefined || filter.parentJobId === job.parentJobId) &&
              (after === undefined || (newestFirst ? job.jobId < after : job.jobId > after)),
          )
          expect(await tenant.listJobs(filter)).toEqual(expected.slice(0, limit))
        }),
        { numRuns: 60 },
      )
    })

    test('shard store: a page of jobs ends where its requests are many bytes', async () => {
      const { tenant } = await opened()
      const request = JSON.stringify({ text: 'x'.repeat(jobRequestBytesMax - 100) })
      const count = Math.ceil(jobPageBytesMax / jobRequestBytesMax) + 1
      for (let n = 0; n < count; n++) await tenant.insertJobs([sampleJob(n, { request })])
      const page = await tenant.listJobs()
      expect(page.length).toBe(Math.floor(jobPageBytesMax / request.length))
      const rest = await tenant.listJobs({ after: page.at(-1)!.jobId })
      expect(page.length + rest.length).toBe(count)
    })

    test('shard store: a job that somebody works on is given to nobody else, until its time has run out', async () => {
      const { tenant } = await opened()
      const jobs = await submit(tenant, ...Array.from({ length: 12 }, (_, n) => sampleJob(n)))
      const claim = (owner: string, nowMs: number, limit = 100) =>
        tenant.claimJobs({ owner, nowMs, untilMs: nowMs + 100, limit })
      await change(tenant, { jobId: jobs[11]!.jobId, state: 'failed', error: '{}' })
      const [a, b] = await Promise.all([claim('a', 1000, 4), claim('b', 1000, 4)])
      expect([...idsOf(a), ...idsOf(b)].toSorted()).toEqual(idsOf(jobs.slice(0, 8)))
      expect(idsOf(a)).toEqual(idsOf(a).toSorted())
      expect(a[0]).toMatchObject({ owner: 'a', ownerUntilMs: 1100, revision: 2, updatedAtMs: 1000, state: 'queued' })
      expect(a[0]).toEqual(await tenant.getJob(a[0]!.jobId))
      expect(idsOf(await claim('b', 1050))).toEqual(idsOf(jobs.slice(8, 11)))
      expect(await claim('c', 1099)).toEqual([])
      // One says that it is still at work, one lets its job go, the others are gone.
      await change(tenant, { jobId: a[1]!.jobId, owner: { id: 'a', untilMs: 5000 } })
      await change(tenant, { jobId: a[2]!.jobId, owner: null })
      expect(idsOf(await claim('c', 1099))).toEqual([a[2]!.jobId])
      const taken = await claim('c', 1100, 3)
      const left = idsOf([...a, ...b]).filter((id) => id !== a[1]!.jobId && id !== a[2]!.jobId)
      expect(idsOf(taken)).toEqual(left.toSorted().slice(0, 3))
      expect(taken[0]).toMatchObject({ owner: 'c', revision: 3 })
      // Whoever had it before does not write over it.
      const before = [...a, ...b].find(({ jobId }) => jobId === taken[0]!.jobId)!
      await expect(
        tenant.changeJobs([{ jobId: before.jobId, revision: before.revision, atMs: 1101, state: 'failed' }]),
      ).rejects.toMatchObject({ code: 'ERR_STORE_CONFLICT' })
    })

    test('shard store: a claim takes jobs of the states that it names only', async () => {
      const { tenant } = await opened()
      const jobs = await submit(tenant, ...[0, 1, 2, 3].map((n) => sampleJob(n)))
      await change(tenant, { jobId: jobs[0]!.jobId, state: 'waiting' })
      await change(tenant, { jobId: jobs[2]!.jobId, state: 'running' })
      const claim = (states?: JobState[]) =>
        tenant.claimJobs({ owner: 'a', nowMs: 1, untilMs: 2, limit: 10, ...(states === undefined ? {} : { states }) })
      expect(idsOf(await claim(['running', 'queued']))).toEqual(idsOf(jobs.slice(1)))
      expect(idsOf(await claim())).toEqual([jobs[0]!.jobId])
    })

    test('shard store: a removed job takes its attempts and events along, and others stay', async () => {
      const { tenant, store } = await opened()
      const other = store.forTenant('issuer:other')
      for (const t of [tenant, other]) {
        const jobs = await submit(t, ...[0, 1, 2, 3].map((n) => sampleJob(n, { idempotencyKey: `${n}` })))
        for (const [n, { jobId }] of jobs.entries()) {
          await change(t, { jobId, attempts: [sampleAttempt(jobId, 1)], events: [text('a')] })
          if (n < 3) await change(t, { jobId, state: 'failed', error: '{}' }, 10 * (3 - n))
        }
      }
      const [first, second, third, running] = [0, 1, 2, 3].map((n) => sampleJob(n).jobId)
      expect(await tenant.removeJobs(10, 100)).toBe(0)
      expect(await tenant.removeJobs(30, 1)).toBe(1)
      expect(idsOf(await tenant.listJobs())).toEqual([first, second, running])
      expect(await tenant.removeJobs(30, 100)).toBe(1)
      expect(idsOf(await tenant.listJobs())).toEqual([first, running])
      expect([await tenant.listAttempts(third!), await tenant.listJobEvents(third!, {})]).toEqual([[], []])
      const rows = (await store.statistics()).rows
      expect(rows).toMatchObject({ job: 6, job_request: 6, job_attempt: 6, job_event: 6 })
      expect(await other.listJobs()).toHaveLength(4)
      // Its key is free again.
      expect(await tenant.insertJobs([sampleJob(2, { idempotencyKey: '2' })])).toMatchObject([{ isNew: true }])
      for (const [beforeMs, limit] of [
        [-1, 1],
        [1, 0],
      ] as const)
        await expect(tenant.removeJobs(beforeMs, limit)).rejects.toMatchObject({ code: 'ERR_USAGE' })
    })

    test('shard store: refuses what is no job, no change and no claim, and keeps nothing of it', async () => {
      const { tenant } = await opened()
      const [known] = await submit(tenant, sampleJob(0))
      const { jobId } = known!
      const jobs: [Partial<NewJob>, string][] = [
        [{ jobId: 'job 1' }, 'ERR_USAGE'],
        [{ jobId: '0192a4de-0000-4000-8000-000000000000' }, 'ERR_USAGE'],
        [{ kind: 'gift' as 'chat' }, 'ERR_USAGE'],
        [{ idempotencyKey: '' }, 'ERR_USAGE'],
        [{ idempotencyKey: '\ud800' }, 'ERR_USAGE'],
        [{ idempotencyKey: 'x'.repeat(256) }, 'ERR_LIMIT'],
        [{ requestHash: new Uint8Array(31) }, 'ERR_USAGE'],
        [{ request: '"text"' }, 'ERR_USAGE'],
        [{ request: '{"a":' }, 'ERR_USAGE'],
        [{ request: JSON.stringify({ a: 'x'.repeat(jobRequestBytesMax) }) }, 'ERR_LIMIT'],
        [{ parentJobId: '' }, 'ERR_USAGE'],
        [{ createdAtMs: -1 }, 'ERR_USAGE'],
      ]
      for (const [bad, code] of jobs)
        await expect(tenant.insertJobs([sampleJob(1), sampleJob(2, bad)]), Object.keys(bad)[0]!).rejects.toMatchObject({
          code,
        })
      const attempt = (changes: object) => ({ attempts: [sampleAttempt(jobId, 1, changes)] })
      const changes: [Partial<JobChange>, string][] = [
        [{ state: 'gone' as 'failed' }, 'ERR_USAGE'],
        [{ revision: 0.5 }, 'ERR_USAGE'],
        [{ atMs: Number.NaN }, 'ERR_USAGE'],
        [{ result: '{}' }, 'ERR_USAGE'],
        [{ state: 'failed', result: '{}' }, 'ERR_USAGE'],
        [{ state: 'succeeded', error: '{}' }, 'ERR_USAGE'],
        [{ state: 'succeeded', result: '{' }, 'ERR_USAGE'],
        [{ chargedWei: 1n }, 'ERR_USAGE'],
        [{ state: 'succeeded', chargedWei: -1n }, 'ERR_USAGE'],
        [{ detail: '[]' }, 'ERR_USAGE'],
        [{ reason: 'x'.repeat(10_000) }, 'ERR_LIMIT'],
        [{ owner: { id: '', untilMs: 1 } }, 'ERR_USAGE'],
        [{ owner: { id: 'a', untilMs: 0 } }, 'ERR_USAGE'],
        [attempt({ attempt: -1 }), 'ERR_USAGE'],
        [attempt({ outcome: 'drawn' }), 'ERR_USAGE'],
        [attempt({ paidWei: weiMax + 1n }), 'ERR_USAGE'],
        [attempt({ receiptHash: new Uint8Array(3) }), 'ERR_USAGE'],
        [{ attempts: [sampleAttempt(jobId, 1), sampleAttempt(jobId, 1)] }, 'ERR_USAGE'],
        [{ events: [text('x'.repeat(600_000))] }, 'ERR_LIMIT'],
      ]
      for (const [bad, code] of changes) {
        const done = tenant.changeJobs([{ jobId, revision: 1, atMs: 1, ...bad }])
        await expect(done, JSON.stringify(Object.keys(bad))).rejects.toMatchObject({ code })
      }
      const same = { jobId, revision: 1, atMs: 1 }
      await expect(tenant.changeJobs([same, same])).rejects.toMatchObject({ code: 'ERR_USAGE' })
      const many = Array.from({ length: jobsPerChangeMax + 1 }, (_, n) => ({ ...same, jobId: sampleJob(n).jobId }))
      await expect(tenant.changeJobs(many)).rejects.toMatchObject({ code: 'ERR_LIMIT' })
      const claim = { owner: 'a', nowMs: 1, untilMs: 2, limit: 1 }
      for (const bad of [{ owner: '' }, { untilMs: 1 }, { limit: 0 }, { nowMs: -1 }, { states: ['failed' as const] }])
        await expect(tenant.claimJobs({ ...claim, ...bad })).rejects.toMatchObject({ code: 'ERR_USAGE' })
      await expect(tenant.listJobs({ limit: 0 })).rejects.toMatchObject({ code: 'ERR_USAGE' })
      await expect(tenant.listJobs({ states: ['gone' as 'failed'] })).rejects.toMatchObject({ code: 'ERR_USAGE' })
      expect(await tenant.listJobs()).toEqual([known])
      expect(await tenant.listAttempts(jobId)).toEqual([])
    })

    test('shard store: a tenant sees, changes, claims and removes no job of another one', async () => {
      const { store } = await opened()
      const [mine, other] = [store.forTenant('issuer:mine'), store.forTenant('issuer:other')]
      const [job] = await submit(mine, sampleJob(1, { idempotencyKey: 'key' }))
      const { jobId } = job!
      await change(mine, { jobId, attempts: [sampleAttempt(jobId, 1)], events: [text('secret')] })
      const seen = async () => [
        await other.getJob(jobId),
        await other.listJobs(),
        await other.listAttempts(jobId),
        await other.listJobEvents(jobId, {}),
        await other.claimJobs({ owner: 'other', nowMs: 1, untilMs: 1e6, limit: 100 }),
        await other.getTotal(),
        await other.removeJobs(1e6, 100),
      ]
      expect(await seen()).toEqual([undefined, [], [], [], [], { openJobs: 0, storedBytes: 0 }, 0])
      await expect(other.changeJobs([{ jobId, revision: 2, atMs: 1, state: 'failed' }])).rejects.toMatchObject({
        code: 'ERR_NOT_FOUND',
      })
      // The same id is another job there.
      await other.insertJobs([sampleJob(1)])
      await change(other, { jobId, state: 'failed', error: '{}' })
      expect(await mine.getJob(jobId)).toMatchObject({ state: 'queued', revision: 2 })
      expect(await other.removeJobs(1e6, 100)).toBe(1)
      expect(await mine.listJobEvents(jobId, {})).toHaveLength(1)
      expect(await store.listTenants()).toEqual(['issuer:mine', 'issuer:other'])
    })
  })
}
