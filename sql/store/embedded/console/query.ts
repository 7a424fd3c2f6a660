/** One query on one connection. Runs to its end: SQLite offers no way to stop it from within its thread. */
import { randomBytes } from 'node:crypto'
import { DatabaseSync, type SQLOutputValue, type StatementSync } from 'node:sqlite'
import { errorToWire, HartonomousError } from '#protocol/errors.ts'
import { sqlAnswerBytesMax, sqlMemoryBytesMax, sqlTextBytesMax } from '#protocol/limits.ts'
import type { ConsoleAnswer, ConsolePeer, ConsoleValue } from '../../../console/types.ts'
import type { TenantId } from '../../types.ts'
import { createAuthorizer } from './guard.ts'
import { innerName, viewStatements } from './views.ts'

export interface QueryJob {
  path: string
  tenant: TenantId
  sql: string
  rowsMax: number
  peers: readonly ConsolePeer[]
}

export type QueryReply = { answer: Omit<ConsoleAnswer, 'durationMs'> } | { error: ReturnType<typeof errorToWire> }

/** Result codes of SQLite: https://sqlite.org/rescode.html */
const sqliteNoMemory = 7
const sqliteTooBig = 18

/** Never throws. */
export function runQuery(job: QueryJob): QueryReply {
  try {
    return { answer: answer(job) }
  } catch (error) {
    return { error: errorToWire(typed(error)) }
  }
}

function answer({ path, tenant, sql, rowsMax, peers }: QueryJob): Omit<ConsoleAnswer, 'durationMs'> {
  using database = new DatabaseSync(path, {
    readOnly: true,
    // No value larger than the answer, no second database.
    limits: { length: sqlAnswerBytesMax, sqlLength: sqlTextBytesMax, attach: 0 },
  })
  // Sorting must not fill the disk; how much memory it takes is watched from outside.
  database.exec('pragma temp_store = memory; pragma trusted_schema = off')
  const secret = randomBytes(16).toString('hex')
  for (const statement of viewStatements(secret, tenantIdOf(database, tenant))) database.exec(statement)
  fillPeers(database, innerName(secret, 'peer'), peers)
  const taken = database.prepare('select name from main.sqlite_schema').all() as { name: string }[]
  database.exec('pragma query_only = on')
  database.setAuthorizer(
    createAuthorizer(
      secret,
      taken.map(({ name }) => name),
    ),
  )
  return read(prepareOne(database, sql), rowsMax)
}

function tenantIdOf(database: DatabaseSync, tenant: TenantId): number {
  const row = database.prepare('select tenant_id from main.tenant where name = ?').get(tenant)
  // A tenant that has never stored anything has no row, and sees nothing.
  return row === undefined ? 0 : Number(row['tenant_id'])
}

function fillPeers(database: DatabaseSync, table: string, peers: readonly ConsolePeer[]): void {
  const insert = database.prepare(`insert into ${table} values(?, ?, ?, ?, ?, ?, ?, ?)`)
  for (const { peerId, direction, connectedForMs, rttMs, region, version, load, models } of peers) {
    const optional = [rttMs === undefined ? null : Math.round(rttMs), region ?? null, version ?? null, load ?? null]
    insert.run(peerId, direction, Math.round(connectedForMs), ...optional, JSON.stringify(models))
  }
}

/** SQLite compiles the first statement of a text and leaves the rest; a rest is most likely a mistake, or an attempt. */
function prepareOne(database: DatabaseSync, sql: string): StatementSync {
  const statement = database.prepare(sql)
  const rest = sql.slice(statement.sourceSQL.length)
  if (/^(\s|;|--[^\n]*(\n|$)|\/\*.*?\*\/)*$/s.test(rest)) return statement
  throw new HartonomousError('ERR_QUERY_INVALID', { reason: 'there is more than one statement' })
}

function read(statement: StatementSync, rowsMax: number): Omit<ConsoleAnswer, 'durationMs'> {
  statement.setReadBigInts(true)
  statement.setReturnArrays(true)
  const columns = statement.columns().map((column) => column.name)
  const rows: ConsoleValue[][] = []
  let bytes = 0
  for (const row of statement.iterate() as Iterable<unknown> as Iterable<SQLOutputValue[]>) {
    const values = row.map(plain)
    bytes += values.reduce((sum: number, value) => sum + (typeof value === 'string' ? value.length : 8), 0)
    if (rows.length >= rowsMax || bytes > sqlAnswerBytesMax) return { columns, rows, isTruncated: true }
    rows.push(values)
  }
  return { columns, rows, isTruncated: false }
}

function plain(value: SQLOutputValue): ConsoleValue {
  if (value instanceof Uint8Array)
    return `0x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`
  if (typeof value !== 'bigint') return value
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value.toString()
}

export function memoryError(actualBytes: number): HartonomousError {
  const what = 'bytes of memory that a query takes'
  return new HartonomousError('ERR_LIMIT', { what, limit: sqlMemoryBytesMax, actual: actualBytes })
}

function typed(error: unknown): HartonomousError {
  if (error instanceof HartonomousError) return error
  const { errcode, message } = error as { errcode?: number; message: string }
  const primary = errcode === undefined ? undefined : errcode & 0xff
  if (primary === sqliteNoMemory) return memoryError(sqlMemoryBytesMax)
  if (primary === sqliteTooBig)
    return new HartonomousError('ERR_LIMIT', {
      what: 'bytes of one value',
      limit: sqlAnswerBytesMax,
      actual: sqlAnswerBytesMax,
    })
  return new HartonomousError('ERR_QUERY_INVALID', { reason: reasonOf(message) })
}

/** `not authorized` says little, and `access to main.tenant is prohibited` should say what can be read. */
function reasonOf(message: string): string {
  if (!/not authorized|is prohibited|attempt to write|too many attached/.test(message)) return message
  return `${message}: queries read the documented views, and change nothing`
}
