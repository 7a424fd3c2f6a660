/** Read-only SQL of the owner on documented views of the shard. */
import type { TenantId } from '../store/types.ts'

export interface ConsoleRequest {
  /** One statement that reads. */
  sql: string
  /** `sqlRowsMax` at most; `sqlRowsDefault` unless given. */
  rowsMax?: number
  /** `sqlDurationMsMax` at most; `sqlDurationMsDefault` unless given. */
  timeoutMs?: number
}

/** Text, numbers, true big integers as decimal text, bytes as `0x…`. */
export type ConsoleValue = string | number | null

export interface ConsoleAnswer {
  columns: string[]
  rows: ConsoleValue[][]
  /** There are more rows than were asked for, or more bytes than one answer holds. */
  isTruncated: boolean
  durationMs: number
}

/** What the view `peer` shows; the running node knows it, the database does not. */
export interface ConsolePeer {
  peerId: string
  direction: string
  connectedForMs: number
  rttMs?: number
  region?: string
  version?: string
  load?: number
  models: readonly { modelId: string; heldChunks: number; chunkCount: number; canInfer: boolean }[]
}

export interface ConsoleOptions {
  /** The database file of the embedded engine. */
  path: string
  tenant: TenantId
  /** Read anew for each query. */
  peers?: () => Promise<readonly ConsolePeer[]>
}

export interface ShardConsole {
  /**
   * @throws {ERR_QUERY_INVALID} for what does not parse, writes, or reads anything but the views
   * @throws {ERR_TIMEOUT} {ERR_LIMIT} for a query that takes too long or too much memory
   * @throws {ERR_QUEUE_FULL} while as many queries run as may
   */
  run(request: ConsoleRequest, signal: AbortSignal): Promise<ConsoleAnswer>
}
