import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { action, eventsOf, extentRoot, perform, seeds, shape, viewOf } from './operations.ts'
import { modelIdOf, sampleModel } from './sample.ts'
import { type OpenStore, storeOpener } from './setup.ts'

const moneyActions = ['appendLedger', 'addChainEvents'] as const
const workActions = [
  'insertJobs',
  'changeJobs',
  'putDocument',
  'nameDocument',
  'insertApiKey',
  'putCheckpoint',
] as const

/** 25 in the default tests. 4,000 are 10^5 operations: `HARTONOMOUS_TENANT_RUNS=4000 npm test -- --project sql`. */
const numRuns = Number(process.env['HARTONOMOUS_TENANT_RUNS'] ?? 25)

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
        for (const name of [
          'putRelease',
          'putSetting',
          'saveIngestCheckpoint',
          ...moneyActions,
          ...workActions,
        ] as const) {
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
