/** Names on the wire. Nodes of different swarms use different ones, so that they find and understand only their own. */
import { createHash } from 'node:crypto'
import { HartonomousError } from '#protocol/errors.ts'

export interface WireNames {
  dht: string
  /** DNS-SD service type on the local network; its name part may have 15 characters. */
  mdns: string
  /** `/hartonomous/have/1.0.0` as this swarm says it. */
  protocol(name: string): string
  topic(name: string): string
}

/**
 * The key itself must not appear on the wire: protocol names are told to everybody who connects. This keeps swarms apart;
 * it keeps nobody out who knows the name, because connections themselves are not encrypted with the key.
 * @throws {ERR_CONFIG} unless `swarm` is empty or 32 bytes of hexadecimal digits.
 */
export function wireNames(swarm: string): WireNames {
  if (swarm === '') {
    return {
      dht: '/hartonomous/kad/1.0.0',
      mdns: '_hartonomous._udp.local',
      protocol: (name) => name,
      topic: (name) => name,
    }
  }
  if (!/^[0-9a-f]{64}$/i.test(swarm)) {
    throw new HartonomousError('ERR_CONFIG', { key: 'swarm', reason: 'must be 32 bytes as 64 hexadecimal digits' })
  }
  const id = createHash('sha256').update(`hartonomous/swarm/1 ${swarm.toLowerCase()}`).digest('hex').slice(0, 32)
  return {
    dht: `/hartonomous/${id}/kad/1.0.0`,
    mdns: `_hart-${id.slice(0, 8)}._udp.local`,
    protocol: (name) => name.replace(/^\/hartonomous(?=\/)/, `/hartonomous/${id}`),
    topic: (name) => `${id}/${name}`,
  }
}
