/** Where the shard lies, and the password of it: from the environment or a file that only its owner reads, never from argv. */
import { readFile, stat } from 'node:fs/promises'
import { HartonomousError } from '#protocol/errors.ts'
import type { StoreOptions } from '#sql/store/index.ts'
import { dataFiles } from './paths.ts'
import type { Config } from './schema.ts'

type Environment = Record<string, string | undefined>

/** @throws {ERR_CONFIG} where there is no password, or others may read its file. */
export async function storageOf(config: Config, dataDir: string, environment: Environment): Promise<StoreOptions> {
  const url = config['storage.url']
  if (url === '') return { path: dataFiles.database(dataDir) }
  const password = await storagePassword(config, environment)
  return { url, password, vectorsFolder: dataFiles.serverVectors(dataDir) }
}

/** The password of `storage.url`, or of another URL that a move goes to. @throws {ERR_CONFIG} */
export function storagePassword(config: Config, environment: Environment): Promise<string> {
  return passwordFrom(
    'storage.passwordFile',
    config['storage.passwordFile'],
    environment['HARTONOMOUS_STORAGE_PASSWORD'],
  )
}

/** Of `hart sql` on SQL Server; `undefined` where it is not set up. @throws {ERR_CONFIG} */
export async function consoleStorageOf(
  config: Config,
  environment: Environment,
): Promise<{ url: string; password: string } | undefined> {
  const url = config['storage.consoleUrl']
  if (url === '') return undefined
  const file = config['storage.consolePasswordFile']
  const given = environment['HARTONOMOUS_STORAGE_CONSOLE_PASSWORD']
  return { url, password: await passwordFrom('storage.consolePasswordFile', file, given) }
}

async function passwordFrom(
  key: 'storage.passwordFile' | 'storage.consolePasswordFile',
  path: string,
  given: string | undefined,
): Promise<string> {
  if (given !== undefined && given !== '') return given
  if (path === '')
    throw wrong(key, 'no password: name a file with it (mode 0600), or set the variable of the environment')
  try {
    if (process.platform !== 'win32' && ((await stat(path)).mode & 0o077) !== 0)
      throw wrong(key, `others may read ${path}: chmod 600 it`)
    // An editor ends the line.
    return (await readFile(path, 'utf8')).replace(/\r?\n$/, '')
  } catch (error) {
    if (error instanceof HartonomousError) throw error
    throw wrong(key, (error as Error).message)
  }
}

function wrong(key: string, reason: string): HartonomousError {
  return new HartonomousError('ERR_CONFIG', { key, reason })
}
