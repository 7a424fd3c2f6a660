/** One node per data folder: a lock file with the owner's pid, taken over when that process is gone. */
import { mkdir, open, readFile, rm, stat } from 'node:fs/promises'
import { HartonomousError } from '#protocol/errors.ts'
import { dataFiles } from '../config/index.ts'

export interface DataDirLock {
  release(): Promise<void>
}

/** @throws {ERR_NODE_RUNNING} while another live process holds it. */
export async function lockDataDir(dataDir: string): Promise<DataDirLock> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const path = dataFiles.lock(dataDir)
  // Twice: once to find a dead owner and remove its file, once to take its place.
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const handle = await open(path, 'wx', 0o600)
      await handle.writeFile(String(process.pid))
      await handle.close()
      return { release: () => rm(path, { force: true }) }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
        throw new HartonomousError('ERR_IO', { path, reason: (error as Error).message }, { cause: error })
      }
      const pid = Number(await readFile(path, 'utf8').catch(() => ''))
      if (attempt > 0 || isAlive(pid)) throw new HartonomousError('ERR_NODE_RUNNING', { dataDir, pid })
      await rm(path, { force: true })
    }
  }
  throw new HartonomousError('ERR_NODE_RUNNING', { dataDir, pid: 0 })
}

/** A folder that existed before keeps its mode: it may be one that others share on purpose. Secrets in it are 0600. */
export async function isOpenToOthers(dataDir: string): Promise<boolean> {
  return process.platform !== 'win32' && ((await stat(dataDir)).mode & 0o077) !== 0
}

export function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
