/** SQL Server as an engine: writers one at a time, in the order they were asked for; readers beside them. */
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import type { Executor, Session, TransactionMode } from '../executor.ts'
import type { ParametersOf, RowOf, StatementName } from '../statements.ts'
import type { StoreCapabilities } from '../types.ts'
import {
  type Batch,
  type BatchParameter,
  type Connection,
  type Isolation,
  type OpenTransaction,
  plainBatch,
} from './connection.ts'
import { lockTimeoutNumber, storeErrorOf } from './errors.ts'
import { type FieldName, parameterOf, rowOf, typedValue } from './fields.ts'
import { type Migration, migrateDatabase, readMigrations } from './migrate.ts'
import { type MssqlProfile, probeProfile } from './profile.ts'
import { statementOf, underPolicy } from './statements.ts'
import { parametersIn, renameParameters } from './tokens.ts'
import { sizedText } from './vector-statements.ts'

export interface MssqlExecutorOptions {
  migrations?: readonly Migration[]
  now?: () => number
  /** 0 to 1; decides how long a repeated transaction waits. */
  random?: () => number
}

/** Repetitions of a transaction that met another one; the first waits up to 40 ms, the last up to 160. */
const conflictRetries = 3
const retryDelayMs = 40
/** A request may carry 2,100 parameters. */
const parametersMax = 2000
const statementsPerBatchMax = 128

/** Other processes may write to the same database: the holder of this lock is the only writer until its transaction ends. */
export const writerLock = plainBatch(`DECLARE @result INT;
EXEC @result = sp_getapplock @Resource = N'hartonomous.shard.writer', @LockMode = 'Exclusive', @LockOwner = 'Transaction', @LockTimeout = 30000;
IF @result < 0 THROW ${lockTimeoutNumber}, N'another process writes to this shard', 1;`)
const sizeSql = 'SELECT SUM(CAST(size AS BIGINT)) * 8192 AS sizeBytes FROM sys.database_files'
const checkSql = 'DBCC CHECKDB WITH NO_INFOMSGS, TABLERESULTS'
const flushLogSql = 'EXEC sys.sp_flush_log'

export class MssqlExecutor implements Executor {
  readonly #connection: Connection
  readonly #migrations: readonly Migration[]
  readonly #now: () => number
  readonly #random: () => number
  #profile: MssqlProfile
  #lastWrite: Promise<unknown> = Promise.resolve()
  readonly #reads = new Set<Promise<unknown>>()
  #isClosed = false

  /** Takes the connection over and closes it. */
  constructor(connection: Connection, profile: MssqlProfile, options: MssqlExecutorOptions = {}) {
    this.#connection = connection
    this.#profile = profile
    this.#migrations = options.migrations ?? readMigrations()
    this.#now = options.now ?? Date.now
    this.#random = options.random ?? Math.random
  }

  capabilities(): StoreCapabilities {
    return { engine: 'mssql', version: this.#profile.version, isInMemory: false }
  }

  migrate(): Promise<{ applied: number[] }> {
    return this.#write(async () => {
      // Once made, the table of components decides how history is kept, whatever the server has learned since.
      const { hasHistory, hasTemporal } = this.#profile
      const temporal = hasHistory === undefined ? hasTemporal : hasHistory === 'temporal'
      const capabilities = { hasTemporal: temporal }
      const applied = await migrateDatabase(this.#connection, this.#migrations, capabilities, this.#now())
      // The tables may be new: how they keep history is known only now.
      if (applied.length > 0) this.#profile = await probeProfile(this.#connection)
      return { applied }
    })
  }

  transaction<T>(mode: TransactionMode, work: (session: Session) => Promise<T>): Promise<T> {
    const run = () => this.#withRetries(() => this.#once(mode, work))
    return mode === 'read' ? this.#read(run) : this.#write(run)
  }

  sizeBytes(): Promise<number> {
    return this.#read(async () => {
      const { rows } = await this.#connection.query(plainBatch(sizeSql))
      return Number(typedValue('integer', 'sizeBytes', rows[0]?.['sizeBytes'] ?? 0))
    })
  }

  check(): Promise<string[]> {
    return this.#read(async () => {
      const { rows } = await this.#connection.query(plainBatch(checkSql))
      return rows.map((row) => String(row['MessageText']))
    })
  }

  close(): Promise<void> {
    // Those asked for later wait for this one, which must not wait for them.
    const reads = [...this.#reads]
    return this.#write(async () => {
      await Promise.allSettled(reads)
      this.#isClosed = true
      await this.#connection.close()
    }, true)
  }

  /** Sees what was asked to be written before it, and runs beside other readers and later writers. */
  #read<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#lastWrite.then(() => this.#guarded(work))
    const settled = turn.catch(() => {})
    this.#reads.add(settled)
    void settled.then(() => this.#reads.delete(settled))
    return turn
  }

  #write<T>(work: () => Promise<T>, isClosing = false): Promise<T> {
    const turn = this.#lastWrite.then(() => (isClosing && this.#isClosed ? (undefined as T) : this.#guarded(work)))
    this.#lastWrite = turn.catch(() => {})
    return turn
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new HartonomousError('ERR_STORE_UNAVAILABLE', { reason: 'it is closed' })
    try {
      return await work()
    } catch (error) {
      throw storeErrorOf(error)
    }
  }

  /** Whole transactions only: half of one may have seen rows that are gone. */
  async #withRetries<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await work()
      } catch (error) {
        const known = storeErrorOf(error)
        if (attempt === conflictRetries || !isHartonomousError(known, 'ERR_STORE_CONFLICT')) throw known
        await delay(retryDelayMs * 2 ** attempt * this.#random())
      }
    }
  }

  async #once<T>(mode: TransactionMode, work: (session: Session) => Promise<T>): Promise<T> {
    const transaction = await this.#connection.begin(this.#isolationOf(mode))
    const session = new MssqlSession(transaction, this.#profile)
    let value: T
    try {
      if (mode !== 'read') await transaction.query(writerLock)
      value = await work(session)
    } catch (error) {
      session.end()
      await transaction.rollback()
      throw error
    }
    session.end()
    await transaction.commit()
    if (mode === 'durable' && this.#profile.delayedDurability === 'FORCED')
      await this.#connection.query(plainBatch(flushLogSql))
    return value
  }

  #isolationOf(mode: TransactionMode): Isolation {
    if (mode !== 'read') return 'readCommitted'
    return this.#profile.hasSnapshot ? 'snapshot' : 'repeatableRead'
  }
}

class MssqlSession implements Session {
  readonly #transaction: OpenTransaction
  readonly #profile: MssqlProfile
  #isOver = false

  constructor(transaction: OpenTransaction, profile: MssqlProfile) {
    this.#transaction = transaction
    this.#profile = profile
  }

  get hasVectors(): boolean {
    return this.#profile.hasVectorType && this.#profile.hasVectorTables
  }

  async all<N extends StatementName>(name: N, parameters: ParametersOf<N>): Promise<RowOf<N>[]> {
    const text = statementOf(name, this.#profile)
    if (text === undefined) return []
    const { rows } = await this.#query(name, batchOfOne(text, parameters))
    return rows.map(rowOf) as RowOf<N>[]
  }

  async run<N extends StatementName>(name: N, parameters: ParametersOf<N>): Promise<number> {
    const text = statementOf(name, this.#profile)
    if (text === undefined) return 0
    const { rowsAffected } = await this.#query(name, batchOfOne(text, parameters))
    return rowsAffected.reduce((sum, count) => sum + count, 0)
  }

  async runMany<N extends StatementName>(name: N, rows: Iterable<ParametersOf<N>>): Promise<void> {
    const text = statementOf(name, this.#profile)
    if (text === undefined) return
    for (const batch of batchesOf(text, rows)) await this.#query(name, batch)
  }

  end(): void {
    this.#isOver = true
  }

  async #query(name: StatementName, batch: Batch) {
    assert(!this.#isOver, 'a session is used after its transaction')
    const { text, parameters } = batch
    try {
      return await this.#transaction.query(
        this.#profile.hasPolicy ? { text: underPolicy(name, text), parameters } : batch,
      )
    } catch (error) {
      throw storeErrorOf(error)
    }
  }
}

/** Where the text wants a size, it comes with the parameters and is none. */
function batchOfOne(text: string, parameters: object): Batch {
  if (!text.includes('{size}')) return batchOf(text, [parameters], ofStatement)
  const { size, ...rest } = parameters as { size: number }
  return batchOf(sizedText(text, size), [rest], ofStatement)
}

const ofStatement = (name: string, value: unknown) => parameterOf(name as FieldName, value)

/**
 * Many rows in few round trips: one statement per row, with numbered parameters. Sizes are powers of two, so that the server
 * sees (and plans) a handful of texts only.
 */
export function* batchesOf<T extends object>(
  text: string,
  rows: Iterable<T>,
  typed: (name: string, value: unknown) => BatchParameter = ofStatement,
): Generator<Batch> {
  const perRow = parametersIn(text).filter((name) => name !== 'tenantId').length
  const most = Math.min(statementsPerBatchMax, 2 ** Math.floor(Math.log2(parametersMax / Math.max(1, perRow))))
  let waiting: T[] = []
  for (const row of rows) {
    if (waiting.push(row) < most) continue
    yield batchOf(text, waiting, typed)
    waiting = []
  }
  while (waiting.length > 0) yield batchOf(text, waiting.splice(0, 2 ** Math.floor(Math.log2(waiting.length))), typed)
}

/** The tenant is the same in all rows and has one parameter. @throws AssertionError for one too few or too many */
function batchOf(
  text: string,
  rows: readonly object[],
  typed: (name: string, value: unknown) => BatchParameter,
): Batch {
  const { names, text: whole, renamed } = repeated(text, rows.length)
  assert.deepEqual(Object.keys(rows[0]!).toSorted(), names, `parameters of: ${text}`)
  const parameters: Record<string, BatchParameter> = {}
  rows.forEach((row, at) => {
    names.forEach((name, which) => {
      const value = (row as Record<string, unknown>)[name]
      if (value === undefined) throw new assert.AssertionError({ message: `${name} is missing: ${text}` })
      parameters[renamed[at]![which]!] = typed(name, value)
    })
  })
  return { text: whole, parameters }
}

interface Repeated {
  /** Sorted. */
  names: readonly string[]
  text: string
  /** By row, in the order of `names`. */
  renamed: readonly (readonly string[])[]
}

/** A statement as often as there are rows, with numbered parameters; of each statement a handful of sizes. */
const repetitions = new Map<string, Repeated[]>()

function repeated(text: string, count: number): Repeated {
  const known = repetitions.get(text) ?? []
  repetitions.set(text, known)
  known[count] ??= repeat(text, count)
  return known[count]
}

function repeat(text: string, count: number): Repeated {
  const names = parametersIn(text).toSorted()
  if (count === 1) return { names, text, renamed: [names] }
  const numbered = (at: number) => (name: string) => (name === 'tenantId' ? name : `${name}_${at}`)
  const rows = Array.from({ length: count }, (_, at) => numbered(at))
  return {
    names,
    text: rows.map((rename) => renameParameters(text, rename)).join(';\n'),
    renamed: rows.map((rename) => names.map(rename)),
  }
}
