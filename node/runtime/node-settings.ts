/** The settings of a running node that its owner may change: kept in its file, then applied where they can be. */
import type { SettingsChangeView, SettingsRequest, SettingsView, SettingView } from '#protocol/api/settings.ts'
import { HartonomousError } from '#protocol/errors.ts'
import {
  type ChangeableKey,
  type Config,
  changeableSettings,
  isChangeable,
  type Origin,
  readConfigFile,
  readSettingOf,
  type SettingKey,
  settings,
  writeConfigKeys,
} from '../config/index.ts'

/** Where the settings of a node came from. */
export interface SettingsSource {
  file: string
  origins: Readonly<Record<SettingKey, Origin>>
}

export interface NodeSettingsOptions {
  /** What the parts of the node read: changed in place. */
  config: Config
  /** Absent: changes hold until the node stops. */
  source?: SettingsSource | undefined
  /** The values in `config` are new: what does not read them each time is told. */
  apply: (keys: ReadonlySet<SettingKey>) => Promise<void>
}

export class NodeSettings {
  readonly #options: NodeSettingsOptions
  readonly #origins: Record<SettingKey, Origin>
  /** One at a time: each reads the file and writes it whole. */
  #changing: Promise<unknown> = Promise.resolve()

  constructor(options: NodeSettingsOptions) {
    this.#options = options
    const unknown = Object.fromEntries(Object.keys(settings).map((key) => [key, 'default'])) as Record<
      SettingKey,
      Origin
    >
    this.#origins = { ...unknown, ...options.source?.origins }
  }

  async view(): Promise<SettingsView> {
    const file = this.#options.source?.file
    const kept = file === undefined ? {} : await readConfigFile(file)
    const keys = Object.keys(changeableSettings) as ChangeableKey[]
    return {
      ...(file === undefined ? {} : { file }),
      settings: keys.map((key) => this.#viewOf(key, kept[key])),
    }
  }

  /** All or none. @throws {ERR_CONFIG} naming the setting {ERR_USAGE} {ERR_IO} */
  change(request: SettingsRequest): Promise<SettingsChangeView> {
    const changing = this.#changing.catch(() => undefined).then(() => this.#change(request))
    this.#changing = changing
    return changing
  }

  async #change(request: SettingsRequest): Promise<SettingsChangeView> {
    const { config, source, apply } = this.#options
    const read = Object.entries(request.settings).map(([key, raw]) => {
      const isDefault = raw === null
      const { key: known, value } = readSettingOf(key, isDefault ? defaultOf(key) : raw)
      if (!isChangeable(known)) {
        const reason = 'it cannot be changed while the node runs; hart config set writes it for the next start'
        throw new HartonomousError('ERR_CONFIG', { key, reason })
      }
      return { key: known, value, isDefault }
    })
    if (source !== undefined) {
      const kept = read.map(({ key, value, isDefault }) => [key, isDefault ? undefined : value])
      await writeConfigKeys(source.file, Object.fromEntries(kept))
    }
    const now = read.filter(({ key }) => changeableSettings[key] === 'now')
    for (const { key, value, isDefault } of now) {
      Object.assign(config, { [key]: value })
      this.#origins[key] = isDefault ? 'default' : 'file'
    }
    const applied = now.map(({ key }) => key)
    if (applied.length > 0) await apply(new Set(applied))
    const waiting = read.map(({ key }) => key).filter((key) => changeableSettings[key] === 'restart')
    return { ...(await this.view()), applied, waiting }
  }

  #viewOf(key: ChangeableKey, kept: unknown): SettingView {
    const { kind, help, default: usual } = settings[key]
    const value = this.#options.config[key]
    const first = this.#options.source?.origins[key]
    const overriddenBy = first === 'flag' || first === 'environment' ? first : undefined
    const next = kept === undefined ? usual : readSettingOf(key, kept).value
    const isPending = this.#options.source !== undefined && overriddenBy === undefined && !isSame(next, value)
    return {
      key,
      kind,
      help,
      value: listOrPlain(value),
      default: listOrPlain(usual),
      origin: this.#origins[key],
      takesEffect: changeableSettings[key],
      ...(isPending ? { nextValue: listOrPlain(next) } : {}),
      ...(overriddenBy === undefined ? {} : { overriddenBy }),
    }
  }
}

function defaultOf(key: string): unknown {
  return Object.hasOwn(settings, key) ? settings[key as SettingKey].default : undefined
}

function listOrPlain(value: Config[SettingKey]): SettingView['value'] {
  return Array.isArray(value) ? [...value] : value
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
