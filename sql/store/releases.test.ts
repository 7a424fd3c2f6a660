import { afterEach, expect, test } from 'vitest'
import { peerIdOf, sampleModel, sampleRelease } from './compliance/sample.ts'
import { openEmbeddedStore } from './index.ts'
import type { ShardStore, TenantStore } from './types.ts'

let store: ShardStore | undefined
afterEach(async () => store?.close())

async function open(): Promise<TenantStore> {
  store = await openEmbeddedStore({ path: ':memory:' }, { releaseBounds: { known: 6, perPeer: 4, perModel: 64 } })
  return store.forTenant('a:b')
}

async function namesOf(tenant: TenantStore): Promise<string[]> {
  return (await tenant.listReleases({ limit: 1000 })).releases.map(({ release }) => release.name.replace('model-', ''))
}

test('releases: a flooding peer pushes out its own oldest ones only', async () => {
  const tenant = await open()
  await tenant.putRelease(sampleRelease('early'), peerIdOf('quiet'))
  for (let n = 0; n < 20; n++) expect(await tenant.putRelease(sampleRelease(`${n}`), peerIdOf('flood'))).toBe(true)
  expect(await namesOf(tenant)).toEqual(['early', '16', '17', '18', '19'])
})

test('releases: many peers push out the oldest, but never our own or those of models that are here', async () => {
  const tenant = await open()
  await tenant.putModel(sampleModel('here'))
  await tenant.putRelease(sampleRelease('here'), peerIdOf('p'))
  await tenant.putRelease(sampleRelease('own'), peerIdOf('me'), { isOwn: true })
  for (let n = 0; n < 20; n++) await tenant.putRelease(sampleRelease(`${n}`), peerIdOf(`peer-${n}`))
  expect(await namesOf(tenant)).toEqual(['here', 'own', '16', '17', '18', '19'])
  await tenant.removeModel(sampleModel('here').modelId)
  await tenant.putRelease(sampleRelease('20'), peerIdOf('peer-20'))
  expect(await namesOf(tenant)).not.toContain('here')
  expect(await namesOf(tenant)).toContain('own')
})

test('releases: a few flooding peers push out their own, not what a quiet one told', async () => {
  const tenant = await open()
  await tenant.putRelease(sampleRelease('quiet'), peerIdOf('quiet'))
  for (let n = 0; n < 20; n++) await tenant.putRelease(sampleRelease(`${n}`), peerIdOf(`flood-${n % 2}`))
  expect(await namesOf(tenant)).toHaveLength(6)
  expect(await namesOf(tenant)).toContain('quiet')
})

test('releases: our own one that came back from a peer first is ours again', async () => {
  const tenant = await open()
  await tenant.putRelease(sampleRelease('a'), peerIdOf('peer'))
  expect(await tenant.putRelease(sampleRelease('a'), peerIdOf('me'), { isOwn: true })).toBe(false)
  expect((await tenant.listReleases()).releases).toMatchObject([{ isOwn: true }])
})
