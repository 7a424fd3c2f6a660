import { readFile } from 'node:fs/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Bitfield } from '#protocol/codec/bitfield.ts'
import { MiB } from '#protocol/units.ts'
import { diskFiles, type FileOpener } from './own-file.ts'
import { TestSwarm, testModel } from './swarm.fixture.ts'

const swarm = new TestSwarm()
beforeEach(() => swarm.open())
afterEach(() => swarm.close())

function failure(code: string): Error {
  return Object.assign(new Error(`${code}: the disk says no`), { code })
}

/** Real files on a disk whose next write or sync can be made to fail. */
function moodyDisk() {
  const mood: { write?: string; sync?: string; freeBytes?: number; synced: number } = { synced: 0 }
  const files: FileOpener = {
    open: async (path, sizeBytes) => {
      const file = await diskFiles.open(path, sizeBytes)
      return {
        write: async (buffers, position) => {
          if (mood.write !== undefined) throw failure(mood.write)
          await file.write(buffers, position)
        },
        sync: async () => {
          if (mood.sync !== undefined) throw failure(mood.sync)
          await file.sync()
          mood.synced++
        },
        close: () => file.close(),
      }
    },
    freeBytes: async (path) => mood.freeBytes ?? (await diskFiles.freeBytes(path)),
  }
  return { mood, files }
}

for (const [kind, code, expected] of [
  ['write', 'ENOSPC', 'ERR_DISK_FULL'],
  ['sync', 'EIO', 'ERR_IO'],
] as const) {
  test(`disk writer: ${code} in a ${kind} pauses the fetch, holds nothing, and resumes without fetching again`, async () => {
    const model = testModel([12 * MiB, 100, 200])
    const { mood, files } = moodyDisk()
    const seed = await swarm.node()
    const fetcher = await swarm.node({}, { files })
    await seed.seed(model)
    const path = await fetcher.want(model)
    mood[kind] = code
    await fetcher.fetchAll(model)
    await fetcher.addSource(model, seed)
    const paused = await fetcher.until('fetch-paused')
    expect(paused.error.code).toBe(expected)
    expect(fetcher.payloads('chunks-held')).toEqual([])
    expect(new Bitfield(model.chunkCount, fetcher.core.held(model.modelId)).isEmpty()).toBe(true)
    // Still full: it pauses again and says so.
    await fetcher.core.resumeFetch(model.modelId)
    await expect.poll(() => fetcher.payloads('fetch-paused').length).toBe(2)
    delete mood[kind]
    await fetcher.core.resumeFetch(model.modelId)
    await fetcher.until('fetch-complete')
    expect((await readFile(path)).equals(model.bytes)).toBe(true)
    const bytes = fetcher
      .payloads('fetch-progress')
      .at(-1)!
      .sources.reduce((sum, source) => sum + source.bytes, 0)
    expect(bytes).toBe(model.bytes.length)
  })
}

test('disk writer: too little room is told before anything is fetched', async () => {
  const model = testModel([4 * MiB])
  const { mood, files } = moodyDisk()
  mood.freeBytes = MiB
  const seed = await swarm.node()
  const fetcher = await swarm.node({}, { files })
  await seed.seed(model)
  await fetcher.want(model)
  await fetcher.fetchAll(model)
  expect(fetcher.payloads('fetch-paused')[0]!.error.code).toBe('ERR_DISK_FULL')
  await fetcher.addSource(model, seed)
  await new Promise((resolve) => setTimeout(resolve, 600))
  expect(fetcher.payloads('fetch-progress').at(-1)!.sources[0]!.bytes).toBe(0)
  delete mood.freeBytes
  await fetcher.core.resumeFetch(model.modelId)
  await fetcher.until('fetch-complete')
})

test('disk writer: a chunk is told as held only after a flush', async () => {
  const model = testModel([20 * MiB])
  const { mood, files } = moodyDisk()
  const seed = await swarm.node({ uploadBytesPerSecond: 20 * MiB })
  const fetcher = await swarm.node({}, { files })
  await seed.seed(model)
  await fetcher.want(model)
  await fetcher.fetchAll(model)
  await fetcher.addSource(model, seed)
  await fetcher.until('fetch-complete')
  const batches = fetcher.payloads('chunks-held')
  expect(batches.length).toBe(mood.synced)
  for (const batch of batches) expect(batch.chunkIndexes.length).toBeLessThanOrEqual(9)
})
