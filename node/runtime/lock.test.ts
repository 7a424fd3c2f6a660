import { spawnSync } from 'node:child_process'
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { dataFiles } from '../config/index.ts'
import { isOpenToOthers, lockDataDir } from './lock.ts'

const folders: string[] = []
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
})

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'hart-lock-'))
  folders.push(path)
  return path
}

test('lock: a folder whose owner lives is refused, and says who it is', async () => {
  const dataDir = await folder()
  await writeFile(dataFiles.lock(dataDir), String(process.ppid))
  await expect(lockDataDir(dataDir)).rejects.toMatchObject({ code: 'ERR_NODE_RUNNING', fields: { pid: process.ppid } })
})

test('lock: a dead owner is followed, and a release leaves nothing behind', async () => {
  const dataDir = await folder()
  const { pid } = spawnSync(process.execPath, ['-e', ''])
  await writeFile(dataFiles.lock(dataDir), String(pid))
  const lock = await lockDataDir(dataDir)
  await lock.release()
  expect(await readdir(dataDir)).toEqual([])
})

test('lock: a half-written lock file is taken over', async () => {
  const dataDir = await folder()
  await writeFile(dataFiles.lock(dataDir), '')
  await (await lockDataDir(dataDir)).release()
})

test.skipIf(process.platform === 'win32')('lock: tells a data folder that others can read', async () => {
  const dataDir = await folder()
  expect(await isOpenToOthers(dataDir)).toBe(false)
  await chmod(dataDir, 0o755)
  expect(await isOpenToOthers(dataDir)).toBe(true)
})
