/** Asks a peer for an answer: the other end of `peer-service.ts`. */

import type { FrameStream } from '#node/network/types.ts'
import { PeerQuota } from '#protocol/codec/quota.ts'
import { paymentQuota } from '#protocol/descriptor.ts'
import { errorFromWire, HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import {
  decodeInferFrame,
  type EmbedInput,
  encodeInferFrame,
  type InferFrame,
  type InferInput,
  type OutputHash,
  outputHash,
} from '#protocol/infer/index.ts'
import { embeddingValuesMax, inferPeerQueueMs, inferPeerSilenceMs } from '#protocol/limits.ts'
import { EventQueue } from './event-queue.ts'
import { peerErrorCodes } from './peer-errors.ts'
import type { InferEvent, Purchase } from './types.ts'

export interface PeerInferRequest extends InferInput {
  traceparent?: string
}

export interface PeerEmbedRequest extends EmbedInput {
  traceparent?: string
}

export interface PeerInferOptions {
  signal: AbortSignal
  silenceMs?: number
  queueMs?: number
  /** Undefined: this peer is asked for free. */
  buy?: Purchase | undefined
}

/**
 * Asks a peer for an answer, or for vectors, over a fresh stream of the infer protocol. Events are those of a local engine, but for `start` (the
 * prompt's tokens come with the `end`). After the signal the last event is an `end` with the reason `cancelled`.
 * @throws {ERR_PEER_UNREACHABLE} {ERR_PEER_PROTOCOL} {ERR_TIMEOUT} and what the peer answered.
 */
export async function* inferOverPeer(
  stream: FrameStream,
  request: PeerInferRequest | PeerEmbedRequest,
  options: PeerInferOptions,
): AsyncGenerator<InferEvent, void, undefined> {
  const { signal, buy } = options
  let session: PeerSession | undefined
  const onAbort = () => session?.cancel()
  try {
    // Before the session, so that a request that cannot be encoded is not blamed on the peer.
    const payment = buy === undefined ? {} : { payment: buy.first }
    const start = encodeInferFrame(openingOf(request, payment))
    session = new PeerSession(stream, request, options)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) session.cancel()
    else {
      void session.run(start)
      // The start is on its way: whatever is paid comes after it.
      buy?.attach((message) => stream.send(encodeInferFrame({ type: 'pay', message })))
    }
    yield* session.events
  } finally {
    signal.removeEventListener('abort', onAbort)
    session?.cancel()
    buy?.end()
  }
}

function openingOf(request: PeerInferRequest | PeerEmbedRequest, payment: { payment?: Uint8Array }): InferFrame {
  return 'inputs' in request ? { type: 'embed', ...request, ...payment } : { type: 'start', ...request, ...payment }
}

/** A token is at most this many characters: longer "tokens" would let a peer send any amount of text. */
const tokenCharsMax = 1024

class PeerSession {
  readonly events = new EventQueue<InferEvent>()
  readonly #stream: FrameStream
  readonly #input: InferInput | EmbedInput
  /** Of the answer: none where vectors are asked for. */
  readonly #maxTokens: number
  readonly #buy: Purchase | undefined
  readonly #quota = new PeerQuota(paymentQuota, { now: () => performance.now() })
  readonly #silenceMs: number
  readonly #startedMs = performance.now()
  readonly #queueMs: number
  #silence: NodeJS.Timeout | undefined
  #queue: NodeJS.Timeout | undefined
  #tokens = 0
  #chars = 0
  #vectors = 0
  #inputTokens = 0
  /** Bytes of each vector, by the first. */
  #vectorBytes: number | undefined
  /** For the purchase. */
  readonly #output: OutputHash | undefined

  constructor(stream: FrameStream, request: PeerInferRequest | PeerEmbedRequest, options: PeerInferOptions) {
    this.#stream = stream
    const { traceparent: _, ...input } = request
    this.#input = input
    this.#maxTokens = 'inputs' in input ? 0 : input.sampling.maxTokens
    this.#buy = options.buy
    this.#output = options.buy && outputHash(input)
    this.#silenceMs = options.silenceMs ?? inferPeerSilenceMs
    this.#queueMs = options.queueMs ?? inferPeerQueueMs
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
        await this.#receive(decodeInferFrame(bytes))
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

  async #receive(frame: InferFrame): Promise<void> {
    if (frame.type === 'accepted') {
      this.events.push(frame.queued > 0 ? { type: 'queued', position: frame.queued } : { type: 'loading' })
    } else if (frame.type === 'delta') {
      clearTimeout(this.#queue)
      this.#count(frame)
      this.#output?.add(frame)
      this.events.push({ type: 'delta', text: frame.text, tokens: frame.tokens })
    } else if (frame.type === 'embedding') {
      clearTimeout(this.#queue)
      this.#countVector(frame)
      this.#output?.add(frame)
      this.events.push(frame)
    } else if (frame.type === 'end') {
      if (frame.completionTokens > this.#maxTokens) throw this.#broken('it counts more tokens than asked for')
      this.#checkVectors(frame)
      this.#stopTimers()
      await this.#finish(frame.promptTokens)
      const { reason, promptTokens, completionTokens, durationMs } = frame
      this.events.end({ type: 'end', reason, promptTokens, completionTokens, durationMs })
    } else if (frame.type === 'error') {
      const isKnown = peerErrorCodes.has(frame.error.code)
      if (!isKnown) throw this.#broken(`an error of code ${frame.error.code.slice(0, 40)}`)
      const error = errorFromWire(frame.error)
      // Who was not paid is known here, and not what that side calls itself.
      if (!isHartonomousError(error, 'ERR_UNPAID')) throw error
      throw new HartonomousError('ERR_UNPAID', { peer: this.#stream.peerId, reason: error.fields.reason })
    } else if (frame.type === 'pay') {
      if (!this.#quota.take('').isAllowed) throw this.#broken('too many messages of payment')
      this.#buy?.receive(frame.message, this.#tokens)
    } else {
      throw this.#broken(`a frame of type ${frame.type}`)
    }
  }

  async #finish(promptTokens: number): Promise<void> {
    if (this.#buy === undefined || this.#output === undefined || this.events.isEnded) return
    const output = this.#output.digest()
    await this.#buy.finish({ input: this.#input, output, promptTokens, completionTokens: this.#tokens })
  }

  #checkVectors({ reason, promptTokens }: { reason: string; promptTokens: number }): void {
    if (reason === 'cancelled' || !('inputs' in this.#input)) return
    if (this.#vectors < this.#input.inputs.length) throw this.#broken('fewer vectors than asked for')
    if (this.#inputTokens !== promptTokens) throw this.#broken('another sum of tokens than that of its vectors')
  }

  #countVector({ index, vector, tokens }: { index: number; vector: Uint8Array; tokens: number }): void {
    const asked = 'inputs' in this.#input ? this.#input.inputs.length : 0
    if (index !== this.#vectors || index >= asked) throw this.#broken('a vector that is not the next')
    this.#vectors++
    this.#inputTokens += tokens
    this.#vectorBytes ??= vector.length
    if (vector.length !== this.#vectorBytes) throw this.#broken('vectors of different dimensions')
    if (asked * vector.length > 4 * embeddingValuesMax) throw this.#broken('more numbers than an answer may have')
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
