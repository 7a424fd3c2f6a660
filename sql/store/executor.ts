/** What an engine must be able to do. Everything above it (`shard-store.ts` and below) is written once. */
import type { ParametersOf, RowOf, StatementName, TenantStatementName, TenantStatements } from './statements.ts'
import type { StoreCapabilities } from './types.ts'

/**
 * `read` sees one state of the database. `write` is atomic; after a power cut the last few may be missing. `durable` is on
 * disk when it resolves.
 */
export type TransactionMode = 'read' | 'write' | 'durable'

/** Valid during its transaction only. */
export interface Session {
  /** The engine measures vectors itself: `VectorStatements` may be used. */
  readonly hasVectors: boolean
  all<N extends StatementName>(name: N, parameters: ParametersOf<N>): Promise<RowOf<N>[]>
  /** @returns the number of rows changed */
  run<N extends StatementName>(name: N, parameters: ParametersOf<N>): Promise<number>
  /** One statement for many rows, as fast as the engine can. */
  runMany<N extends StatementName>(name: N, rows: Iterable<ParametersOf<N>>): Promise<void>
}

export interface Executor {
  capabilities(): StoreCapabilities
  /** @throws {ERR_STORE_MIGRATION} */
  migrate(): Promise<{ applied: number[] }>
  /** Rolled back when `work` throws. @throws ERR_STORE_… for failures of the engine, else what `work` throws. */
  transaction<T>(mode: TransactionMode, work: (session: Session) => Promise<T>): Promise<T>
  sizeBytes(): Promise<number>
  /** Problems found by the engine's own integrity check; empty when all is well. */
  check(): Promise<string[]>
  close(): Promise<void>
}

type TenantParameters<N extends TenantStatementName> = TenantStatements[N]['parameters']

/** A session that puts the tenant into every statement, so that no caller can forget it. */
export class TenantSession {
  readonly #session: Session
  readonly #tenantId: number

  constructor(session: Session, tenantId: number) {
    this.#session = session
    this.#tenantId = tenantId
  }

  get hasVectors(): boolean {
    return this.#session.hasVectors
  }

  get tenantId(): number {
    return this.#tenantId
  }

  all<N extends TenantStatementName>(name: N, parameters: TenantParameters<N>): Promise<RowOf<N>[]> {
    return this.#session.all(name, this.#bind(parameters))
  }

  async get<N extends TenantStatementName>(name: N, parameters: TenantParameters<N>): Promise<RowOf<N> | undefined> {
    return (await this.all(name, parameters))[0]
  }

  run<N extends TenantStatementName>(name: N, parameters: TenantParameters<N>): Promise<number> {
    return this.#session.run(name, this.#bind(parameters))
  }

  runMany<N extends TenantStatementName>(name: N, rows: Iterable<TenantParameters<N>>): Promise<void> {
    return this.#session.runMany(name, this.#bindAll<N>(rows))
  }

  /** @returns the first of `count` numbers that no vector of this shard had before. */
  async takeRevs(count: number): Promise<number> {
    return (await this.#session.all('takeRevs', { count }))[0]!.rev - count + 1
  }

  #bind<N extends TenantStatementName>(parameters: TenantParameters<N>): ParametersOf<N> {
    return { ...parameters, tenantId: this.#tenantId } as unknown as ParametersOf<N>
  }

  *#bindAll<N extends TenantStatementName>(rows: Iterable<TenantParameters<N>>): Generator<ParametersOf<N>> {
    for (const row of rows) yield this.#bind<N>(row)
  }
}
