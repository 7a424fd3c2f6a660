import { afterEach } from 'vitest'
import type { ShardStore, TenantStore } from '../types.ts'

export interface StoreSetup {
  /** Migrated and empty. */
  store: ShardStore
  /** Closes it and opens the same database again; absent where closing loses it. */
  reopen?: () => Promise<ShardStore>
  /** Closes and removes everything. */
  dispose: () => Promise<void>
}

export type OpenStore = () => Promise<StoreSetup>

/** Disposes after each test what the test has opened. Call it inside of `describe`. */
export function storeOpener(open: OpenStore): () => Promise<StoreSetup & { tenant: TenantStore }> {
  const opened: StoreSetup[] = []
  afterEach(async () => {
    for (const setup of opened.splice(0)) await setup.dispose()
  })
  return async () => {
    const setup = await open()
    opened.push(setup)
    return { ...setup, tenant: setup.store.forTenant('local:owner') }
  }
}
