/** Where a node keeps its things: XDG on Linux, one folder when `--data-dir` or HARTONOMOUS_DATA_DIR names it. */
import { homedir } from 'node:os'
import { join } from 'node:path'

export interface Paths {
  dataDir: string
  configFile: string
}

type Environment = Record<string, string | undefined>

export function defaultPaths(environment: Environment, dataDir?: string, configFile?: string): Paths {
  const chosenData = dataDir ?? environment['HARTONOMOUS_DATA_DIR']
  const data = chosenData ?? join(environment['XDG_DATA_HOME'] ?? join(homedir(), '.local', 'share'), 'hartonomous')
  // A data folder of one's own carries its own configuration: two nodes on one machine do not share it.
  const fallback = chosenData
    ? join(data, 'config.json')
    : join(environment['XDG_CONFIG_HOME'] ?? join(homedir(), '.config'), 'hartonomous', 'config.json')
  return { dataDir: data, configFile: configFile ?? environment['HARTONOMOUS_CONFIG'] ?? fallback }
}

export const dataFiles = {
  lock: (dataDir: string) => join(dataDir, 'node.lock'),
  endpoint: (dataDir: string) => join(dataDir, 'endpoint.json'),
  /** Of a coordinator that runs here: {apiUrl, pid}. */
  coordinatorEndpoint: (dataDir: string) => join(dataDir, 'coordinator-endpoint.json'),
  ownerToken: (dataDir: string) => join(dataDir, 'owner.token'),
  /** Of browsers of the owner, by hash. */
  ownerSessions: (dataDir: string) => join(dataDir, 'owner.sessions.json'),
  database: (dataDir: string) => join(dataDir, 'shard.db'),
  /** Graphs of embeddings whose rows are in SQL Server; those of `shard.db` lie beside it. */
  serverVectors: (dataDir: string) => join(dataDir, 'shard-server-vectors'),
  network: (dataDir: string) => join(dataDir, 'network'),
  addressBook: (dataDir: string) => join(dataDir, 'chain.json'),
  wallets: (dataDir: string) => join(dataDir, 'wallets'),
  /** The local chain of `hart chain start`. */
  chain: (dataDir: string) => join(dataDir, 'chain'),
  votes: (dataDir: string) => join(dataDir, 'votes'),
  models: (dataDir: string) => join(dataDir, 'models'),
}
