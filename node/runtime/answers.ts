/** Who answers a prompt: the engine of this node where it holds the whole model, else the best peer that does. */

import type { EngineView } from '#protocol/api/control.ts'
import type { RefusalReason } from '#protocol/api/refusals.ts'
import { type ErrorCode, HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import type { ModelId, PeerId } from '#protocol/ids.ts'
import { type EmbedInput, type InferInput, inferProtocol } from '#protocol/infer/index.ts'
import { minute } from '#protocol/units.ts'
import { type Config, policyOf } from '../config/index.ts'
import type {
  GatewayAnswer,
  GatewayBackend,
  GatewayEmbedRequest,
  GatewayModel,
  GatewayObservation,
  GatewayRequest,
} from '../gateway/index.ts'
import {
  createLlamaEngine,
  type EngineModel,
  endAttributes,
  type InferEvent,
  type InferenceEngine,
  InferenceService,
  inferOverPeer,
  type PeerEmbedRequest,
  type PeerInferenceHost,
  type PeerInferRequest,
  requestAttributes,
  serveInferStream,
  spanNameOf,
} from '../inference/index.ts'
import { type FileSource, openFileSource, readModelHeader } from '../ingest/index.ts'
import type { Log } from '../log/index.ts'
import type { BoughtAnswer, WorkOrder } from '../payment/index.ts'
import { policyRefusal } from '../placement/index.ts'
import { serveProtocol } from '../swarm/index.ts'
import type { Span, Tracer } from '../telemetry/index.ts'
import type { Activity } from './activity.ts'
import { GenAiSeries } from './gen-ai-series.ts'
import type { Parts } from './parts.ts'
import { rankAnswerers } from './rank-answerers.ts'
import { ShunnedPeers } from './shunned-peers.ts'

/** Peers tried, one after the other, before the first token; after it a failure is told. */
const peersTriedMax = 3
/** How long a peer is asked last that broke the protocol, and one that failed as honest ones may. */
const shunLiarMs = 10 * minute
const shunFailedMs = minute

export interface BoughtEvents {
  events: AsyncIterable<InferEvent>
  account(): ReturnType<BoughtAnswer['account']>
}

/** A request to any node that holds the model. */
export type PeerRequest = PeerInferRequest | PeerEmbedRequest
type Work = Omit<InferInput, 'modelId'> | Omit<EmbedInput, 'modelId'>

export interface AnswersOptions {
  config: Config
  log: Log
  parts: Parts
  tracer: Tracer
  activity: Activity
}

export class Answers implements GatewayBackend {
  readonly #options: AnswersOptions
  readonly #engine: InferenceEngine | undefined
  readonly #service: InferenceService | undefined
  /** Why a held model must not be loaded; empty when it may. At most one entry per held model. */
  readonly #judged = new Map<ModelId, string>()
  readonly #judging = new Map<ModelId, Promise<string>>()
  readonly #shunned = new ShunnedPeers()
  readonly series = new GenAiSeries()

  constructor(options: AnswersOptions) {
    this.#options = options
    const { config, tracer } = options
    if (!config['inference.enabled']) return
    const threads = config['inference.threads']
    this.#engine = createLlamaEngine({
      slots: config['inference.slots'],
      ...(threads === 0 ? {} : { threads }),
      gpu: config['inference.gpu'] === 'off' ? false : 'auto',
      tracer,
    })
    this.#service = new InferenceService(this.#engine, { tracer, observe: (one) => this.series.answered(one) })
  }

  /** Answers peers over the infer protocol. */
  async serve(): Promise<void> {
    const service = this.#service
    if (service === undefined) return
    const { parts, activity } = this.#options
    const { payment } = parts.economy
    const host: PeerInferenceHost = {
      service,
      findModel: (modelId) => this.#forPeers(modelId),
      tracer: this.#options.tracer,
      sell: (peerId, modelId, first, send) => payment.sellAnswer(peerId, modelId, first, send),
      onAnswered: (tokens) => activity.answered(tokens),
      onRefused: (error) => activity.refused('answers', this.#refusalOf(error)),
    }
    await serveProtocol(parts.network, inferProtocol, (stream) => serveInferStream(stream, host))
  }

  #refusalOf(error: unknown): RefusalReason {
    if (!isHartonomousError(error)) return 'failed'
    const isPaused = this.#service?.status().isPaused === true || this.#service?.status().isDraining === true
    if (error.code === 'ERR_REFUSED_BY_POLICY') return isPaused ? 'paused' : 'policy'
    if (error.code === 'ERR_ENGINE_UNAVAILABLE') return isPaused ? 'paused' : 'failed'
    return refusalsByCode[error.code] ?? 'failed'
  }

  /** The owner may change its mind while the node runs. @throws {ERR_REFUSED_BY_POLICY} {ERR_MODEL_UNSUPPORTED} */
  async #forPeers(modelId: ModelId): Promise<EngineModel | undefined> {
    if (this.#options.config['inference.forPeers']) return this.#runnable(modelId)
    throw new HartonomousError('ERR_REFUSED_BY_POLICY', { subject: 'inference', reason: 'this node answers no peers' })
  }

  async models(): Promise<GatewayModel[]> {
    const { releases: book, leases } = this.#options.parts
    const models = new Map<ModelId, GatewayModel>()
    for (const { release } of await book.all()) {
      const isLocal = this.#service !== undefined && (await this.#verdict(release.modelId)) === ''
      const peers = leases.holders(release.modelId).filter(({ canInfer }) => canInfer).length
      // Only what can be answered now is listed: a client that picks from the list gets an answer.
      if (models.has(release.modelId) || (!isLocal && peers === 0)) continue
      models.set(release.modelId, {
        id: release.name,
        modelId: release.modelId,
        createdAtMs: release.createdAtMs,
        ownedBy: release.publisher,
        details: { licence: release.licence, sizeBytes: release.sizeBytes, local: isLocal, peers },
      })
    }
    return [...models.values()]
  }

  infer({ model, prompt, sampling, traceparent }: GatewayRequest, signal: AbortSignal): Promise<GatewayAnswer> {
    return this.#answer(model, { prompt, sampling }, traceparent, signal)
  }

  embed({ model, inputs, traceparent }: GatewayEmbedRequest, signal: AbortSignal): Promise<GatewayAnswer> {
    return this.#answer(model, { inputs }, traceparent, signal)
  }

  async #answer(
    reference: string,
    work: Work,
    traceparent: string | undefined,
    signal: AbortSignal,
  ): Promise<GatewayAnswer> {
    const { parts, config } = this.#options
    const { release } = await parts.releases.resolve(reference)
    const refusal = policyRefusal(release, policyOf(config))
    if (refusal !== undefined)
      throw new HartonomousError('ERR_REFUSED_BY_POLICY', { subject: release.name, reason: refusal })
    const { modelId } = release
    const local = await this.#runnable(modelId)
    if (local !== undefined && this.#service !== undefined) {
      void parts.tenant.touchModel(modelId).catch(() => undefined)
      return { modelId, events: this.#service.infer({ model: local, ...work }, { signal, traceparent }) }
    }
    return this.#forward({ modelId, ...work, ...(traceparent === undefined ? {} : { traceparent }) }, signal)
  }

  observe(observation: GatewayObservation): void {
    this.series.asked(observation)
  }

  /**
   * An answer of that very peer, chosen by the caller; the first event has come when it resolves. With an `order` it is a
   * part of a job: the account says what it cost.
   */
  async inferAt(
    peerId: PeerId,
    request: PeerRequest,
    options: { signal: AbortSignal; order?: WorkOrder },
  ): Promise<BoughtEvents> {
    const buy = this.#options.parts.economy.payment.buyAnswer(peerId, request, options.order)
    const events = await this.#ask(peerId, request, options.signal, buy)
    return { events, account: () => buy.account() }
  }

  /** What the lease promises. A model whose header has not been read yet is told of with the next lease. */
  canInfer(modelId: ModelId): boolean {
    return this.#options.config['inference.forPeers'] && this.answersHere(modelId)
  }

  /** Looks at the model where nobody has yet: from then on `answersHere` knows. */
  async look(modelId: ModelId): Promise<void> {
    if (this.#service !== undefined) await this.#verdict(modelId)
  }

  /** The engine of this node can answer with it. Asked for the first time it says no, and looks at the model. */
  answersHere(modelId: ModelId): boolean {
    if (this.#service === undefined || this.#local(modelId) === undefined) return false
    const verdict = this.#judged.get(modelId)
    if (verdict === undefined && !this.#judging.has(modelId)) {
      const { log, parts } = this.#options
      this.#verdict(modelId).then(
        () => parts.heartbeat.changed(),
        (error: unknown) => log.warn('model-not-judged', { modelId, error: String(error) }),
      )
    }
    return verdict === ''
  }

  capacity(): { slots: number; slotsFree: number; load: number } {
    const status = this.#service?.status()
    if (status === undefined) return { slots: 0, slotsFree: 0, load: 1 }
    return {
      slots: status.slots,
      slotsFree: Math.max(0, status.slots - status.running),
      load: Math.min(1, (status.running + status.queued) / status.slots),
    }
  }

  running(): number {
    return this.#service?.status().running ?? 0
  }

  status(): EngineView | undefined {
    const status = this.#service?.status()
    if (status === undefined) return undefined
    const { engine, build, device, state, loadedModels, crashes, lastError, pid } = status.engine
    const base = {
      engine,
      build,
      device,
      state,
      loadedModels,
      crashes,
      slots: status.slots,
      slotsBusy: status.running,
      queued: status.queued,
    }
    return { ...base, ...(pid === undefined ? {} : { pid }), ...(lastError === undefined ? {} : { lastError }) }
  }

  setPaused(isPaused: boolean): void {
    this.#service?.setPaused(isPaused)
  }

  async drain(): Promise<void> {
    await this.#service?.drain()
  }

  resume(): void {
    this.#service?.resume()
  }

  async forget(modelId: ModelId): Promise<void> {
    this.#judged.delete(modelId)
    await this.#engine?.unload(modelId).catch(() => undefined)
  }

  async close(): Promise<void> {
    await this.#engine?.close()
  }

  /**
   * The model if it is here and safe to load. A file that would abort llama.cpp is told by its header, read once: the header
   * of a fetched model has not been seen by ingest. @throws {ERR_MODEL_UNSUPPORTED}
   */
  async #runnable(modelId: ModelId): Promise<EngineModel | undefined> {
    const reason = await this.#verdict(modelId)
    if (reason === undefined) return undefined
    if (reason !== '') throw new HartonomousError('ERR_MODEL_UNSUPPORTED', { modelId, reason })
    return this.#local(modelId)
  }

  /** Why a model that is here must not be loaded, empty where it may; `undefined` where not all of it is here. */
  async #verdict(modelId: ModelId): Promise<string | undefined> {
    const model = this.#options.parts.shard.get(modelId)
    if (this.#local(modelId) === undefined || model === undefined) return undefined
    const known = this.#judged.get(modelId)
    if (known !== undefined) return known
    const judging =
      this.#judging.get(modelId) ??
      whyUnrunnable(model.row.files.map((file) => file.path)).finally(() => this.#judging.delete(modelId))
    this.#judging.set(modelId, judging)
    const reason = await judging
    this.#judged.set(modelId, reason)
    return reason
  }

  /** The model's first file, where all of it is here. */
  #local(modelId: ModelId): EngineModel | undefined {
    const model = this.#options.parts.shard.get(modelId)
    const file = model?.row.files.find((candidate) => candidate.fileIndex === 0)
    return model?.held.isFull() === true && file !== undefined ? { modelId, path: file.path } : undefined
  }

  #forward(request: PeerRequest, signal: AbortSignal): Promise<GatewayAnswer> {
    const { modelId, traceparent: parent } = request
    const attributes = { 'gen_ai.request.model': modelId }
    return this.#options.tracer.span('forward', { parent, attributes }, (span) =>
      this.#askInTurn(underSpan(request, span), { signal, span }),
    )
  }

  async #askInTurn(
    request: PeerRequest,
    { signal, span }: { signal: AbortSignal; span: Span },
  ): Promise<GatewayAnswer> {
    const { modelId } = request
    const errors: unknown[] = []
    const { parts } = this.#options
    for (const peerId of await this.#candidates(modelId)) {
      try {
        const buy = parts.economy.payment.buyAnswer(peerId, request)
        const events = await this.#ask(peerId, request, signal, buy)
        span.set({ 'hartonomous.peer.id': peerId, 'hartonomous.peers.tried': errors.length + 1 })
        return { modelId, peer: peerId, events }
      } catch (error) {
        if (signal.aborted || isHartonomousError(error, 'ERR_CONTEXT_LENGTH')) throw error
        errors.push(error)
        this.#options.log.info('peer-did-not-answer', { peerId, modelId, error: String(error) })
      }
    }
    span.set({ 'hartonomous.peers.tried': errors.length })
    throw refusalOfAll(modelId, errors)
  }

  /** `isAnswering`: the stream was open, so that what went wrong is what the peer itself sent. */
  #blame(peerId: PeerId, error: unknown, isAnswering: boolean): void {
    if (isHartonomousError(error, 'ERR_PEER_PROTOCOL')) {
      this.#shunned.shun(peerId, shunLiarMs)
      if (isAnswering) void this.#options.parts.standing.blame(peerId, 'brokenProtocol')
    } else if (isHartonomousError(error) && failures.has(error.code)) this.#shunned.shun(peerId, shunFailedMs)
  }

  async #candidates(modelId: ModelId): Promise<PeerId[]> {
    const { leases, network, economy, standing } = this.#options.parts
    const rtts = new Map((await network.peers()).map((peer) => [peer.peerId, peer.rttMs ?? 1000]))
    const answerers = leases
      .holders(modelId)
      .filter(({ canInfer, lease }) => canInfer && !lease.isPaused)
      .filter(({ lease }) => economy.payment.isAffordable(lease.peerId, lease.payment, 'infer'))
      .map(({ lease }) => ({
        lease,
        rttMs: rtts.get(lease.peerId) ?? 1000,
        isShunned: this.#shunned.has(lease.peerId),
      }))
    return rankAnswerers(answerers, standing)
      .slice(0, peersTriedMax)
      .map(({ lease }) => lease.peerId)
  }

  /** Waits for the peer's first event, so that a refusal can still go to another peer. */
  async #ask(
    peerId: PeerId,
    request: PeerRequest,
    signal: AbortSignal,
    buy: BoughtAnswer,
  ): Promise<AsyncIterable<InferEvent>> {
    const events = this.#eventsOf(peerId, request, signal, buy)
    const first = await events.next()
    return (async function* () {
      try {
        for (let next = first; !next.done; next = await events.next()) yield next.value
      } finally {
        await events.return(undefined)
      }
    })()
  }

  async *#eventsOf(
    peerId: PeerId,
    request: PeerRequest,
    signal: AbortSignal,
    buy: BoughtAnswer,
  ): AsyncGenerator<InferEvent, void, undefined> {
    const { id, frameBytesMax } = inferProtocol
    const { tracer } = this.#options
    const attributes = tracer.isOn ? { ...requestAttributes(request), 'hartonomous.peer.id': peerId } : {}
    const span = tracer.start(spanNameOf(request), { kind: 'client', parent: request.traceparent, attributes })
    const traced = underSpan(request, span)
    let isAnswering = false
    let tokens = 0
    let failure: unknown
    try {
      const stream = await this.#options.parts.network.openStream(peerId, id, { frameBytesMax, signal })
      isAnswering = true
      for await (const event of inferOverPeer(stream, traced, { signal, buy })) {
        tokens += tokensShown(event, request)
        if (event.type === 'end') span.set(endAttributes(event))
        yield event
      }
    } catch (error) {
      failure = signal.aborted ? undefined : error
      if (!signal.aborted) this.#blame(peerId, error, isAnswering)
      throw error
    } finally {
      span.end(failure)
      if (tokens > 0) this.#options.parts.standing.addTokens(peerId, tokens)
    }
  }
}

/** What goes to the peer names the span that asks, and never a parent that is none: a peer would refuse the frame. */
function underSpan({ traceparent: _, ...request }: PeerRequest, { traceparent }: Span): PeerRequest {
  return traceparent === undefined ? request : { ...request, traceparent }
}

/** A token has a character at least: nobody earns a name by counting more than it writes, or reads. */
function tokensShown(event: InferEvent, request: PeerRequest): number {
  if (event.type === 'delta') return Math.min(event.tokens, event.text.length)
  if (event.type !== 'embedding' || !('inputs' in request)) return 0
  return Math.min(event.tokens, request.inputs[event.index]?.length ?? 0)
}

/** What honest peers may fail with too, but that is worth asking another one first. */
const failures = new Set<ErrorCode>([
  'ERR_TIMEOUT',
  'ERR_PEER_UNREACHABLE',
  'ERR_NOT_FOUND',
  'ERR_ENGINE_UNAVAILABLE',
  'ERR_ENGINE_CRASHED',
])

const refusalsByCode: Partial<Record<ErrorCode, RefusalReason>> = {
  ERR_NOT_FOUND: 'absent',
  ERR_QUEUE_FULL: 'busy',
  ERR_UNPAID: 'unpaid',
  ERR_MODEL_UNSUPPORTED: 'unsupported',
  ERR_CONTEXT_LENGTH: 'unsupported',
  ERR_USAGE: 'unsupported',
}

/** The refusal that helps most: come back later, then "cannot be run", then whatever was last. */
function refusalOfAll(modelId: ModelId, errors: readonly unknown[]): HartonomousError {
  const full = errors
    .filter((error) => isHartonomousError(error, 'ERR_QUEUE_FULL'))
    .sort((a, b) => a.fields.retryAfterMs - b.fields.retryAfterMs)[0]
  if (full !== undefined) return full
  const unsupported = errors.find((error) => isHartonomousError(error, 'ERR_MODEL_UNSUPPORTED'))
  if (unsupported !== undefined) return unsupported
  const last = errors.at(-1)
  const nobody = 'this node does not hold all of it, and no peer that does offers answers'
  const reason = last === undefined ? nobody : last instanceof Error ? last.message : String(last)
  return new HartonomousError('ERR_NO_SOURCE', { subject: `answers of model ${modelId}`, reason }, { cause: last })
}

async function whyUnrunnable(paths: readonly string[]): Promise<string> {
  const sources: FileSource[] = []
  try {
    for (const path of paths) sources.push(await openFileSource(path))
    return (await readModelHeader(sources)).unrunnable ?? ''
  } finally {
    await Promise.all(sources.map((source) => source.close()))
  }
}
