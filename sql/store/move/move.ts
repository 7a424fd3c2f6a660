/**
 * Moves a shard from one database to another, row by row, in small transactions. How far it has come stands in the target,
 * in the transaction of the rows themselves: after a kill the same move goes on there.
 */
import { createHash } from 'node:crypto'
import { HartonomousError } from '#protocol/errors.ts'
import { type MovedRow, type MovedTable, type MovedValue, movedTables } from './tables.ts'

export interface MoveProgress {
  /** What is moved: a path, or a URL without user. */
  source: string
  table: string
  /** Key of the last row of the table that is there, as JSON; null before the first. */
  after: string | null
}

/** One of the two databases. No other program writes to it meanwhile. */
export interface MoveEnd {
  /** False where the engine keeps the rows of a table by itself. */
  takes(table: MovedTable): boolean
  /** In the order of the key, behind `after`. */
  read(table: MovedTable, after: readonly MovedValue[] | undefined, limit: number): Promise<MovedRow[]>
  /** Rows and progress, in one durable transaction. */
  write(table: MovedTable, rows: readonly MovedRow[], progress: MoveProgress): Promise<void>
  findProgress(): Promise<MoveProgress | undefined>
  /** Only a whole move leaves nothing of its progress behind. */
  clearProgress(): Promise<void>
  close(): Promise<void>
}

export interface MovedTableReport {
  table: string
  rows: number
  /** Sum of the SHA-256 of all rows: the same in any order. */
  checksum: string
}

export interface MoveOptions {
  source: string
  onBatch?: (table: string, rows: number) => void
  signal?: AbortSignal
}

/**
 * @throws {ERR_USAGE} when the target holds another shard
 * @throws {ERR_RUN_INCOMPLETE} when what arrived is not what left: the source was changed, or the target
 */
export async function moveShard(from: MoveEnd, to: MoveEnd, options: MoveOptions): Promise<MovedTableReport[]> {
  const { source, onBatch, signal } = options
  const tables = movedTables.filter((table) => from.takes(table) && to.takes(table))
  let progress = await startOf(to, tables, source)
  for (const [index, table] of tables.entries()) {
    if (index < tables.findIndex(({ name }) => name === progress.table)) continue
    let after = progress.table === table.name ? progress.after : null
    for (;;) {
      signal?.throwIfAborted()
      const rows = await from.read(table, after === null ? undefined : parseKey(after), table.batchRows)
      if (rows.length === 0) break
      after = keyText(table.key.map((column) => rows.at(-1)![column]!))
      progress = { source, table: table.name, after }
      await to.write(table, rows, progress)
      onBatch?.(table.name, rows.length)
    }
  }
  const report = await compare(from, to, tables, signal)
  await to.clearProgress()
  return report
}

/** Bytes as `{"hex":"…"}`. */
function keyText(key: readonly MovedValue[]): string {
  const plain = key.map((value) => (value instanceof Uint8Array ? { hex: Buffer.from(value).toString('hex') } : value))
  return JSON.stringify(plain)
}

function parseKey(text: string): MovedValue[] {
  const plain = JSON.parse(text) as (string | number | null | { hex: string })[]
  return plain.map((value) => (value instanceof Object ? new Uint8Array(Buffer.from(value.hex, 'hex')) : value))
}

async function startOf(to: MoveEnd, tables: readonly MovedTable[], source: string): Promise<MoveProgress> {
  const found = await to.findProgress()
  if (found !== undefined) {
    if (found.source === source) return found
    const message = `the target holds a part of another shard: ${found.source}`
    throw new HartonomousError('ERR_USAGE', { message })
  }
  for (const table of tables) {
    if ((await to.read(table, undefined, 1)).length > 0)
      throw new HartonomousError('ERR_USAGE', { message: 'the target holds a shard already: name an empty one' })
  }
  return { source, table: tables[0]!.name, after: null }
}

async function compare(
  from: MoveEnd,
  to: MoveEnd,
  tables: readonly MovedTable[],
  signal: AbortSignal | undefined,
): Promise<MovedTableReport[]> {
  const reports: MovedTableReport[] = []
  for (const table of tables) {
    const left = await reportOf(from, table, signal)
    const arrived = await reportOf(to, table, signal)
    if (left.rows !== arrived.rows || left.checksum !== arrived.checksum) {
      const reason = `${table.name} has ${left.rows} rows here and ${arrived.rows} there, and they differ; empty the target and move again`
      throw new HartonomousError('ERR_RUN_INCOMPLETE', { reason })
    }
    reports.push(arrived)
  }
  return reports
}

async function reportOf(end: MoveEnd, table: MovedTable, signal: AbortSignal | undefined): Promise<MovedTableReport> {
  let sum = 0n
  let count = 0
  let after: MovedValue[] | undefined
  for (;;) {
    signal?.throwIfAborted()
    const rows = await end.read(table, after, table.batchRows)
    if (rows.length === 0) break
    for (const row of rows) sum += BigInt(`0x${sha256Of(table, row)}`)
    count += rows.length
    after = table.key.map((column) => rows.at(-1)![column]!)
  }
  const checksum = BigInt.asUintN(256, sum).toString(16).padStart(64, '0')
  return { table: table.name, rows: count, checksum }
}

function sha256Of(table: MovedTable, row: MovedRow): string {
  const hash = createHash('sha256')
  for (const column of Object.keys(table.columns)) {
    const value = row[column] ?? null
    const isBytes = value instanceof Uint8Array
    const text = isBytes ? '' : JSON.stringify(value)
    hash.update(`${column}:${isBytes ? `bytes:${value.length}` : text.length}:`)
    hash.update(isBytes ? value : text)
  }
  return hash.digest('hex')
}
