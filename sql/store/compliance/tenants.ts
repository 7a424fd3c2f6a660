import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { indexedTerm, licenceTerm } from '../search-terms.ts'
import type { TenantStore } from '../types.ts'
import { modelIdOf, peerIdOf, sampleModel, sampleRelease } from './sample.ts'
import { type OpenStore, storeOpener } from './setup.ts'

/** 25 in the default tests. 4,000 are 10^5 operations: `HARTONOMOUS_TENANT_RUNS=4000 npm test -- --project sql`. */
const numRuns = Number(process.env['HARTONOMOUS_TENANT_RUNS'] ?? 25)

/** Small, so that the two tenants often meet in the same model. */
const seeds = ['a', 'b', 'c']
const shape = { fileExtentBytes: [[10, 20]], rootSeed: 'same' }
const extentRoot = sampleModel('a', shape).content.files[0]!.extents[1]!.root

type Action = { name: keyof typeof actions; seed: string; n: number }

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
  claimOutbox: (t: TenantStore, _: string, __: string, n: number) => t.claimOutbox(1 + (n % 3), 1 + (n % 2) * 60_000),
  // Whatever numbers it names, another tenant's events must stay.
  ackOutbox: (t: TenantStore) => t.ackOutbox(Array.from({ length: 200 }, (_, seq) => seq)),
}

/** Everything that a tenant can see. Times are left out: they differ between two runs. */
async function viewOf(t: TenantStore): Promise<unknown> {
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
    releases: releases.map((row) => ({ ...row, receivedAtMs: 0 })),
  }
}

async function nearestOf(t: TenantStore): Promise<unknown> {
  const query = { space: 'words', vector: Float32Array.of(3, 4), k: 10 }
  return t.findNearest(query).catch((error: { code: string }) => error.code)
}

/** Claims what is left, long leases apart. */
async function eventsOf(t: TenantStore): Promise<unknown[]> {
  return (await t.claimOutbox(1000, 1)).map(({ topic, body }) => ({ topic, body }))
}

async function perform(t: TenantStore, mark: string, { name, seed, n }: Action): Promise<void> {
  // Unknown models and the like are refused: for both tenants alike, or the views will differ.
  await (actions[name](t, mark, seed, n) as Promise<unknown>).catch((error: { code?: string }) => {
    if (error.code !== 'ERR_NOT_FOUND') throw error
  })
}

const action: fc.Arbitrary<Action> = fc.record({
  name: fc.constantFrom(...(Object.keys(actions) as (keyof typeof actions)[])),
  seed: fc.constantFrom(...seeds),
  n: fc.nat(9),
})

export function tenantCompliance(open: OpenStore): void {
  describe('tenants', () => {
    const opened = storeOpener(open)

    test(
      'shard store: what one tenant does is never seen by another, whatever the order',
      async () => {
        const { store } = await opened()
        let round = 0
        await fc.assert(
          fc.asyncProperty(fc.array(fc.tuple(fc.boolean(), action), { minLength: 1, maxLength: 25 }), async (steps) => {
            // Alone, the first tenant must see just what it sees when another one works between its steps.
            const [mine, other, alone] = ['mine', 'other', 'alone'].map((name) => store.forTenant(`${name}:${round}`))
            round++
            await Promise.all(
              steps.map(([isMine, step]) => perform(isMine ? mine! : other!, isMine ? 'mine' : 'LEAK', step)),
            )
            await Promise.all(steps.filter(([isMine]) => isMine).map(([_, step]) => perform(alone!, 'mine', step)))
            const view = await viewOf(mine!)
            expect(view).toEqual(await viewOf(alone!))
            const told = await eventsOf(mine!)
            expect(told.length).toBeLessThanOrEqual(steps.length)
            expect(JSON.stringify([view, told])).not.toContain('LEAK')
          }),
          { numRuns },
        )
      },
      30_000 + 200 * numRuns,
    )

    test('shard store: a tenant that has everything shows nothing of it to one that has less', async () => {
      const { store } = await opened()
      const [rich, bare, poor] = ['rich:1', 'bare:1', 'poor:1'].map((name) => store.forTenant(name))
      // The poor one knows the same model and holds nothing of it; the bare one has only a setting.
      await poor!.putModel(sampleModel('a', { ...shape, held: 'none', path: '/poor' }))
      await bare!.putSetting('x', 1)
      const views = async () => [await viewOf(bare!), await viewOf(poor!), await viewOf(store.forTenant('none:1'))]
      const before = await views()
      for (const seed of seeds) {
        await rich!.putModel(sampleModel(seed, { ...shape, path: `/LEAK/${seed}` }))
        for (const name of ['putRelease', 'putSetting', 'saveIngestCheckpoint'] as const) {
          await perform(rich!, 'LEAK', { name, seed, n: 1 })
        }
      }
      expect(await rich!.findExtent(extentRoot)).toHaveLength(seeds.length)
      expect(await views()).toEqual(before)
      expect(await eventsOf(bare!)).toEqual([])
      await perform(poor!, 'poor', { name: 'removeModel', seed: 'a', n: 0 })
      expect(await rich!.listModels()).toHaveLength(seeds.length)
    })

    test('shard store: acknowledging or claiming touches no other tenant’s events', async () => {
      const { store } = await opened()
      const [a, b] = [store.forTenant('issuer:a'), store.forTenant('issuer:b')]
      await a.putModel(sampleModel('a'))
      await b.putModel(sampleModel('b'))
      const [event] = await a.claimOutbox(10, 60_000)
      await b.ackOutbox([event!.seq])
      const [others] = await b.claimOutbox(10, 10)
      expect(others!.body).toMatchObject({ modelId: modelIdOf('b') })
      await a.ackOutbox([event!.seq, others!.seq])
      await new Promise((resolve) => setTimeout(resolve, 20))
      expect(await b.claimOutbox(10, 10)).toEqual([others])
      expect(await a.claimOutbox(10, 10)).toEqual([])
    })

    test('shard store: a tenant that was never seen reads nothing and leaves no row', async () => {
      const { store } = await opened()
      await store.forTenant('known').putModel(sampleModel('a', shape))
      await viewOf(store.forTenant('stranger'))
      expect((await store.statistics()).rows).toMatchObject({ tenant: 1 })
      for (const bad of ['', 'x'.repeat(2000), '\ud800']) {
        expect(() => store.forTenant(bad)).toThrowError(expect.objectContaining({ code: 'ERR_USAGE' }))
      }
    })
  })
}
