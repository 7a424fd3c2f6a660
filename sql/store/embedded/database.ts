/** Opening a SQLite file the way the store needs it. */
import { DatabaseSync } from 'node:sqlite'
import { KiB, MiB, second } from '#protocol/units.ts'
import { storeErrorOf } from './errors.ts'

/** How long a statement waits for the lock of another process (a second node, `doctor`, a migration). */
const busyTimeoutMs = 5 * second
/** The WAL file is cut back to this after a checkpoint; one large ingest may make it longer for a while. */
const walBytesKept = 64 * MiB
/** Page cache: the random inserts of 100,000 extent roots stay in memory until the commit. SQLite's default is 2 MB. */
const cacheBytes = 32 * MiB
const memoryPath = ':memory:'

export interface DatabaseOptions {
  /** Of the file, or `:memory:`. Its folder must exist. */
  path: string
  isReadOnly?: boolean
}

/** @throws {ERR_STORE_CORRUPT} {ERR_STORE_UNAVAILABLE} {ERR_STORE_READONLY} {ERR_STORE_CONFLICT} */
export async function openDatabase({ path, isReadOnly = false }: DatabaseOptions): Promise<DatabaseSync> {
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(path, {
      readOnly: isReadOnly,
      timeout: busyTimeoutMs,
      enableForeignKeyConstraints: true,
      enableDoubleQuotedStringLiterals: false,
      allowExtension: false,
      defensive: true,
    })
    // 8 KiB pages: rows with blobs of some KiB (releases, bitfields) fit without overflow pages. New files only.
    db.exec('pragma page_size = 8192; pragma trusted_schema = off; pragma cell_size_check = on')
    if (!isReadOnly && path !== memoryPath) await useWriteAheadLog(db)
    db.exec(`pragma journal_size_limit = ${walBytesKept}; pragma temp_store = memory;
      pragma cache_size = ${-cacheBytes / KiB}`)
    // The first read of the header: a file that is no database fails here and not in the middle of something.
    db.prepare('select count(*) from sqlite_schema').get()
    return db
  } catch (error) {
    if (db?.isOpen) db.close()
    throw storeErrorOf(error)
  }
}

/** SQLite does not wait for a lock here: while another process switches the same new file it says SQLITE_BUSY at once. */
async function useWriteAheadLog(db: DatabaseSync): Promise<void> {
  const deadlineMs = Date.now() + busyTimeoutMs
  for (;;) {
    try {
      db.exec('pragma journal_mode = wal')
      return
    } catch (error) {
      const isBusy = ((error as { errcode?: number }).errcode ?? 0) % 256 === 5
      if (!isBusy || Date.now() > deadlineMs) throw error
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}
