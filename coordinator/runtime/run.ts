/** From arguments to a running coordinator, and to its exit status. */
import { join } from 'node:path'
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import {
  type Config,
  dataFiles,
  defaultPaths,
  nodeFlags,
  readConfigFile,
  resolveConfig,
  settingsOfFlags,
} from '#node/config/index.ts'
import { createLog, isLogLevel } from '#node/log/index.ts'
import type { NodeEvent, StampedEvent } from '#protocol/api/control.ts'
import { errorRules, HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import { type CoordinatorServer, startCoordinator } from './server.ts'

export interface CoordinatorProcess {
  environment: Record<string, string | undefined>
  stdout: { write(text: string): unknown }
  stderr: { write(text: string): unknown; isTTY?: boolean }
  /** Aborts when the coordinator shall stop. */
  signal: AbortSignal
}

/** Beside those of `hart up`. */
const ownFlags = {
  json: { type: 'boolean' },
  'data-dir': { type: 'string' },
  config: { type: 'string' },
  'log-level': { type: 'string' },
  'log-format': { type: 'string' },
  'coordinator-host': { type: 'string' },
  'coordinator-port': { type: 'string' },
} as const satisfies ParseArgsOptionsConfig

/** Beside a node of the same machine: its ports, and ten more. */
const ownDefaults: Partial<Config> = { 'api.port': 7421, 'network.listen': ['/ip4/127.0.0.1/tcp/7422'] }

export async function runCoordinator(args: readonly string[], host: CoordinatorProcess): Promise<number> {
  const { stdout, stderr, signal } = host
  let isJson = args.includes('--json')
  try {
    const { values } = parseFlags(args)
    isJson = values['json'] === true
    const { dataDir, config } = await settle(values, host.environment)
    const log = createLogOf(values, stderr.isTTY === true, (line) => void stderr.write(line))
    const stop = Promise.withResolvers<string>()
    const tell = (event: NodeEvent | StampedEvent) => {
      const stamped = 'timestamp' in event ? event : { timestamp: new Date().toISOString(), level: 'info', ...event }
      if (isJson) stdout.write(`${JSON.stringify(stamped)}\n`)
    }
    const server = await startCoordinator({
      dataDir,
      config,
      log,
      host: text(values, 'coordinator-host') ?? '127.0.0.1',
      port: portOf(text(values, 'coordinator-port')),
      onEvent: tell,
      requestStop: stop.resolve,
    })
    try {
      tell({ event: 'coordinator-ready', coordinatorUrl: server.url, pid: process.pid })
      if (!isJson) stdout.write(banner(server, dataDir))
      signal.addEventListener('abort', () => stop.resolve('interrupted'), { once: true })
      if (signal.aborted) stop.resolve('interrupted')
      await stop.promise
      return 0
    } finally {
      await server.close()
    }
  } catch (error) {
    const known = isHartonomousError(error) ? error : undefined
    const message = error instanceof Error ? error.message : String(error)
    const remedy = known === undefined ? undefined : errorRules[known.code].remedy
    stderr.write(`${isJson ? JSON.stringify({ error: { code: known?.code, message } }) : `error: ${message}`}\n`)
    if (!isJson && remedy !== undefined) stderr.write(`fix: ${remedy}\n`)
    return known === undefined ? 1 : errorRules[known.code].exit
  }
}

type Values = Record<string, unknown>

function parseFlags(args: readonly string[]): { values: Values } {
  try {
    return parseArgs({
      args: [...args],
      options: { ...nodeFlags, ...ownFlags } as ParseArgsOptionsConfig,
      strict: true,
    })
  } catch (error) {
    throw new HartonomousError('ERR_USAGE', { message: (error as Error).message })
  }
}

async function settle(values: Values, environment: Record<string, string | undefined>) {
  const chosen = text(values, 'data-dir')
  const paths = defaultPaths(environment, chosen, text(values, 'config'))
  const isChosen = chosen !== undefined || environment['HARTONOMOUS_DATA_DIR'] !== undefined
  // A node of this person has its own folder: the coordinator's lies within.
  const dataDir = isChosen ? paths.dataDir : join(paths.dataDir, 'coordinator')
  const { config, origins } = resolveConfig(
    settingsOfFlags(values),
    environment,
    await readConfigFile(paths.configFile),
  )
  const defaults = Object.entries(ownDefaults).filter(([key]) => origins[key as keyof typeof origins] === 'default')
  return { dataDir, config: { ...config, ...Object.fromEntries(defaults) } }
}

function createLogOf(values: Values, isTerminal: boolean, write: (line: string) => void) {
  const level = text(values, 'log-level') ?? 'warn'
  const format = text(values, 'log-format') ?? (isTerminal ? 'pretty' : 'json')
  if (!isLogLevel(level) || (format !== 'pretty' && format !== 'json')) {
    const message = '--log-level is debug, info, warn, error or silent; --log-format is pretty or json'
    throw new HartonomousError('ERR_USAGE', { message })
  }
  return createLog({ level, format, write })
}

function portOf(value: string | undefined): number {
  const port = value === undefined ? 7420 : Number(value)
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port
  throw new HartonomousError('ERR_USAGE', { message: '--coordinator-port is 0 to 65535' })
}

function text(values: Values, name: string): string | undefined {
  const value = values[name]
  return typeof value === 'string' ? value : undefined
}

function banner({ url, createBrowserUrl }: CoordinatorServer, dataDir: string): string {
  const rows = [
    ['explorer', createBrowserUrl()],
    ['coordinator', url],
    ['api', `${url}/docs`],
    ['openai', `${url}/v1`],
    ['mcp', `${url}/mcp`],
    ['token', dataFiles.ownerToken(dataDir)],
  ]
  return `\n  HARTONOMOUS coordinator\n\n${rows.map(([name, value]) => `  ${name!.padEnd(12)} ${value}\n`).join('')}\n`
}
