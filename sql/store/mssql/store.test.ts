import { describe, test } from 'vitest'
import { shardStoreCompliance } from '../compliance.ts'
import { createShardStore } from '../shard-store.ts'
import { MssqlExecutor } from './executor.ts'
import { openEmptyServer, serverOptions } from './fixtures/server.ts'
import { openTranscribed, plainProfile } from './fixtures/transcribed.ts'
import { openMssqlStore } from './index.ts'

shardStoreCompliance('T-SQL, transcribed', async () => {
  const { connection } = await openTranscribed()
  const store = createShardStore(new MssqlExecutor(connection, plainProfile, { migrations: [] }))
  return { store, dispose: () => store.close() }
})

const server = serverOptions(process.env)
if (server === undefined) {
  describe('SQL Server', () => {
    test.skip('not run: MSSQL_URL is not set (mssql://user@host/database_test, with HARTONOMOUS_STORAGE_PASSWORD)')
  })
} else {
  shardStoreCompliance('SQL Server', async () => {
    let store = await openEmptyServer(server)
    return {
      store,
      reopen: async () => {
        await store.close()
        store = await openMssqlStore(server)
        return store
      },
      dispose: () => store.close(),
    }
  })
}
