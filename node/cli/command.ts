/** A command of `hart`: its words, its options, its help, and what it does. */
import type { ParseArgsOptionsConfig } from 'node:util'
import type { Paths } from '../config/index.ts'
import type { ControlClient } from './client.ts'
import type { Output } from './output.ts'

export interface OptionHelp {
  /** `SIZE`, `FILE`, ... shown after the flag. */
  value?: string
  help: string
}

export interface CommandContext {
  /** Parsed options by name. */
  options: Record<string, string | boolean | string[] | undefined>
  positionals: string[]
  paths: Paths
  environment: Record<string, string | undefined>
  output: Output
  /** Aborted by the first Ctrl-C. */
  signal: AbortSignal
  /** The running node of this data folder. @throws {ERR_NODE_NOT_RUNNING} */
  connect(): Promise<ControlClient>
}

export interface Command {
  /** `models ls`. */
  name: string
  /** Other names that people know from similar programs. */
  aliases?: string[]
  summary: string
  /** After the name: `MODEL [PROMPT]`. */
  usage?: string
  options?: ParseArgsOptionsConfig
  optionHelp?: Record<string, OptionHelp>
  examples?: string[]
  positionalsMin?: number
  positionalsMax?: number
  /** Resolves to the exit status. */
  run(context: CommandContext): Promise<number>
}

/** Every command takes these. */
export const globalOptions = {
  json: { type: 'boolean' },
  'data-dir': { type: 'string' },
  config: { type: 'string' },
  'log-level': { type: 'string' },
  'log-format': { type: 'string' },
  quiet: { type: 'boolean', short: 'q' },
  'no-color': { type: 'boolean' },
  yes: { type: 'boolean', short: 'y' },
  timeout: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies ParseArgsOptionsConfig

export const globalOptionHelp: Record<keyof typeof globalOptions, OptionHelp> = {
  json: { help: 'machine-readable output on stdout' },
  'data-dir': { value: 'DIR', help: 'folder of the node (HARTONOMOUS_DATA_DIR)' },
  config: { value: 'FILE', help: 'configuration file (HARTONOMOUS_CONFIG)' },
  'log-level': { value: 'LEVEL', help: 'debug, info, warn, error or silent' },
  'log-format': { value: 'FORMAT', help: 'pretty or json' },
  quiet: { help: 'no progress on stderr' },
  'no-color': { help: 'no colours (NO_COLOR)' },
  yes: { help: 'do not ask' },
  timeout: { value: 'SECONDS', help: 'give up after this long' },
  help: { help: 'this text' },
}

export function textOption(context: CommandContext, name: string): string | undefined {
  const value = context.options[name]
  return typeof value === 'string' ? value : undefined
}

export function flagOption(context: CommandContext, name: string): boolean {
  return context.options[name] === true
}

export function listOption(context: CommandContext, name: string): string[] {
  const value = context.options[name]
  return Array.isArray(value) ? value : typeof value === 'string' ? [value] : []
}
