/** The one place that talks to `mssql`: a pool of connections behind `Connection`. */
import sql from 'mssql'
import { HartonomousError } from '#protocol/errors.ts'
import { second } from '#protocol/units.ts'
import type { Batch, BatchParameter, BatchResult, Connection, Isolation, OpenTransaction } from './connection.ts'
import type { DriverError } from './errors.ts'
import type { MssqlAddress } from './url.ts'

export interface DriverOptions {
  address: MssqlAddress
  password: string
  connectionsMax?: number
  /** How long a statement may take; a large model is written in many. */
  requestTimeoutMs?: number
  connectTimeoutMs?: number
}

const connectionsDefault = 8
const requestTimeoutMsDefault = 120 * second
const connectTimeoutMsDefault = 15 * second
/** A login is slow on purpose (100,000 rounds of a hash in 2025): keep connections. */
const idleTimeoutMs = 300 * second

/**
 * What fits is sent as the bounded type: compared with a column of that type it finds its place in an index directly, where
 * `MAX` needs a range that is computed first.
 */
function typeOf({ type, value }: BatchParameter): sql.ISqlType {
  switch (type) {
    case 'bigint':
      return sql.BigInt()
    case 'nvarchar':
      return typeof value === 'string' && value.length > 4000 ? sql.NVarChar(sql.MAX) : sql.NVarChar(4000)
    case 'varbinary':
      return value instanceof Uint8Array && value.length > 8000 ? sql.VarBinary(sql.MAX) : sql.VarBinary(8000)
  }
}

const isolations: Readonly<Record<Isolation, sql.IIsolationLevel>> = {
  readCommitted: sql.ISOLATION_LEVEL.READ_COMMITTED,
  repeatableRead: sql.ISOLATION_LEVEL.REPEATABLE_READ,
  snapshot: sql.ISOLATION_LEVEL.SNAPSHOT,
}

/** @throws the driver's ConnectionError: ELOGIN, ESOCKET, ETIMEOUT */
export async function connectMssql(options: DriverOptions): Promise<Connection> {
  const pool = poolOf(options)
  await pool.connect()
  return {
    query: (batch) => send(new sql.Request(pool), batch),
    begin: async (isolation) => {
      const transaction = new sql.Transaction(pool)
      await transaction.begin(isolations[isolation])
      return openTransaction(transaction)
    },
    close: () => pool.close(),
  }
}

function poolOf(options: DriverOptions): sql.ConnectionPool {
  const { address, password } = options
  const pool = new sql.ConnectionPool({
    user: address.user,
    password,
    server: address.host,
    port: address.port,
    database: address.database,
    connectionTimeout: options.connectTimeoutMs ?? connectTimeoutMsDefault,
    requestTimeout: options.requestTimeoutMs ?? requestTimeoutMsDefault,
    // Else each request is preceded by a `SELECT 1`.
    validateConnection: 'socket',
    pool: { max: options.connectionsMax ?? connectionsDefault, min: 0, idleTimeoutMillis: idleTimeoutMs },
    options: {
      encrypt: address.isEncrypted,
      trustServerCertificate: address.isCertificateTrusted,
      appName: 'hartonomous',
      enableArithAbort: true,
      useUTC: true,
    },
  })
  // Errors of idle connections; the next request says what is wrong.
  pool.on('error', () => {})
  return pool
}

function openTransaction(transaction: sql.Transaction): OpenTransaction {
  let isRolledBack = false
  // An error that dooms the transaction rolls it back on the server; the driver then refuses to do it again.
  transaction.on('rollback', () => {
    isRolledBack = true
  })
  return {
    query: (batch) => send(new sql.Request(transaction), batch),
    commit: () => transaction.commit(),
    rollback: async () => {
      if (isRolledBack) return
      try {
        await transaction.rollback()
      } catch (error) {
        // The connection is gone, and the transaction with it, or the server was faster.
        if (typeof (error as DriverError).code !== 'string') throw error
      }
    },
  }
}

async function send(request: sql.Request, { text, parameters }: Batch): Promise<BatchResult> {
  const entries = Object.entries(parameters)
  for (const [name, parameter] of entries) {
    const { value } = parameter
    request.input(name, typeOf(parameter), value instanceof Uint8Array ? Buffer.from(value) : value)
  }
  const result = entries.length === 0 ? await request.batch(text) : await request.query(text)
  const [rows = []] = result.recordsets as unknown as Record<string, unknown>[][]
  return { rows, rowsAffected: result.rowsAffected ?? [] }
}

export interface ReadLimits {
  rowsMax: number
  bytesMax: number
}

/** Rows of one statement, as lists: columns may have equal names. BIGINT comes as a bigint. */
export interface Reader {
  /** For what the session must know before the statement. */
  query(batch: Batch): Promise<BatchResult>
  /** @throws {ERR_QUERY_INVALID} for a second result, and what the driver throws: ETIMEOUT, ECANCEL */
  read(
    text: string,
    limits: ReadLimits,
    signal: AbortSignal,
  ): Promise<{ columns: string[]; rows: unknown[][]; isTruncated: boolean }>
  close(): Promise<void>
}

/** One connection of its own; a statement that takes longer than `requestTimeoutMs` is cancelled. */
export async function connectReader(options: DriverOptions): Promise<Reader> {
  const pool = poolOf({ ...options, connectionsMax: 1 })
  await pool.connect()
  return {
    query: (batch) => send(new sql.Request(pool), batch),
    read: (text, limits, signal) => readRows(new sql.Request(pool), text, limits, signal),
    close: () => pool.close(),
  }
}

function readRows(request: sql.Request, text: string, { rowsMax, bytesMax }: ReadLimits, signal: AbortSignal) {
  signal.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<Reader['read']>>>()
  const columns: string[] = []
  const bigints: boolean[] = []
  const rows: unknown[][] = []
  let bytes = 0
  let results = 0
  let isTruncated = false
  const onAbort = () => request.cancel()
  signal.addEventListener('abort', onAbort, { once: true })
  request.stream = true
  request.arrayRowMode = true
  request.on('recordset', (described: unknown) => {
    // A list in this mode: equal names are kept apart.
    if (results++ > 0) return void request.cancel()
    for (const { name, type } of described as { name: string; type: unknown }[]) {
      columns.push(name)
      bigints.push(type === sql.BigInt)
    }
  })
  request.on('row', (row: unknown) => {
    const values = (row as unknown[]).map((value, at) =>
      bigints[at] && typeof value === 'string' ? BigInt(value) : value,
    )
    bytes += values.reduce((sum: number, value) => sum + sizeOf(value), 0)
    if (rows.length < rowsMax && bytes <= bytesMax && !isTruncated) rows.push(values)
    else if (!isTruncated) {
      isTruncated = true
      request.cancel()
    }
  })
  let failure: Error | undefined
  request.on('error', (error: Error) => {
    failure ??= error
  })
  request.on('done', () => {
    signal.removeEventListener('abort', onAbort)
    if (signal.aborted) reject(signal.reason)
    else if (results > 1)
      reject(new HartonomousError('ERR_QUERY_INVALID', { reason: 'there is more than one statement' }))
    // What comes of the cancellation itself is no failure.
    else if (failure !== undefined && !isTruncated) reject(failure)
    else resolve({ columns, rows, isTruncated })
  })
  request.batch(text).catch(reject)
  return promise
}

function sizeOf(value: unknown): number {
  if (typeof value === 'string' || value instanceof Uint8Array) return value.length
  return 8
}
