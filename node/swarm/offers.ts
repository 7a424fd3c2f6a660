/** Data offers: peers that know each other through libp2p agree on a TLS data connection, whichever of them can dial. */

import { BlockList } from 'node:net'
import { networkInterfaces } from 'node:os'
import {
  dataOfferProtocol,
  decodeDataOfferRequest,
  decodeDataOfferResponse,
  encodeDataOfferRequest,
  encodeDataOfferResponse,
} from '#protocol/data-offer/index.ts'
import type { DataEndpoint, DataOfferResponse } from '#protocol/data-offer/message.ts'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import type { PeerId } from '#protocol/ids.ts'
import { controlRequestTimeoutMs, offerHostsMax } from '#protocol/limits.ts'
import { second } from '#protocol/units.ts'
import type { DataPlane, Source, TlsSourceAddress } from '../chunks/types.ts'
import type { Network } from '../network/types.ts'
import { serveRequests } from './serve.ts'

/** How long a refused peer should wait before it asks again. */
const busyRetryMs = 5 * second
/** Dials on behalf of peers that run at the same time; each takes 10 s at worst. */
const dialsForPeersMax = 64

export interface OfferOptions {
  /** Addresses at which others reach our data listener; empty lets them use the address by which they see us. */
  hosts: () => string[]
  /** Nothing new is served while paused or draining. */
  isServing: () => boolean
  onRefused?: (reason: 'policy' | 'busy' | 'unreachable') => void
}

export function serveOffers(network: Network, dataPlane: DataPlane, options: OfferOptions): Promise<void> {
  const dials = { running: 0 }
  return serveRequests(network, dataOfferProtocol, async (request, { peerId }) => {
    const response = await respond(peerId, request, { network, dataPlane, options, dials })
    if (response.type === 'refused' && response.reason !== 'no-data-plane') options.onRefused?.(response.reason)
    return encodeDataOfferResponse(response)
  })
}

interface Responder {
  network: Network
  dataPlane: DataPlane
  options: OfferOptions
  dials: { running: number }
}

async function respond(
  peerId: PeerId,
  bytes: Uint8Array,
  { network, dataPlane, options, dials }: Responder,
): Promise<DataOfferResponse> {
  const request = decodeDataOfferRequest(bytes)
  if (!options.isServing()) return { type: 'refused', reason: 'policy', retryAfterMs: busyRetryMs }
  try {
    if (request.direction === 'listen') {
      return {
        type: 'offer',
        endpoint: await ownEndpoint(peerId, hex(request.certificateSha256), dataPlane, options.hosts()),
      }
    }
    if (request.endpoint === undefined) return { type: 'refused', reason: 'unreachable', retryAfterMs: busyRetryMs }
    if (dials.running >= dialsForPeersMax) return { type: 'refused', reason: 'busy', retryAfterMs: busyRetryMs }
    const targets = await dialTargets(network, peerId, request.endpoint)
    // The asker waits for the connection, not for this answer: it may come before or after.
    dials.running++
    void dialFirst(dataPlane, targets).finally(() => dials.running--)
    return { type: 'dialling', certificateSha256: Buffer.from(dataPlane.endpoint.certificateSha256, 'hex') }
  } catch (error) {
    if (isHartonomousError(error, 'ERR_PEER_BUSY'))
      return { type: 'refused', reason: 'busy', retryAfterMs: error.fields.retryAfterMs }
    return { type: 'refused', reason: 'unreachable', retryAfterMs: busyRetryMs }
  }
}

/**
 * Asks `peerId` for a data connection over which we fetch; returns the ways to open it, to be tried in order. `direction`: `listen` dials the peer, `dial` has it dial us.
 * @throws {ERR_PEER_UNREACHABLE} {ERR_PEER_BUSY} {ERR_DECODE} {ERR_TIMEOUT}
 */
export async function requestSource(
  network: Network,
  dataPlane: DataPlane,
  peerId: PeerId,
  direction: 'listen' | 'dial',
  options: { hosts: () => string[]; signal: AbortSignal },
): Promise<Source[]> {
  const own = dataPlane.endpoint.certificateSha256
  const base = { direction, certificateSha256: Buffer.from(own, 'hex') }
  const endpoint = direction === 'dial' ? await ownEndpoint(peerId, undefined, dataPlane, options.hosts()) : undefined
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(controlRequestTimeoutMs)])
  const frame = encodeDataOfferRequest(endpoint === undefined ? base : { ...base, endpoint })
  const response = decodeDataOfferResponse(
    await network.request(peerId, dataOfferProtocol.id, frame, {
      frameBytesMax: dataOfferProtocol.frameBytesMax,
      signal,
    }),
  )
  if (response.type === 'refused') {
    if (response.reason === 'unreachable' || response.reason === 'no-data-plane') {
      throw new HartonomousError('ERR_PEER_UNREACHABLE', { peer: peerId, reason: response.reason })
    }
    throw new HartonomousError('ERR_PEER_BUSY', { peer: peerId, retryAfterMs: response.retryAfterMs })
  }
  if (response.type === 'offer') return dialTargets(network, peerId, response.endpoint)
  if (endpoint === undefined)
    throw new HartonomousError('ERR_PEER_PROTOCOL', {
      peer: peerId,
      reason: 'it dials although it was asked to listen',
    })
  return [
    {
      transport: 'tls-reverse',
      peerId,
      certificateSha256: hex(response.certificateSha256),
      token: endpoint.token,
    },
  ]
}

async function ownEndpoint(
  peerId: PeerId,
  certificateSha256: string | undefined,
  dataPlane: DataPlane,
  hosts: string[],
): Promise<DataEndpoint> {
  const token = await dataPlane.issueToken(peerId, certificateSha256)
  return {
    hosts,
    port: dataPlane.endpoint.port,
    certificateSha256: Buffer.from(dataPlane.endpoint.certificateSha256, 'hex'),
    token,
  }
}

/** Where to dial. The token serves one of them. @throws {ERR_PEER_UNREACHABLE} */
async function dialTargets(network: Network, peerId: PeerId, endpoint: DataEndpoint): Promise<TlsSourceAddress[]> {
  const peer = (await network.peers()).find((candidate) => candidate.peerId === peerId)
  const hosts = dialableHosts(endpoint.hosts, peer?.addresses ?? [])
  if (hosts.length === 0) {
    throw new HartonomousError('ERR_PEER_UNREACHABLE', {
      peer: peerId,
      reason: 'no direct connection shows its address',
    })
  }
  const { port, token } = endpoint
  return hosts.map((host) => ({
    transport: 'tls',
    peerId,
    host,
    port,
    certificateSha256: hex(endpoint.certificateSha256),
    token,
  }))
}

/**
 * Only addresses at which the peer itself was met: what it names beyond them could be anybody's, and dialling that would make
 * us its port scanner. A peer that was met on loopback is a program of this machine, for which all addresses of this machine
 * are its own. Where none of the offered ones is such an address, those by which we see it.
 */
export function dialableHosts(offered: readonly string[], connectedTo: readonly string[]): string[] {
  const seen = connectedTo.flatMap((address) => {
    const host = /^\/ip[46]\/([^/]+)\/(?!.*p2p-circuit)/.exec(address)?.[1]
    return host === undefined ? [] : [host]
  })
  const isLocal = seen.some((host) => loopback.check(host, familyOf(host)))
  const own = isLocal
    ? Object.values(networkInterfaces()).flatMap((entries) => entries?.map((e) => e.address) ?? [])
    : []
  const mayDial = (host: string) =>
    seen.includes(host) || own.includes(host) || (isLocal && loopback.check(host, familyOf(host)))
  const allowed = offered.filter(mayDial)
  return [...new Set(allowed.length > 0 ? allowed : seen)].slice(0, offerHostsMax)
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

function familyOf(host: string): 'ipv4' | 'ipv6' {
  return host.includes(':') ? 'ipv6' : 'ipv4'
}

async function dialFirst(dataPlane: DataPlane, targets: readonly TlsSourceAddress[]): Promise<void> {
  for (const target of targets) {
    try {
      return await dataPlane.dialAndServe(target)
    } catch {
      // The next address may do; the asker gives up by itself when none does.
    }
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
