/** The embedded engine: one SQLite connection, one transaction after the other, in the order they were asked for. */
import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { isHartonomousError } from '#protocol/errors.ts'
import type { Executor, Session, TransactionMode } from '../executor.ts'
import type { ParametersOf, RowOf, StatementName } from '../statements.ts'
import type { StoreCapabilities } from '../types.ts'
import { storeErrorOf } from './errors.ts'
import { type Migration, migrateDatabase, readMigrations } from './migrate.ts'
import { type EmbeddedStatementName, embeddedStatements } from './statements.ts'

export interface EmbeddedExecutorOptions {
  migrations?: readonly Migration[]
  now?: () => number
}

type Bindings = Record<string, SQLInputValue>
type Work = (session: Session) => Promise<unknown>
type Outcome = { value: unknown } | { error: unknown }

/** A durable transaction that shares its commit with those asked for beside it. */
interface Sharer {
  work: Work
  settle: (outcome: Outcome) => void
}

/** Transactions that share one commit: those behind wait for the next. */
const sharersMax = 256

export class EmbeddedExecutor implements Executor {
  readonly #db: DatabaseSync
  readonly #migrations: readonly Migration[]
  readonly #now: () => number
  readonly #statements = new Map<StatementName, StatementSync>()
  #last: Promise<unknown> = Promise.resolve()
  /** Those that wait for the next commit; nothing else was asked for since the first of them. */
  #sharers: Sharer[] | undefined
  #isFullSync: boolean | undefined

  /** Takes the connection over and closes it. */
  constructor(db: DatabaseSync, options: EmbeddedExecutorOptions = {}) {
    this.#db = db
    this.#migrations = options.migrations ?? readMigrations()
    this.#now = options.now ?? Date.now
  }

  capabilities(): StoreCapabilities {
    const { sqlite: version = 'unknown' } = process.versions
    return { engine: 'embedded', version, isInMemory: this.#db.isOpen && this.#db.location() === null }
  }

  migrate(): Promise<{ applied: number[] }> {
    return this.#inTurn(async () => {
      this.#syncOnCommit(true)
      return { applied: migrateDatabase(this.#db, this.#migrations, this.#now()) }
    })
  }

  transaction<T>(mode: TransactionMode, work: (session: Session) => Promise<T>): Promise<T> {
    return mode === 'durable' ? this.#shared(work) : this.#inTurn(() => this.#alone(mode, work))
  }

  /** A disk takes some 200 to 10,000 commits a second, whatever is in them: durable transactions asked for at once share one. */
  #shared<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const settle = (outcome: Outcome) =>
      'value' in outcome ? resolve(outcome.value as T) : reject(storeErrorOf(outcome.error))
    const sharer = { work, settle }
    if (this.#sharers !== undefined && this.#sharers.length < sharersMax) {
      this.#sharers.push(sharer)
      return promise
    }
    const sharers = [sharer]
    void this.#inTurn(async () => {
      // Calls that have reached this thread already get a turn to join.
      await new Promise((done) => setImmediate(done))
      if (this.#sharers === sharers) this.#sharers = undefined
      await this.#commitFor(sharers)
    })
    this.#sharers = sharers
    return promise
  }

  async #commitFor(sharers: readonly Sharer[]): Promise<void> {
    const outcomes = sharers.length === 1 ? undefined : await this.#together(sharers)
    for (const [at, { work, settle }] of sharers.entries())
      settle(outcomes?.[at] ?? (await outcomeOf(this.#alone('durable', work))))
  }

  /**
   * Each within a savepoint, so that one that fails takes nothing of the others along. `undefined` where the transaction as
   * a whole came to nothing, on a full disk say: then each has one of its own, and an error of its own.
   */
  async #together(sharers: readonly Sharer[]): Promise<Outcome[] | undefined> {
    try {
      return await this.#alone('durable', async () => {
        const outcomes: Outcome[] = []
        for (const { work } of sharers) {
          this.#db.exec('savepoint sharer')
          const outcome = await outcomeOf(this.#inSession(work))
          if ('error' in outcome) this.#db.exec('rollback to sharer')
          this.#db.exec('release sharer')
          outcomes.push(outcome)
        }
        return outcomes
      })
    } catch (error) {
      // Another process has the lock: each would wait for it anew.
      if (isHartonomousError(storeErrorOf(error), 'ERR_STORE_CONFLICT')) return sharers.map(() => ({ error }))
      return undefined
    }
  }

  async #alone<T>(mode: TransactionMode, work: (session: Session) => Promise<T>): Promise<T> {
    if (mode !== 'read') this.#syncOnCommit(mode === 'durable')
    this.#db.exec(mode === 'read' ? 'begin' : 'begin immediate')
    try {
      const value = await this.#inSession(work)
      this.#db.exec('commit')
      return value
    } catch (error) {
      // SQLite has rolled back by itself after some errors (full disk, I/O).
      if (this.#db.isOpen && this.#db.isTransaction) this.#db.exec('rollback')
      throw error
    }
  }

  async #inSession<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const session = new EmbeddedSession((name) => this.#prepared(name))
    try {
      return await work(session)
    } finally {
      session.end()
    }
  }

  sizeBytes(): Promise<number> {
    return this.#inTurn(async () => {
      const path = this.#db.location()
      if (path === null) return this.#pragma('page_count') * this.#pragma('page_size')
      return [path, `${path}-wal`].reduce(
        (sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0),
        0,
      )
    })
  }

  check(): Promise<string[]> {
    return this.#inTurn(async () => {
      const integrity = this.#db.prepare('pragma integrity_check').all() as { integrity_check: string }[]
      const foreignKeys = this.#db.prepare('pragma foreign_key_check').all() as { table: string; parent: string }[]
      return [
        ...integrity.map((row) => row.integrity_check).filter((text) => text !== 'ok'),
        ...foreignKeys.map(({ table, parent }) => `a row of ${table} points at no row of ${parent}`),
      ]
    })
  }

  close(): Promise<void> {
    return this.#inTurn(async () => {
      this.#statements.clear()
      if (this.#db.isOpen) this.#db.close()
    })
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    // What is asked for later must not come before this.
    this.#sharers = undefined
    const turn = this.#last.then(async () => {
      try {
        return await work()
      } catch (error) {
        throw storeErrorOf(error)
      }
    })
    this.#last = turn.catch(() => {})
    return turn
  }

  /** FULL waits for the disk at each commit, NORMAL at checkpoints only. It cannot change inside of a transaction. */
  #syncOnCommit(isFull: boolean): void {
    if (this.#isFullSync === isFull) return
    this.#db.exec(`pragma synchronous = ${isFull ? 'full' : 'normal'}`)
    this.#isFullSync = isFull
  }

  #prepared(name: StatementName): StatementSync {
    let statement = this.#statements.get(name)
    if (statement === undefined) {
      assert(Object.hasOwn(embeddedStatements, name), `${name} is a statement of other engines`)
      statement = this.#db.prepare(embeddedStatements[name as EmbeddedStatementName])
      this.#statements.set(name, statement)
    }
    return statement
  }

  #pragma(name: 'page_count' | 'page_size'): number {
    return Number(Object.values(this.#db.prepare(`pragma ${name}`).get() ?? {})[0])
  }
}

function outcomeOf(done: Promise<unknown>): Promise<Outcome> {
  return done.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  )
}

class EmbeddedSession implements Session {
  readonly hasVectors = false
  readonly #prepared: (name: StatementName) => StatementSync
  #isOver = false

  constructor(prepared: (name: StatementName) => StatementSync) {
    this.#prepared = prepared
  }

  async all<N extends StatementName>(name: N, parameters: ParametersOf<N>): Promise<RowOf<N>[]> {
    return this.#statement(name).all(parameters as Bindings) as RowOf<N>[]
  }

  async run<N extends StatementName>(name: N, parameters: ParametersOf<N>): Promise<number> {
    return Number(this.#statement(name).run(parameters as Bindings).changes)
  }

  async runMany<N extends StatementName>(name: N, rows: Iterable<ParametersOf<N>>): Promise<void> {
    const statement = this.#statement(name)
    for (const row of rows) statement.run(row as Bindings)
  }

  end(): void {
    this.#isOver = true
  }

  #statement(name: StatementName): StatementSync {
    assert(!this.#isOver, 'a session is used after its transaction')
    return this.#prepared(name)
  }
}
