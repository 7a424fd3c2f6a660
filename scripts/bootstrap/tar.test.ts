import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createTarball } from './fixture.ts'

const { extractTarball } = await import(new URL('./tar.js', import.meta.url).href)
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hartonomous-tar-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function extract(bytes: Buffer): Promise<number> {
  writeFileSync(join(folder, 'a.tgz'), bytes)
  return extractTarball(join(folder, 'a.tgz'), join(folder, 'out'))
}

test('bootstrap tar: unpacks files of any size without their first folder, executable where they were', async () => {
  const sizes = [0, 1, 511, 512, 513, 200_000]
  const files = Object.fromEntries(sizes.map((size) => [`package/deep/${size}`, 'x'.repeat(size)]))
  expect(await extract(createTarball(files).bytes)).toBe(sizes.length)
  for (const size of sizes) expect(readFileSync(join(folder, `out/deep/${size}`)).length, `${size}`).toBe(size)
  expect(statSync(join(folder, 'out/deep/1')).mode & 0o111).not.toBe(0)
})

test.each(['package/../../evil', 'package/..', 'package/../outside', 'evil', 'package/'])(
  'bootstrap tar: refuses the name %s',
  async (name) => {
    await expect(extract(createTarball({ [name]: 'x' }).bytes)).rejects.toThrow('points outside')
    expect(existsSync(join(folder, 'evil'))).toBe(false)
  },
)

test('bootstrap tar: refuses an archive that ends too early, wherever it ends', async () => {
  const whole = gunzipSync(createTarball({ 'package/a': 'x'.repeat(2_000) }).bytes)
  for (const end of [1, 100, 512, 513, 1_000, 2_511]) {
    await expect(extract(gzipSync(whole.subarray(0, end))), `${end}`).rejects.toThrow('ends too early')
  }
  await expect(extract(gzipSync(Buffer.alloc(0)))).rejects.toThrow('no files')
})

test('bootstrap tar: refuses links', async () => {
  const whole = gunzipSync(createTarball({ 'package/a': '' }).bytes)
  whole[156] = '2'.charCodeAt(0)
  await expect(extract(gzipSync(whole))).rejects.toThrow('has type 2')
})
