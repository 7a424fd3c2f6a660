/** Flags that stand for settings, and `--set KEY=VALUE` for all the others: of `hart up` and of the coordinator alike. */
import type { ParseArgsOptionsConfig } from 'node:util'
import { HartonomousError } from '#protocol/errors.ts'
import { isSettingKey, type SettingKey } from './schema.ts'

export interface FlagHelp {
  value?: string
  help: string
}

/** Flag -> setting and help. */
const flags: Record<string, { key: SettingKey; value: string; help: string; multiple?: boolean }> = {
  pledge: { key: 'pledge.disk', value: 'SIZE', help: 'disk offered to the swarm, such as 50GiB' },
  bootstrap: {
    key: 'network.bootstrap',
    value: 'MULTIADDR',
    help: 'peer through which the swarm is found (may be given again)',
    multiple: true,
  },
  peer: {
    key: 'network.staticPeers',
    value: 'MULTIADDR',
    help: 'peer to keep connected (may be given again)',
    multiple: true,
  },
  listen: {
    key: 'network.listen',
    value: 'MULTIADDR',
    help: 'where the swarm reaches us (may be given again)',
    multiple: true,
  },
  'data-host': { key: 'data.host', value: 'HOST', help: 'address of the data plane' },
  'data-port': { key: 'data.port', value: 'PORT', help: 'port of the data plane' },
  'api-host': { key: 'api.host', value: 'HOST', help: 'address of the API' },
  'api-port': { key: 'api.port', value: 'PORT', help: 'port of the API; 0 takes any' },
  'upload-rate': { key: 'data.uploadRate', value: 'RATE', help: 'upload cap per second, such as 5MiB' },
  'download-rate': { key: 'data.downloadRate', value: 'RATE', help: 'download cap per second' },
  swarm: { key: 'network.swarm', value: 'NAME', help: 'private swarm of that name' },
  region: { key: 'region', value: 'CC', help: 'country shown on the map' },
}

export const nodeFlags: ParseArgsOptionsConfig = {
  ...Object.fromEntries(
    Object.entries(flags).map(([name, { multiple }]) => [name, { type: 'string', ...(multiple ? { multiple } : {}) }]),
  ),
  public: { type: 'boolean' },
  'dht-only': { type: 'boolean' },
  'no-mdns': { type: 'boolean' },
  'no-gossip': { type: 'boolean' },
  'no-inference': { type: 'boolean' },
  set: { type: 'string', multiple: true },
} as ParseArgsOptionsConfig

export const nodeFlagHelp: Record<string, FlagHelp> = {
  ...Object.fromEntries(Object.entries(flags).map(([name, { value, help }]) => [name, { value, help }])),
  public: { help: 'listen on all addresses and use relay, AutoNAT, UPnP and WebRTC (default: this machine only)' },
  'dht-only': { help: 'find everything through the DHT: no gossip, no mDNS, no static peers' },
  'no-mdns': { help: 'do not look for peers in the local network' },
  'no-gossip': { help: 'ask peers for their state instead of hearing it' },
  'no-inference': { help: 'hold and serve chunks only' },
  set: { value: 'KEY=VALUE', help: 'any setting of hart config show (may be given again)' },
}

/** What the parsed flags say. @throws {ERR_USAGE} */
export function settingsOfFlags(values: Readonly<Record<string, unknown>>): Partial<Record<SettingKey, unknown>> {
  const given: Partial<Record<SettingKey, unknown>> = {}
  if (values['public'] === true) {
    given['network.listen'] = ['/ip4/0.0.0.0/tcp/7412', '/ip6/::/tcp/7412']
    given['network.natTraversal'] = true
    given['network.webrtc'] = true
    given['data.host'] = '0.0.0.0'
  }
  if (values['dht-only'] === true) {
    given['network.mdns'] = false
    given['network.gossip'] = false
    given['network.staticPeers'] = []
  }
  if (values['no-mdns'] === true) given['network.mdns'] = false
  if (values['no-gossip'] === true) given['network.gossip'] = false
  if (values['no-inference'] === true) given['inference.enabled'] = false
  for (const [name, { key }] of Object.entries(flags)) if (values[name] !== undefined) given[key] = values[name]
  for (const pair of (values['set'] ?? []) as string[]) {
    const at = pair.indexOf('=')
    const key = pair.slice(0, at)
    if (at < 1 || !isSettingKey(key)) {
      const message = `--set ${pair}: write KEY=VALUE with a key of hart config show`
      throw new HartonomousError('ERR_USAGE', { message })
    }
    given[key] = pair.slice(at + 1)
  }
  return given
}
