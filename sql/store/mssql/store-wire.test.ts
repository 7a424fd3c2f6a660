import { shardStoreCompliance } from '../compliance.ts'
import { createShardStore } from '../shard-store.ts'
import type { Batch, BatchResult, OpenTransaction } from './connection.ts'
import { connectMssql } from './driver.ts'
import type { DriverError } from './errors.ts'
import { MssqlExecutor } from './executor.ts'
import { type FieldName, fieldTypes } from './fields.ts'
import { startTdsServer, type TdsAnswer } from './fixtures/tds-server.ts'
import { openTranscribed, plainProfile } from './fixtures/transcribed.ts'
import { parseMssqlUrl } from './url.ts'

function columnOf(name: string): NonNullable<TdsAnswer['columns']>[number] {
  const type = fieldTypes[name as FieldName]
  return { name, type: type === 'integer' ? 'bigint' : type === 'bytes' ? 'varbinary' : 'nvarchar' }
}

function answerOf({ rows, rowsAffected }: BatchResult): TdsAnswer {
  const [first] = rows
  if (first === undefined) return { rowsAffected: rowsAffected.reduce((sum, count) => sum + count, 0) }
  const columns = Object.keys(first).map(columnOf)
  return { columns, rows: rows.map((row) => columns.map(({ name }) => row[name] as string)) }
}

/** The real driver, on a server whose one connection is a transcription to SQLite. */
shardStoreCompliance('T-SQL over the wire, transcribed', async () => {
  const { connection: behind } = await openTranscribed()
  let transaction: OpenTransaction | undefined
  const answer = async (batch: Batch): Promise<TdsAnswer> => {
    try {
      return answerOf(await (transaction ?? behind).query(batch))
    } catch (error) {
      const { number = 50_000, message } = error as DriverError
      return { error: { number, message } }
    }
  }
  const server = await startTdsServer(answer, async (what) => {
    if (what === 'begin') transaction = await behind.begin('readCommitted')
    else {
      await transaction?.[what]()
      transaction = undefined
    }
  })
  const address = parseMssqlUrl(`mssql://hart@127.0.0.1:${server.port}/shard?encrypt=false`, 'url')
  const connection = await connectMssql({ address, password: 'x', connectionsMax: 1 })
  const store = createShardStore(new MssqlExecutor(connection, plainProfile, { migrations: [] }))
  const dispose = async () => {
    await store.close()
    server.close()
    await behind.close()
  }
  return { store, dispose }
})
