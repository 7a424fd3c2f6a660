/** A SQLite file as one end of a move. */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import type { MoveEnd, MoveProgress } from '../move/move.ts'
import type { MovedRow, MovedTable } from '../move/tables.ts'
import { type DatabaseOptions, openDatabase } from './database.ts'
import { storeErrorOf } from './errors.ts'
import { migrateDatabase, readMigrations } from './migrate.ts'

/** Made (as a target) and migrated. @throws ERR_STORE_… */
export async function openEmbeddedMoveEnd(options: DatabaseOptions): Promise<MoveEnd> {
  const db = await openDatabase(options)
  try {
    migrateDatabase(db, readMigrations(), Date.now())
    db.exec('pragma synchronous = full')
  } catch (error) {
    db.close()
    throw storeErrorOf(error)
  }
  return embeddedMoveEnd(db)
}

function embeddedMoveEnd(db: DatabaseSync): MoveEnd {
  const prepared = new Map<string, StatementSync>()
  const statement = (text: string) => {
    const known = prepared.get(text) ?? db.prepare(text)
    prepared.set(text, known)
    return known
  }
  return {
    takes: () => true,
    read: async (table, after, limit) => {
      const key = names(table.key)
      const behind = after === undefined ? '' : `where (${key}) > (${table.key.map(() => '?').join(', ')})`
      const text = `select ${names(Object.keys(table.columns))} from "${table.name}" ${behind} order by ${key} limit ?`
      return guarded(() => statement(text).all(...((after ?? []) as SQLInputValue[]), limit) as MovedRow[])
    },
    write: async (table, rows, progress) =>
      guarded(() => {
        db.exec('begin immediate')
        try {
          const insert = statement(insertText(table))
          for (const row of rows) insert.run(...Object.keys(table.columns).map((column) => row[column] ?? null))
          saveProgress(db, progress)
          db.exec('commit')
        } catch (error) {
          if (db.isTransaction) db.exec('rollback')
          throw error
        }
      }),
    findProgress: async () => guarded(() => readProgress(db)),
    clearProgress: async () =>
      guarded(() => {
        db.exec('update shard set rev = max(rev, (select coalesce(max(rev), 0) from embedding))')
        db.exec('drop table if exists shard_move')
      }),
    close: async () => {
      prepared.clear()
      if (db.isOpen) db.close()
    },
  }
}

function names(columns: readonly string[]): string {
  return columns.map((column) => `"${column}"`).join(', ')
}

function insertText({ name, columns }: MovedTable): string {
  const list = Object.keys(columns)
  return `insert into "${name}"(${names(list)}) values(${list.map(() => '?').join(', ')})`
}

/** The table is there while a move is under way, and only then. */
function saveProgress(db: DatabaseSync, { source, table, after }: MoveProgress): void {
  db.exec(`create table if not exists shard_move(
    id integer primary key check(id = 1), source text not null, "table" text not null, after text) strict`)
  db.prepare('insert or replace into shard_move values(1, ?, ?, ?)').run(source, table, after)
}

function readProgress(db: DatabaseSync): MoveProgress | undefined {
  const found = db.prepare(`select 1 from sqlite_schema where type = 'table' and name = 'shard_move'`).get()
  if (found === undefined) return undefined
  return db.prepare('select source, "table", after from shard_move').get() as MoveProgress | undefined
}

function guarded<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw storeErrorOf(error)
  }
}
