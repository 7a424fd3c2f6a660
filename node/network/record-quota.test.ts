import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { providerRecordsPerPeerMax } from '#protocol/limits.ts'
import { QuotaDatastore } from './record-quota.ts'

type Key = Parameters<QuotaDatastore['put']>[0]

const folders: string[] = []
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))))

test('record quota: one peer may store only so many provider records, also over a restart; others are not hindered', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hart-quota-'))
  folders.push(folder)
  const open = async () => {
    const store = new QuotaDatastore(folder, { dhtPrefix: '/dht', exemptPeer: 'self' })
    await store.open()
    return store
  }
  let store = await open()
  // The store's own key class, without depending on its package.
  const { Key: KeyClass } = await import(import.meta.resolve('interface-datastore'))
  const key = (cid: number, peer: string) => new KeyClass(`/dht/provider/cid${cid}/${peer}`) as Key
  const value = new Uint8Array([1])
  for (let i = 0; i < providerRecordsPerPeerMax; i++) await store.put(key(i, 'flood'), value)
  await expect(store.put(key(9999, 'flood'), value)).rejects.toThrow('over the quota')
  await store.put(key(0, 'flood'), value)
  await store.put(key(9999, 'other'), value)
  await store.put(key(1, 'self'), value)
  await store.close()

  store = await open()
  await expect(store.put(key(9999, 'flood'), value)).rejects.toThrow('over the quota')
  await store.delete(key(3, 'flood'))
  await store.put(key(9999, 'flood'), value)
  expect(await store.has(key(9999, 'other'))).toBe(true)
  expect(await store.has(key(1, 'self'))).toBe(false)
  await store.close()
})
