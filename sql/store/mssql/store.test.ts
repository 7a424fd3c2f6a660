import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
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

shardStoreCompliance('T-SQL, transcribed, readers side by side, with graphs of embeddings', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'hart-server-'))
  const open = async () => {
    const { connection } = await openTranscribed(path.join(folder, 'server.db'))
    const executor = new MssqlExecutor(connection, plainProfile, { migrations: [] })
    return createShardStore(executor, { vectors: { folder: path.join(folder, 'vectors') } })
  }
  let store = await open()
  return {
    store,
    reopen: async () => {
      await store.close()
      store = await open()
      return store
    },
    dispose: async () => {
      await store.close()
      rmSync(folder, { recursive: true })
    },
  }
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
