/** The one place that talks to `mssql`: a pool of connections behind `Connection`. */
import sql from 'mssql'
import { second } from '#protocol/units.ts'
import type { Batch, BatchResult, Connection, Isolation, OpenTransaction, ParameterType } from './connection.ts'
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

const types: Readonly<Record<ParameterType, () => sql.ISqlType>> = {
  bigint: () => sql.BigInt(),
  nvarchar: () => sql.NVarChar(sql.MAX),
  varbinary: () => sql.VarBinary(sql.MAX),
}

const isolations: Readonly<Record<Isolation, sql.IIsolationLevel>> = {
  readCommitted: sql.ISOLATION_LEVEL.READ_COMMITTED,
  repeatableRead: sql.ISOLATION_LEVEL.REPEATABLE_READ,
  snapshot: sql.ISOLATION_LEVEL.SNAPSHOT,
}

/** @throws the driver's ConnectionError: ELOGIN, ESOCKET, ETIMEOUT */
export async function connectMssql(options: DriverOptions): Promise<Connection> {
  const { address, password } = options
  const pool = new sql.ConnectionPool({
    user: address.user,
    password,
    server: address.host,
    port: address.port,
    database: address.database,
    connectionTimeout: options.connectTimeoutMs ?? connectTimeoutMsDefault,
    requestTimeout: options.requestTimeoutMs ?? requestTimeoutMsDefault,
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
  for (const [name, { type, value }] of entries) {
    request.input(name, types[type](), value instanceof Uint8Array ? Buffer.from(value) : value)
  }
  const result = entries.length === 0 ? await request.batch(text) : await request.query(text)
  const [rows = []] = result.recordsets as unknown as Record<string, unknown>[][]
  return { rows, rowsAffected: result.rowsAffected ?? [] }
}
