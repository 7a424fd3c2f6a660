import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { MiB } from '#protocol/units.ts'
import { openEmbeddedStore } from '#sql/store/embedded/index.ts'
import { hashFileExtents } from '../chunks/hash-file.ts'
import { downloadFile } from './download.ts'
import { generateModel } from './gguf/generate.ts'
import { encodeGguf } from './gguf/write.ts'
import { openHttpSource } from './http-source.ts'
import { ingestModel } from './ingest-model.ts'
import { downloadOrigin, isOriginReference, openOrigin, originFileName } from './origin.ts'
import { baseValues, spmValues, tensor, tinyModel } from './test-files.ts'
import { type Behaviour, type RangeServer, startRangeServer } from './test-server.ts'

let fixtures = ''
let model: Buffer
let dir = ''
let server: RangeServer | undefined

beforeAll(async () => {
  fixtures = await mkdtemp(join(tmpdir(), 'hart-origin-'))
  const path = join(fixtures, 'model.gguf')
  await generateModel({ path, sizeBytes: 45 * MiB })
  model = await readFile(path)
})
afterAll(() => rm(fixtures, { recursive: true, force: true }))
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hart-origin-'))
})
afterEach(async () => {
  await server?.close()
  server = undefined
  await rm(dir, { recursive: true, force: true })
})

async function serve(files: Record<string, Buffer>, behaviour: Behaviour = {}): Promise<RangeServer> {
  server = await startRangeServer((path) => files[path], behaviour)
  return server
}

/** Bytes that were asked for. */
function requestedBytes({ requests }: RangeServer): number {
  return requests.reduce((sum, { range }) => {
    const [from, to] = range.slice('bytes='.length).split('-').map(Number) as [number, number]
    return sum + to - from + 1
  }, 0)
}

describe('origin', () => {
  test('origin: a model of a hub is judged by its header, fetched and ingested', async () => {
    const { origin, requests } = await serve({ '/org/repo/resolve/main/sub/m.gguf': model })
    const opened = await openOrigin('hf:org/repo/sub/m.gguf', { huggingFaceEndpoint: origin })
    expect(opened.header).toMatchObject({ architecture: 'llama', licence: 'CC0-1.0' })
    expect(requests.length).toBe(1)
    const progress: number[] = []
    const paths = await downloadOrigin(opened, dir, { onProgress: (done) => progress.push(done) })
    expect((await readFile(paths[0]!)).equals(model)).toBe(true)
    expect((await readdir(dir)).toSorted()).toEqual(['m.gguf', 'm.gguf.origin.json'])
    expect(progress).toEqual(progress.toSorted((a, b) => a - b))
    expect(progress.at(-1)).toBe(model.length)
    const store = await openEmbeddedStore({ path: ':memory:' })
    try {
      const deps = {
        hash: ({ path, extents }: { path: string; extents: { offsetBytes: number; sizeBytes: number }[] }) =>
          hashFileExtents(path, extents),
        store: store.forTenant('local:owner'),
        now: Date.now,
      }
      const fetched = await ingestModel({ path: paths[0]! }, deps)
      const local = await ingestModel({ path: join(fixtures, 'model.gguf') }, deps)
      expect(local.modelId).toBe(fetched.modelId)
    } finally {
      await store.close()
    }
  })

  test('origin: all parts of a split model are found from any of them', async () => {
    const parts = [0, 1].map((no) => {
      const values = {
        ...(no === 0 ? { ...baseValues(), ...spmValues() } : {}),
        'split.no': { type: 'u16' as const, value: no },
        'split.count': { type: 'u16' as const, value: 2 },
      }
      return encodeGguf({ values, tensors: [tensor(`blk.${no}.attn_q.weight`, [8])] })
    })
    const { origin } = await serve({ '/m-00001-of-00002.gguf': parts[0]!, '/m-00002-of-00002.gguf': parts[1]! })
    const opened = await openOrigin(`${origin}/m-00002-of-00002.gguf?download=true`)
    expect(opened.header.files.length).toBe(2)
    expect(opened.urls[0]).toBe(`${origin}/m-00001-of-00002.gguf?download=true`)
    const paths = await downloadOrigin(opened, dir)
    expect((await readFile(paths[1]!)).equals(parts[1]!)).toBe(true)
  })

  test('origin: a file that is no model is refused after its first bytes', async () => {
    const { origin, requests } = await serve({ '/m.gguf': Buffer.alloc(20 * MiB, 1) })
    await expect(openOrigin(`${origin}/m.gguf`)).rejects.toMatchObject({ code: 'ERR_MODEL_FILE' })
    await expect(openOrigin(`${origin}/none.gguf`)).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
    expect(requests.length).toBe(2)
  })

  test('origin: references are told from names, and file names lead nowhere else', () => {
    expect(['hf:a/b/c', 'https://a/b', 'HTTP://a/b'].every(isOriginReference)).toBe(true)
    expect(['hartling', 'me/mine', 'httpfoo'].some(isOriginReference)).toBe(false)
    expect(originFileName('https://a/b/My%20Model.Q4.gguf?x=1')).toBe('My Model.Q4.gguf')
    for (const path of ['..%2F..%2Fx.gguf', '%2e%2e', '.hidden.gguf', 'x.exe', '%zz.gguf', '', 'a%5Cb.gguf']) {
      expect(originFileName(`https://a/${path}`), path).toBe('model.gguf')
    }
  })
})

describe('download', () => {
  test('download: after an interruption only the rest is fetched', async () => {
    const running = await serve({ '/m': model })
    const path = join(dir, 'm.gguf')
    const controller = new AbortController()
    const onProgress = (doneBytes: number) => {
      if (doneBytes > model.length / 2) controller.abort(new Error('enough'))
    }
    const source = await openHttpSource(`${running.origin}/m`)
    await expect(downloadFile(source, path, { signal: controller.signal, onProgress })).rejects.toThrow('enough')
    expect((await readdir(dir)).toSorted()).toEqual(['m.gguf.origin.json', 'm.gguf.part'])
    running.requests.length = 0
    await downloadFile(source, path)
    expect(requestedBytes(running)).toBeLessThan(model.length / 2)
    expect((await readFile(path)).equals(model)).toBe(true)
    expect((await readdir(dir)).toSorted()).toEqual(['m.gguf', 'm.gguf.origin.json'])
    running.requests.length = 0
    await downloadFile(source, path)
    expect(running.requests.length).toBe(0)
  })

  test('download: what was fetched of another version is not kept', async () => {
    const state = { etag: '"one"' }
    const files = { '/m': model }
    const running = await serve(files, state)
    const path = join(dir, 'm.gguf')
    const source = await openHttpSource(`${running.origin}/m`)
    const onProgress = (doneBytes: number) => {
      if (doneBytes === 0) return
      state.etag = '"two"'
      files['/m'] = Buffer.from(model).fill(9, 100, 200)
    }
    await expect(downloadFile(source, path, { onProgress })).rejects.toMatchObject({ code: 'ERR_WITHDRAWN' })
    await downloadFile(await openHttpSource(`${running.origin}/m`), path)
    expect((await readFile(path)).equals(files['/m'])).toBe(true)
    state.etag = '"three"'
    files['/m'] = Buffer.from(model).fill(8, 100, 200)
    await downloadFile(await openHttpSource(`${running.origin}/m`), path)
    expect((await readFile(path)).equals(files['/m'])).toBe(true)
  })

  test('download: a record that lies about its part is not believed', async () => {
    const running = await serve({ '/m': tinyModel() })
    const path = join(dir, 'm.gguf')
    const url = `${running.origin}/m`
    const record = { url, version: '"one"', sizeBytes: tinyModel().length, doneBytes: 4000 }
    await writeFile(`${path}.part`, 'short')
    await writeFile(`${path}.origin.json`, JSON.stringify(record))
    await downloadFile(await openHttpSource(url), path)
    expect((await readFile(path)).equals(tinyModel())).toBe(true)
  })

  test('download: a folder that is missing is an error of ours', async () => {
    const running = await serve({ '/m': tinyModel() })
    const source = await openHttpSource(`${running.origin}/m`)
    await expect(downloadFile(source, join(dir, 'no', 'm.gguf'))).rejects.toMatchObject({ code: 'ERR_IO' })
  })
})
