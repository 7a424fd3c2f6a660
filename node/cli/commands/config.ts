/** `hart config`: settings with their origin; set, unset, path. */
import { HartonomousError } from '#protocol/errors.ts'
import {
  isSettingKey,
  readConfigFile,
  resolveConfig,
  type SettingKey,
  settingKeys,
  settings,
  writeConfigKey,
} from '../../config/index.ts'
import { type Command, flagOption } from '../command.ts'

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
  summary: 'Change a setting in the file; a running node takes it at its next start.',
  usage: 'KEY [VALUE]',
  positionalsMin: 1,
  positionalsMax: 2,
  options: { unset: { type: 'boolean' } },
  optionHelp: { unset: { help: 'back to the default' } },
  examples: [
    'hart config set pledge.disk 50GiB',
    'hart config set policy.licences.allow Apache-2.0,MIT',
    'hart config set region --unset',
  ],
  async run(context) {
    const [key, value] = context.positionals
    if ((value === undefined) !== flagOption(context, 'unset'))
      throw new HartonomousError('ERR_USAGE', { message: 'give a VALUE, or --unset' })
    await writeConfigKey(context.paths.configFile, key!, value)
    if (context.output.json) context.output.value({ file: context.paths.configFile, key })
    else {
      const what = value === undefined ? 'has its default again' : 'is set'
      context.output.note(`${key} ${what} in ${context.paths.configFile}; a running node takes it at its next start`)
    }
    return 0
  },
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
