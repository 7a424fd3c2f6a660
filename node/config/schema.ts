/** Every setting with its type, its default and one line of help. Keys are dotted paths, as in `hart config set`. */
import { openWeekOf } from '#protocol/api/schedule.ts'
import { isHartonomousError } from '#protocol/errors.ts'
import { parseHart } from '#protocol/hart.ts'
import { parseBytes } from '#protocol/units.ts'
import { parseMssqlUrl } from '#sql/store/mssql/url.ts'

type Kind = 'string' | 'integer' | 'boolean' | 'size' | 'rate' | 'list'

export interface Setting<T = unknown> {
  kind: Kind
  default: T
  help: string
  /** Another check after the kind's own; returns what is wrong. */
  check?: (value: never) => string | undefined
}

function setting<T>(kind: Kind, value: T, help: string, check?: (value: T) => string | undefined): Setting<T> {
  const base = { kind, default: value, help }
  return check === undefined ? base : { ...base, check: check as (value: never) => string | undefined }
}

const isPort = (port: number) => (port >= 0 && port <= 65_535 ? undefined : 'a port is 0 to 65535')
/** ISO 3166-1 alpha-2, or nothing: a node's place on the map is only ever what its owner declares. */
const isRegion = (region: string) =>
  region === '' || /^[A-Z]{2}$/.test(region) ? undefined : 'two capital letters such as DE, or empty'

/** Empty is the database of our own; what is wrong never repeats the text, which may hold a password. */
const isStorage = (url: string) => {
  try {
    if (url !== '') parseMssqlUrl(url, 'storage.url')
    return undefined
  } catch (error) {
    if (isHartonomousError(error, 'ERR_CONFIG')) return error.fields.reason
    throw error
  }
}

/** What is wrong never repeats the text, which may hold a key of the provider. */
const isRpcUrl = (url: string) =>
  url === '' || (URL.canParse(url) && /^(https?|wss?):$/.test(new URL(url).protocol))
    ? undefined
    : 'a URL of http, https, ws or wss is needed'

const isHttpUrl = (url: string) =>
  url === '' || (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol))
    ? undefined
    : 'a URL of http or https is needed'

const isAddressOrEmpty = (text: string) =>
  text === '' || /^0x[0-9a-fA-F]{40}$/.test(text) ? undefined : 'an address is 0x and 40 hexadecimal digits'

const isSchedule = (spans: readonly string[]) => {
  try {
    openWeekOf(spans)
    return undefined
  } catch (error) {
    if (isHartonomousError(error, 'ERR_USAGE')) return error.fields.message
    throw error
  }
}

const isAmount = (text: string) => {
  try {
    parseHart(text)
    return undefined
  } catch {
    return 'an amount of HART, such as 0.5'
  }
}

export const settings = {
  'api.host': setting('string', '127.0.0.1', 'address of the control API and the OpenAI gateway'),
  'api.port': setting('integer', 7411, 'port of the control API and the OpenAI gateway; 0 takes any', isPort),
  'network.listen': setting(
    'list',
    ['/ip4/127.0.0.1/tcp/7412'],
    'multiaddrs of the swarm; loopback unless you say otherwise',
  ),
  'network.bootstrap': setting('list', [] as string[], 'multiaddrs (with /p2p/ID) through which the swarm is found'),
  'network.staticPeers': setting('list', [] as string[], 'multiaddrs (with /p2p/ID) that are kept connected'),
  'network.mdns': setting(
    'boolean',
    true,
    'find peers in the local network, where network.listen goes beyond loopback',
  ),
  'network.gossip': setting('boolean', true, 'spread leases by gossip; without it peers are asked'),
  'network.natTraversal': setting('boolean', false, 'relay, AutoNAT and UPnP for nodes behind a router'),
  'network.webrtc': setting('boolean', false, 'direct connections between two nodes behind routers'),
  'network.stunServers': setting(
    'list',
    ['stun:stun.cloudflare.com:3478', 'stun:stun.l.google.com:19302'],
    'who is asked for our public address, where network.webrtc is on',
  ),
  'network.swarm': setting('string', '', 'name of a private swarm; empty is the public one'),
  'data.host': setting('string', '127.0.0.1', 'address of the TLS data plane'),
  'data.port': setting('integer', 0, 'port of the TLS data plane; 0 takes any', isPort),
  'data.uploadRate': setting('rate', 0, 'upload cap in bytes per second, such as 5MiB; 0 is none'),
  'data.downloadRate': setting('rate', 0, 'download cap in bytes per second; 0 is none'),
  schedule: setting(
    'list',
    [] as string[],
    'hours of the week in which it works, in local time, such as mon-fri 22:00-07:00; empty is always',
    isSchedule,
  ),
  'pledge.disk': setting('size', 0, 'disk offered to the swarm, such as 50GiB; 0 offers none'),
  'policy.models.allow': setting('list', [] as string[], 'model ids or names; empty allows all'),
  'policy.models.block': setting('list', [] as string[], 'model ids or names never taken'),
  'policy.publishers.allow': setting('list', [] as string[], 'peer ids of publishers; empty allows all'),
  'policy.publishers.block': setting('list', [] as string[], 'peer ids of publishers never taken'),
  'policy.queries': setting('boolean', true, 'answer queries of peers about the models of this node'),
  'policy.licences.allow': setting('list', [] as string[], 'SPDX ids; empty allows all'),
  'policy.licences.block': setting('list', [] as string[], 'SPDX ids never taken'),
  'inference.enabled': setting('boolean', true, 'answer prompts for local programs and for peers'),
  'inference.forPeers': setting('boolean', true, 'answer prompts of peers too'),
  'inference.slots': setting('integer', 2, 'requests that run at the same time', (n) =>
    n >= 1 && n <= 64 ? undefined : '1 to 64',
  ),
  'inference.threads': setting('integer', 0, 'CPU threads of the engine; 0 chooses'),
  'inference.gpu': setting('string', 'auto', 'auto, or off', (gpu) =>
    gpu === 'auto' || gpu === 'off' ? undefined : 'auto or off',
  ),
  'storage.url': setting(
    'string',
    '',
    'mssql://USER@HOST:1433/DATABASE keeps the shard in SQL Server; empty keeps it in the data folder',
    isStorage,
  ),
  'storage.passwordFile': setting(
    'string',
    '',
    'file (mode 0600) with the password of storage.url; HARTONOMOUS_STORAGE_PASSWORD goes before it',
  ),
  'storage.consoleUrl': setting(
    'string',
    '',
    'the same database under the user of hart sql, which sees the documented views only',
    isStorage,
  ),
  'storage.consolePasswordFile': setting(
    'string',
    '',
    'file (mode 0600) with its password; HARTONOMOUS_STORAGE_CONSOLE_PASSWORD goes before it',
  ),
  'chain.rpc': setting('string', '', 'URL of the chain: http, https, ws or wss; empty works without pay', isRpcUrl),
  'chain.addressBook': setting(
    'string',
    '',
    'file with the addresses of the contracts; empty is chain.json in the data folder',
  ),
  'payment.owner': setting(
    'string',
    '',
    'address whose bond and income those of this node are; empty is its own hot key',
    isAddressOrEmpty,
  ),
  'payment.pricePerGiB': setting('string', '0', 'asked for a GiB of chunks, in HART such as 0.5; 0 is free', isAmount),
  'payment.pricePerKiloToken': setting('string', '0', 'asked for 1,000 tokens, in HART; 0 is free', isAmount),
  'payment.maxPricePerGiB': setting('string', '0', 'most that is paid for a GiB; 0 takes only what is free', isAmount),
  'payment.maxPricePerKiloToken': setting(
    'string',
    '0',
    'most that is paid for 1,000 tokens; 0 takes only what is free',
    isAmount,
  ),
  'payment.claim': setting('boolean', true, 'settle vouchers by this node itself; its hot key pays the gas'),
  'payment.claimMinimum': setting('string', '1', 'HART that a settlement must bring to be worth its gas', isAmount),
  'telemetry.otlp': setting(
    'string',
    '',
    'URL of an OpenTelemetry collector, such as http://127.0.0.1:4318; empty takes OTEL_EXPORTER_OTLP_ENDPOINT, else sends nothing',
    isHttpUrl,
  ),
  region: setting('string', '', 'two-letter country shown on the map; empty shows none', isRegion),
} as const

export type SettingKey = keyof typeof settings
export type Config = { [K in SettingKey]: Widen<(typeof settings)[K]['default']> }
type Widen<T> = T extends string
  ? string
  : T extends number
    ? number
    : T extends boolean
      ? boolean
      : T extends readonly string[]
        ? string[]
        : T

export function isSettingKey(key: string): key is SettingKey {
  return Object.hasOwn(settings, key)
}

/** Text (flag, environment, `config set`) or JSON value -> the setting's type. Returns what is wrong as `problem`. */
export function readSetting(key: SettingKey, raw: unknown): { value: Config[SettingKey] } | { problem: string } {
  const { kind, check } = settings[key] as Setting
  const read = readKind(kind, raw)
  if ('problem' in read) return read
  const problem = check?.(read.value as never)
  return problem === undefined ? (read as { value: Config[SettingKey] }) : { problem }
}

function readKind(kind: Kind, raw: unknown): { value: unknown } | { problem: string } {
  switch (kind) {
    case 'string':
      return typeof raw === 'string' ? { value: raw } : { problem: 'text is needed' }
    case 'boolean':
      if (typeof raw === 'boolean') return { value: raw }
      if (raw === 'true' || raw === 'on' || raw === 'yes') return { value: true }
      if (raw === 'false' || raw === 'off' || raw === 'no') return { value: false }
      return { problem: 'true or false is needed' }
    case 'integer': {
      const value =
        typeof raw === 'number' ? raw : typeof raw === 'string' && /^\d+$/.test(raw) ? Number(raw) : Number.NaN
      return Number.isSafeInteger(value) && value >= 0 ? { value } : { problem: 'a whole number is needed' }
    }
    case 'size':
    case 'rate': {
      if (typeof raw === 'number')
        return Number.isSafeInteger(raw) && raw >= 0 ? { value: raw } : { problem: 'a size is needed' }
      if (typeof raw !== 'string') return { problem: 'a size is needed, such as 50GiB' }
      try {
        return { value: parseBytes(raw.replace(/\/s$/, '')) }
      } catch {
        return { problem: 'a size is needed, such as 50GiB' }
      }
    }
    case 'list': {
      if (Array.isArray(raw))
        return raw.every((item) => typeof item === 'string') ? { value: raw } : { problem: 'a list of texts is needed' }
      if (typeof raw !== 'string') return { problem: 'a list is needed, separated by commas' }
      return {
        value: raw
          .split(',')
          .map((item) => item.trim())
          .filter((item) => item !== ''),
      }
    }
  }
}
