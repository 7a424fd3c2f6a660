import { execFile } from 'node:child_process'
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { exportHotKey, hotKeyPath, importHotKey, loadHotKey, loadOrCreateHotKey, parseHotKey } from './hot-key.ts'

const source = fileURLToPath(new URL('hot-key.ts', import.meta.url))

let dataDir: string
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hart-hot-key-'))
})
afterEach(() => rm(dataDir, { recursive: true, force: true }))

test('hot key: is made once, for its owner only, and stays the same', async () => {
  expect(await loadHotKey(dataDir)).toBeUndefined()
  const first = await loadOrCreateHotKey(join(dataDir, 'new'))
  const path = hotKeyPath(join(dataDir, 'new'))
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect(await loadOrCreateHotKey(join(dataDir, 'new'))).toEqual(first)
  expect(await readdir(join(dataDir, 'new'))).toEqual(['payment.key'])
})

test('hot key: processes that start at once end up with one key, and none loads ethers', async () => {
  const program = `
    const { loadOrCreateHotKey } = await import(${JSON.stringify(source)})
    const { address } = await loadOrCreateHotKey(${JSON.stringify(dataDir)})
    console.log(address)`
  const starts = Array.from({ length: 4 }, () =>
    promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
      env: { ...process.env, NODE_DEBUG: 'esm' },
      maxBuffer: 64 * 2 ** 20,
    }),
  )
  const outcomes = await Promise.all(starts)
  expect(new Set(outcomes.map(({ stdout }) => stdout.trim()))).toEqual(
    new Set([(await loadOrCreateHotKey(dataDir)).address]),
  )
  // What Node tells of the modules it loads: noble is among them, so it does tell.
  expect(outcomes[0]!.stderr).toContain('@noble/hashes')
  expect(outcomes[0]!.stderr).not.toContain('/ethers/')
})

test('hot key: starts at once in one process end up with one key', async () => {
  const all = await Promise.all(Array.from({ length: 8 }, () => loadOrCreateHotKey(dataDir)))
  expect(new Set(all.map(({ address }) => address)).size).toBe(1)
  expect(await readdir(dataDir)).toEqual(['payment.key'])
})

test('hot key: an exported one can be imported elsewhere, and replaces nothing unasked', async () => {
  const first = await loadOrCreateHotKey(dataDir)
  const other = join(dataDir, 'other')
  const before = await loadOrCreateHotKey(other)
  const moved = parseHotKey(`${exportHotKey(first)}\n`)
  await expect(importHotKey(other, moved, { replace: false })).rejects.toMatchObject({ code: 'ERR_KEY' })
  expect(await loadHotKey(other)).toEqual(before)
  await importHotKey(other, moved, { replace: true })
  expect(await loadHotKey(other)).toEqual(first)
})

test('hot key: a damaged file is an error that names it, repeats nothing of it, and is left as it is', async () => {
  const text = exportHotKey(await loadOrCreateHotKey(dataDir))
  const path = hotKeyPath(dataDir)
  const flipped = (at: number) => `${text.slice(0, at)}${text[at] === '0' ? '1' : '0'}${text.slice(at + 1)}`
  const key = text.slice(-64)
  const broken = ['', 'garbage', text.slice(0, 90), `${text} ${text}`, flipped(25), flipped(text.length - 7), key]
  for (const content of [...broken, text.replace(key, 'f'.repeat(64)), '\0'.repeat(5000)]) {
    await writeFile(path, content)
    const error = await loadOrCreateHotKey(dataDir).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'ERR_KEY', fields: { key: path } })
    expect(String(error)).not.toContain(key.slice(0, 16))
    expect(await readFile(path, 'latin1')).toBe(content)
  }
})

test.skipIf(process.platform === 'win32')('hot key: a file that others may read is refused', async () => {
  await loadOrCreateHotKey(dataDir)
  await chmod(hotKeyPath(dataDir), 0o640)
  await expect(loadHotKey(dataDir)).rejects.toMatchObject({
    code: 'ERR_KEY',
    fields: { reason: expect.stringContaining('chmod 600') },
  })
})
