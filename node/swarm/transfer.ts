/**
 * One model on its way here: finds peers that have parts of it, keeps a data connection to the useful ones, and tells
 * the data plane what each of them holds. Which byte comes from whom is the data plane's business.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bitfield } from '#protocol/codec/bitfield.ts'
import { isHartonomousError } from '#protocol/errors.ts'
import type { ModelId, PeerId } from '#protocol/ids.ts'
import { sourcesPerFetchMax } from '#protocol/limits.ts'
import { minute, second } from '#protocol/units.ts'
import type { DataPlane, FetchProgress, Source } from '../chunks/types.ts'
import type { Log } from '../log/index.ts'
import type { Network } from '../network/types.ts'
import { type Standing, whoGivesWay } from '../standing/index.ts'
import type { BannedPeers } from './banned-peers.ts'
import { followHave } from './have.ts'
import type { LeaseTable } from './leases.ts'
import { requestSource } from './offers.ts'
import type { Shard } from './shard.ts'

/** Look for further sources: soon while there are few, since in a young swarm records appear every second. */
const discoverFastMs = second
const discoverSlowMs = 15 * second
/** With fewer sources than this the fast interval holds. */
const enoughSources = 4
const retryMinMs = second
const retryMaxMs = 30 * second
/** A source that brought nothing for this long gives its place to a peer that waits for one: a handshake and a stall. */
const uselessAfterMs = 10 * second
/** It comes back later, if places are free then: after this, and twice as long each time. */
const shunMinMs = 30 * second
const shunMaxMs = 10 * minute
/** Peers that are shunned, oldest out: ~150 bytes each. */
const shunnedMax = 4096
const restartPauseMs = second / 4
/** How often a peer that only a relay reaches is looked at again: a hole may have been punched since. */
const directCheckMs = 2 * second

export interface TransferDependencies {
  network: Network
  dataPlane: DataPlane
  shard: Shard
  leases: LeaseTable
  /** Addresses at which our data listener is reached, for peers that must dial us. */
  dataHosts: () => string[]
  /** Connects the libp2p fallback of a peer to the data plane. */
  openChannel: (peerId: PeerId, signal: AbortSignal) => Promise<void>
  banned: BannedPeers
  /** What it asks is within what the owner pays. */
  isAffordable: (peerId: PeerId) => boolean
  standing: Standing
  /** `sourcesPerFetchMax` unless given. */
  sourcesMax?: number
  now: () => number
  log: Log
}

interface SourceRun {
  stop: AbortController
  /** When it was taken on, or last brought bytes. */
  usefulAtMs: number
  bytes: number
  bytesPerSecond: number
  /** Resolved by `source-end` of the data plane. */
  ended: PromiseWithResolvers<{ reason: string; banned: boolean }>
}

export class Transfer {
  readonly modelId: ModelId
  readonly #deps: TransferDependencies
  readonly #runs = new Map<PeerId, SourceRun>()
  /** Peers that were of no use: dead ones must not take turns in the places that others need. */
  readonly #shunned = new Map<PeerId, { untilMs: number; pauseMs: number }>()
  /** Bytes of each source that its standing knows of. */
  #counted = new Map<PeerId, number>()
  readonly #sourcesMax: number
  readonly #stop = new AbortController()
  readonly #finished = Promise.withResolvers<void>()
  #progress: FetchProgress | undefined
  #pausedBy: string | undefined
  #wanted: Bitfield
  #wake = Promise.withResolvers<void>()
  readonly startedAtMs: number

  constructor(modelId: ModelId, wanted: Bitfield, deps: TransferDependencies) {
    this.modelId = modelId
    this.#deps = deps
    this.#wanted = wanted
    this.#sourcesMax = deps.sourcesMax ?? sourcesPerFetchMax
    this.startedAtMs = deps.now()
    this.#finished.promise.catch(() => undefined)
  }

  get progress(): FetchProgress | undefined {
    return this.#progress
  }

  /** Why the disk takes nothing now; the transfer goes on with `resume`. */
  get pausedBy(): string | undefined {
    return this.#pausedBy
  }

  get wanted(): Bitfield {
    return this.#wanted
  }

  /** Resolves when all wanted chunks are held and recorded; rejects when the transfer is stopped. */
  get finished(): Promise<void> {
    return this.#finished.promise
  }

  async start(): Promise<void> {
    const { dataPlane, shard } = this.#deps
    const subscriptions = [
      dataPlane.on('fetch-progress', (progress) => {
        if (progress.modelId === this.modelId) this.#note(progress)
      }),
      dataPlane.on('source-end', (end) => {
        if (end.modelId === this.modelId) this.#runs.get(end.peerId as PeerId)?.ended.resolve(end)
      }),
      dataPlane.on('fetch-paused', ({ modelId, error }) => {
        if (modelId === this.modelId) this.#pausedBy = error.message
      }),
      dataPlane.on('fetch-complete', ({ modelId }) => {
        if (modelId === this.modelId) shard.settle().then(() => this.#complete())
      }),
    ]
    const onRenewed = (modelId: ModelId) => {
      if (modelId === this.modelId) void this.#restart()
    }
    shard.on('renewed', onRenewed)
    this.#stop.signal.addEventListener('abort', () => {
      for (const unsubscribe of subscriptions) unsubscribe()
      shard.off('renewed', onRenewed)
    })
    await dataPlane.startFetch(this.modelId, this.#wanted.bytes)
    void this.#discover()
  }

  async widen(wanted: Bitfield): Promise<void> {
    this.#wanted = this.#wanted.or(wanted)
    await this.#deps.dataPlane.startFetch(this.modelId, this.#wanted.bytes)
  }

  /** After a pause: looks whether the disk takes bytes again; if not, it is paused again, with the reason. */
  async resume(): Promise<void> {
    this.#pausedBy = undefined
    await this.#deps.dataPlane.resumeFetch(this.modelId)
  }

  /** A peer that may have parts of the model: it announced itself, or asked us for ours. */
  suggest(peerId: PeerId): void {
    const { network, now } = this.#deps
    if (peerId === network.peerId || this.#deps.banned.has(peerId) || this.#runs.has(peerId)) return
    if (!this.#deps.isAffordable(peerId)) return
    if (this.#stop.signal.aborted || (this.#shunned.get(peerId)?.untilMs ?? 0) > now()) return
    if (this.#runs.size >= this.#sourcesMax && !this.#makeRoom(peerId)) return
    const run: SourceRun = {
      stop: new AbortController(),
      usefulAtMs: now(),
      bytes: 0,
      bytesPerSecond: 0,
      ended: Promise.withResolvers(),
    }
    this.#runs.set(peerId, run)
    void this.#keepSource(peerId, run).finally(() => {
      if (this.#runs.get(peerId) === run) this.#runs.delete(peerId)
    })
  }

  async stop(reason: string): Promise<void> {
    if (this.#stop.signal.aborted) return
    this.#stop.abort(new Error(reason))
    this.#wake.resolve()
    for (const run of this.#runs.values()) run.stop.abort(new Error(reason))
    this.#finished.reject(new Error(reason))
    await this.#deps.dataPlane.stopFetch(this.modelId).catch(() => undefined)
  }

  /** The data plane has ended or lost the fetch while chunks are still wanted: it is begun again, by all sources. */
  async #restart(): Promise<void> {
    for (const run of this.#runs.values()) run.ended.resolve({ reason: 'the fetch begins again', banned: false })
    // Should the store be unable to record chunks, this must not become a busy loop.
    await sleep(restartPauseMs, undefined, { signal: this.#stop.signal }).catch(() => undefined)
    if (this.#stop.signal.aborted) return
    await this.#deps.dataPlane.startFetch(this.modelId, this.#wanted.bytes).catch((error: unknown) => {
      void this.stop(error instanceof Error ? error.message : String(error))
    })
  }

  #note(progress: FetchProgress): void {
    this.#progress = progress
    const nowMs = this.#deps.now()
    this.#count(progress)
    for (const { peerId, bytes, bytesPerSecond } of progress.sources) {
      const run = this.#runs.get(peerId as PeerId)
      if (run === undefined) continue
      run.bytesPerSecond = bytesPerSecond
      if (bytes <= run.bytes) continue
      run.bytes = bytes
      run.usefulAtMs = nowMs
      this.#shunned.delete(peerId as PeerId)
    }
  }

  /** Ends the source that gives way to this peer; false when all are better used as they are. */
  #makeRoom(candidate: PeerId): boolean {
    const { now, standing } = this.#deps
    const nowMs = now()
    const places = [...this.#runs].map(([peerId, run]) => ({
      holder: { peerId, run },
      score: standing.scoreOf(peerId),
      bytesPerSecond: run.bytesPerSecond,
      uselessMs: Math.max(0, nowMs - run.usefulAtMs - uselessAfterMs),
    }))
    const place = whoGivesWay(standing.scoreOf(candidate), places)
    if (place === undefined) return false
    const { peerId, run } = place.holder
    this.#runs.delete(peerId)
    if (place.uselessMs > 0) this.#shun(peerId)
    const reason = place.uselessMs > 0 ? 'it was of no use' : 'of its standing there were too many'
    run.stop.abort(new Error(`${reason}, and others wait`))
    return true
  }

  /** Tells the standing of each peer what was verified of it since the last report. */
  #count({ sources }: FetchProgress): void {
    const counted = new Map<PeerId, number>()
    for (const { peerId, transport, bytes } of sources) {
      if (transport === 'http') continue
      const before = this.#counted.get(peerId as PeerId) ?? 0
      // Less than before: the data plane counts anew, because the fetch began again.
      const gainedBytes = bytes < before ? bytes : bytes - before
      if (gainedBytes > 0) this.#deps.standing.addBytes(peerId as PeerId, gainedBytes)
      counted.set(peerId as PeerId, bytes)
    }
    this.#counted = counted
  }

  #shun(peerId: PeerId): void {
    const pauseMs = Math.min(shunMaxMs, 2 * (this.#shunned.get(peerId)?.pauseMs ?? shunMinMs / 2))
    this.#shunned.delete(peerId)
    this.#shunned.set(peerId, { untilMs: this.#deps.now() + pauseMs, pauseMs })
    if (this.#shunned.size > shunnedMax) this.#shunned.delete(this.#shunned.keys().next().value!)
  }

  #complete(): void {
    const model = this.#deps.shard.get(this.modelId)
    // More was asked for, or something was lost, while the last chunks came.
    if (model !== undefined && !this.#wanted.andNot(model.held).isEmpty()) {
      void this.#restart()
      return
    }
    this.#finished.resolve()
    this.#stop.abort(new Error('complete'))
    this.#wake.resolve()
    for (const run of this.#runs.values()) run.stop.abort(new Error('complete'))
  }

  async #discover(): Promise<void> {
    const { network, leases, standing, log } = this.#deps
    const signal = this.#stop.signal
    while (!signal.aborted) {
      for (const { lease } of standing.order(leases.holders(this.modelId), ({ lease }) => lease.peerId))
        this.suggest(lease.peerId)
      try {
        for await (const { peerId } of network.findProviders(this.modelId, { signal })) this.suggest(peerId)
      } catch (error) {
        if (!signal.aborted) log.debug('provider-lookup-failed', { modelId: this.modelId, error: String(error) })
      }
      const useful = [...this.#runs.values()].filter((run) => run.bytes > 0).length
      const isEnough = this.#runs.size >= this.#sourcesMax ? useful > 0 : this.#runs.size >= enoughSources
      const intervalMs = isEnough ? discoverSlowMs : discoverFastMs
      await Promise.race([sleep(intervalMs, undefined, { signal }).catch(() => undefined), this.#wake.promise])
    }
  }

  /** Keeps one peer as a source, again and again with a growing pause, until it is banned or the transfer ends. */
  async #keepSource(peerId: PeerId, run: SourceRun): Promise<void> {
    const { banned, standing, now, log } = this.#deps
    const signal = AbortSignal.any([run.stop.signal, this.#stop.signal])
    // Banned meanwhile: it lied in another fetch.
    for (
      let pauseMs = retryMinMs;
      !signal.aborted && !banned.has(peerId);
      pauseMs = Math.min(retryMaxMs, pauseMs * 2)
    ) {
      const beganAtMs = now()
      try {
        const end = await this.#useSource(peerId, run, signal)
        if (end?.banned) return
        log.debug('source-ended', { modelId: this.modelId, peerId, reason: end?.reason })
      } catch (error) {
        if (signal.aborted) return
        log.debug('source-failed', { modelId: this.modelId, peerId, error: String(error) })
        if (isHartonomousError(error, 'ERR_PEER_BUSY')) pauseMs = Math.max(pauseMs, error.fields.retryAfterMs)
        if (isHartonomousError(error, 'ERR_PEER_PROTOCOL') || isHartonomousError(error, 'ERR_DECODE')) {
          // A stream that breaks off may be a node that stops; bytes that cannot be decoded were sent as they are.
          if (error.code === 'ERR_DECODE') void standing.blame(peerId, 'brokenProtocol')
          this.#shun(peerId)
          return
        }
      }
      // One that failed and never brought a byte gives way at once.
      if (run.bytes === 0) run.usefulAtMs = Number.NEGATIVE_INFINITY
      // A source that worked for a while earns a fresh start.
      if (now() - beganAtMs > retryMaxMs) pauseMs = retryMinMs
      run.ended = Promise.withResolvers()
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined)
    }
  }

  async #useSource(
    peerId: PeerId,
    run: SourceRun,
    signal: AbortSignal,
  ): Promise<{ reason: string; banned: boolean } | undefined> {
    const { network, dataPlane, shard } = this.#deps
    const chunkCount = shard.get(this.modelId)?.places.length ?? 0
    const using = new AbortController()
    const whole = AbortSignal.any([signal, using.signal])
    let isAdded = false
    const follow = async () => {
      for await (const have of followHave(network, peerId, this.modelId, chunkCount, whole)) {
        if (isAdded) await dataPlane.updateSource(this.modelId, peerId, have.bytes)
        // A peer without anything that we lack is followed, but not connected yet: it may gain some.
        else if (!have.and(this.#wanted).andNot(shard.get(this.modelId)!.held).isEmpty()) {
          const isRelayed = await this.#connect(peerId, have, whole)
          isAdded = true
          if (isRelayed) void this.#endWhenDirect(peerId, run, whole)
        }
      }
      return { reason: 'it has nothing of this model any more', banned: false }
    }
    try {
      return await Promise.race([follow(), run.ended.promise])
    } finally {
      using.abort(new Error('source ended'))
      if (isAdded) await dataPlane.removeSource(this.modelId, peerId).catch(() => undefined)
    }
  }

  /**
   * Dials the peer; where that fails has it dial us; at last the libp2p stream that any connected peer has. True when a relay
   * carries that stream.
   */
  async #connect(peerId: PeerId, have: Bitfield, signal: AbortSignal): Promise<boolean> {
    const { network, dataPlane, leases, dataHosts, openChannel } = this.#deps
    // A peer that says that it cannot be reached would only cost us the dial timeout.
    const isReachable = leases.get(peerId)?.signed.lease.isDataReachable ?? true
    for (const direction of isReachable ? (['listen', 'dial'] as const) : (['dial', 'listen'] as const)) {
      try {
        const ways = await requestSource(network, dataPlane, peerId, direction, { hosts: dataHosts, signal })
        if (await this.#addFirst(ways, have)) return false
      } catch (error) {
        if (!isUnreachable(error)) throw error
      }
    }
    await openChannel(peerId, signal)
    await dataPlane.addSource(this.modelId, { transport: 'libp2p', peerId }, have.bytes)
    return !(await this.#isDirect(peerId))
  }

  async #isDirect(peerId: PeerId): Promise<boolean> {
    const peer = (await this.#deps.network.peers()).find((candidate) => candidate.peerId === peerId)
    return peer?.addresses.some((address) => !address.includes('/p2p-circuit') || address.includes('/webrtc')) ?? false
  }

  /** A relay is for the meantime: with a direct connection the source begins again, and finds its fastest way anew. */
  async #endWhenDirect(peerId: PeerId, run: SourceRun, signal: AbortSignal): Promise<void> {
    const { ended } = run
    try {
      do await sleep(directCheckMs, undefined, { signal })
      while (!(await this.#isDirect(peerId)))
      ended.resolve({ reason: 'a direct connection takes the place of the relay', banned: false })
    } catch {
      // The source has ended, or the network has.
    }
  }

  /** True when one of the ways worked. */
  async #addFirst(ways: readonly Source[], have: Bitfield): Promise<boolean> {
    for (const way of ways) {
      try {
        await this.#deps.dataPlane.addSource(this.modelId, way, have.bytes)
        return true
      } catch (error) {
        if (!isUnreachable(error)) throw error
      }
    }
    return false
  }
}

function isUnreachable(error: unknown): boolean {
  return isHartonomousError(error, 'ERR_PEER_UNREACHABLE') || isHartonomousError(error, 'ERR_TIMEOUT')
}
