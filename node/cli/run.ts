/** Finds the command, parses its options, runs it, and turns what it throws into an exit status. */
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import { defaultPaths } from '../config/index.ts'
import { version } from '../runtime/version.ts'
import { connectToNode } from './client.ts'
import { type Command, type CommandContext, globalOptionHelp, globalOptions } from './command.ts'
import { Output } from './output.ts'

export interface CliOptions {
  commands: readonly Command[]
  environment: Record<string, string | undefined>
  stdout: NodeJS.WriteStream
  stderr: NodeJS.WriteStream
  signal: AbortSignal
}

const interrupted = 130

/** Resolves to the exit status: 0 ok, 1 failed, 2 usage, 3 not running or unreachable, 4 refused by policy, 130 interrupted. */
export async function runCli(argv: readonly string[], cli: CliOptions): Promise<number> {
  const early = new Output({
    ...cli,
    json: argv.includes('--json'),
    quiet: false,
    color: hasColor(cli, argv.includes('--no-color')),
  })
  try {
    const command = findCommand(argv, cli.commands)
    if (command === undefined) return withoutCommand(argv, cli, early)
    return await runCommand(command, argv.slice(command.name.split(' ').length), cli)
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
  })
  if (values['help'] === true) {
    output.line(commandHelp(command))
    return 0
  }
  const { positionalsMin = 0, positionalsMax = positionalsMin } = command
  if (positionals.length < positionalsMin || positionals.length > positionalsMax) {
    throw usage(`usage: hart ${command.name} ${command.usage ?? ''}`)
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

/** The longest name wins: `models ls` before `models`. */
export function findCommand(argv: readonly string[], commands: readonly Command[]): Command | undefined {
  return [...commands]
    .sort((a, b) => b.name.length - a.name.length)
    .find((command) => command.name.split(' ').every((word, index) => argv[index] === word))
}

function withoutCommand(argv: readonly string[], cli: CliOptions, output: Output): number {
  const [first] = argv
  if (first === '--version' || first === '-v') {
    output.line(version)
    return 0
  }
  const group = cli.commands.filter((command) => command.name.startsWith(`${first} `))
  if (group.length > 0) {
    output.line(groupHelp(group))
    return argv.includes('--help') || argv.includes('-h') ? 0 : 2
  }
  if (first === undefined || first === '--help' || first === '-h' || first === 'help') {
    output.line(overview(cli.commands))
    return first === undefined ? 2 : 0
  }
  throw usage(`there is no command ${JSON.stringify(first)}; hart --help lists them`)
}

function parse(command: Command, args: readonly string[]) {
  const options: ParseArgsOptionsConfig = { ...globalOptions, ...command.options }
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true }) as {
      values: Record<string, string | boolean | string[] | undefined>
      positionals: string[]
    }
  } catch (error) {
    throw usage(`${(error as Error).message.split('. To specify')[0]}; hart ${command.name} --help`)
  }
}

function hasColor(cli: CliOptions, isOff: boolean): boolean {
  if (isOff || cli.environment['NO_COLOR'] || cli.environment['TERM'] === 'dumb') return false
  return cli.stdout.isTTY === true
}

function usage(message: string): HartonomousError {
  return new HartonomousError('ERR_USAGE', { message })
}

export function commandHelp(command: Command): string {
  const rows = (entries: [string, string][]) => {
    const width = Math.max(...entries.map(([left]) => left.length))
    return entries.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n')
  }
  const flag = (name: string, value?: string) => `--${name}${value === undefined ? '' : ` ${value}`}`
  const own = Object.entries(command.optionHelp ?? {}).map(([name, help]): [string, string] => [
    flag(name, help.value),
    help.help,
  ])
  const shared = Object.entries(globalOptionHelp).map(([name, help]): [string, string] => [
    flag(name, help.value),
    help.help,
  ])
  const sections = [
    `${command.summary}\n\nUsage: hart ${command.name}${command.usage ? ` ${command.usage}` : ''} [options]`,
  ]
  if (own.length > 0) sections.push(`Options:\n${rows(own)}`)
  sections.push(`Every command:\n${rows(shared)}`)
  if (command.examples) sections.push(`Examples:\n${command.examples.map((example) => `  ${example}`).join('\n')}`)
  return sections.join('\n\n')
}

function groupHelp(commands: readonly Command[]): string {
  return commands.map((command) => `  hart ${command.name.padEnd(18)} ${command.summary}`).join('\n')
}

export function overview(commands: readonly Command[]): string {
  return `hart: a node of Hartonomous ${version}

Usage: hart COMMAND [options]

${groupHelp(commands)}

hart COMMAND --help explains one. Data goes to stdout, progress to stderr; --json on every command that reads.
Exit status: 0 ok, 1 failed, 2 usage, 3 not running or unreachable, 4 refused by policy, 130 interrupted.`
}
