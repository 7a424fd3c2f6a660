/** Migrations of SQL Server: in a transaction each, one process at a time, all or nothing. */
import { HartonomousError } from '#protocol/errors.ts'
import {
  type AppliedMigration,
  type Migration,
  migrationSha256,
  pendingOf,
  readMigrations as readMigrationsIn,
} from '../migrations.ts'
import { batchesFor } from './batches.ts'
import { type Connection, type OpenTransaction, plainBatch } from './connection.ts'
import { lockTimeoutNumber, storeErrorOf } from './errors.ts'
import { typedParameter } from './fields.ts'
import type { MssqlProfile } from './profile.ts'

export type { Migration } from '../migrations.ts'

export function readMigrations(): Migration[] {
  return readMigrationsIn(new URL('./migrations/', import.meta.url))
}

/** An error rolls everything back, whatever it is; a second process waits here and finds the work done. */
export const migrationLock = plainBatch(`SET XACT_ABORT ON;
DECLARE @result INT;
EXEC @result = sp_getapplock @Resource = N'hartonomous.shard.migrate', @LockMode = 'Exclusive', @LockOwner = 'Transaction', @LockTimeout = 60000;
IF @result < 0 THROW ${lockTimeoutNumber}, N'another process migrates this database', 1;`)

export const migrationTexts = {
  exists: `SELECT CASE WHEN OBJECT_ID(N'shard.schema_migration', N'U') IS NOT NULL THEN N'ours'
    WHEN EXISTS (SELECT 1 FROM sys.objects WHERE schema_id = SCHEMA_ID(N'shard')) THEN N'foreign' ELSE N'none' END AS answer`,
  list: 'SELECT id, sha256 FROM shard.schema_migration ORDER BY id',
  record: `INSERT INTO shard.schema_migration(id, name, sha256, applied_at, engine_version)
    VALUES (@id, @name, @sha256, @appliedAt, CAST(SERVERPROPERTY('ProductVersion') AS NVARCHAR(128)))`,
} as const

/** @throws {ERR_STORE_MIGRATION} */
export async function migrateDatabase(
  connection: Connection,
  migrations: readonly Migration[],
  { hasTemporal }: Pick<MssqlProfile, 'hasTemporal'>,
  nowMs: number,
): Promise<number[]> {
  const applied: number[] = []
  while (pendingOf(await appliedMigrations(connection), migrations).length > 0) {
    const done = await inTransaction(connection, async (transaction) => {
      // Read again under the lock: another process may have been faster.
      const next = pendingOf(await appliedMigrations(transaction), migrations)[0]
      if (next !== undefined) await apply(transaction, next, hasTemporal, nowMs)
      return next
    })
    if (done !== undefined) applied.push(done.id)
  }
  return applied
}

async function appliedMigrations(connection: Pick<Connection, 'query'>): Promise<AppliedMigration[]> {
  const [found] = (await connection.query(plainBatch(migrationTexts.exists))).rows
  if (found?.['answer'] === 'foreign') {
    const reason = 'the schema shard of this database belongs to another program'
    throw new HartonomousError('ERR_STORE_MIGRATION', { id: 0, reason })
  }
  if (found?.['answer'] !== 'ours') return []
  const { rows } = await connection.query(plainBatch(migrationTexts.list))
  return rows.map((row) => ({ id: Number(row['id']), sha256: String(row['sha256']) }))
}

async function apply(transaction: OpenTransaction, migration: Migration, temporal: boolean, nowMs: number) {
  const { id, name } = migration
  try {
    for (const text of batchesFor(migration.text, { temporal })) await transaction.query(plainBatch(text))
    await transaction.query({
      text: migrationTexts.record,
      parameters: {
        id: typedParameter('integer', id),
        name: typedParameter('text', name),
        sha256: typedParameter('text', migrationSha256(migration)),
        appliedAt: typedParameter('integer', nowMs),
      },
    })
  } catch (error) {
    const known = storeErrorOf(error)
    if (known !== error) throw known
    const reason = error instanceof Error ? error.message : String(error)
    throw new HartonomousError('ERR_STORE_MIGRATION', { id, reason }, { cause: error })
  }
}

async function inTransaction<T>(
  connection: Connection,
  work: (transaction: OpenTransaction) => Promise<T>,
): Promise<T> {
  const transaction = await connection.begin('readCommitted')
  try {
    await transaction.query(migrationLock)
    const value = await work(transaction)
    await transaction.commit()
    return value
  } catch (error) {
    await transaction.rollback()
    throw error
  }
}
