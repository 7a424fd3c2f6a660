/** A shard in SQL Server as one end of a move. */
import type { MoveEnd, MoveProgress } from '../move/move.ts'
import type { MovedTable, MovedValue } from '../move/tables.ts'
import { type Batch, type Connection, type OpenTransaction, plainBatch } from './connection.ts'
import { storeErrorOf } from './errors.ts'
import { batchesOf, writerLock } from './executor.ts'
import { typedParameter, typedValue } from './fields.ts'
import type { MssqlProfile } from './profile.ts'
import { everyTenant, setTenant } from './statements.ts'

/** The table is there while a move is under way, and only then. */
const progressTexts = {
  exists: `SELECT CASE WHEN OBJECT_ID(N'shard.shard_move', N'U') IS NULL THEN 0 ELSE 1 END AS answer`,
  find: 'SELECT source, [table], [after] FROM shard.shard_move',
  create: `IF OBJECT_ID(N'shard.shard_move', N'U') IS NULL
CREATE TABLE shard.shard_move(source NVARCHAR(MAX) NOT NULL, [table] NVARCHAR(128) NOT NULL, [after] NVARCHAR(MAX) NULL)`,
  save: `DELETE FROM shard.shard_move;
INSERT INTO shard.shard_move(source, [table], [after]) VALUES (@source, @table, @after)`,
  // Numbers of vectors go on behind those that came.
  number: `UPDATE shard.shard SET rev = (SELECT MAX(e.rev) FROM shard.embedding e)
    WHERE rev < (SELECT MAX(e.rev) FROM shard.embedding e)`,
  clear: `IF OBJECT_ID(N'shard.shard_move', N'U') IS NOT NULL DROP TABLE shard.shard_move`,
} as const

/** Of a migrated database; takes the connection over. */
export function mssqlMoveEnd(connection: Connection, profile: MssqlProfile): MoveEnd {
  const underPolicy = (batch: Batch): Batch =>
    profile.hasPolicy ? { text: setTenant(everyTenant, batch.text), parameters: batch.parameters } : batch
  return {
    // The server writes the history of a temporal table itself, and lets nobody else.
    takes: ({ name }) => name !== 'component_history' || profile.hasHistory === 'trigger',
    read: (table, after, limit) =>
      guarded(async () => {
        const parameters: Batch['parameters'] = Object.fromEntries([
          ['limit', typedParameter('integer', limit)],
          ...(after ?? []).map((value, index) => [table.key[index]!, typedParameter(typeOf(table, index), value)]),
        ])
        const { rows } = await connection.query(underPolicy({ text: readText(table, after !== undefined), parameters }))
        return rows.map((row) =>
          Object.fromEntries(
            Object.entries(table.columns).map(([name, type]) => [name, typedValue(type, name, row[name])]),
          ),
        )
      }),
    write: (table, rows, progress) =>
      guarded(() =>
        inTransaction(connection, async (transaction) => {
          for (const batch of insertsOf(table, rows)) await transaction.query(underPolicy(batch))
          await transaction.query(plainBatch(progressTexts.create))
          await transaction.query({ text: progressTexts.save, parameters: progressParameters(progress) })
        }),
      ),
    findProgress: () => guarded(() => findProgress(connection)),
    clearProgress: () =>
      guarded(async () => {
        await connection.query(underPolicy(plainBatch(progressTexts.number)))
        await connection.query(plainBatch(progressTexts.clear))
      }),
    close: () => connection.close(),
  }
}

const columnNames = (columns: readonly string[]) => columns.map((column) => `[${column}]`).join(', ')

function typeOf(table: MovedTable, keyIndex: number) {
  return table.columns[table.key[keyIndex]!]!
}

/** T-SQL compares no lists: behind (a, b) is a later a, or the same a and a later b. The first condition finds the place. */
export function readText({ name, columns, key }: MovedTable, isBehind: boolean): string {
  const behind = (index: number): string => {
    const column = key[index]!
    const isLater = `[${column}] > @${column}`
    return index === key.length - 1 ? isLater : `(${isLater} OR ([${column}] = @${column} AND ${behind(index + 1)}))`
  }
  const where = isBehind ? ` WHERE [${key[0]}] >= @${key[0]} AND ${behind(0)}` : ''
  return `SELECT TOP (@limit) ${columnNames(Object.keys(columns))} FROM shard.${name}${where} ORDER BY ${columnNames(key)}`
}

/** Numbers that the server gives otherwise are given here; the switch is one of the session, and is turned back. */
function* insertsOf(table: MovedTable, rows: readonly Record<string, MovedValue>[]): Generator<Batch> {
  const columns = Object.keys(table.columns)
  const values = columns.map((column) => `@${column}`).join(', ')
  const text = `INSERT INTO shard.${table.name}(${columnNames(columns)}) VALUES (${values})`
  const typed = (name: string, value: unknown) => typedParameter(table.columns[name]!, value as MovedValue)
  // Every row has all columns, in the one order.
  const whole = rows.map((row) => Object.fromEntries(columns.map((column) => [column, row[column] ?? null])))
  for (const batch of batchesOf(text, whole, typed)) {
    if (table.numbered === undefined) yield batch
    else
      yield {
        text: `SET IDENTITY_INSERT shard.${table.name} ON;
${batch.text};
SET IDENTITY_INSERT shard.${table.name} OFF`,
        parameters: batch.parameters,
      }
  }
}

async function findProgress(connection: Connection): Promise<MoveProgress | undefined> {
  const [exists] = (await connection.query(plainBatch(progressTexts.exists))).rows
  if (Number(exists?.['answer']) !== 1) return undefined
  const [row] = (await connection.query(plainBatch(progressTexts.find))).rows
  if (row === undefined) return undefined
  const after = row['after']
  return { source: String(row['source']), table: String(row['table']), after: after === null ? null : String(after) }
}

function progressParameters({ source, table, after }: MoveProgress): Batch['parameters'] {
  return {
    source: typedParameter('json', source),
    table: typedParameter('json', table),
    after: typedParameter('json', after),
  }
}

async function inTransaction(connection: Connection, work: (transaction: OpenTransaction) => Promise<void>) {
  const transaction = await connection.begin('readCommitted')
  try {
    await transaction.query(writerLock)
    await work(transaction)
  } catch (error) {
    await transaction.rollback()
    throw error
  }
  await transaction.commit()
}

async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw storeErrorOf(error)
  }
}
