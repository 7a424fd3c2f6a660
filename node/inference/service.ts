/**
 * The queue before an engine: a bounded number of requests run, a bounded number waits in order of arrival (the owner's
 * before those of peers), the rest is refused with an honest time to come back.
 */

import { PeerQuota } from '#protocol/codec/quota.ts'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import type { ModelId, PeerId } from '#protocol/ids.ts'
import { type InferPrompt, inferProtocol, type SamplingOptions } from '#protocol/infer/index.ts'
import { inferenceQueueForPeersMax, inferenceQueueMax, inferenceQueuePerPeerMax } from '#protocol/limits.ts'
import { minute, second } from '#protocol/units.ts'
import { noTracer, type Tracer } from '../telemetry/index.ts'
import { EventQueue } from './event-queue.ts'
import { type GenAiOperation, operationOf } from './gen-ai.ts'
import type { EngineModel, EngineStatus, InferEvent, InferenceEngine } from './types.ts'

/** Before the first request has ended nobody knows; a short answer of a small model takes about this long. */
const firstGuessMs = 3 * second
/** Weight of the newest duration in the running mean: the last five requests make two thirds of it. */
const durationWeight = 0.2
const retryAfterMsMin = 250
const retryAfterMsMax = 5 * minute

export interface InferRequest {
  model: EngineModel
  prompt: InferPrompt
  sampling: SamplingOptions
}

export interface EmbedRequest {
  model: EngineModel
  inputs: string[]
}

export interface InferCallOptions {
  signal: AbortSignal
  /** Who asks; undefined for programs of this machine, which have no quota of their own. */
  peer?: PeerId
  /** The engine waits for the reader of the events. */
  isPaced?: boolean
  /** Of the span that asks. */
  traceparent?: string | undefined
}

/** One request that has run. */
export interface InferenceObservation {
  operation: GenAiOperation
  isForPeer: boolean
  /** `stop`, `length`, `cancelled`, or the code of the error. */
  outcome: string
  completionTokens: number
  /** From its arrival: with the time in the queue. */
  firstOutputMs?: number
  durationMs: number
}

export interface InferenceServiceOptions {
  /** Default: the engine's own. */
  slots?: number
  queueMax?: number
  /** Waiting requests of all peers together. */
  queueForPeersMax?: number
  queuePerPeerMax?: number
  clock?: () => number
  tracer?: Tracer
  observe?: (observation: InferenceObservation) => void
}

export interface InferenceServiceStatus {
  engine: EngineStatus
  slots: number
  running: number
  queued: number
  isPaused: boolean
  isDraining: boolean
  /** Since start. `refused` counts requests that found the queue full. */
  counters: { requests: number; completed: number; cancelled: number; failed: number; refused: number }
  promptTokens: number
  completionTokens: number
  /** Running mean of the time that a request takes once it runs. */
  requestMsMean: number
}

interface Ticket {
  peer: PeerId | undefined
  events: EventQueue<InferEvent>
  run: () => void
}

export class InferenceService {
  readonly #engine: InferenceEngine
  readonly #slots: number
  readonly #queueMax: number
  readonly #queueForPeersMax: number
  readonly #queuePerPeerMax: number
  readonly #clock: () => number
  readonly #tracer: Tracer
  readonly #observe: ((observation: InferenceObservation) => void) | undefined
  readonly #peerRate: PeerQuota
  readonly #waiting: Ticket[] = []
  /** Requests of each peer, waiting or running. At most `slots + queueMax` entries. */
  readonly #perPeer = new Map<PeerId, number>()
  readonly #counters = { requests: 0, completed: 0, cancelled: 0, failed: 0, refused: 0 }
  #running = 0
  #promptTokens = 0
  #completionTokens = 0
  #requestMsMean: number | undefined
  #isPaused = false
  #isDraining = false
  #idleListeners: (() => void)[] = []

  constructor(engine: InferenceEngine, options: InferenceServiceOptions = {}) {
    this.#engine = engine
    this.#slots = options.slots ?? engine.status().slots
    this.#queueMax = options.queueMax ?? inferenceQueueMax
    this.#queueForPeersMax = options.queueForPeersMax ?? inferenceQueueForPeersMax
    this.#queuePerPeerMax = options.queuePerPeerMax ?? inferenceQueuePerPeerMax
    this.#clock = options.clock ?? (() => performance.now())
    this.#tracer = options.tracer ?? noTracer
    this.#observe = options.observe
    this.#peerRate = new PeerQuota(inferProtocol.quota, { now: this.#clock })
  }

  /**
   * Takes its place at the call, not with the first event. After the signal the last event is an `end` with the reason
   * `cancelled`; breaking out of the loop cancels too.
   * @throws {ERR_QUEUE_FULL} {ERR_REFUSED_BY_POLICY} {ERR_ENGINE_UNAVAILABLE} from the call itself, so that a caller can
   * still answer with a status code.
   */
  infer(request: InferRequest | EmbedRequest, options: InferCallOptions): AsyncIterable<InferEvent> {
    const { peer, isPaced = false, traceparent } = options
    this.#admit(peer)
    this.#counters.requests++
    const left = new AbortController()
    const signal = AbortSignal.any([options.signal, left.signal])
    const events = new EventQueue<InferEvent>()
    const arrivedMs = this.#clock()
    const cameMs = Date.now()
    const run = () => {
      if (this.#tracer.isOn) this.#tracer.record('queue', { parent: traceparent, startMs: cameMs, endMs: Date.now() })
      void this.#run(request, ticket, { signal, isPaced, traceparent }, arrivedMs)
    }
    const ticket: Ticket = { peer, events, run }
    if (peer !== undefined) this.#perPeer.set(peer, (this.#perPeer.get(peer) ?? 0) + 1)
    signal.addEventListener('abort', () => this.#leave(ticket), { once: true })
    if (signal.aborted) this.#cancelled(ticket)
    else if (this.#running < this.#slots) this.#start(ticket)
    else this.#enqueue(ticket)
    return readAll(events, () => left.abort())
  }

  /** Milliseconds until a request that comes now would begin to run. */
  expectedWaitMs(): number {
    if (this.#running < this.#slots) return 0
    const rounds = (this.#waiting.length + 1) / this.#slots
    return Math.round((this.#requestMsMean ?? firstGuessMs) * rounds)
  }

  /** Paused: requests of peers are refused, those of this machine run on. */
  setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused
  }

  /** After a drain: takes requests again. */
  resume(): void {
    this.#isDraining = false
  }

  /** Takes nothing new; resolves when all that wait or run have ended. */
  async drain(): Promise<void> {
    this.#isDraining = true
    if (this.#running + this.#waiting.length === 0) return
    await new Promise<void>((resolve) => this.#idleListeners.push(resolve))
  }

  async unload(modelId: ModelId): Promise<void> {
    await this.#engine.unload(modelId)
  }

  status(): InferenceServiceStatus {
    return {
      engine: this.#engine.status(),
      slots: this.#slots,
      running: this.#running,
      queued: this.#waiting.length,
      isPaused: this.#isPaused,
      isDraining: this.#isDraining,
      counters: { ...this.#counters },
      promptTokens: this.#promptTokens,
      completionTokens: this.#completionTokens,
      requestMsMean: Math.round(this.#requestMsMean ?? 0),
    }
  }

  #admit(peer: PeerId | undefined): void {
    if (this.#isDraining) throw new HartonomousError('ERR_ENGINE_UNAVAILABLE', { reason: 'the node is shutting down' })
    if (peer !== undefined && this.#isPaused) {
      throw new HartonomousError('ERR_REFUSED_BY_POLICY', { subject: 'inference', reason: 'the node is paused' })
    }
    // Counted also where the queue has room: starting and dropping requests costs us their prompts.
    const rate = peer === undefined ? { isAllowed: true as const } : this.#peerRate.take(peer)
    if (!rate.isAllowed) throw this.#refused(rate.retryAfterMs)
    const isPeerFull = peer !== undefined && (this.#perPeer.get(peer) ?? 0) >= this.#queuePerPeerMax
    const isBusy = this.#running >= this.#slots
    const isFull = isBusy && this.#waiting.length >= this.#queueMax
    const isFullForPeers = isBusy && peer !== undefined && this.#waitingPeers() >= this.#queueForPeersMax
    if (!isPeerFull && !isFull && !isFullForPeers) return
    throw this.#refused(Math.min(retryAfterMsMax, Math.max(retryAfterMsMin, this.expectedWaitMs())))
  }

  #waitingPeers(): number {
    return this.#waiting.filter((ticket) => ticket.peer !== undefined).length
  }

  /** In order of arrival; programs of the owner, whose machine it is, before peers. */
  #enqueue(ticket: Ticket): void {
    const firstPeer = this.#waiting.findIndex((waiting) => waiting.peer !== undefined)
    if (ticket.peer !== undefined || firstPeer < 0) {
      ticket.events.push({ type: 'queued', position: this.#waiting.push(ticket) })
      return
    }
    this.#waiting.splice(firstPeer, 0, ticket)
    for (const [index, { events }] of this.#waiting.entries())
      if (index >= firstPeer) events.push({ type: 'queued', position: index + 1 })
  }

  #refused(retryAfterMs: number): HartonomousError {
    this.#counters.refused++
    return new HartonomousError('ERR_QUEUE_FULL', { retryAfterMs, depth: this.#waiting.length })
  }

  #start(ticket: Ticket): void {
    this.#running++
    ticket.run()
  }

  async #run(
    request: InferRequest | EmbedRequest,
    ticket: Ticket,
    options: { signal: AbortSignal; isPaced: boolean; traceparent: string | undefined },
    arrivedMs: number,
  ): Promise<void> {
    const startedMs = this.#clock()
    const seen = { outcome: 'cancelled', completionTokens: 0 }
    let firstOutputMs: number | undefined
    try {
      const events =
        'inputs' in request
          ? this.#engine.embed(request.model, request.inputs, options)
          : this.#engine.infer(request.model, request.prompt, request.sampling, options)
      for await (const event of events) {
        if (event.type === 'delta' || event.type === 'embedding') firstOutputMs ??= this.#clock() - arrivedMs
        if (event.type === 'end') {
          this.#ended(event, this.#clock() - startedMs)
          seen.outcome = event.reason
          seen.completionTokens = event.completionTokens
        }
        ticket.events.push(event)
        if (options.isPaced) await ticket.events.taken(options.signal)
      }
      ticket.events.end()
    } catch (error) {
      this.#counters.failed++
      seen.outcome = isHartonomousError(error) ? error.code : 'ERR_IO'
      ticket.events.fail(error)
    } finally {
      this.#running--
      this.#observe?.({
        operation: operationOf(request),
        isForPeer: ticket.peer !== undefined,
        ...seen,
        ...(firstOutputMs === undefined ? {} : { firstOutputMs }),
        durationMs: this.#clock() - arrivedMs,
      })
      this.#forget(ticket)
      this.#startNext()
    }
  }

  #ended(event: Extract<InferEvent, { type: 'end' }>, durationMs: number): void {
    this.#promptTokens += event.promptTokens
    this.#completionTokens += event.completionTokens
    if (event.reason === 'cancelled') this.#counters.cancelled++
    else this.#counters.completed++
    const mean = this.#requestMsMean ?? durationMs
    this.#requestMsMean = mean + durationWeight * (durationMs - mean)
  }

  #startNext(): void {
    const next = this.#waiting.shift()
    if (next) this.#start(next)
    this.#tellPositions()
    if (this.#running === 0) for (const listener of this.#idleListeners.splice(0)) listener()
  }

  /** Cancelled while it waits. A running one gets its `end` from the engine. */
  #leave(ticket: Ticket): void {
    const at = this.#waiting.indexOf(ticket)
    if (at < 0) return
    this.#waiting.splice(at, 1)
    this.#cancelled(ticket)
    this.#tellPositions()
  }

  #cancelled(ticket: Ticket): void {
    this.#counters.cancelled++
    this.#forget(ticket)
    ticket.events.end({ type: 'end', reason: 'cancelled', promptTokens: 0, completionTokens: 0, durationMs: 0 })
  }

  #forget({ peer }: Ticket): void {
    if (peer === undefined) return
    const count = (this.#perPeer.get(peer) ?? 1) - 1
    if (count === 0) this.#perPeer.delete(peer)
    else this.#perPeer.set(peer, count)
  }

  #tellPositions(): void {
    for (const [index, ticket] of this.#waiting.entries()) ticket.events.push({ type: 'queued', position: index + 1 })
  }
}

/** A loop over `events`; `onLeave` runs when the reader leaves it, at the end or before. */
async function* readAll<T>(events: EventQueue<T>, onLeave: () => void): AsyncGenerator<T, void, undefined> {
  try {
    yield* events
  } finally {
    onLeave()
  }
}
