/** Entry of the store worker: the one writer of a shard database, whatever its engine. */
import { parentPort } from 'node:worker_threads'
import { HartonomousError } from '#protocol/errors.ts'
import { messagePort } from '#protocol/port/adapters.ts'
import { servePort } from '#protocol/port/index.ts'
import { openStore } from '../open.ts'
import type { ShardStore, TenantStore } from '../types.ts'
import type { StoreMethods } from './methods.ts'

/** Each only spares one look-up of its number. */
const tenantsKeptMax = 1000

let store: ShardStore | undefined
const tenants = new Map<string, TenantStore>()

function opened(): ShardStore {
  if (store === undefined) throw new HartonomousError('ERR_STORE_UNAVAILABLE', { reason: 'it is not open' })
  return store
}

function tenantStore(tenant: string): TenantStore {
  const known = tenants.get(tenant) ?? opened().forTenant(tenant)
  if (tenants.size >= tenantsKeptMax) tenants.clear()
  tenants.set(tenant, known)
  return known
}

const methods: StoreMethods = {
  open: async (options) => {
    store = await openStore(options)
  },
  capabilities: async () => opened().capabilities(),
  migrate: async () => opened().migrate(),
  listTenants: async () => opened().listTenants(),
  statistics: async () => opened().statistics(),
  check: async () => opened().check(),
  tenant: async ({ tenant, method, parameters }) => {
    const target = tenantStore(tenant)
    if (!Object.hasOwn(target, method)) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'method', id: method })
    return (target[method] as (...values: unknown[]) => Promise<unknown>)(...parameters)
  },
  close: async () => {
    await store?.close()
    store = undefined
    tenants.clear()
    // After the answer has been sent; then nothing keeps this thread alive.
    setImmediate(() => parentPort?.close())
  },
}

if (parentPort !== null) servePort(messagePort(parentPort), methods)
