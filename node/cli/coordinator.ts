/** The coordinator that a command speaks to, and who it is there. */
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CoordinatorClient } from '#protocol/api/client.ts'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import { dataFiles } from '../config/index.ts'
import type { Endpoint } from './client.ts'
import { type CommandContext, type OptionHelp, textOption } from './command.ts'

/** Options of every command that speaks to a coordinator. */
export const coordinatorOptions = { coordinator: { type: 'string' } } as const
export const coordinatorOptionHelp: Record<string, OptionHelp> = {
  coordinator: {
    value: 'URL',
    help: 'the coordinator (HARTONOMOUS_COORDINATOR_URL; default: that of the data folder); HARTONOMOUS_API_KEY holds the key',
  },
}

export interface CoordinatorAddress {
  url: string
  token?: string
}

/**
 * A key in the environment goes to whichever coordinator is named. The owner's token goes only to the one that wrote its
 * URL beside it: whoever names a URL does not give the token away.
 * @throws {ERR_COORDINATOR_NOT_RUNNING} {ERR_USAGE}
 */
export async function findCoordinator(context: CommandContext): Promise<CoordinatorAddress> {
  const key = context.environment['HARTONOMOUS_API_KEY']
  const named = textOption(context, 'coordinator') ?? context.environment['HARTONOMOUS_COORDINATOR_URL']
  if (named !== undefined && !/^https?:$/.test(URL.parse(named)?.protocol ?? ''))
    throw new HartonomousError('ERR_USAGE', { message: '--coordinator takes a URL such as http://127.0.0.1:7420' })
  const { dataDir } = context.paths
  // Without a folder of its own a coordinator lies within that of the node.
  for (const folder of [dataDir, join(dataDir, 'coordinator')]) {
    const own = await readEndpoint(folder)
    if (own === undefined || (named !== undefined && new URL(named).origin !== own.url)) continue
    return key === undefined ? own : { ...own, token: key }
  }
  if (named === undefined) throw new HartonomousError('ERR_COORDINATOR_NOT_RUNNING', { where: dataDir })
  return key === undefined ? { url: named } : { url: named, token: key }
}

async function readEndpoint(folder: string): Promise<CoordinatorAddress | undefined> {
  try {
    const { apiUrl } = JSON.parse(await readFile(dataFiles.coordinatorEndpoint(folder), 'utf8')) as Endpoint
    const token = (await readFile(dataFiles.ownerToken(folder), 'utf8')).trim()
    return { url: new URL(apiUrl).origin, token }
  } catch {
    return undefined
  }
}

/** @throws {ERR_COORDINATOR_NOT_RUNNING} */
export async function connectToCoordinator(context: CommandContext): Promise<CoordinatorClient> {
  const address = await findCoordinator(context)
  const client = new CoordinatorClient({ ...address, signal: context.signal })
  try {
    await client.call('healthz', {})
  } catch (error) {
    // What it answered is told as it is; what did not reach it is not.
    if (isHartonomousError(error) || context.signal.aborted) throw error
    throw new HartonomousError('ERR_COORDINATOR_NOT_RUNNING', { where: address.url }, { cause: error })
  }
  return client
}

/**
 * An executable of the coordinator in this one's place: the same Node, the same stdin, stdout and stderr. Resolves to its
 * exit status. It gets the signals of its terminal itself; those that were sent to this process alone are handed on.
 */
export async function runCoordinatorProcess(
  name: 'main' | 'mcp',
  args: readonly string[],
  { signal, environment }: Pick<CommandContext, 'signal' | 'environment'>,
): Promise<number> {
  const file = fileURLToPath(new URL(`../../coordinator/bin/${name}.ts`, import.meta.url))
  const env = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined))
  const child = spawn(process.execPath, [file, ...args], { stdio: 'inherit', env })
  const stop = () => void child.kill('SIGTERM')
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code) => resolve(code ?? 130))
    })
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
