/** Inference for peers: one stream is one request, answered here and asked in `peer-request.ts`. */

import type { FrameStream } from '#node/network/types.ts'
import { PeerQuota } from '#protocol/codec/quota.ts'
import { paymentQuota } from '#protocol/descriptor.ts'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import type { ModelId } from '#protocol/ids.ts'
import {
  decodeInferFrame,
  type EmbedInput,
  encodeInferFrame,
  type InferFrame,
  type InferInput,
} from '#protocol/infer/index.ts'
import { controlRequestTimeoutMs, inferKeepAliveMs } from '#protocol/limits.ts'
import { noTracer, type Span, type Tracer } from '../telemetry/index.ts'
import { endAttributes, requestAttributes, spanNameOf } from './gen-ai.ts'
import { errorForPeer } from './peer-errors.ts'
import { SaleMeter } from './sale-meter.ts'
import type { InferenceService } from './service.ts'
import type { EngineModel, InferEvent, Sale, Sell } from './types.ts'

type Opening = Extract<InferFrame, { type: 'start' | 'embed' }>
type Frames = AsyncIterator<Uint8Array>

export interface PeerInferenceHost {
  service: InferenceService
  /** Undefined: this node does not hold the model whole. May throw ERR_REFUSED_BY_POLICY. */
  findModel(modelId: ModelId): Promise<EngineModel | undefined>
  /** Without it all answers are free. */
  sell?: Sell
  tracer?: Tracer
  /** The whole answer was there and paid; or the request was refused, or failed. Those that the peer gave up are neither. */
  onAnswered?: (tokens: number) => void
  onRefused?: (error: unknown) => void
}

/** Answers one stream of the infer protocol. Never rejects; resolves when the stream is done with. */
export async function serveInferStream(stream: FrameStream, host: PeerInferenceHost): Promise<void> {
  const cancel = new AbortController()
  const opened = Promise.withResolvers<Sale | undefined>()
  const frames = stream.frames()[Symbol.asyncIterator]()
  let span: Span | undefined
  try {
    const start = await receiveStart(frames)
    if (start === undefined) return stream.abort('no start frame')
    void receivePayments(frames, opened.promise, cancel)
    if (start.type === 'reserved') {
      const reason = `frames of type ${start.number} are not served by this version`
      throw new HartonomousError('ERR_MODEL_UNSUPPORTED', { modelId: '', reason })
    }
    const input = inputOf(start)
    const { tracer = noTracer } = host
    const attributes = tracer.isOn ? { ...requestAttributes(input), 'hartonomous.peer.id': stream.peerId } : {}
    span = tracer.start(spanNameOf(input), { kind: 'server', parent: start.traceparent, attributes })
    const { signal } = cancel
    await answer(stream, { input, payment: start.payment, span }, host, { signal, onSale: opened.resolve })
    await stream.close()
    span.end()
  } catch (error) {
    if (!cancel.signal.aborted) host.onRefused?.(error)
    // A peer that goes away is no failure of ours.
    span?.end(cancel.signal.aborted ? undefined : error)
    if (cancel.signal.aborted) return stream.abort('cancelled')
    await stream
      .send(encodeInferFrame({ type: 'error', error: errorForPeer(error) }))
      .then(() => stream.close())
      .catch(() => stream.abort('the error could not be sent'))
  } finally {
    opened.resolve(undefined)
  }
}

async function receiveStart(frames: Frames): Promise<Opening | Extract<InferFrame, { type: 'reserved' }> | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => resolve(undefined), controlRequestTimeoutMs)
  try {
    const first = await Promise.race([frames.next(), late])
    if (first === undefined || first.done) return undefined
    const frame = decodeInferFrame(first.value)
    return frame.type === 'start' || frame.type === 'embed' || frame.type === 'reserved' ? frame : undefined
  } catch (error) {
    if (isHartonomousError(error, 'ERR_DECODE') || isHartonomousError(error, 'ERR_LIMIT')) return undefined
    throw error
  } finally {
    clearTimeout(timer)
  }
}

/**
 * After the start come messages of payment, if anything. Whatever else comes ends the request: the end of the stream is a
 * cancel, another frame or too many of them break the protocol. Where the answer is free they are passed over.
 */
async function receivePayments(
  frames: Frames,
  opened: Promise<Sale | undefined>,
  cancel: AbortController,
): Promise<void> {
  const quota = new PeerQuota(paymentQuota, { now: () => performance.now() })
  try {
    for (let next = await frames.next(); !next.done; next = await frames.next()) {
      const frame = decodeInferFrame(next.value)
      if (frame.type !== 'pay') throw new Error('a second frame that is no payment')
      if (!quota.take('').isAllowed) throw new Error('too many messages of payment')
      const sale = await opened
      sale?.receive(frame.message)
    }
    cancel.abort(new Error('closed by the peer'))
  } catch (error) {
    cancel.abort(error)
  }
}

interface AnswerOptions {
  signal: AbortSignal
  /** Messages of payment can be taken from now on. */
  onSale: (sale: Sale | undefined) => void
}

async function answer(
  stream: FrameStream,
  { input, payment, span }: { input: InferInput | EmbedInput; payment: Uint8Array | undefined; span: Span },
  host: PeerInferenceHost,
  { signal, onSale }: AnswerOptions,
): Promise<void> {
  const { modelId } = input
  const model = await host.findModel(modelId)
  if (model === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'model', id: modelId })
  const send = senderOf(stream, signal)
  let tokens: number | undefined
  const sale = await host.sell?.(stream.peerId, modelId, payment, (message) => send({ type: 'pay', message }))
  try {
    onSale(sale)
    const meter = sale && new SaleMeter(sale, input)
    const events = host.service.infer(
      { ...input, model },
      {
        signal,
        peer: stream.peerId,
        isPaced: sale !== undefined,
        traceparent: span.traceparent,
      },
    )
    const build = () => host.service.status().engine.build
    await sendEvents(events, send, (event) => {
      if (event.type === 'end') {
        span.set(endAttributes(event))
        if (event.reason !== 'cancelled') tokens = event.promptTokens + event.completionTokens
      }
      return meter?.before(event, signal, build)
    })
  } finally {
    sale?.end()
    // Whoever has read the end leaves at once, often before we hear that it was sent.
    if (tokens !== undefined) host.onAnswered?.(tokens)
  }
}

function inputOf(start: Opening): InferInput | EmbedInput {
  const { modelId } = start
  if (start.type === 'embed') return { modelId, inputs: start.inputs }
  return { modelId, prompt: start.prompt, sampling: start.sampling }
}

type Send = (frame: InferFrame) => Promise<void>

/** Sends that end with the session: a peer that leaves without reading must not hold an engine, or a sale. */
function senderOf(stream: FrameStream, signal: AbortSignal): Send {
  const { promise: gone, reject } = Promise.withResolvers<never>()
  gone.catch(() => undefined)
  signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  return (frame) => Promise.race([stream.send(encodeInferFrame(frame)), gone])
}

/** `before` resolves when the event may go out, or, where it is no part of the answer, when the work may go on. */
async function sendEvents(
  events: AsyncIterable<InferEvent>,
  send: Send,
  before: (event: InferEvent) => Promise<void> | undefined,
): Promise<void> {
  let queued = 0
  const sendAccepted = () => send({ type: 'accepted', queued })
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
      if (event.type === 'delta' || event.type === 'embedding' || event.type === 'end') {
        await before(event)
        await send(event)
        continue
      }
      const position = event.type === 'queued' ? event.position : 0
      if (!isAccepted || position !== queued) {
        queued = position
        isAccepted = true
        await sendAccepted()
      }
      await before(event)
    }
  } finally {
    clearInterval(keepAlive)
  }
}
