/** The shard database. `openShardStore({ path })`, or `{ url, password }`, is all that a node needs. */
import { openStoreInWorker } from './embedded/remote.ts'
import type { StoreOptions } from './open.ts'
import type { ShardStore } from './types.ts'

export type { ApiKeyRow, ApiKeyStore } from './api-key.ts'
export type { ChainBlock, ChainEventBatch, ChainEventFilter, ChainEventPage, ChainEventRow } from './chain-event.ts'
export type { CheckpointRow, CheckpointStore, CheckpointWrite } from './checkpoint-row.ts'
export type { DocumentStore } from './document.ts'
export { type EmbeddedStoreOptions, openEmbeddedStore } from './embedded/index.ts'
export type { AttemptRow, JobChange, JobFilter, JobRow, JobStore, NewJob } from './job.ts'
export type {
  LedgerAppend,
  LedgerCheck,
  LedgerEntry,
  LedgerFields,
  LedgerFilter,
  LedgerKind,
} from './ledger-entry.ts'
export type { MssqlStoreOptions } from './mssql/index.ts'
export type { StoreOptions } from './open.ts'
export type { ShardStoreOptions } from './shard-store.ts'
export type * from './types.ts'

/**
 * Opens the database at `path` (`:memory:` for one that vanishes), or in SQL Server at `url`, in a worker thread, and
 * migrates it.
 *
 * @example
 * const store = await openShardStore({ path: '/data/shard.db' })
 * const mine = store.forTenant('local:owner')
 * await mine.addHeld(modelId, [0, 1, 2])
 * await store.close()
 *
 * @throws {ERR_STORE_CORRUPT} {ERR_STORE_UNAVAILABLE} {ERR_STORE_MIGRATION} {ERR_STORE_FULL} {ERR_STORE_CONFLICT}
 */
export function openShardStore(options: StoreOptions): Promise<ShardStore> {
  return openStoreInWorker(options)
}
