/** Inference for peers: one stream is one request. Both ends: `serveInferStream` answers, `inferOverPeer` asks. */

import type { FrameStream } from '#node/network/types.ts'
import {
  type ErrorCode,
  errorFromWire,
  HartonomousError,
  isHartonomousError,
  type WireError,
} from '#protocol/errors.ts'
import type { ModelId } from '#protocol/ids.ts'
import {
  decodeInferFrame,
  encodeInferFrame,
  type InferFrame,
  type InferPrompt,
  type SamplingOptions,
} from '#protocol/infer/index.ts'
import {
  controlRequestTimeoutMs,
  inferenceTokensMax,
  inferKeepAliveMs,
  inferPeerQueueMs,
  inferPeerSilenceMs,
} from '#protocol/limits.ts'
import { EventQueue } from './event-queue.ts'
import type { InferenceService } from './service.ts'
import type { EngineModel, InferEvent } from './types.ts'

type StartFrame = Extract<InferFrame, { type: 'start' }>

export interface PeerInferenceHost {
  service: InferenceService
  /** Undefined: this node does not hold the model whole. May throw ERR_REFUSED_BY_POLICY. */
  findModel(modelId: ModelId): Promise<EngineModel | undefined>
}

/** Codes that may cross between peers, both ways. All others tell about the inside of a node, or make no sense from outside. */
const peerErrorCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_USAGE',
  'ERR_NOT_FOUND',
  'ERR_REFUSED_BY_POLICY',
  'ERR_LIMIT',
  'ERR_TIMEOUT',
  'ERR_ENGINE_UNAVAILABLE',
  'ERR_ENGINE_CRASHED',
  'ERR_MODEL_UNSUPPORTED',
  'ERR_QUEUE_FULL',
  'ERR_CONTEXT_LENGTH',
])

/** Answers one stream of the infer protocol. Never rejects; resolves when the stream is done with. */
export async function serveInferStream(stream: FrameStream, host: PeerInferenceHost): Promise<void> {
  const cancel = new AbortController()
  const frames = stream.frames()[Symbol.asyncIterator]()
  try {
    const start = await receiveStart(frames)
    if (start === undefined) return stream.abort('no start frame')
    // Whatever comes next ends the request: the end of the stream is a cancel, another frame breaks the protocol.
    frames.next().then(
      (next) => cancel.abort(new Error(next.done ? 'closed by the peer' : 'a second frame')),
      () => cancel.abort(new Error('reset by the peer')),
    )
    if (start.type === 'reserved') {
      const reason = `frames of type ${start.number} are not served by this version`
      throw new HartonomousError('ERR_MODEL_UNSUPPORTED', { modelId: '', reason })
    }
    await answer(stream, start, host, cancel.signal)
    await stream.close()
  } catch (error) {
    if (cancel.signal.aborted) return stream.abort('cancelled')
    await stream
      .send(encodeInferFrame({ type: 'error', error: errorForPeer(error) }))
      .then(() => stream.close())
      .catch(() => stream.abort('the error could not be sent'))
  }
}

async function receiveStart(
  frames: AsyncIterator<Uint8Array>,
): Promise<Extract<InferFrame, { type: 'start' | 'reserved' }> | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => resolve(undefined), controlRequestTimeoutMs)
  try {
    const first = await Promise.race([frames.next(), late])
    if (first === undefined || first.done) return undefined
    const frame = decodeInferFrame(first.value)
    return frame.type === 'start' || frame.type === 'reserved' ? frame : undefined
  } catch (error) {
    if (isHartonomousError(error, 'ERR_DECODE') || isHartonomousError(error, 'ERR_LIMIT')) return undefined
    throw error
  } finally {
    clearTimeout(timer)
  }
}

async function answer(
  stream: FrameStream,
  start: StartFrame,
  { service, findModel }: PeerInferenceHost,
  signal: AbortSignal,
): Promise<void> {
  const model = await findModel(start.modelId)
  if (model === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'model', id: start.modelId })
  const sampling = { ...start.sampling, maxTokens: Math.min(start.sampling.maxTokens, inferenceTokensMax) }
  const events = service.infer({ model, prompt: start.prompt, sampling }, { signal, peer: stream.peerId })
  let queued = 0
  const sendAccepted = () => stream.send(encodeInferFrame({ type: 'accepted', queued }))
  // While it waits or reads a long prompt the peer must see that we live. One at a time: it may not be reading.
  let isTelling = false
  const tell = async () => {
    if (isTelling) return
    isTelling = true
    await sendAccepted().catch(() => undefined)
    isTelling = false
  }
  const keepAlive = setInterval(() => void tell(), inferKeepAliveMs)
  try {
    let isAccepted = false
    for await (const event of events) {
      if (event.type === 'delta' || event.type === 'end') {
        await stream.send(encodeInferFrame(event))
        continue
      }
      const position = event.type === 'queued' ? event.position : 0
      if (isAccepted && position === queued) continue
      queued = position
      isAccepted = true
      await sendAccepted()
    }
  } finally {
    clearInterval(keepAlive)
  }
}

function errorForPeer(error: unknown): WireError {
  if (isHartonomousError(error) && peerErrorCodes.has(error.code))
    return { code: error.code, fields: { ...error.fields } }
  return { code: 'ERR_ENGINE_UNAVAILABLE', fields: { reason: 'internal error' } }
}

export interface PeerInferRequest {
  modelId: ModelId
  prompt: InferPrompt
  sampling: SamplingOptions
  traceparent?: string
}

/**
 * Asks a peer over a fresh stream of the infer protocol. Events are those of a local engine, but for `start` (the
 * prompt's tokens come with the `end`). After the signal the last event is an `end` with the reason `cancelled`.
 * @throws {ERR_PEER_UNREACHABLE} {ERR_PEER_PROTOCOL} {ERR_TIMEOUT} and what the peer answered.
 */
export async function* inferOverPeer(
  stream: FrameStream,
  request: PeerInferRequest,
  options: { signal: AbortSignal; silenceMs?: number; queueMs?: number },
): AsyncGenerator<InferEvent, void, undefined> {
  const { signal } = options
  // Before the session, so that a request that cannot be encoded is not blamed on the peer.
  const start = encodeInferFrame({ type: 'start', ...request })
  const session = new PeerSession(stream, request.sampling.maxTokens, {
    silenceMs: options.silenceMs ?? inferPeerSilenceMs,
    queueMs: options.queueMs ?? inferPeerQueueMs,
  })
  const onAbort = () => session.cancel()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    if (signal.aborted) session.cancel()
    else void session.run(start)
    yield* session.events
  } finally {
    signal.removeEventListener('abort', onAbort)
    session.cancel()
  }
}

/** A token is at most this many characters: longer "tokens" would let a peer send any amount of text. */
const tokenCharsMax = 1024

class PeerSession {
  readonly events = new EventQueue<InferEvent>()
  readonly #stream: FrameStream
  readonly #maxTokens: number
  readonly #silenceMs: number
  readonly #startedMs = performance.now()
  readonly #queueMs: number
  #silence: NodeJS.Timeout | undefined
  #queue: NodeJS.Timeout | undefined
  #tokens = 0
  #chars = 0

  constructor(stream: FrameStream, maxTokens: number, times: { silenceMs: number; queueMs: number }) {
    this.#stream = stream
    this.#maxTokens = maxTokens
    this.#silenceMs = times.silenceMs
    this.#queueMs = times.queueMs
  }

  /** Never rejects: what goes wrong ends the events. */
  async run(start: Uint8Array): Promise<void> {
    this.#listenForSilence()
    this.#queue = setTimeout(() => this.#giveUp('the beginning of an answer', this.#queueMs), this.#queueMs)
    try {
      // Not awaited: a peer that answers before it reads on must not hold us up.
      this.#stream.send(start).catch((error: unknown) => this.#fail(error))
      for await (const bytes of this.#stream.frames()) {
        this.#listenForSilence()
        this.#receive(decodeInferFrame(bytes))
        if (this.events.isEnded) break
      }
      // A node that stops in the middle of an answer has broken nothing.
      if (!this.events.isEnded) throw this.#unreachable(new Error('the stream ended before the answer'))
      await this.#stream.close()
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#stopTimers()
    }
  }

  /** A no-op once it has ended. */
  cancel(): void {
    if (this.events.isEnded) return
    const durationMs = performance.now() - this.#startedMs
    this.events.end({ type: 'end', reason: 'cancelled', promptTokens: 0, completionTokens: this.#tokens, durationMs })
    this.#stopTimers()
    this.#stream.abort('cancelled')
  }

  #receive(frame: InferFrame): void {
    if (frame.type === 'accepted') {
      this.events.push(frame.queued > 0 ? { type: 'queued', position: frame.queued } : { type: 'loading' })
    } else if (frame.type === 'delta') {
      clearTimeout(this.#queue)
      this.#count(frame)
      this.events.push({ type: 'delta', text: frame.text, tokens: frame.tokens })
    } else if (frame.type === 'end') {
      if (frame.completionTokens > this.#maxTokens) throw this.#broken('it counts more tokens than asked for')
      const { reason, promptTokens, completionTokens, durationMs } = frame
      this.events.end({ type: 'end', reason, promptTokens, completionTokens, durationMs })
    } else if (frame.type === 'error') {
      const isKnown = peerErrorCodes.has(frame.error.code)
      throw isKnown ? errorFromWire(frame.error) : this.#broken(`an error of code ${frame.error.code.slice(0, 40)}`)
    } else {
      throw this.#broken(`a frame of type ${frame.type}`)
    }
  }

  #count({ text, tokens }: { text: string; tokens: number }): void {
    this.#tokens += tokens
    this.#chars += text.length
    if (this.#tokens > this.#maxTokens) throw this.#broken('more tokens than asked for')
    if (this.#chars > this.#maxTokens * tokenCharsMax) throw this.#broken('more text than its tokens can be')
  }

  #fail(error: unknown): void {
    if (this.events.isEnded) return
    const isDecode = isHartonomousError(error, 'ERR_DECODE')
    const reason = isDecode ? this.#broken(error.message) : isHartonomousError(error) ? error : this.#unreachable(error)
    this.events.fail(reason)
    this.#stream.abort('failed')
  }

  #listenForSilence(): void {
    clearTimeout(this.#silence)
    this.#silence = setTimeout(() => this.#giveUp("a peer's answer", this.#silenceMs), this.#silenceMs)
  }

  #giveUp(what: string, timeoutMs: number): void {
    if (this.events.isEnded) return
    this.events.fail(new HartonomousError('ERR_TIMEOUT', { what, timeoutMs }))
    this.#stream.abort('given up')
  }

  #stopTimers(): void {
    clearTimeout(this.#silence)
    clearTimeout(this.#queue)
  }

  #broken(reason: string): HartonomousError {
    return new HartonomousError('ERR_PEER_PROTOCOL', { peer: this.#stream.peerId, reason })
  }

  #unreachable(error: unknown): HartonomousError {
    const reason = error instanceof Error ? error.message : String(error)
    return new HartonomousError('ERR_PEER_UNREACHABLE', { peer: this.#stream.peerId, reason }, { cause: error })
  }
}
