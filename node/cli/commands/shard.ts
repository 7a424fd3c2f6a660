/** `hart shard`: moves the shard database to another engine, and sets up what a server may have besides. */
import { realpath } from 'node:fs/promises'
import { resolve } from 'node:path'
import { HartonomousError } from '#protocol/errors.ts'
import type { MovedTableReport, MoveEnd } from '#sql/store/move/move.ts'
import {
  type Config,
  dataFiles,
  readConfigFile,
  resolveConfig,
  storageOf,
  storagePassword,
} from '../../config/index.ts'
import { lockDataDir } from '../../runtime/lock.ts'
import { type Command, type CommandContext, flagOption, textOption } from '../command.ts'

export const shardMove: Command = {
  name: 'shard move',
  summary: 'Copy the shard database to SQL Server, or to a file; killed in between, it goes on where it was.',
  options: { to: { type: 'string' } },
  optionHelp: { to: { value: 'URL|PATH', help: 'mssql://USER@HOST:1433/DATABASE, or a file that is empty or new' } },
  examples: [
    'hart shard move --to mssql://hart@localhost:1433/hartonomous',
    'hart shard move --to ./shard-copy.db --json',
  ],
  async run(context) {
    const { output, paths, signal } = context
    const to = textOption(context, 'to')
    if (to === undefined) throw new HartonomousError('ERR_USAGE', { message: 'hart shard move --to URL or PATH' })
    const config = await configOf(context)
    // A node that runs would go on writing to the source.
    const lock = await lockDataDir(paths.dataDir)
    try {
      const { moveShard } = await import('#sql/store/move/move.ts')
      const source = await openSource(context, config)
      try {
        const target = await openTarget(context, config, to, source.name)
        try {
          let rows = 0
          const onBatch = (table: string, count: number) => {
            rows += count
            output.progress(`moving ${table}, ${rows} rows`)
          }
          const tables = await moveShard(source.end, target.end, { source: source.name, onBatch, signal })
          output.clearProgress()
          report(context, source.name, target.name, tables)
        } finally {
          await target.end.close()
        }
      } finally {
        await source.end.close()
      }
    } finally {
      await lock.release()
    }
    return 0
  },
}

export const shardSetup: Command = {
  name: 'shard setup',
  summary: 'Set up a part of a shard in SQL Server: snapshot, policy, graph or console.',
  usage: '[NAME]',
  positionalsMax: 1,
  options: { print: { type: 'boolean' } },
  optionHelp: { print: { help: 'write the script for sqlcmd to stdout, and change nothing' } },
  examples: ['hart shard setup', 'hart shard setup snapshot', 'hart shard setup console --print'],
  async run(context) {
    const { output, paths, environment, positionals } = context
    const { setupNames, setupScript, setupSteps } = await import('#sql/store/mssql/setup/index.ts')
    const name = setupNames.find((each) => each === positionals[0])
    if (positionals[0] === undefined) {
      const rows = setupNames.map((each) => ({ name: each, what: setupSteps[each].what }))
      if (output.json) output.value(rows)
      else
        output.table(
          ['part', 'what'],
          rows.map((row) => [row.name, row.what]),
        )
      return 0
    }
    if (name === undefined)
      throw new HartonomousError('ERR_USAGE', {
        message: `there is no part ${positionals[0]}: ${setupNames.join(', ')}`,
      })
    if (flagOption(context, 'print')) {
      output.write(setupScript(name))
      return 0
    }
    const options = await storageOf(await configOf(context), paths.dataDir, environment)
    if (!('url' in options))
      throw new HartonomousError('ERR_CONFIG', { key: 'storage.url', reason: 'the shard is not in SQL Server' })
    const { setUpMssql } = await import('#sql/store/mssql/index.ts')
    await setUpMssql(options, name)
    if (output.json) output.value({ name, isSetUp: true })
    else output.note(`${name} is set up: ${setupSteps[name].what}; a node takes it at its next start`)
    return 0
  },
}

interface NamedEnd {
  name: string
  end: MoveEnd
}

async function configOf({ environment, paths }: CommandContext): Promise<Config> {
  return resolveConfig({}, environment, await readConfigFile(paths.configFile)).config
}

async function openSource({ paths, environment }: CommandContext, config: Config): Promise<NamedEnd> {
  const options = await storageOf(config, paths.dataDir, environment)
  if ('url' in options) return openServer(options.url, options.password)
  return openFile(await realpath(options.path).catch(() => options.path))
}

async function openTarget(
  { environment }: CommandContext,
  config: Config,
  to: string,
  source: string,
): Promise<NamedEnd> {
  const { isMssqlUrl } = await import('#sql/store/mssql/url.ts')
  // A URL of something else must not become the name of a file.
  if (/^[a-z]+:\/\//i.test(to) && !isMssqlUrl(to))
    throw new HartonomousError('ERR_USAGE', { message: '--to takes a URL of mssql://, or a path' })
  if (isMssqlUrl(to)) {
    const { name } = await serverName(to)
    if (name === source) throw sameError()
    return openServer(to, await storagePassword(config, environment))
  }
  const path = resolve(to)
  if (path === source || (await realpath(path).catch(() => path)) === source) throw sameError()
  return openFile(path)
}

function sameError(): HartonomousError {
  return new HartonomousError('ERR_USAGE', { message: 'the shard is there already' })
}

async function openFile(path: string): Promise<NamedEnd> {
  const { openEmbeddedMoveEnd } = await import('#sql/store/embedded/move-end.ts')
  return { name: path, end: await openEmbeddedMoveEnd({ path }) }
}

/** The same database has the same name, whoever asks and however it is encrypted. */
async function serverName(url: string): Promise<{ name: string }> {
  const { parseMssqlUrl } = await import('#sql/store/mssql/url.ts')
  const { host, port, database } = parseMssqlUrl(url, 'storage.url')
  return { name: `mssql://${host}:${port}/${database}` }
}

async function openServer(url: string, password: string): Promise<NamedEnd> {
  const { name } = await serverName(url)
  const { openMssqlMoveEnd } = await import('#sql/store/mssql/index.ts')
  return { name, end: await openMssqlMoveEnd({ url, password }) }
}

function report(
  { output, paths }: CommandContext,
  from: string,
  to: string,
  tables: readonly MovedTableReport[],
): void {
  if (output.json) {
    output.value({ from, to, tables })
    return
  }
  output.table(
    ['table', 'rows', 'checksum'],
    tables.map(({ table, rows, checksum }) => [table, String(rows), checksum.slice(0, 16)]),
  )
  const next = to.startsWith('mssql://')
    ? 'hart config set storage.url URL makes the node use it'
    : `put it in the place of ${dataFiles.database(paths.dataDir)}, without storage.url, to use it`
  output.note(`every row of ${from} is in ${to}, compared by count and checksum; ${next}`)
}
