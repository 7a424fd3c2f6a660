/** Numbered, forward-only migrations of the embedded engine, each recorded with the SHA-256 of its text. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { HartonomousError } from '#protocol/errors.ts'
import { storeErrorOf } from './errors.ts'

export interface Migration {
  id: number
  name: string
  text: string
}

interface AppliedMigration {
  id: number
  sha256: string
}

/** `HART` in the header of the file, so that another program's database is not taken for ours. */
const applicationId = 0x48415254
const fileNamePattern = /^(\d{4})-([a-z0-9-]+)\.sql$/

/** The migrations in a folder, `0001-name.sql` and on, without a hole. */
export function readMigrations(folder: URL = new URL('./migrations/', import.meta.url)): Migration[] {
  const migrations = readdirSync(folder)
    .flatMap((file) => {
      const match = fileNamePattern.exec(file)
      // Line ends as in the repository, whatever a checkout made of them: the hash must not depend on it.
      const text = () => readFileSync(new URL(file, folder), 'utf8').replaceAll('\r\n', '\n')
      return match === null ? [] : [{ id: Number(match[1]), name: match[2]!, text: text() }]
    })
    .sort((a, b) => a.id - b.id)
  migrations.forEach(({ id }, index) => {
    if (id !== index + 1)
      throw new HartonomousError('ERR_STORE_MIGRATION', { id, reason: `number ${index + 1} is missing` })
  })
  return migrations
}

export function migrationSha256(migration: Migration): string {
  return createHash('sha256').update(migration.text).digest('hex')
}

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
  const applied = appliedMigrations(db)
  for (const { id, sha256 } of applied) {
    const known = migrations.find((migration) => migration.id === id)
    if (known === undefined) {
      const reason = `the database has it, this version knows ${migrations.length} only`
      throw new HartonomousError('ERR_STORE_MIGRATION', { id, reason })
    }
    if (migrationSha256(known) !== sha256) {
      const reason = `the database was made by another text of ${known.name}`
      throw new HartonomousError('ERR_STORE_MIGRATION', { id, reason })
    }
  }
  const last = applied.at(-1)?.id ?? 0
  if (applied.length !== last)
    throw new HartonomousError('ERR_STORE_MIGRATION', { id: last, reason: 'earlier ones are missing' })
  return migrations.filter(({ id }) => id > last)
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
