import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadBlake3 } from '#protocol/codec/blake3.ts'
import { cidOf } from '#protocol/codec/cid.ts'
import type { ModelId } from '#protocol/ids.ts'
import { releasesPerPeerMax } from '#protocol/limits.ts'
import { encodeRelease, releaseSigningBytes } from '#protocol/model/index.ts'
import type { Release } from '#protocol/model/release.ts'
import { openShardStore } from '#sql/store/index.ts'
import type { ShardStore, TenantStore } from '#sql/store/types.ts'
import { createLog } from '../log/index.ts'
import type { Network } from '../network/index.ts'
import { TestNetworks } from './network.fixture.ts'
import { ReleaseBook } from './releases.ts'

const networks = new TestNetworks()
const stores: ShardStore[] = []
const log = createLog({ level: 'silent', format: 'json' })
const signal = AbortSignal.timeout(60_000)

let node: Network
let stranger: Network
beforeAll(async () => {
  await loadBlake3()
  node = await networks.start()
  stranger = await networks.start()
})
afterAll(async () => {
  await networks.close()
  await Promise.all(stores.map((store) => store.close()))
})

async function bookOf(network: Network, isTrusted?: (publisher: string) => boolean) {
  const store = await openShardStore({ path: ':memory:' })
  await store.migrate()
  stores.push(store)
  const tenant = store.forTenant('local:owner')
  const deps = { network, store: tenant, now: Date.now, log, onNew: () => undefined }
  return { tenant, book: new ReleaseBook(isTrusted === undefined ? deps : { ...deps, isTrusted }) }
}

const modelIdOf = (n: number) => cidOf(Uint8Array.of(0x19, n >> 8, n & 255)) as ModelId
const draft = (name: string, n: number): Omit<Release, 'publisher' | 'createdAtMs'> => ({
  modelId: modelIdOf(n),
  name,
  licence: 'MIT',
  format: 'gguf',
  architecture: 'llama',
  sizeBytes: 1,
  parameterCount: 1,
  tokenizer: '',
})

async function put(tenant: TenantStore, network: Network, name: string, n: number, from = network): Promise<void> {
  const release: Release = { ...draft(name, n), publisher: network.peerId, createdAtMs: n }
  const bytes = encodeRelease(release)
  await tenant.putRelease({ release, bytes, signature: await network.sign(releaseSigningBytes(bytes)) }, from.peerId)
}

test('releases: a stranger who publishes under our name does not take it over, however early it came', async () => {
  const { tenant, book } = await bookOf(node)
  await put(tenant, stranger, 'hartling', 1)
  expect((await book.resolve('hartling')).release.modelId).toBe(modelIdOf(1))
  await book.publish(draft('hartling', 2))
  expect((await book.resolve('hartling')).release.modelId).toBe(modelIdOf(2))
  expect((await book.resolve(modelIdOf(1))).release.publisher).toBe(stranger.peerId)
})

test('releases: a publisher whom the owner named goes before a stranger; among strangers the first one stays', async () => {
  const third = await networks.start()
  const { tenant, book } = await bookOf(node, (publisher) => publisher === third.peerId)
  await put(tenant, stranger, 'llama', 1)
  await put(tenant, stranger, 'llama', 2)
  expect((await book.resolve('llama')).release.modelId).toBe(modelIdOf(1))
  await put(tenant, third, 'llama', 3)
  expect((await book.resolve('llama')).release.modelId).toBe(modelIdOf(3))
})

test('releases: what was published already is not signed anew', async () => {
  const { tenant, book } = await bookOf(node)
  const first = await book.publish(draft('again', 1))
  const second = await book.publish(draft('again', 1))
  expect(second.release.createdAtMs).toBe(first.release.createdAtMs)
  expect((await tenant.listReleases()).releases).toHaveLength(1)
  const other = await book.publish({ ...draft('again', 1), licence: 'Apache-2.0' })
  expect(other.release.licence).toBe('Apache-2.0')
})

test('releases: spam in front of a catalogue does not hide what comes after it', async () => {
  const from = await bookOf(stranger)
  const spam = releasesPerPeerMax + 20
  for (let n = 0; n < spam; n++)
    await put(from.tenant, stranger, `spam-${n}`, n, n < releasesPerPeerMax ? stranger : node)
  await put(from.tenant, node, 'honest', spam)
  const known = (await from.tenant.listReleases({ name: 'honest' })).releases
  expect(known).toHaveLength(1)
  await from.book.serve()
  const { book, tenant } = await bookOf(node)
  await book.visit(stranger.peerId, signal)
  await book.visit(stranger.peerId, signal)
  expect((await tenant.listReleases({ name: 'honest' })).releases).toHaveLength(1)
})
