/** From settings to the configurations of the network and data workers. */
import { createHash } from 'node:crypto'
import { networkInterfaces } from 'node:os'
import type { DataPlaneConfig } from '../chunks/types.ts'
import { type Config, dataFiles } from '../config/index.ts'
import type { NetworkConfig } from '../network/types.ts'

const anyAddress = new Set(['0.0.0.0', '::'])

export function dataPlaneConfig(config: Config): DataPlaneConfig {
  return { listenHost: config['data.host'], listenPort: config['data.port'], ...dataCaps(config) }
}

/** A rate of 0 is no cap. */
export function dataCaps(config: Config): Pick<DataPlaneConfig, 'uploadBytesPerSecond' | 'downloadBytesPerSecond'> {
  const upload = config['data.uploadRate']
  const download = config['data.downloadRate']
  return {
    ...(upload > 0 ? { uploadBytesPerSecond: upload } : {}),
    ...(download > 0 ? { downloadBytesPerSecond: download } : {}),
  }
}

export function networkConfig(dataDir: string, config: Config): NetworkConfig {
  return {
    dataDir: dataFiles.network(dataDir),
    listen: config['network.listen'],
    bootstrap: config['network.bootstrap'],
    staticPeers: config['network.staticPeers'],
    // It listens on all interfaces, and others could not dial a loopback address anyway.
    mdns: config['network.mdns'] && !isLoopbackOnly(config),
    gossip: config['network.gossip'],
    natTraversal: config['network.natTraversal'],
    webrtc: config['network.webrtc'] && config['network.natTraversal'],
    stunServers: config['network.stunServers'],
    allowPrivateAddresses: !config['network.natTraversal'],
    // Any name will do: nodes with the same one find each other.
    swarm: config['network.swarm'] === '' ? '' : createHash('sha256').update(config['network.swarm']).digest('hex'),
  }
}

/**
 * Addresses at which peers reach our data listener. For a listener on all addresses: none, so that each peer uses the
 * address by which it sees us, except that peers on this machine's own networks would be told nothing better anyway.
 */
export function dataHosts(config: Config): string[] {
  return anyAddress.has(config['data.host']) ? [] : [config['data.host']]
}

export function isLoopbackOnly(config: Config): boolean {
  return config['network.listen'].every((address) => /^\/ip4\/127\.|^\/ip6\/::1\//.test(address))
}

/** Addresses of this machine, for `doctor`. */
export function ownAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .filter((entry) => !entry.internal)
    .map((entry) => entry.address)
}

/** RFC 1918, 3927, 6598, 4193 and loopback: nobody outside can dial these. */
const privateAddress =
  /^\/ip4\/(?:0|10|127|169\.254|192\.168|172\.(?:1[6-9]|2\d|3[01])|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7]))\.|^\/ip6\/(?:::1|f[cd]|fe80)/i

/**
 * Whether peers can be expected to reach our data listener. Without NAT traversal they are on this machine or network; with
 * it, libp2p lists a public address once AutoNAT has confirmed it.
 */
export function isDataReachable(config: Config, addresses: readonly string[]): boolean {
  if (!config['network.natTraversal']) return true
  return addresses.some((address) => !address.includes('/p2p-circuit') && !privateAddress.test(address))
}
