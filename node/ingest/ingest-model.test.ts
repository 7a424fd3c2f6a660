import { execFile } from 'node:child_process'
import { appendFile, copyFile, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { chunkBytes } from '#protocol/limits.ts'
import { checkContent, loadContent } from '#protocol/model/index.ts'
import { GiB, MiB } from '#protocol/units.ts'
import { openEmbeddedStore } from '#sql/store/embedded/index.ts'
import type { ShardStore, TenantStore } from '#sql/store/types.ts'
import { hashFileExtents } from '../chunks/hash-file.ts'
import { identityText } from '../chunks/index.ts'
import { encodeGguf, type GgufPlan, writeGguf } from './gguf/write.ts'
import { type IngestDependencies, type IngestRequest, ingestModel } from './ingest-model.ts'
import type { IngestProgress } from './progress.ts'
import { baseValues, bundledModels, spmValues, tensor, tinyModel } from './test-files.ts'

let dir = ''
let shards: ShardStore
let store: TenantStore

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hart-ingest-'))
  shards = await openEmbeddedStore({ path: join(dir, 'shard.db') })
  store = shards.forTenant('local:owner')
})
afterEach(async () => {
  await shards.close()
  await rm(dir, { recursive: true, force: true })
})

const hash: IngestDependencies['hash'] = ({ path, extents, skipChunks }, options) =>
  hashFileExtents(path, extents, { ...options, ...(skipChunks === undefined ? {} : { skipChunks }) })

function ingest(request: IngestRequest, change: Partial<IngestDependencies> = {}, signal?: AbortSignal) {
  return ingestModel(request, { hash, store, now: Date.now, ...change }, signal === undefined ? {} : { signal })
}

/** A model whose tensors are holes: nothing on disk, all of it to be hashed. */
function sparsePlan(sizeBytes: number): GgufPlan {
  const rows = Math.ceil(sizeBytes / 4 / (32 * MiB))
  return {
    values: { ...baseValues(), ...spmValues() },
    tensors: Array.from({ length: rows }, (_, index) => tensor(`blk.${index}.ffn_up.weight`, [32 * 1024, 1024])),
  }
}

describe('ingest', () => {
  test('ingest: a bundled model becomes rows, blocks and a draft of its release', async () => {
    const progress: IngestProgress[] = []
    const path = bundledModels[0]!
    const result = await ingest({ path }, { onProgress: (each) => progress.push(each) })
    const { size } = await stat(path)
    expect(result.releaseDraft).toEqual({
      modelId: result.modelId,
      name: 'hartling-f16',
      licence: 'LicenseRef-Hartonomous',
      format: 'gguf',
      architecture: 'llama',
      sizeBytes: size,
      parameterCount: 1_443_456,
      tokenizer: 'llama',
    })
    checkContent(result.content)
    const blocks = new Map(result.blocks.map(({ cid, bytes }) => [cid, bytes]))
    const loaded = await loadContent(result.modelId, async (cid) => blocks.get(cid)!)
    expect(loaded).toEqual(await store.getContent(result.modelId))
    const row = await store.getModel(result.modelId)
    expect(row).toMatchObject({ heldBytes: size, sizeBytes: size, origin: 'ingest', architecture: 'llama' })
    expect(row?.files[0]).toMatchObject({ path, origin: 'user' })
    expect(JSON.parse(row!.files[0]!.identity!)).toMatchObject({ sizeBytes: size })
    expect(row?.meta['hartonomous.tokenizer']).toBe('llama')
    const attention = await store.findComponents({ modelId: result.modelId, kinds: ['attention'] })
    expect(attention.length).toBe(6)
    expect(attention.every((hit) => hit.heldBytes === hit.sizeBytes)).toBe(true)
    expect(progress.at(-1)).toMatchObject({ doneBytes: size, totalBytes: size })
    expect(await store.getIngestCheckpoint(path)).toBeUndefined()
  })

  test('ingest: the same bytes under another name, place and licence are the same model', async () => {
    const copy = join(dir, 'other.gguf')
    await copyFile(bundledModels[1]!, copy)
    const other = await openEmbeddedStore({ path: join(dir, 'other.db') })
    try {
      const first = await ingest({ path: bundledModels[1]! })
      const second = await ingest(
        { path: copy, name: 'me/mine', licence: 'Apache-2.0' },
        { store: other.forTenant('somebody') },
      )
      expect(second.modelId).toBe(first.modelId)
      expect(second.blocks).toEqual(first.blocks)
      expect(second.releaseDraft).toMatchObject({ name: 'me/mine', licence: 'Apache-2.0' })
    } finally {
      await other.close()
    }
    await writeFile(copy, tinyModel())
    expect((await ingest({ path: copy })).modelId).not.toBe((await ingest({ path: bundledModels[1]! })).modelId)
  })

  test('ingest: once more is no error and changes nothing', async () => {
    const first = await ingest({ path: bundledModels[0]! })
    const again = await ingest({ path: bundledModels[0]!, name: 'again' })
    expect(again.modelId).toBe(first.modelId)
    expect((await store.listModels()).length).toBe(1)
  })

  test('ingest: without a licence, with a bad name or a bad file nothing is hashed', async () => {
    const path = join(dir, 'a.gguf')
    const { 'general.license': _, ...values } = { ...baseValues(), ...spmValues() }
    await writeFile(path, encodeGguf({ values, tensors: [] }))
    const never: Partial<IngestDependencies> = {
      hash: () => {
        throw new Error('it was hashed')
      },
    }
    await expect(ingest({ path }, never)).rejects.toMatchObject({ code: 'ERR_LICENCE_REQUIRED' })
    await expect(ingest({ path, licence: '  ' }, never)).rejects.toMatchObject({ code: 'ERR_LICENCE_REQUIRED' })
    await expect(ingest({ path, licence: 'MIT\u202e' }, never)).rejects.toMatchObject({ code: 'ERR_USAGE' })
    await expect(ingest({ path, licence: 'MIT', name: '../x' }, never)).rejects.toMatchObject({ code: 'ERR_USAGE' })
    await expect(ingest({ path: join(dir, 'none.gguf') }, never)).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
    await expect(ingest({ path: dir }, never)).rejects.toMatchObject({ code: 'ERR_IO' })
    await writeFile(path, 'not a model')
    await expect(ingest({ path, licence: 'MIT' }, never)).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' })
    expect(await store.listModels()).toEqual([])
  })

  test('ingest: a file that changes while it is hashed is not stored', async () => {
    const path = join(dir, 'changing.gguf')
    const replacement = join(dir, 'replacement')
    const changes = [
      () => appendFile(path, 'x'),
      async () => {
        await writeFile(replacement, tinyModel())
        await rename(replacement, path)
      },
    ]
    for (const change of changes) {
      await writeFile(path, tinyModel())
      const late: IngestDependencies['hash'] = async (job, options) => {
        await change()
        return hash(job, options)
      }
      await expect(ingest({ path }, { hash: late })).rejects.toMatchObject({ code: 'ERR_WITHDRAWN' })
    }
    expect(await store.listModels()).toEqual([])
  })

  test('ingest: a split model is found by any of its parts; a missing one is named', async () => {
    const names = [1, 2, 3].map((no) => join(dir, `m-0000${no}-of-00003.gguf`))
    for (const [index, path] of names.entries()) {
      const values = {
        ...(index === 0 ? { ...baseValues(), ...spmValues() } : {}),
        'split.no': { type: 'u16' as const, value: index },
        'split.count': { type: 'u16' as const, value: 3 },
      }
      await writeFile(path, encodeGguf({ values, tensors: [tensor(`blk.${index}.attn_q.weight`, [4, 8])] }))
    }
    const result = await ingest({ path: names[1]! })
    expect(result.paths).toEqual(names)
    expect(result.releaseDraft.name).toBe('m')
    expect((await store.getModel(result.modelId))?.files.map(({ path }) => path)).toEqual(names)
    await rm(names[2]!)
    await expect(ingest({ path: names[0]! })).rejects.toMatchObject({
      code: 'ERR_MODEL_FILE',
      fields: { file: names[2], reason: 'part 3 of 3 is missing' },
    })
  })
})

describe('interrupted ingest', () => {
  const sizeBytes = 320 * MiB

  /** Ingests, and tells how many chunks were taken from the checkpoint and how many were hashed. */
  async function resume(path: string) {
    let skipped = 0
    let hashed = 0
    const counting: IngestDependencies['hash'] = async (job, options) => {
      skipped += job.skipChunks ?? 0
      const result = await hash(job, options)
      hashed += result.leaves.length / 32
      return result
    }
    const { modelId, content } = await ingest({ path }, { hash: counting })
    return { modelId, skipped, hashed, total: content.leaves.length / 32 }
  }

  test('interrupted ingest: after an abort it goes on where it stopped, and gives the same id', async () => {
    const path = join(dir, 'sparse.gguf')
    await writeGguf(path, sparsePlan(sizeBytes))
    const controller = new AbortController()
    const onProgress = ({ doneBytes }: IngestProgress) => {
      if (doneBytes > sizeBytes / 2) controller.abort(new Error('enough'))
    }
    await expect(ingest({ path }, { onProgress }, controller.signal)).rejects.toThrow('enough')
    expect(await store.listModels()).toEqual([])
    const resumed = await resume(path)
    expect(resumed.skipped * chunkBytes).toBeGreaterThan(sizeBytes / 2)
    expect(resumed.skipped + resumed.hashed).toBe(resumed.total)
    await store.removeModel(resumed.modelId)
    expect(await resume(path)).toEqual({ ...resumed, skipped: 0, hashed: resumed.total })
  })

  test('interrupted ingest: after kill -9 at most the last leaves are hashed again', async () => {
    const path = join(dir, 'sparse.gguf')
    await writeGguf(path, sparsePlan(sizeBytes))
    await shards.close()
    const root = fileURLToPath(new URL('../..', import.meta.url))
    const code = `
      import { ingestModel } from '#node/ingest/ingest-model.ts'
      import { hashFileExtents } from '#node/chunks/hash-file.ts'
      import { openEmbeddedStore } from '#sql/store/embedded/index.ts'
      const store = (await openEmbeddedStore({ path: ${JSON.stringify(join(dir, 'shard.db'))} })).forTenant('local:owner')
      let atMs = 0
      let saved = 0
      const hash = ({ path, extents }, options) => hashFileExtents(path, extents, options)
      const saveIngestCheckpoint = async (checkpoint) => {
        await store.saveIngestCheckpoint(checkpoint)
        if (++saved === 2) process.kill(process.pid, 'SIGKILL')
      }
      await ingestModel({ path: ${JSON.stringify(path)} }, {
        hash,
        now: () => (atMs += 5000),
        store: { ...store, saveIngestCheckpoint },
      })`
    const signal = await new Promise((resolve) => {
      const args = ['--input-type=module-typescript', '--eval', code]
      execFile(process.execPath, args, { cwd: root }, (error) => resolve(error?.signal ?? error))
    })
    expect(signal).toBe('SIGKILL')
    shards = await openEmbeddedStore({ path: join(dir, 'shard.db') })
    store = shards.forTenant('local:owner')
    expect(await store.listModels()).toEqual([])
    const resumed = await resume(path)
    expect(resumed.skipped * chunkBytes).toBeGreaterThanOrEqual(64 * MiB)
    expect(resumed.skipped + resumed.hashed).toBe(resumed.total)
  })

  test('interrupted ingest: a checkpoint of another file is not used', async () => {
    const path = join(dir, 'a.gguf')
    await writeFile(path, tinyModel())
    const identity = identityText({ device: '1', inode: '2', sizeBytes: 3, mtimeNs: '4' })
    await store.saveIngestCheckpoint({ path, identity, leaves: new Uint8Array(64) })
    const resumed = await resume(path)
    expect(resumed.skipped).toBe(0)
    checkContent((await store.getContent(resumed.modelId))!)
  })
})

describe('memory', () => {
  const cases = [GiB, ...(process.env['HART_TEST_LARGE'] === undefined ? [] : [20 * GiB])]
  for (const sizeBytes of cases) {
    test(`memory: ingest of ${sizeBytes / GiB} GiB grows by less than 200 MiB`, { timeout: 300_000 }, async () => {
      const path = join(dir, 'large.gguf')
      await writeGguf(path, sparsePlan(sizeBytes))
      const before = process.memoryUsage.rss()
      let peak = 0
      const onProgress = () => {
        peak = Math.max(peak, process.memoryUsage.rss())
      }
      const { content } = await ingest({ path }, { onProgress })
      peak = Math.max(peak, process.memoryUsage.rss())
      expect(content.leaves.length / 32).toBeGreaterThanOrEqual(sizeBytes / MiB)
      expect((peak - before) / MiB).toBeLessThan(200)
    })
  }
})
