/** Settings from flags, environment, file and defaults, in this order, each with the place it came from. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { HartonomousError } from '#protocol/errors.ts'
import { type Config, isSettingKey, readSetting, type SettingKey, settings } from './schema.ts'

export { nodeFlagHelp, nodeFlags, settingsOfFlags } from './flags.ts'
export { dataFiles, defaultPaths, type Paths } from './paths.ts'
export { type Config, isSettingKey, type SettingKey, settings } from './schema.ts'

export type Origin = 'flag' | 'environment' | 'file' | 'default'

export interface ResolvedConfig {
  config: Config
  origins: Record<SettingKey, Origin>
}

export const settingKeys = Object.keys(settings) as SettingKey[]

/** `data.uploadRate` -> `HARTONOMOUS_DATA_UPLOAD_RATE`. */
export function environmentName(key: SettingKey): string {
  return `HARTONOMOUS_${key
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .replaceAll('.', '_')
    .toUpperCase()}`
}

/** @throws {ERR_CONFIG} naming the key and where it stands. */
export function resolveConfig(
  flags: Partial<Record<SettingKey, unknown>>,
  environment: Record<string, string | undefined>,
  file: Record<string, unknown>,
): ResolvedConfig {
  const config: Record<string, unknown> = {}
  const origins: Record<string, Origin> = {}
  for (const key of settingKeys) {
    const candidates: [Origin, unknown][] = [
      ['flag', flags[key]],
      ['environment', environment[environmentName(key)]],
      ['file', file[key]],
    ]
    const [origin, raw] = candidates.find(([, value]) => value !== undefined) ?? ['default', settings[key].default]
    const read = readSetting(key, raw)
    if ('problem' in read) throw new HartonomousError('ERR_CONFIG', { key, reason: `${read.problem} (from ${origin})` })
    config[key] = read.value
    origins[key] = origin
  }
  return { config: config as Config, origins: origins as Record<SettingKey, Origin> }
}

/** The file's settings; none when there is no file. @throws {ERR_CONFIG} */
export async function readConfigFile(path: string): Promise<Record<string, unknown>> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw new HartonomousError('ERR_CONFIG', { key: path, reason: (error as Error).message }, { cause: error })
  }
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new Error('an object is needed')
    const unknownKey = Object.keys(parsed).find((key) => !isSettingKey(key))
    if (unknownKey !== undefined) throw new Error(`there is no setting ${unknownKey}`)
    return parsed as Record<string, unknown>
  } catch (error) {
    throw new HartonomousError('ERR_CONFIG', { key: path, reason: (error as Error).message }, { cause: error })
  }
}

/** Sets one key in the file (or removes it, with `undefined`), whole or not at all. @throws {ERR_CONFIG} {ERR_USAGE} */
export async function writeConfigKey(path: string, key: string, raw: string | undefined): Promise<void> {
  await writeConfigKeys(path, { [key]: raw })
}

/** Several of them, all or none. @throws {ERR_CONFIG} {ERR_USAGE} */
export async function writeConfigKeys(path: string, changes: Readonly<Record<string, unknown>>): Promise<void> {
  const file = await readConfigFile(path)
  for (const [key, raw] of Object.entries(changes)) {
    if (raw === undefined && isSettingKey(key)) delete file[key]
    else file[key] = readSettingOf(key, raw).value
  }
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const temporary = `${path}.${process.pid}.tmp`
  await writeFile(temporary, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600 })
  await rename(temporary, path)
}

/** A setting and its value from text or JSON. @throws {ERR_CONFIG} {ERR_USAGE} */
export function readSettingOf(key: string, raw: unknown): { key: SettingKey; value: Config[SettingKey] } {
  if (!isSettingKey(key))
    throw new HartonomousError('ERR_USAGE', { message: `there is no setting ${key}; hart config show lists them` })
  const read = readSetting(key, raw)
  if ('problem' in read) throw new HartonomousError('ERR_CONFIG', { key, reason: read.problem })
  return { key, value: read.value }
}

export { type ChangeableKey, changeableSettings, isChangeable } from './changeable.ts'
export { policyOf } from './policy.ts'
export { consoleStorageOf, storageOf, storagePassword } from './storage.ts'
