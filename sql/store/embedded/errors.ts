/** SQLite's result codes as the store's errors. https://sqlite.org/rescode.html */
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'

interface SqliteError extends Error {
  code: 'ERR_SQLITE_ERROR'
  /** Extended result code; its low byte is the primary one. */
  errcode: number
}

function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && (error as { code?: unknown }).code === 'ERR_SQLITE_ERROR'
}

/** SQLITE_CONSTRAINT_PRIMARYKEY, _UNIQUE and _ROWID. */
const duplicateCodes: readonly number[] = [1555, 2067, 2579]

function isClosed(error: unknown): error is Error {
  return (
    error instanceof Error &&
    (error as { code?: unknown }).code === 'ERR_INVALID_STATE' &&
    error.message.includes('not open')
  )
}

/** What is no failure of the database (a programmer's error, an error of ours) comes back unchanged. */
export function storeErrorOf(error: unknown): unknown {
  if (isHartonomousError(error)) return error
  if (isClosed(error))
    return new HartonomousError('ERR_STORE_UNAVAILABLE', { reason: 'it is closed' }, { cause: error })
  if (!isSqliteError(error)) return error
  const reason = error.message
  const options = { cause: error }
  if (duplicateCodes.includes(error.errcode))
    return new HartonomousError('ERR_STORE_DUPLICATE', { what: reason }, options)
  switch (error.errcode & 0xff) {
    case 5: // SQLITE_BUSY
    case 6: // SQLITE_LOCKED
      return new HartonomousError('ERR_STORE_CONFLICT', { reason }, options)
    case 8: // SQLITE_READONLY
      return new HartonomousError('ERR_STORE_READONLY', { reason }, options)
    case 11: // SQLITE_CORRUPT
    case 26: // SQLITE_NOTADB
      return new HartonomousError('ERR_STORE_CORRUPT', { reason }, options)
    case 13: // SQLITE_FULL: the disk (ENOSPC), a quota, or max_page_count
      return new HartonomousError('ERR_STORE_FULL', { reason }, options)
    case 18: // SQLITE_TOOBIG: SQLite's default limit for one value
      return new HartonomousError('ERR_LIMIT', { what: reason, limit: 1_000_000_000, actual: 1_000_000_001 }, options)
    case 19: // SQLITE_CONSTRAINT other than a duplicate: a value that a check or a key forbids
      return new HartonomousError('ERR_USAGE', { message: `the shard database refuses a row: ${reason}` }, options)
    case 7: // SQLITE_NOMEM
    case 9: // SQLITE_INTERRUPT
    case 10: // SQLITE_IOERR
    case 14: // SQLITE_CANTOPEN
    case 15: // SQLITE_PROTOCOL: the WAL's locks stayed contended
      return new HartonomousError('ERR_STORE_UNAVAILABLE', { reason }, options)
    default:
      return error
  }
}
