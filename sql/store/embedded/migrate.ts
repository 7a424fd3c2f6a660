/** Migrations of the embedded engine: in a transaction each, behind a backup. */
import { renameSync, rmSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { HartonomousError } from '#protocol/errors.ts'
import {
  type AppliedMigration,
  type Migration,
  migrationSha256,
  pendingOf,
  readMigrations as readMigrationsIn,
} from '../migrations.ts'
import { storeErrorOf } from './errors.ts'

export type { Migration } from '../migrations.ts'

/** Those of this engine, or of the folder that a test names. */
export function readMigrations(folder: URL = new URL('./migrations/', import.meta.url)): Migration[] {
  return readMigrationsIn(folder)
}

/** `HART` in the header of the file, so that another program's database is not taken for ours. */
const applicationId = 0x48415254
/**
 * Runs what is missing, each in a transaction of its own that takes the write lock first: of two processes the second
 * waits and finds the work done. An existing database is copied to `PATH.before-NNNN` first.
 * @throws {ERR_STORE_MIGRATION}
 */
export function migrateDatabase(db: DatabaseSync, migrations: readonly Migration[], nowMs: number): number[] {
  try {
    let pending = pendingMigrations(db, migrations)
    if (pending.length > 0 && appliedMigrations(db).length > 0) backUp(db, pending[0]!.id)
    const applied: number[] = []
    while (pending.length > 0) {
      const done = inWriteTransaction(db, () => {
        // Read again under the lock: another process may have been faster.
        const next = pendingMigrations(db, migrations)[0]
        if (next !== undefined) apply(db, next, nowMs)
        return next
      })
      if (done === undefined) break
      applied.push(done.id)
      pending = pendingMigrations(db, migrations)
    }
    return applied
  } catch (error) {
    throw storeErrorOf(error)
  }
}

function pendingMigrations(db: DatabaseSync, migrations: readonly Migration[]): Migration[] {
  return pendingOf(appliedMigrations(db), migrations)
}

function appliedMigrations(db: DatabaseSync): AppliedMigration[] {
  const tables = db.prepare(`select name from sqlite_schema where type = 'table'`).all()
  if (tables.some(({ name }) => name === 'schema_migration')) {
    return db.prepare('select id, sha256 from schema_migration order by id').all() as unknown as AppliedMigration[]
  }
  if (tables.length > 0) {
    throw new HartonomousError('ERR_STORE_MIGRATION', { id: 0, reason: 'the file is the database of another program' })
  }
  return []
}

function apply(db: DatabaseSync, migration: Migration, nowMs: number): void {
  db.exec(`create table if not exists schema_migration(
    id integer primary key, name text not null, sha256 text not null, applied_at integer not null,
    engine_version text not null) strict`)
  try {
    db.exec(migration.text)
  } catch (error) {
    const known = storeErrorOf(error)
    if (known !== error) throw known
    const reason = error instanceof Error ? error.message : String(error)
    throw new HartonomousError('ERR_STORE_MIGRATION', { id: migration.id, reason }, { cause: error })
  }
  db.prepare('insert into schema_migration values(?, ?, ?, ?, sqlite_version())').run(
    migration.id,
    migration.name,
    migrationSha256(migration),
    nowMs,
  )
  db.exec(`pragma application_id = ${applicationId}; pragma user_version = ${migration.id}`)
}

function inWriteTransaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec('begin immediate')
  try {
    const value = work()
    db.exec('commit')
    return value
  } catch (error) {
    if (db.isTransaction) db.exec('rollback')
    throw error
  }
}

function backUp(db: DatabaseSync, nextId: number): void {
  const path = db.location()
  if (path === null) return
  const target = `${path}.before-${String(nextId).padStart(4, '0')}`
  // Under a name of our own first: another process may be doing the same, and half a backup must not look whole.
  const partial = `${target}.${process.pid}.partial`
  try {
    rmSync(partial, { force: true })
    db.prepare('vacuum into ?').run(partial)
    renameSync(partial, target)
  } catch (error) {
    rmSync(partial, { force: true })
    const known = storeErrorOf(error)
    if (known !== error) throw known
    const reason = `the backup failed: ${error instanceof Error ? error.message : String(error)}`
    throw new HartonomousError('ERR_STORE_MIGRATION', { id: nextId, reason }, { cause: error })
  }
}
