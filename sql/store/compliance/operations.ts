/** Random operations of one tenant, and everything that it can see after them: for tests that compare tenants or engines. */
import fc from 'fast-check'
import { type JobEventBody, jobStates } from '#protocol/api/jobs.ts'
import { indexedTerm, licenceTerm } from '../search-terms.ts'
import type { TenantStore } from '../types.ts'
import { sampleKey } from './api-keys.ts'
import { sampleCheckpoint } from './checkpoints.ts'
import { documentHash } from './documents.ts'
import { blockOf, ledgerEntryOf, sampleEvents } from './money.ts'
import { modelIdOf, peerIdOf, sampleModel, sampleRelease } from './sample.ts'
import { sampleAttempt, sampleJob } from './work.ts'

/** Small, so that the two tenants often meet in the same model. */
export const seeds = ['a', 'b', 'c']
export const shape = { fileExtentBytes: [[10, 20, 30]], rootSeed: 'same' }
export const extentRoot = sampleModel('a', shape).content.files[0]!.extents[1]!.root

export type Action = { name: keyof typeof actions; seed: string; n: number }

/** Each does what it says for one tenant; the mark goes into every text, so that a leak can be seen. */
const actions = {
  putModel: (t: TenantStore, mark: string, seed: string) => {
    const put = sampleModel(seed, { ...shape, held: 'none', path: `/${mark}/${seed}` })
    put.components[0]!.meta = { mark }
    return t.putModel({ ...put, meta: { mark } })
  },
  removeModel: (t: TenantStore, _: string, seed: string) => t.removeModel(modelIdOf(seed)),
  addHeld: (t: TenantStore, _: string, seed: string, n: number) => t.addHeld(modelIdOf(seed), [n % 2]),
  removeHeld: (t: TenantStore, _: string, seed: string) => t.removeHeld(modelIdOf(seed), 'all'),
  setPinned: (t: TenantStore, _: string, seed: string, n: number) => t.setPinned(modelIdOf(seed), n % 2 === 0),
  touchModel: (t: TenantStore, _: string, seed: string) => t.touchModel(modelIdOf(seed)),
  putRelease: (t: TenantStore, mark: string, seed: string, n: number) =>
    t.putRelease(sampleRelease(seed, { licence: mark, createdAtMs: n }), peerIdOf(mark)),
  putSetting: (t: TenantStore, mark: string, seed: string, n: number) => t.putSetting(seed, { mark, n }),
  putEmbeddings: async (t: TenantStore, _: string, seed: string, n: number) => {
    await t.putSpace('words', 2)
    const embedding = { modelId: modelIdOf(seed), key: 'file.0.blk.0', vector: Float32Array.of(1, n) }
    await t.putEmbeddings('words', [embedding])
  },
  removeEmbeddings: (t: TenantStore, _: string, seed: string) =>
    t.removeEmbeddings('words', [{ modelId: modelIdOf(seed), key: 'file.0.blk.0' }]),
  saveIngestCheckpoint: (t: TenantStore, mark: string, seed: string) =>
    t.saveIngestCheckpoint({ path: seed, identity: mark, leaves: new Uint8Array(32) }),
  removeIngestCheckpoint: (t: TenantStore, _: string, seed: string) => t.removeIngestCheckpoint(seed),
  appendLedger: (t: TenantStore, mark: string, seed: string, n: number) => {
    const entry = ledgerEntryOf(seed, { fields: { model_id: mark }, atMs: n })
    return t.appendLedger([entry, { ...entry, kind: 'work' }], { isUnique: n % 2 === 0 })
  },
  addChainEvents: (t: TenantStore, mark: string, seed: string, n: number) => {
    const from = n % 3 === 0 ? undefined : blockOf(n % 3)
    const to = blockOf((n % 3) + 1)
    return t.addChainEvents('eip155:1:0x1', { from, to, events: sampleEvents(to, [seed], { args: { mark } }) })
  },
  removeChainEvents: (t: TenantStore, _: string, __: string, n: number) =>
    t.removeChainEvents('eip155:1:0x1', n < 5 ? undefined : blockOf(n % 3)),
  insertJobs: (t: TenantStore, mark: string, seed: string, n: number) =>
    t.insertJobs([sampleJob(n % 3, { idempotencyKey: seed, request: JSON.stringify({ mark }) })]),
  // With a revision that may be wrong: one that was read before would depend on what runs beside it.
  changeJobs: (t: TenantStore, mark: string, _: string, n: number) => {
    const { jobId } = sampleJob(n % 3)
    const attempts = [sampleAttempt(jobId, n % 2, { peerId: mark, ...(n > 4 ? { outcome: 'won' } : {}) })]
    const events: JobEventBody[] = [{ type: 'text', text: mark, tokens: n }]
    const state = jobStates[n % jobStates.length]!
    return t.changeJobs([{ jobId, revision: 1 + (n % 2), atMs: n, state, reason: mark, attempts, events }])
  },
  claimJobs: (t: TenantStore, mark: string, _: string, n: number) =>
    t.claimJobs({ owner: mark, nowMs: n, untilMs: 2 * n + 1, limit: 2 }),
  removeJobs: (t: TenantStore, _: string, __: string, n: number) => t.removeJobs(n, 1),
  putDocument: (t: TenantStore, mark: string, _: string, n: number) => {
    const text = `${mark} ${n % 3}`
    return t.putDocument({ hash: documentHash(text), text, atMs: n })
  },
  nameDocument: (t: TenantStore, mark: string, seed: string, n: number) => {
    const hashOf = (which: number) => documentHash(`${mark} ${which % 3}`)
    return t.nameDocument(seed, hashOf(n), n < 5 ? { atMs: n } : { previous: hashOf(n + 1), atMs: n })
  },
  insertApiKey: (t: TenantStore, mark: string, seed: string) => t.insertApiKey(sampleKey(seed, { label: mark })),
  revokeApiKey: (t: TenantStore, _: string, seed: string, n: number) => t.revokeApiKey(seed, n),
  putCheckpoint: (t: TenantStore, mark: string, seed: string, n: number) =>
    t.putCheckpoint(sampleCheckpoint(`${n}`, { thread: seed, metadata: new Uint8Array(Buffer.from(mark)) })),
  removeThread: (t: TenantStore, _: string, seed: string) => t.removeThread(seed),
  claimOutbox: (t: TenantStore, _: string, __: string, n: number) => t.claimOutbox(1 + (n % 3), 1 + (n % 2) * 60_000),
  // Whatever numbers it names, another tenant's events must stay.
  ackOutbox: (t: TenantStore) => t.ackOutbox(Array.from({ length: 200 }, (_, seq) => seq)),
}

/** Everything that a tenant can see. Times are left out: they differ between two runs. */
export async function viewOf(t: TenantStore): Promise<unknown> {
  const models = (await t.listModels()).map((row) => ({ ...row, createdAtMs: 0, lastUsedAtMs: 0 }))
  const perSeed = []
  for (const seed of seeds) {
    const modelId = modelIdOf(seed)
    perSeed.push({
      content: await t.getContent(modelId),
      held: await t.getHeld(modelId),
      edges: await t.edges(modelId, ['file.0.blk.0'], 'out'),
      ranges: await t.ranges(modelId, ['file.0.blk.0']).catch((error: { code: string }) => error.code),
      setting: await t.getSetting(seed),
      checkpoint: await t.getIngestCheckpoint(seed),
    })
  }
  const { releases } = await t.listReleases({ limit: 1000 })
  const marks = ['mine', 'LEAK', 'alone', 'poor'].map((mark) => licenceTerm(mark))
  return {
    models,
    indexed: await t.findModels({ term: indexedTerm, all: [], limit: 100 }),
    // As numbers only: the terms themselves name the marks.
    counts: await Promise.all(marks.map((term) => t.countTerm(term))),
    terms: await Promise.all(seeds.map(async (seed) => (await t.termsOf(modelIdOf(seed), marks)).length)),
    perSeed,
    components: await t.findComponents({}),
    places: await t.findExtent(extentRoot),
    nearest: await nearestOf(t),
    ledger: await t.listLedger({ limit: 1000 }),
    latest: await t.latestLedger('receipt-signed', { limit: 2 }),
    checked: await t.checkLedger(),
    cursor: await t.chainCursor('eip155:1:0x1'),
    chainEvents: await t.listChainEvents('eip155:1:0x1', { limit: 3 }),
    work: await workOf(t),
    releases: releases.map((row) => ({ ...row, receivedAtMs: 0 })),
  }
}

async function workOf(t: TenantStore): Promise<unknown> {
  const jobs = await t.listJobs()
  const open = await t.listJobs({ states: ['queued', 'running'], newestFirst: true })
  return {
    jobs: jobs.map((job) => ({ ...job, chargedWei: String(job.chargedWei) })),
    open: open.map(({ jobId }) => jobId),
    total: await t.getTotal(),
    attempts: (await Promise.all(jobs.map(({ jobId }) => t.listAttempts(jobId)))).map((attempts) =>
      attempts.map((attempt) => ({ ...attempt, paidWei: String(attempt.paidWei) })),
    ),
    events: await Promise.all(jobs.map(({ jobId }) => t.listJobEvents(jobId, {}))),
    names: await t.listNames(''),
    versions: await Promise.all(seeds.map((seed) => t.listVersions(seed))),
    keys: await t.listApiKeys('issuer:me'),
    checkpoints: await Promise.all(seeds.map((thread) => t.listCheckpoints(thread, {}))),
  }
}

async function nearestOf(t: TenantStore): Promise<unknown> {
  const query = { space: 'words', vector: Float32Array.of(3, 4), k: 10 }
  return t.findNearest(query).catch((error: { code: string }) => error.code)
}

/** Claims what is left, long leases apart. */
export async function eventsOf(t: TenantStore): Promise<unknown[]> {
  return (await t.claimOutbox(1000, 1)).map(({ topic, body }) => ({ topic, body }))
}

const refusals: Partial<Record<Action['name'], readonly string[]>> = {
  addChainEvents: ['ERR_STORE_CONFLICT', 'ERR_USAGE'],
  removeChainEvents: ['ERR_STORE_CONFLICT', 'ERR_USAGE'],
  insertJobs: ['ERR_IDEMPOTENCY', 'ERR_STORE_DUPLICATE'],
  changeJobs: ['ERR_STORE_CONFLICT', 'ERR_NOT_FOUND'],
  nameDocument: ['ERR_STORE_CONFLICT', 'ERR_NOT_FOUND'],
  insertApiKey: ['ERR_STORE_DUPLICATE'],
}

export async function perform(t: TenantStore, mark: string, { name, seed, n }: Action): Promise<void> {
  // Unknown models and other cursors are refused: for both tenants alike, or the views will differ.
  await (actions[name](t, mark, seed, n) as Promise<unknown>).catch((error: { code?: string }) => {
    const expected = refusals[name] ?? ['ERR_NOT_FOUND']
    if (!expected.includes(error.code ?? '')) throw error
  })
}

export const action: fc.Arbitrary<Action> = fc.record({
  name: fc.constantFrom(...(Object.keys(actions) as (keyof typeof actions)[])),
  seed: fc.constantFrom(...seeds),
  n: fc.nat(9),
})
