import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type StoreSetup, shardStoreCompliance } from '../compliance.ts'
import { retryingFaultyExecutor } from '../faults.ts'
import { openEmbeddedStore, openShardStore } from '../index.ts'
import { createShardStore } from '../shard-store.ts'
import type { ShardStore } from '../types.ts'
import { openDatabase } from './database.ts'
import { EmbeddedExecutor } from './executor.ts'

async function inFolder(open: (file: string) => Promise<ShardStore>): Promise<StoreSetup> {
  const folder = mkdtempSync(path.join(tmpdir(), 'hart-store-'))
  const file = path.join(folder, 'shard.db')
  let store = await open(file)
  return {
    store,
    reopen: async () => {
      await store.close()
      store = await open(file)
      return store
    },
    dispose: async () => {
      await store.close()
      rmSync(folder, { recursive: true })
    },
  }
}

async function inMemory(open: () => Promise<ShardStore>): Promise<StoreSetup> {
  const store = await open()
  return { store, dispose: () => store.close() }
}

/** Lehmer generator: the same faults in each run. */
function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}

shardStoreCompliance('SQLite file, in a worker', () => inFolder((path) => openShardStore({ path })))
shardStoreCompliance('SQLite file, in this thread', () => inFolder((path) => openEmbeddedStore({ path })))
shardStoreCompliance('SQLite in memory, in this thread', () => inMemory(() => openEmbeddedStore({ path: ':memory:' })))
shardStoreCompliance('SQLite in memory, each transaction failing once', () =>
  inMemory(async () => {
    const executor = new EmbeddedExecutor(await openDatabase({ path: ':memory:' }))
    await executor.migrate()
    return createShardStore(retryingFaultyExecutor(executor, seededRandom(7)))
  }),
)
