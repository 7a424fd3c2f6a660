/** The OpenAI-compatible routes. Where an answer is computed is the backend's choice. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import {
  doneData,
  type EmbeddingsRequest,
  errorToOpenAi,
  parseChatCompletionRequest,
  parseCompletionRequest,
  parseEmbeddingsRequest,
  type TextRequest,
} from '#protocol/api/index.ts'
import { HartonomousError } from '#protocol/errors.ts'
import type { InferEvent } from '../inference/types.ts'
import { noTracer, type Span, type Tracer } from '../telemetry/index.ts'
import type { GatewayAnswer, GatewayBackend, GatewayObservation } from './backend.ts'
import { toKnownError } from './errors.ts'
import { EventStream } from './event-stream.ts'
import { startHttpSpan } from './http-span.ts'
import {
  type AnswerHead,
  answerHead,
  type Endpoint,
  embeddingsBody,
  firstChunk,
  lastChunk,
  modelBody,
  textChunk,
  usageChunk,
  wholeAnswer,
} from './openai-answer.ts'

/** One for all callers, or one for each: who calls decides what there is, and who pays. @throws {ERR_AUTH} */
export type BackendOf = (request: FastifyRequest) => GatewayBackend | Promise<GatewayBackend>

/** @param tracer each request is a span, that of its caller's trace where it names one. */
export function openAiGateway(app: FastifyInstance, backendOf: BackendOf, tracer: Tracer = noTracer): void {
  const open = async (endpoint: GatewayObservation['endpoint'], request: FastifyRequest, reply: FastifyReply) => {
    const backend = await backendOf(request)
    return new Exchange({ backend, endpoint, request, reply, span: startHttpSpan(tracer, request, reply) })
  }

  app.get('/v1/models', async (request) => {
    const models = await (await backendOf(request)).models()
    return { object: 'list', data: models.map(modelBody) }
  })
  // A wildcard, because names hold slashes: `org/model`.
  app.get<{ Params: { '*': string } }>('/v1/models/*', async (request) => {
    const id = request.params['*']
    const models = await (await backendOf(request)).models()
    const model = models.find((each) => each.id === id || each.modelId === id)
    if (model === undefined) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'model', id: id.slice(0, 200) })
    return modelBody(model)
  })
  app.post('/v1/chat/completions', async (request, reply) =>
    (await open('chat', request, reply)).run(parseChatCompletionRequest),
  )
  app.post('/v1/completions', async (request, reply) =>
    (await open('completion', request, reply)).run(parseCompletionRequest),
  )
  app.post('/v1/embeddings', async (request, reply) => (await open('embedding', request, reply)).embed())
}

interface ExchangeParts {
  backend: GatewayBackend
  endpoint: GatewayObservation['endpoint']
  request: FastifyRequest
  reply: FastifyReply
  span: Span
}

/** One request and its answer. */
class Exchange {
  readonly #backend: GatewayBackend
  readonly #endpoint: GatewayObservation['endpoint']
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  readonly #span: Span
  readonly #cancel = new AbortController()
  readonly #startedMs = performance.now()
  #firstTokenMs: number | undefined
  #isRemote = false
  #isStream = false
  #isObserved = false

  constructor({ backend, endpoint, request, reply, span }: ExchangeParts) {
    this.#backend = backend
    this.#endpoint = endpoint
    this.#request = request
    this.#reply = reply
    this.#span = span
  }

  async run(parse: (body: unknown) => TextRequest): Promise<unknown> {
    const parsed = parse(this.#request.body)
    const { model, prompt, sampling, isStream } = parsed
    this.#isStream = isStream
    const endpoint: Endpoint = prompt.type
    return this.#answer(
      (signal) => this.#backend.infer({ model, prompt, sampling, ...this.#trace() }, signal),
      (events) => {
        const head = answerHead(endpoint, model, Date.now())
        return isStream ? this.#stream(head, parsed, events) : this.#whole(head, events)
      },
    )
  }

  async embed(): Promise<unknown> {
    const parsed = parseEmbeddingsRequest(this.#request.body)
    const { model, inputs } = parsed
    return this.#answer(
      (signal) => this.#backend.embed({ model, inputs, ...this.#trace() }, signal),
      (events) => this.#vectors(parsed, events),
    )
  }

  async #answer(
    ask: (signal: AbortSignal) => Promise<GatewayAnswer>,
    reply: (events: AsyncIterable<InferEvent>) => Promise<unknown>,
  ): Promise<unknown> {
    this.#reply.raw.once('close', () => this.#cancel.abort(new Error('the client went away')))
    try {
      const answer = await ask(this.#cancel.signal)
      this.#isRemote = answer.peer !== undefined
      this.#nameSource(answer)
      return await reply(answer.events)
    } catch (error) {
      const { code } = toKnownError(error, this.#request)
      this.#observe(code, { promptTokens: 0, completionTokens: 0 })
      throw error
    }
  }

  #trace(): { traceparent?: string } {
    const { traceparent } = this.#span
    return traceparent === undefined ? {} : { traceparent }
  }

  #nameSource({ modelId, peer }: GatewayAnswer): void {
    void this.#reply.header('x-hartonomous-model-id', modelId)
    void this.#reply.header('x-hartonomous-peer', peer ?? 'self')
  }

  async #whole(head: AnswerHead, events: AsyncIterable<InferEvent>): Promise<unknown> {
    let text = ''
    for await (const event of events) {
      if (event.type === 'delta') {
        this.#firstTokenMs ??= performance.now() - this.#startedMs
        text += event.text
      } else if (event.type === 'end') {
        this.#observe(event.reason, event)
        return wholeAnswer(head, text, finishReason(event.reason), event)
      }
    }
    throw endless()
  }

  async #vectors(
    { model, isBase64, dimensions }: EmbeddingsRequest,
    events: AsyncIterable<InferEvent>,
  ): Promise<unknown> {
    const vectors: Extract<InferEvent, { type: 'embedding' }>[] = []
    for await (const event of events) {
      if (event.type === 'embedding') {
        const actual = event.vector.length / 4
        if (dimensions !== undefined && dimensions !== actual) throw otherDimensions(actual)
        vectors.push(event)
      } else if (event.type === 'end') {
        this.#observe(event.reason, event)
        // Whoever still listens (the node shuts down) gets no part of the vectors for the whole.
        if (event.reason === 'cancelled') throw endless()
        return embeddingsBody(model, vectors, { promptTokens: event.promptTokens, isBase64 })
      }
    }
    throw endless()
  }

  /** Headers go out with the first sign of an answer: until then an error still has a status of its own. */
  async #stream(head: AnswerHead, { hasUsage }: TextRequest, events: AsyncIterable<InferEvent>): Promise<FastifyReply> {
    const options = { hasUsage }
    let stream: EventStream | undefined
    try {
      for await (const event of events) {
        if (event.type === 'queued' || event.type === 'loading') continue
        const opening = stream === undefined ? firstChunk(head, options) : undefined
        stream ??= new EventStream(this.#reply)
        if (opening) await stream.send(opening)
        if (event.type === 'delta') {
          this.#firstTokenMs ??= performance.now() - this.#startedMs
          await stream.send(textChunk(head, event.text, options))
        } else if (event.type === 'end') {
          const usage = hasUsage ? [usageChunk(head, event)] : []
          await stream.send(lastChunk(head, finishReason(event.reason), options), ...usage, doneData)
          this.#observe(event.reason, event)
          stream.end()
          return this.#reply
        }
      }
      throw endless()
    } catch (error) {
      if (stream === undefined) throw error
      const known = toKnownError(error, this.#request)
      this.#observe(known.code, { promptTokens: 0, completionTokens: 0 })
      await stream.send(errorToOpenAi(known).body)
      stream.end()
      return this.#reply
    }
  }

  #observe(outcome: string, usage: { promptTokens: number; completionTokens: number }): void {
    if (this.#isObserved) return
    this.#isObserved = true
    this.#span.set({ 'hartonomous.outcome': outcome, 'hartonomous.source': this.#isRemote ? 'peer' : 'self' })
    const observation: GatewayObservation = {
      endpoint: this.#endpoint,
      isStream: this.#isStream,
      isRemote: this.#isRemote,
      outcome,
      promptTokens: usage.promptTokens,
      completionTokens: usage.completionTokens,
      durationMs: performance.now() - this.#startedMs,
      ...(this.#firstTokenMs === undefined ? {} : { firstTokenMs: this.#firstTokenMs }),
    }
    this.#backend.observe?.(observation)
  }
}

/** A cancelled answer ends early: to a client that still listens (the node shuts down) it was cut. */
function finishReason(reason: 'stop' | 'length' | 'cancelled'): 'stop' | 'length' {
  return reason === 'stop' ? 'stop' : 'length'
}

function otherDimensions(actual: number): HartonomousError {
  const message = `dimensions: the vectors of this model have ${actual} numbers, and none are cut`
  return new HartonomousError('ERR_USAGE', { message, param: 'dimensions' })
}

function endless(): HartonomousError {
  return new HartonomousError('ERR_ENGINE_CRASHED', { reason: 'the answer broke off' })
}
