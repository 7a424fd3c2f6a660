/**
 * Heartbeats: our lease goes out by gossip and in answer to whoever asks; the leases of others come in both ways. Asking
 * connected peers works without gossip, so a swarm with the DHT alone sees the same table.
 */
import {
  decodeSignedLease,
  encodeLease,
  encodeSignedLease,
  heartbeatProtocol,
  heartbeatTopic,
  leaseSigningBytes,
} from '#protocol/heartbeat/index.ts'
import type { Lease } from '#protocol/heartbeat/message.ts'
import type { PeerId } from '#protocol/ids.ts'
import { controlRequestTimeoutMs, leaseTtlMs } from '#protocol/limits.ts'
import { second } from '#protocol/units.ts'
import type { Log } from '../log/index.ts'
import type { Network } from '../network/types.ts'
import type { LeaseTable } from './leases.ts'
import { serveRequests } from './serve.ts'

const intervalMs = leaseTtlMs / 3
/** A change (a model came, a pause) is told after this, not at the next beat; collects bursts. */
const changeDelayMs = second
/** Beats are at least this far apart: a peer that is asked answers 20 times per minute (its quota). */
const beatGapMinMs = 3 * second
/** Peers asked per round: with gossip off a node still asks at most this many each `intervalMs`. */
const askedPerRoundMax = 32

export interface HeartbeatDependencies {
  network: Network
  leases: LeaseTable
  /** The lease without what the service adds: identity, order and times. */
  describe: () => Omit<Lease, 'peerId' | 'epoch' | 'sequence' | 'issuedAtMs' | 'expiresAtMs'>
  isGossipOn: boolean
  now: () => number
  log: Log
}

export class Heartbeat {
  readonly #deps: HeartbeatDependencies
  readonly #epoch: number
  readonly #stopped = new AbortController()
  #sequence = 0
  #beatAtMs = 0
  #changeTimer: NodeJS.Timeout | undefined
  #beatTimer: NodeJS.Timeout | undefined

  constructor(deps: HeartbeatDependencies) {
    this.#deps = deps
    this.#epoch = deps.now()
  }

  async start(): Promise<void> {
    const { network, leases, log } = this.#deps
    await serveRequests(network, heartbeatProtocol, (request, { peerId }) => {
      // The asker's own lease comes with the question: both know each other after one exchange.
      this.#accept(request, peerId)
      return this.#ownLease()
    })
    await network.subscribe(heartbeatTopic, { bytesMax: heartbeatProtocol.frameBytesMax }, ({ bytes }) =>
      this.#accept(bytes),
    )
    network.on('peer-connect', ({ peerId }) => void this.ask(peerId))
    network.on('peer-disconnect', ({ peerId }) => leases.remove(peerId))
    log.debug('heartbeat-started', { epoch: this.#epoch })
    this.#beat()
  }

  /** Something in our lease changed: tell it soon. */
  changed(): void {
    const waitMs = Math.max(changeDelayMs, this.#beatAtMs + beatGapMinMs - this.#deps.now())
    this.#changeTimer ??= setTimeout(() => {
      this.#changeTimer = undefined
      this.#beat()
    }, waitMs)
  }

  /** Asks one peer for its lease; false when it does not answer. */
  async ask(peerId: PeerId): Promise<boolean> {
    const { network } = this.#deps
    try {
      const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(controlRequestTimeoutMs)])
      const answer = await network.request(peerId, heartbeatProtocol.id, await this.#ownLease(), {
        frameBytesMax: heartbeatProtocol.frameBytesMax,
        signal,
      })
      return this.#accept(answer, peerId)
    } catch {
      return false
    }
  }

  stop(): void {
    this.#stopped.abort(new Error('heartbeat stopped'))
    clearTimeout(this.#changeTimer)
    clearTimeout(this.#beatTimer)
  }

  #beat(): void {
    clearTimeout(this.#beatTimer)
    if (this.#stopped.signal.aborted) return
    this.#beatAtMs = this.#deps.now()
    this.#beatTimer = setTimeout(() => this.#beat(), intervalMs)
    void this.#tell()
  }

  async #tell(): Promise<void> {
    const { network, isGossipOn, log } = this.#deps
    try {
      if (isGossipOn) await network.publish(heartbeatTopic, await this.#ownLease())
      const peers = await network.peers()
      // With gossip, asking is only for peers whose lease is missing: it did not reach us, or they do not gossip.
      const asked = isGossipOn ? peers.filter(({ peerId }) => this.#deps.leases.get(peerId) === undefined) : peers
      await Promise.all(asked.slice(0, askedPerRoundMax).map(({ peerId }) => this.ask(peerId)))
    } catch (error) {
      log.debug('heartbeat-failed', { error: String(error) })
    }
  }

  #accept(bytes: Uint8Array, sender?: PeerId): boolean {
    try {
      const signed = decodeSignedLease(bytes)
      if (sender !== undefined && signed.lease.peerId !== sender) return false
      if (signed.lease.peerId === this.#deps.network.peerId) return false
      return this.#deps.leases.accept(signed)
    } catch (error) {
      this.#deps.log.debug('lease-refused', { sender, error: String(error) })
      return false
    }
  }

  async #ownLease(): Promise<Uint8Array> {
    const { network, now, describe } = this.#deps
    const issuedAtMs = now()
    const lease: Lease = {
      ...describe(),
      peerId: network.peerId,
      epoch: this.#epoch,
      sequence: this.#sequence++,
      issuedAtMs,
      expiresAtMs: issuedAtMs + leaseTtlMs,
    }
    const bytes = encodeLease(lease)
    return encodeSignedLease({ lease, bytes, signature: await network.sign(leaseSigningBytes(bytes)) })
  }
}
