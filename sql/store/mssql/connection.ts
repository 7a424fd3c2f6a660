/**
 * What the engine needs of a driver: batches with typed parameters, and transactions. `driver.ts` is the one over `mssql`;
 * tests put a recorder, or another database, behind it.
 */

export type ParameterType = 'bigint' | 'nvarchar' | 'varbinary'

export interface BatchParameter {
  type: ParameterType
  value: string | number | Uint8Array | null
}

export interface Batch {
  text: string
  /** By name, without the `@`. A batch without any is sent as it is: DDL and `SET` last beyond it. */
  parameters: Readonly<Record<string, BatchParameter>>
}

export type ServerRow = Record<string, unknown>

export interface BatchResult {
  /** Of the first statement that gives rows; `BIGINT` as decimal text, bytes as a Buffer. */
  rows: ServerRow[]
  /** Rows changed by each statement that counts. */
  rowsAffected: number[]
}

export type Isolation = 'readCommitted' | 'repeatableRead' | 'snapshot'

export interface OpenTransaction {
  query(batch: Batch): Promise<BatchResult>
  commit(): Promise<void>
  /** Also after the server has rolled back by itself. */
  rollback(): Promise<void>
}

export interface Connection {
  query(batch: Batch): Promise<BatchResult>
  begin(isolation: Isolation): Promise<OpenTransaction>
  close(): Promise<void>
}

export function plainBatch(text: string): Batch {
  return { text, parameters: {} }
}
