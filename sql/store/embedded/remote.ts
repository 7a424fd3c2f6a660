/** The caller's side of the store worker. */
import { Worker } from 'node:worker_threads'
import { HartonomousError } from '#protocol/errors.ts'
import { workerPort } from '#protocol/port/adapters.ts'
import { PortClient } from '#protocol/port/index.ts'
import type { StoreOptions } from '../open.ts'
import { assertTenant } from '../shard-store.ts'
import type { ShardStore, TenantId, TenantStore } from '../types.ts'
import { type StoreMethods, tenantMethods } from './methods.ts'

/**
 * Opens (and makes) a database in a worker thread of its own, and migrates it.
 * @throws {ERR_STORE_CORRUPT} {ERR_STORE_UNAVAILABLE} {ERR_STORE_MIGRATION} {ERR_STORE_FULL} {ERR_STORE_CONFLICT}
 */
export async function openStoreInWorker(options: StoreOptions): Promise<ShardStore> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { name: 'store' })
  const exit = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
  const client = new PortClient<StoreMethods>(workerPort(worker), 'store')
  try {
    await client.call('open', options)
  } catch (error) {
    await worker.terminate()
    throw error
  }
  let isClosed = false
  const live = () => {
    if (isClosed) throw new HartonomousError('ERR_STORE_UNAVAILABLE', { reason: 'it is closed' })
    return client
  }
  return {
    capabilities: async () => live().call('capabilities', null),
    migrate: async () => live().call('migrate', null),
    forTenant: (tenant) => remoteTenant(live, tenant),
    listTenants: async () => live().call('listTenants', null),
    statistics: async () => live().call('statistics', null),
    check: async () => live().call('check', null),
    close: async () => {
      if (!isClosed) {
        isClosed = true
        // A worker that died has closed the file by dying.
        await client.call('close', null).catch(() => worker.terminate())
      }
      await exit
    },
  }
}

function remoteTenant(live: () => PortClient<StoreMethods>, tenant: TenantId): TenantStore {
  assertTenant(tenant)
  const calls = tenantMethods.map((method) => [
    method,
    async (...parameters: unknown[]) => live().call('tenant', { tenant, method, parameters }),
  ])
  return Object.fromEntries(calls) as TenantStore
}
