import { afterEach, beforeEach, expect, test } from 'vitest'
import type { PeerId } from '#protocol/ids.ts'
import { peerRecordsMax, standingHalfLifeMs } from '#protocol/limits.ts'
import { openEmbeddedStore } from '#sql/store/index.ts'
import type { ShardStore, TenantStore } from '#sql/store/types.ts'
import { PeerRecords } from './peer-records.ts'

let store: ShardStore
let tenant: TenantStore
let nowMs = 1000
const log = { warn: () => undefined }
const load = () => PeerRecords.load({ store: tenant, now: () => nowMs, log })
beforeEach(async () => {
  store = await openEmbeddedStore({ path: ':memory:' })
  tenant = store.forTenant('local:owner')
})
afterEach(() => store.close())

const peer = (name: string | number) => `peer ${name}` as PeerId

test('peer records: evidence outlives a kill, work an orderly stop, and both fade over it', async () => {
  const before = await load()
  before.addWork(peer('good'), 'bytes', 1000)
  await before.addEvidence(peer('liar'), 'wrongBytes')
  before.addWork(peer('late'), 'bytes', 1000)
  const killed = await load()
  expect(killed.get(peer('liar')).wrongBytes).toBe(1)
  expect(killed.get(peer('late')).bytes).toBe(0)
  await before.save()
  nowMs += standingHalfLifeMs
  const stopped = await load()
  expect(stopped.get(peer('late')).bytes).toBe(500)
  expect(stopped.get(peer('good')).bytes).toBe(500)
  expect(stopped.get(peer('liar')).wrongBytes).toBe(0.5)
  expect(stopped.get(peer('stranger'))).toMatchObject({ bytes: 0, wrongBytes: 0 })
})

test('peer records: a crowd of strangers pushes out strangers, never who is known for good or ill', async () => {
  const records = await load()
  records.addWork(peer('good'), 'bytes', 2 ** 40)
  await records.addEvidence(peer('liar'), 'wrongBytes')
  for (let index = 0; index < peerRecordsMax + 10; index++) records.addWork(peer(index), 'bytes', 1)
  expect(records.get(peer('good')).bytes).toBe(2 ** 40)
  expect(records.get(peer('liar')).wrongBytes).toBe(1)
  await records.save()
  expect(await tenant.getSetting('peer-records')).toHaveLength(peerRecordsMax)
})

test('peer records: a burst of evidence is written together, and none of it is lost', async () => {
  let writes = 0
  const counting = {
    getSetting: (key: string) => tenant.getSetting(key),
    putSetting: (key: string, value: unknown) => {
      writes++
      return tenant.putSetting(key, value)
    },
  }
  const records = await PeerRecords.load({ store: counting, now: () => nowMs, log })
  await Promise.all(Array.from({ length: 100 }, (_, index) => records.addEvidence(peer(index), 'brokenProtocol')))
  expect(writes).toBeLessThanOrEqual(2)
  const after = await load()
  for (let index = 0; index < 100; index++) expect(after.get(peer(index)).brokenProtocol).toBe(1)
})

test('peer records: a store that does not take them stops nothing', async () => {
  const refusing = { getSetting: async () => undefined, putSetting: () => Promise.reject(new Error('disk full')) }
  const warned: string[] = []
  const records = await PeerRecords.load({
    store: refusing,
    now: () => nowMs,
    log: { warn: (event: string) => void warned.push(event) },
  })
  await records.addEvidence(peer('liar'), 'wrongBytes')
  expect(records.get(peer('liar')).wrongBytes).toBe(1)
  expect(warned).toEqual(['peer-records-not-kept'])
})
