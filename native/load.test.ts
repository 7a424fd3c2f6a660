import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fallback } from './fallback/index.ts'
import { loadAddon, loadNative } from './load.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hart-native-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('native: a damaged addon is told, and the fallback takes its place', async () => {
  const damaged = join(folder, 'damaged.node')
  await writeFile(damaged, 'not a shared library')
  expect(loadAddon([damaged])).toMatchObject({
    implementation: 'fallback',
    binding: fallback,
    reason: expect.stringContaining('damaged.node does not load'),
  })
  expect(loadAddon([join(folder, 'nowhere.node')])).toBeUndefined()
})

test('native: an addon of another contract is not used', async () => {
  const old = join(folder, 'old.cjs')
  await writeFile(old, 'module.exports = { version: 0 }')
  expect(loadAddon([old])).toMatchObject({
    implementation: 'fallback',
    reason: expect.stringContaining('built for contract 0'),
  })
})

test('native: there is always an implementation, and it is chosen once', () => {
  const choice = loadNative()
  expect(choice.binding.version).toBe(fallback.version)
  expect(loadNative({ HARTONOMOUS_NATIVE: 'fallback' })).toBe(choice)
})
