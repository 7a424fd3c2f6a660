/** A shard in SQL Server. */
import { HartonomousError } from '#protocol/errors.ts'
import type { MoveEnd } from '../move/move.ts'
import { createShardStore, type ShardStoreOptions } from '../shard-store.ts'
import type { ShardStore } from '../types.ts'
import { connectMssql } from './driver.ts'
import { storeErrorOf } from './errors.ts'
import { MssqlExecutor } from './executor.ts'
import { mssqlMoveEnd } from './move-end.ts'
import { type MssqlProfile, probeProfile } from './profile.ts'
import { runSetup, type SetupName } from './setup/index.ts'
import { parseMssqlUrl } from './url.ts'

export interface MssqlStoreOptions {
  /** `mssql://user@host:1433/database`; without a password. */
  url: string
  password: string
  /** Off: the caller runs `migrate()`; until then nothing else works on a new database. */
  isMigrated?: boolean
  /** On this machine, for graphs of embeddings; each node has its own. Without it their rows are read and searched. */
  vectorsFolder?: string
  /** Off: embeddings are searched row by row, as where there is no binary of usearch. */
  isVectorEngineUsed?: boolean
}

/**
 * Connects to a database that exists, and makes and migrates its schema `shard`.
 * @throws {ERR_CONFIG} {ERR_STORE_UNAVAILABLE} {ERR_STORE_MIGRATION} {ERR_STORE_CONFLICT}
 */
export async function openMssqlStore(
  options: MssqlStoreOptions,
  storeOptions: ShardStoreOptions = {},
): Promise<ShardStore> {
  const connection = await connect(options)
  try {
    const executor = new MssqlExecutor(connection, await probeProfile(connection))
    if (options.isMigrated !== false) await executor.migrate()
    const vectors = { folder: options.vectorsFolder, isEngineUsed: options.isVectorEngineUsed }
    return createShardStore(executor, { ...storeOptions, vectors: { ...vectors, ...storeOptions.vectors } })
  } catch (error) {
    await connection.close()
    throw storeErrorOf(error)
  }
}

/** What the server behind a URL can do, for doctor. @throws {ERR_CONFIG} {ERR_STORE_UNAVAILABLE} */
export async function probeMssql(options: MssqlStoreOptions): Promise<MssqlProfile> {
  const connection = await connect(options)
  try {
    return await probeProfile(connection)
  } catch (error) {
    throw storeErrorOf(error)
  } finally {
    await connection.close()
  }
}

/** The shard at a URL as one end of a move, made and migrated. @throws {ERR_CONFIG} ERR_STORE_… */
export async function openMssqlMoveEnd(options: MssqlStoreOptions): Promise<MoveEnd> {
  await (await openMssqlStore(options)).close()
  const connection = await connect(options)
  return mssqlMoveEnd(connection, await probeProfile(connection))
}

/** Sets a part up, see `setup/`. @throws {ERR_USAGE} where the server cannot have it, {ERR_CONFIG} ERR_STORE_… */
export async function setUpMssql(options: MssqlStoreOptions, name: SetupName): Promise<void> {
  await (await openMssqlStore(options)).close()
  const connection = await connect(options)
  try {
    await runSetup(connection, await probeProfile(connection), name)
  } finally {
    await connection.close()
  }
}

async function connect({ url, password }: MssqlStoreOptions) {
  const address = parseMssqlUrl(url, 'storage.url')
  try {
    return await connectMssql({ address, password })
  } catch (error) {
    const known = storeErrorOf(error)
    if (known !== error) throw known
    const reason = error instanceof Error ? error.message : String(error)
    throw new HartonomousError('ERR_STORE_UNAVAILABLE', { reason }, { cause: error })
  }
}
