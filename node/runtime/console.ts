/** The console of the configured engine. */
import { HartonomousError } from '#protocol/errors.ts'
import { type ConsoleOptions, openShardConsole, type ShardConsole } from '#sql/console/index.ts'
import { type Config, consoleStorageOf, dataFiles } from '../config/index.ts'
import { localOwner } from './parts.ts'

export function openNodeConsole(
  config: Config,
  dataDir: string,
  environment: Record<string, string | undefined>,
  peers: NonNullable<ConsoleOptions['peers']>,
): ShardConsole {
  if (config['storage.url'] === '')
    return openShardConsole({ path: dataFiles.database(dataDir), tenant: localOwner, peers })
  const open = async () => {
    const storage = await consoleStorageOf(config, environment)
    if (storage !== undefined) return openShardConsole({ ...storage, peers })
    // Under the node's own user a query could read, and change, everything.
    const reason = 'the shard is in SQL Server, and hart sql has no user there: docs/guides/sql-server.md'
    throw new HartonomousError('ERR_CONFIG', { key: 'storage.consoleUrl', reason })
  }
  let opened: Promise<ShardConsole> | undefined
  return {
    run: async (request, signal) => {
      // A password file that was mended counts at the next query.
      opened ??= open().catch((error: unknown) => {
        opened = undefined
        throw error
      })
      return (await opened).run(request, signal)
    },
  }
}
