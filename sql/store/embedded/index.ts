/** The embedded store in the calling thread: for the worker, for tests, and for tools that may block. */
import { createShardStore, type ShardStoreOptions } from '../shard-store.ts'
import type { ShardStore } from '../types.ts'
import { type DatabaseOptions, openDatabase } from './database.ts'
import { EmbeddedExecutor } from './executor.ts'

export interface EmbeddedStoreOptions extends DatabaseOptions {
  /** Off: the caller runs `migrate()`; until then nothing else works on a new database. */
  isMigrated?: boolean
  /** Off: embeddings are searched row by row, as where there is no binary of usearch. */
  isVectorEngineUsed?: boolean
}

/**
 * Opens (and makes) a database and migrates it. All work blocks the calling thread.
 * @throws {ERR_STORE_CORRUPT} {ERR_STORE_UNAVAILABLE} {ERR_STORE_MIGRATION} {ERR_STORE_FULL} {ERR_STORE_CONFLICT}
 */
export async function openEmbeddedStore(
  options: EmbeddedStoreOptions,
  storeOptions: ShardStoreOptions = {},
): Promise<ShardStore> {
  const executor = new EmbeddedExecutor(await openDatabase(options))
  try {
    if (options.isMigrated !== false) await executor.migrate()
  } catch (error) {
    await executor.close()
    throw error
  }
  // Nothing is written beside a database that is read only, or in memory.
  const hasFolder = options.isReadOnly !== true && !executor.capabilities().isInMemory
  const vectors = {
    folder: hasFolder ? `${options.path}-vectors` : undefined,
    isEngineUsed: options.isVectorEngineUsed,
  }
  return createShardStore(executor, { ...storeOptions, vectors: { ...vectors, ...storeOptions.vectors } })
}
