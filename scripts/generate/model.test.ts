import { execFile } from 'node:child_process'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { MiB } from '#protocol/units.ts'

let dir = ''
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hart-generate-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

function run(...args: string[]): Promise<{ exitCode: number; stderr: string }> {
  const script = fileURLToPath(new URL('./model.ts', import.meta.url))
  return new Promise((resolve) => {
    execFile(process.execPath, [script, ...args], (error, _, stderr) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code), stderr })
    })
  })
}

test('generate model: writes a file of the size asked for', async () => {
  const path = join(dir, 'm.gguf')
  expect((await run('--out', path, '--size', '2MiB')).exitCode).toBe(0)
  expect((await stat(path)).size / (2 * MiB)).toBeGreaterThan(0.99)
})

test('generate model: says what is wrong with its arguments', async () => {
  expect(await run('--size', '2MiB')).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--out') })
  const path = join(dir, 'm.gguf')
  expect(await run('--out', path, '--type', 'Q9')).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('--type'),
  })
  expect(await run('--out', path, '--size', 'big')).toMatchObject({ exitCode: 2 })
  expect(await run('--out', join(dir, 'no', 'm.gguf'), '--size', '2MiB')).toMatchObject({ exitCode: 1 })
})
