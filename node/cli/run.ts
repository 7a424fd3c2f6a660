/** Finds the command, parses its options, runs it, and turns what it throws into an exit status. */
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import { defaultPaths } from '../config/index.ts'
import { version } from '../runtime/version.ts'
import { connectToNode } from './client.ts'
import { type Command, type CommandContext, globalOptions } from './command.ts'
import { commandHelp, groupHelp, overview } from './help.ts'
import { Output } from './output.ts'
import { nearest } from './suggest.ts'

export interface CliOptions {
  commands: readonly Command[]
  environment: Record<string, string | undefined>
  stdout: NodeJS.WriteStream
  stderr: NodeJS.WriteStream
  signal: AbortSignal
}

const interrupted = 130

/** Resolves to the exit status: 0 ok, 1 failed, 2 usage, 3 not running or unreachable, 4 refused by policy, 130 interrupted. */
export async function runCli(given: readonly string[], cli: CliOptions): Promise<number> {
  const argv = commandFirst(given)
  const early = new Output({
    ...cli,
    json: argv.includes('--json'),
    quiet: false,
    color: hasColor(cli, argv.includes('--no-color')),
    isDumb: isDumb(cli),
  })
  try {
    const command = findCommand(argv, cli.commands)
    if (command === undefined) return withoutCommand(argv, cli, early)
    return await runCommand(command.command, argv.slice(command.words), cli)
  } catch (error) {
    return early.error(error)
  }
}

async function runCommand(command: Command, args: readonly string[], cli: CliOptions): Promise<number> {
  const { values, positionals } = parse(command, args)
  const output = new Output({
    ...cli,
    json: values['json'] === true,
    quiet: values['quiet'] === true,
    color: hasColor(cli, values['no-color'] === true),
    isDumb: isDumb(cli),
  })
  if (values['help'] === true) {
    output.line(commandHelp(command))
    return 0
  }
  const { positionalsMin = 0, positionalsMax = positionalsMin } = command
  if (positionals.length < positionalsMin || positionals.length > positionalsMax) {
    const extra = positionals[positionalsMax]
    const what =
      positionals.length < positionalsMin ? 'something is missing' : `${JSON.stringify(extra)} is one word too many`
    throw usage(`${what}; usage: ${['hart', command.name, command.usage ?? '', '[options]'].filter(Boolean).join(' ')}`)
  }
  const dataDir = values['data-dir']
  const configFile = values['config']
  const paths = defaultPaths(
    cli.environment,
    typeof dataDir === 'string' ? dataDir : undefined,
    typeof configFile === 'string' ? configFile : undefined,
  )
  const signal = withTimeout(cli.signal, values['timeout'])
  const context: CommandContext = {
    options: values,
    positionals,
    paths,
    environment: cli.environment,
    output,
    signal,
    connect: () => connectToNode(paths.dataDir, signal),
  }
  try {
    return await command.run(context)
  } catch (error) {
    if (cli.signal.aborted) {
      output.clearProgress()
      return interrupted
    }
    if (!isHartonomousError(error) && signal.aborted) {
      return output.error(
        new HartonomousError('ERR_TIMEOUT', {
          what: `hart ${command.name}`,
          timeoutMs: Number(values['timeout']) * 1000,
        }),
      )
    }
    return output.error(error)
  }
}

function withTimeout(signal: AbortSignal, seconds: unknown): AbortSignal {
  if (seconds === undefined) return signal
  const value = Number(seconds)
  if (!(value > 0)) throw usage('--timeout takes seconds, such as --timeout 30')
  return AbortSignal.any([signal, AbortSignal.timeout(value * 1000)])
}

/** `hart --json status` means `hart status --json`. */
export function commandFirst(argv: readonly string[]): string[] {
  const leading: string[] = []
  let at = 0
  for (; at < argv.length; at++) {
    const [name = ''] = argv[at]!.slice(2).split('=')
    if (!argv[at]!.startsWith('--') || !Object.hasOwn(globalOptions, name) || name === 'help') break
    leading.push(argv[at]!)
    const { type } = globalOptions[name as keyof typeof globalOptions]
    if (type === 'string' && !argv[at]!.includes('=') && at + 1 < argv.length) leading.push(argv[++at]!)
  }
  return [...argv.slice(at), ...leading]
}

/** The longest name wins: `models ls` before `models`. */
export function findCommand(
  argv: readonly string[],
  commands: readonly Command[],
): { command: Command; words: number } | undefined {
  return commands
    .flatMap((command) =>
      [command.name, ...(command.aliases ?? [])].map((name) => ({ command, name, words: name.split(' ').length })),
    )
    .sort((a, b) => b.words - a.words)
    .find(({ name }) => name.split(' ').every((word, index) => argv[index] === word))
}

function withoutCommand(argv: readonly string[], cli: CliOptions, output: Output): number {
  const [first, second] = argv
  if (first === '--version' || first === '-v') {
    output.line(version)
    return 0
  }
  if (first === 'help' && second !== undefined) {
    const found = findCommand(argv.slice(1), cli.commands)
    if (found === undefined) return withoutCommand([...argv.slice(1), '--help'], cli, output)
    output.line(commandHelp(found.command))
    return 0
  }
  const isHelp = argv.includes('--help') || argv.includes('-h')
  const group = cli.commands.filter((command) => command.name.startsWith(`${first} `))
  if (group.length > 0 && (isHelp || second === undefined || second.startsWith('-'))) {
    output.line(groupHelp(group))
    return isHelp ? 0 : 2
  }
  if (first === undefined || first === '--help' || first === '-h' || first === 'help') {
    output.line(overview(cli.commands))
    return first === undefined ? 2 : 0
  }
  const text = group.length > 0 ? `${first} ${second}` : first
  const names = cli.commands.flatMap((command) => [command.name, ...(command.aliases ?? [])])
  const guess = nearest(text, names)
  throw usage(
    `there is no command ${JSON.stringify(text)}; ${guess === undefined ? 'hart --help lists them' : `did you mean hart ${guess}?`}`,
  )
}

function parse(command: Command, args: readonly string[]) {
  const options: ParseArgsOptionsConfig = { ...globalOptions, ...command.options }
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true }) as {
      values: Record<string, string | boolean | string[] | undefined>
      positionals: string[]
    }
  } catch (error) {
    const text = (error as Error).message.split('. To specify')[0]!
    const unknown = /^Unknown option '--([^']+)'/.exec(text)?.[1]
    const guess = unknown === undefined ? undefined : nearest(unknown, Object.keys(options))
    throw usage(
      `${text}; ${guess === undefined ? `hart ${command.name} --help lists its options` : `did you mean --${guess}?`}`,
    )
  }
}

function hasColor(cli: CliOptions, isOff: boolean): boolean {
  if (isOff || cli.environment['NO_COLOR'] || isDumb(cli)) return false
  return cli.stdout.isTTY === true
}

function isDumb(cli: CliOptions): boolean {
  return cli.environment['TERM'] === 'dumb'
}

function usage(message: string): HartonomousError {
  return new HartonomousError('ERR_USAGE', { message })
}
