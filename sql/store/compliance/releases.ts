import { describe, expect, test } from 'vitest'
import { releaseBytesMax, releasesPerModelMax } from '#protocol/limits.ts'
import type { SignedRelease } from '#protocol/model/release.ts'
import type { ReleaseFilter, ReleaseRow, TenantStore } from '../types.ts'
import { modelIdOf, peerIdOf, sampleModel, sampleRelease } from './sample.ts'
import { type OpenStore, storeOpener } from './setup.ts'

const peer = peerIdOf('peer')

async function namesOf(tenant: TenantStore, filter?: ReleaseFilter): Promise<string[]> {
  return (await tenant.listReleases(filter)).releases.map(({ release }) => release.name)
}

export function releaseCompliance(open: OpenStore): void {
  describe('releases', () => {
    const opened = storeOpener(open)

    test('shard store: gives back a release as put, an empty signature included', async () => {
      const { tenant } = await opened()
      const signed: SignedRelease = { ...sampleRelease('a'), signature: new Uint8Array(0) }
      const beforeMs = Date.now()
      expect(await tenant.putRelease(signed, peer)).toBe(true)
      expect(await tenant.putRelease(signed, peerIdOf('other'))).toBe(false)
      const { releases, nextCursor } = await tenant.listReleases()
      const { receivedAtMs } = releases[0]!
      expect(releases).toEqual([{ ...signed, receivedFrom: peer, receivedAtMs, isOwn: false }])
      expect(receivedAtMs).toBeGreaterThanOrEqual(beforeMs)
      expect(nextCursor).toBeUndefined()
    })

    test('shard store: a publisher replaces what it said earlier, and nothing older replaces it', async () => {
      const { tenant } = await opened()
      const first = sampleRelease('a', { createdAtMs: 10 })
      const second = sampleRelease('a', { createdAtMs: 20, licence: 'Apache-2.0' })
      expect(await tenant.putRelease(first, peer, { isOwn: true })).toBe(true)
      expect(await tenant.putRelease(second, peer)).toBe(true)
      expect(await tenant.putRelease(first, peer)).toBe(false)
      const { releases } = await tenant.listReleases()
      expect(releases).toMatchObject([{ ...second, isOwn: true }])
      const other = sampleRelease('a', { publisher: peerIdOf('rival'), createdAtMs: 5 })
      expect(await tenant.putRelease(other, peer)).toBe(true)
      expect((await tenant.listReleases()).releases).toHaveLength(2)
    })

    test('shard store: filters releases by model, name, licence and time', async () => {
      const { tenant } = await opened()
      await tenant.putRelease(sampleRelease('a', { name: 'x' }), peer)
      await tenant.putRelease(sampleRelease('b', { name: 'x', licence: 'GPL-3.0-only' }), peer)
      await tenant.putRelease(sampleRelease('c', { name: 'y', modelId: modelIdOf('a') }), peer)
      expect(await namesOf(tenant, { modelId: modelIdOf('a') })).toEqual(['x', 'y'])
      expect(await namesOf(tenant, { modelId: modelIdOf('a'), name: 'y' })).toEqual(['y'])
      expect(await namesOf(tenant, { name: 'x' })).toEqual(['x', 'x'])
      expect(await namesOf(tenant, { name: 'x', licence: 'MIT' })).toEqual(['x'])
      expect(await namesOf(tenant, { licence: 'GPL-3.0-only' })).toEqual(['x'])
      expect(await namesOf(tenant, { licence: "' or 1=1 --" })).toEqual([])
      expect(await namesOf(tenant, { sinceMs: Date.now() + 60_000 })).toEqual([])
      expect(await namesOf(tenant, { sinceMs: 0 })).toEqual(['x', 'x', 'y'])
    })

    test('shard store: pages stay stable while releases arrive and go', async () => {
      const { tenant } = await opened()
      for (let n = 0; n < 10; n++) await tenant.putRelease(sampleRelease(`first-${n}`, { createdAtMs: n }), peer)
      const seen: ReleaseRow[] = []
      let cursor: string | undefined
      let arrivals = 0
      do {
        const page = await tenant.listReleases({ limit: 3, ...(cursor === undefined ? {} : { cursor }) })
        seen.push(...page.releases)
        cursor = page.nextCursor
        if (arrivals < 4) await tenant.putRelease(sampleRelease(`late-${arrivals++}`), peer)
      } while (cursor !== undefined)
      const names = seen.map(({ release }) => release.name)
      expect(new Set(names).size).toBe(names.length)
      expect(names.slice(0, 10)).toEqual(Array.from({ length: 10 }, (_, n) => `model-first-${n}`))
      expect(names).toContain('model-late-0')
      for (const bad of ['', '-1', 'x', '1e9', '9'.repeat(16)]) {
        await expect(tenant.listReleases({ cursor: bad })).rejects.toMatchObject({ code: 'ERR_USAGE' })
      }
      await expect(tenant.listReleases({ limit: 0 })).rejects.toMatchObject({ code: 'ERR_USAGE' })
    })

    test('shard store: refuses a release over the size limit', async () => {
      const { tenant } = await opened()
      const huge = { ...sampleRelease('a'), bytes: new Uint8Array(releaseBytesMax + 1) }
      await expect(tenant.putRelease(huge, peer)).rejects.toMatchObject({ code: 'ERR_LIMIT' })
    })

    test('shard store: fresh publishers cannot heap releases upon one model', async () => {
      const { tenant } = await opened()
      const here = sampleModel('here')
      await tenant.putModel(here)
      for (let n = 0; n < releasesPerModelMax; n++) {
        for (const modelId of [here.modelId, modelIdOf('gone')]) {
          expect(await tenant.putRelease(sampleRelease(`p${n}`, { modelId, name: `n${n}` }), peer)).toBe(true)
        }
      }
      const late = (modelId = here.modelId) => sampleRelease('late', { modelId, name: 'late' })
      expect(await tenant.putRelease(late(), peer)).toBe(false)
      expect(await tenant.putRelease(late(modelIdOf('gone')), peer)).toBe(true)
      const ofHere = await namesOf(tenant, { modelId: here.modelId, limit: 1000 })
      const ofGone = await namesOf(tenant, { modelId: modelIdOf('gone'), limit: 1000 })
      expect([ofHere.length, ofHere[0], ofGone.length, ofGone[0]]).toEqual([
        releasesPerModelMax,
        'n0',
        releasesPerModelMax,
        'n1',
      ])
      expect(await tenant.putRelease(late(), peer, { isOwn: true })).toBe(true)
    })
  })
}
