/** Opens whichever engine the options name, in the calling thread. A driver is loaded only where it is used. */
import { type EmbeddedStoreOptions, openEmbeddedStore } from './embedded/index.ts'
import type { MssqlStoreOptions } from './mssql/index.ts'
import type { ShardStore } from './types.ts'

export type StoreOptions = EmbeddedStoreOptions | MssqlStoreOptions

export async function openStore(options: StoreOptions): Promise<ShardStore> {
  if (!('url' in options)) return openEmbeddedStore(options)
  const { openMssqlStore } = await import('./mssql/index.ts')
  return openMssqlStore(options)
}
