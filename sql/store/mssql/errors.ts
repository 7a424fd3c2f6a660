/** Errors of SQL Server and of its driver as the store's errors, by number and code, never by text. */
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'

/** What `mssql` throws: `number` is the server's, `code` the driver's. */
export interface DriverError extends Error {
  code?: string
  number?: number
}

/** Raised by our own batches (`THROW`): the lock of the writers, or of a migration, was not to be had. */
export const lockTimeoutNumber = 51_222

/** Raised by the triggers of what does not change: the ledger, and jobs that have ended. */
const refusalNumber = 51_223

/** Deadlock victim, snapshot update conflict, lock timeout. */
const conflicts: readonly number[] = [1205, 3960, 1222, lockTimeoutNumber]
const duplicates: readonly number[] = [2627, 2601]
/** Filegroup, data file (Express: the size that its licence allows), extent, transaction log, quota of Azure SQL. */
const full: readonly number[] = [1105, 1827, 1101, 9002, 40_544]
/** I/O error, inconsistent page, read that had to be repeated, wrong page, broken index. */
const corrupt: readonly number[] = [823, 824, 825, 605, 8646]
const readOnly: readonly number[] = [3906, 15_659]
/** Check or foreign key, null where none may be, text too long (two numbers), arithmetic overflow, key too long. */
const refused: readonly number[] = [547, 515, 2628, 8152, 8115, 1946, refusalNumber]
/** Login failed, database not to be opened, permissions, Azure SQL not available or throttled, server shutting down. */
const unavailable: readonly number[] = [
  ...[18_456, 4060, 229, 230, 262, 297, 300, 916, 7983, 2571],
  ...[40_197, 40_501, 40_613, 49_918, 49_919, 49_920, 6005, 233],
]
const unavailableCodes: readonly string[] = [
  ...['ETIMEOUT', 'ESOCKET', 'ELOGIN', 'ECONNCLOSED', 'ENOTOPEN', 'ENOCONN', 'ECONNRESET', 'EINSTLOOKUP'],
  ...['ECANCEL', 'EABORT', 'ECLOSE', 'ENOTBEGUN', 'ENCRYPT'],
]

function isDriverError(error: unknown): error is DriverError {
  if (!(error instanceof Error)) return false
  const { code, number } = error as DriverError
  return typeof number === 'number' || (typeof code === 'string' && unavailableCodes.includes(code))
}

/** What is no failure of the database (a programmer's error, an error of ours) comes back unchanged. */
export function storeErrorOf(error: unknown): unknown {
  if (isHartonomousError(error) || !isDriverError(error)) return error
  const { number } = error
  const reason = number === undefined ? error.message : `${error.message} (error ${number})`
  const options = { cause: error }
  if (number !== undefined) {
    if (conflicts.includes(number)) return new HartonomousError('ERR_STORE_CONFLICT', { reason }, options)
    if (duplicates.includes(number)) return new HartonomousError('ERR_STORE_DUPLICATE', { what: reason }, options)
    if (full.includes(number)) return new HartonomousError('ERR_STORE_FULL', { reason }, options)
    if (corrupt.includes(number)) return new HartonomousError('ERR_STORE_CORRUPT', { reason }, options)
    if (readOnly.includes(number)) return new HartonomousError('ERR_STORE_READONLY', { reason }, options)
    if (refused.includes(number))
      return new HartonomousError('ERR_USAGE', { message: `the shard database refuses a row: ${reason}` }, options)
  }
  const isGone = unavailableCodes.includes(error.code ?? '') || (number !== undefined && unavailable.includes(number))
  return isGone ? new HartonomousError('ERR_STORE_UNAVAILABLE', { reason }, options) : error
}
