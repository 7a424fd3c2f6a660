/** `hart config`: settings with their origin; set, unset, path. */
import type { SettingsChangeView, SettingsView } from '#protocol/api/settings.ts'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import {
  environmentName,
  isChangeable,
  isSettingKey,
  readConfigFile,
  resolveConfig,
  type SettingKey,
  settingKeys,
  settings,
  writeConfigKey,
} from '../../config/index.ts'
import { type Command, type CommandContext, flagOption } from '../command.ts'

export const configShow: Command = {
  name: 'config show',
  summary: 'All settings, or those that begin with PREFIX, with where each comes from.',
  usage: '[PREFIX]',
  positionalsMax: 1,
  examples: ['hart config show', 'hart config show policy --json'],
  async run(context) {
    const { output, paths, environment, positionals } = context
    const { config, origins } = resolveConfig({}, environment, await readConfigFile(paths.configFile))
    const keys = settingKeys.filter((key) => key.startsWith(positionals[0] ?? ''))
    if (keys.length === 0)
      throw new HartonomousError('ERR_USAGE', {
        message: `no setting begins with ${positionals[0]}; hart config show lists them`,
      })
    if (output.json)
      output.value(Object.fromEntries(keys.map((key) => [key, { value: config[key], origin: origins[key] }])))
    else
      output.table(
        ['setting', 'value', 'origin', 'what'],
        keys.map((key) => [key, JSON.stringify(config[key]), origins[key], settings[key].help]),
      )
    return 0
  },
}

export const configGet: Command = {
  name: 'config get',
  summary: 'One setting.',
  usage: 'KEY',
  positionalsMin: 1,
  examples: ['hart config get pledge.disk'],
  async run({ output, paths, environment, positionals }) {
    const key = settingKey(positionals[0]!)
    const { config } = resolveConfig({}, environment, await readConfigFile(paths.configFile))
    if (output.json) output.value({ [key]: config[key] })
    else output.line(typeof config[key] === 'string' ? String(config[key]) : JSON.stringify(config[key]))
    return 0
  },
}

export const configSet: Command = {
  name: 'config set',
  summary: 'Change a setting: kept in the file, and taken by a running node at once where it can be.',
  usage: 'KEY [VALUE]',
  positionalsMin: 1,
  positionalsMax: 2,
  options: { unset: { type: 'boolean' } },
  optionHelp: { unset: { help: 'back to the default' } },
  examples: [
    'hart config set pledge.disk 50GiB',
    'hart config set policy.licences.allow Apache-2.0,MIT',
    'hart config set schedule "mon-fri 22:00-07:00,sat-sun 00:00-24:00"',
    'hart config set region --unset',
  ],
  async run(context) {
    const [key, value] = context.positionals
    if ((value === undefined) !== flagOption(context, 'unset'))
      throw new HartonomousError('ERR_USAGE', { message: 'give a VALUE, or --unset' })
    const taken = await changeRunning(context, key!, value)
    if (taken === undefined) await writeConfigKey(context.paths.configFile, key!, value)
    const file = taken?.file ?? context.paths.configFile
    const isInForce = taken?.applied.includes(key!) === true
    if (context.output.json) context.output.value({ file, key, isInForce })
    else {
      const what = value === undefined ? 'has its default again' : 'is set'
      const when = isInForce ? 'the running node has taken it' : 'a running node takes it at its next start'
      context.output.note(`${key} ${what} in ${file}; ${when}${goesBefore(taken, key!)}`)
    }
    return 0
  },
}

/** Undefined where no node runs in this data folder, or it takes this setting at its start only: then the file is all there is. */
async function changeRunning(
  context: CommandContext,
  key: string,
  value: string | undefined,
): Promise<SettingsChangeView | undefined> {
  if (!isChangeable(key)) return undefined
  try {
    const node = await context.connect()
    const { file } = await node.get<SettingsView>('/api/v1/settings')
    if (file !== context.paths.configFile) return undefined
    return await node.put<SettingsChangeView>('/api/v1/settings', { settings: { [key]: value ?? null } })
  } catch (error) {
    if (isHartonomousError(error, 'ERR_NODE_NOT_RUNNING')) return undefined
    throw error
  }
}

function goesBefore(taken: SettingsChangeView | undefined, key: string): string {
  const by = taken?.settings.find((setting) => setting.key === key)?.overriddenBy
  if (by === undefined) return ''
  return by === 'flag'
    ? ', until its next start: the flag it was started with goes before the file'
    : `, until its next start: ${environmentName(key as SettingKey)} goes before the file`
}

export const configPath: Command = {
  name: 'config path',
  summary: 'Where the configuration and the data lie.',
  examples: ['hart config path'],
  async run({ output, paths }) {
    if (output.json) output.value(paths)
    else {
      output.line(paths.configFile)
      output.note(`data: ${paths.dataDir}`)
    }
    return 0
  },
}

function settingKey(text: string): SettingKey {
  if (!isSettingKey(text))
    throw new HartonomousError('ERR_USAGE', { message: `there is no setting ${text}; hart config show lists them` })
  return text
}
