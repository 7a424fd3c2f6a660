import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  createIdentity,
  exportIdentity,
  identityPath,
  importIdentity,
  loadIdentity,
  loadOrCreateIdentity,
} from './identity.ts'

let dataDir: string
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hart-identity-'))
})
afterEach(() => rm(dataDir, { recursive: true, force: true }))

test('identity: is created once, for its owner only, and stays the same', async () => {
  expect(await loadIdentity(dataDir)).toBeUndefined()
  const first = await loadOrCreateIdentity(dataDir)
  expect(first.peerId).toMatch(/^12D3KooW/)
  expect((await stat(identityPath(dataDir))).mode & 0o777).toBe(0o600)
  expect((await loadOrCreateIdentity(dataDir)).peerId).toBe(first.peerId)
  await expect(createIdentity(dataDir)).rejects.toMatchObject({ code: 'ERR_CONFIG' })
})

test('identity: two starts at once end up with one identity', async () => {
  const all = await Promise.all(Array.from({ length: 8 }, () => loadOrCreateIdentity(dataDir)))
  expect(new Set(all.map((identity) => identity.peerId)).size).toBe(1)
})

test('identity: an exported one can be imported elsewhere, and replaces nothing unasked', async () => {
  const text = exportIdentity(await createIdentity(dataDir))
  const other = join(dataDir, 'other')
  const imported = await importIdentity(other, text)
  expect(imported.peerId).toBe((await loadIdentity(dataDir))?.peerId)
  const third = join(dataDir, 'third')
  const before = await createIdentity(third)
  await expect(importIdentity(third, text)).rejects.toMatchObject({ code: 'ERR_CONFIG' })
  expect((await loadIdentity(third))?.peerId).toBe(before.peerId)
  await importIdentity(third, `${text}\n`, { replace: true })
  expect((await loadIdentity(third))?.peerId).toBe(imported.peerId)
})

test('identity: a damaged file is an error that names it, and is left as it is', async () => {
  const text = exportIdentity(await createIdentity(dataDir))
  const last = text.at(-1) === 'A' ? 'B' : 'A'
  const wrongHalf = `${text.slice(0, -8)}${last.repeat(8)}`
  for (const content of ['', 'garbage', text.slice(0, 60), wrongHalf, `${text} ${text}`, '\0'.repeat(5000)]) {
    await writeFile(identityPath(dataDir), content)
    await expect(loadOrCreateIdentity(dataDir)).rejects.toMatchObject({
      code: 'ERR_CONFIG',
      fields: { key: identityPath(dataDir) },
    })
    expect(await readFile(identityPath(dataDir), 'latin1')).toBe(content)
  }
})
