import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { shardStoreCompliance } from '../compliance.ts'
import { createShardStore } from '../shard-store.ts'
import { MssqlExecutor } from './executor.ts'
import { openTranscribed, plainProfile } from './fixtures/transcribed.ts'

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
