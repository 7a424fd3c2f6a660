import { shardStoreCompliance } from '../compliance.ts'
import { createShardStore } from '../shard-store.ts'
import { indexBounds } from '../vectors/space-index.ts'
import { MssqlExecutor } from './executor.ts'
import { addVectorTables, openTranscribed, plainProfile } from './fixtures/transcribed.ts'

shardStoreCompliance('T-SQL, transcribed, vectors measured by the server', async () => {
  const { connection, db } = await openTranscribed()
  addVectorTables(db)
  const profile = { ...plainProfile, hasVectorType: true, hasVectorTables: true, hasPolicy: true }
  const executor = new MssqlExecutor(connection, profile, { migrations: [] })
  const store = createShardStore(executor, { vectors: { bounds: { ...indexBounds, pendingRows: 1 } } })
  return { store, dispose: () => store.close() }
})
