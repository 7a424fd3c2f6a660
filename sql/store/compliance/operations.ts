/** Random operations of one tenant, and everything that it can see after them: for tests that compare tenants or engines. */
import fc from 'fast-check'
import { indexedTerm, licenceTerm } from '../search-terms.ts'
import type { TenantStore } from '../types.ts'
import { blockOf, ledgerEntryOf, sampleEvents } from './money.ts'
import { modelIdOf, peerIdOf, sampleModel, sampleRelease } from './sample.ts'

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
    releases: releases.map((row) => ({ ...row, receivedAtMs: 0 })),
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

export async function perform(t: TenantStore, mark: string, { name, seed, n }: Action): Promise<void> {
  // Unknown models and other cursors are refused: for both tenants alike, or the views will differ.
  await (actions[name](t, mark, seed, n) as Promise<unknown>).catch((error: { code?: string }) => {
    const isCursor = name === 'addChainEvents' || name === 'removeChainEvents'
    const expected = isCursor ? ['ERR_STORE_CONFLICT', 'ERR_USAGE'] : ['ERR_NOT_FOUND']
    if (!expected.includes(error.code ?? '')) throw error
  })
}

export const action: fc.Arbitrary<Action> = fc.record({
  name: fc.constantFrom(...(Object.keys(actions) as (keyof typeof actions)[])),
  seed: fc.constantFrom(...seeds),
  n: fc.nat(9),
})
