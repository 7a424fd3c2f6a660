import { shardStoreCompliance } from '../compliance.ts'
import { retryingFaultyExecutor } from '../faults.ts'
import { createShardStore } from '../shard-store.ts'
import { MssqlExecutor } from './executor.ts'
import { openTranscribed, plainProfile } from './fixtures/transcribed.ts'

/** Lehmer generator: the same faults in each run. */
function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}

shardStoreCompliance('T-SQL under the row-level policy, transcribed, each transaction failing once', async () => {
  const { connection } = await openTranscribed()
  const executor = new MssqlExecutor(connection, { ...plainProfile, hasPolicy: true }, { migrations: [] })
  const store = createShardStore(retryingFaultyExecutor(executor, seededRandom(7)))
  return { store, dispose: () => store.close() }
})
