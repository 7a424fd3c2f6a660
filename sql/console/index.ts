/** Read-only SQL of the owner on documented views of the shard. */
import { openShardConsole as openEmbeddedConsole } from '../store/embedded/console/console.ts'
import type { MssqlConsoleOptions } from '../store/mssql/console.ts'
import type { ConsoleOptions, ShardConsole } from './types.ts'

export type * from './types.ts'
export { type ShardView, shardViews, type ViewColumn } from './views.ts'

/** The engine is the one that the options name; the driver of SQL Server is loaded by the first query. */
export function openShardConsole(options: ConsoleOptions | MssqlConsoleOptions): ShardConsole {
  if ('path' in options) return openEmbeddedConsole(options)
  const opened = import('../store/mssql/console.ts').then(({ openMssqlConsole }) => openMssqlConsole(options))
  // Told by the query that needs it.
  opened.catch(() => {})
  return { run: async (request, signal) => (await opened).run(request, signal) }
}
