/** Help texts, made from the command table. */
import type { ParseArgsOptionsConfig } from 'node:util'
import { version } from '../runtime/version.ts'
import { type Command, globalOptionHelp, globalOptions, type OptionHelp } from './command.ts'

export function commandHelp(command: Command): string {
  const sections = [
    `${command.summary}\n\nUsage: hart ${command.name}${command.usage ? ` ${command.usage}` : ''} [options]`,
  ]
  if (command.aliases) sections[0] += `\nAlso:  ${command.aliases.map((alias) => `hart ${alias}`).join(', ')}`
  const own = optionRows(command.optionHelp ?? {}, command.options ?? {})
  const shared = optionRows(globalOptionHelp, globalOptions)
  const width = Math.max(...[...own, ...shared].map(([left]) => left.length))
  const rows = (entries: [string, string][]) =>
    entries.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n')
  if (own.length > 0) sections.push(`Options:\n${rows(own)}`)
  sections.push(`Every command:\n${rows(shared)}`)
  if (command.examples) sections.push(`Examples:\n${command.examples.map((example) => `  ${example}`).join('\n')}`)
  return sections.join('\n\n')
}

function optionRows(help: Record<string, OptionHelp>, options: ParseArgsOptionsConfig): [string, string][] {
  return Object.entries(help).map(([name, { value, help: text }]) => {
    const short = options[name]?.short
    return [`${short === undefined ? '    ' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`, text]
  })
}

export function groupHelp(commands: readonly Command[]): string {
  return commands.map((command) => `  hart ${command.name.padEnd(17)} ${command.summary}`).join('\n')
}

export function overview(commands: readonly Command[]): string {
  return `hart: a node of Hartonomous ${version}

Usage: hart COMMAND [options]

${groupHelp(commands)}

First steps:
  hart devnet                                a swarm on this machine, to watch and to try
  hart up --pledge 50GiB --bootstrap ADDRESS  a node that holds what is rare
  hart run MODEL "a question"                an answer, from this node or the best peer

hart COMMAND --help explains one, with examples. Data goes to stdout, progress to stderr; --json on every command that reads.
Exit status: 0 ok, 1 failed, 2 usage, 3 not running or unreachable, 4 refused by policy, 130 interrupted.`
}
