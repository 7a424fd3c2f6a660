/**
 * A prompt of an OpenAI client as a job: scheduled, retried and paid for like any other, its text passed on as it comes. What
 * a client has seen cannot be taken back: where another node begins anew, its answer must begin with the same text.
 */
import type { GatewayAnswer } from '#node/gateway/index.ts'
import type { InferEvent } from '#node/runtime/index.ts'
import { finalJobStates, type JobEventBody, type JobResult, type SubmitRequest, type Work } from '#protocol/api/jobs.ts'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import type { ModelId, PeerId } from '#protocol/ids.ts'
import { bytesOfVector } from '#protocol/infer/index.ts'
import { minute } from '#protocol/units.ts'
import type { TenantId } from '#sql/store/types.ts'
import type { Identity } from '../../identity.ts'
import type { JobHub, Jobs } from '../../jobs/index.ts'

export interface JobAnswerDependencies {
  jobs: Pick<Jobs, 'open' | 'estimate' | 'submit' | 'events' | 'outcome' | 'stop'>
  hub: JobHub
  /** Of a reference, for the answer's header. @throws {ERR_NOT_FOUND} */
  modelIdOf: (model: string) => Promise<ModelId>
}

/** Programs of OpenAI's give up after some minutes, and most try again. */
const queuedMs = 2 * minute

/** Resolves with the first text: until then what goes wrong has a status of its own. */
export async function answerByJob(
  { jobs, hub, modelIdOf }: JobAnswerDependencies,
  identity: Identity,
  work: Extract<Work, { kind: 'chat' | 'completion' }>,
  { signal, traceparent }: { signal: AbortSignal; traceparent?: string | undefined },
): Promise<GatewayAnswer & { jobId: string }> {
  const modelId = await modelIdOf(work.model)
  const news = new News()
  let unsubscribe = () => {}
  const request: SubmitRequest = { work, terms: { timeoutsMs: { queued: queuedMs } } }
  // A person waits: where nobody could answer that is said at once, and not when the time in the queue is over.
  await jobs.estimate(request)
  const { jobId } = await jobs.open(identity, request, traceparent === undefined ? {} : { traceparent }, (id) => {
    unsubscribe = hub.listen(id, (events) => news.push(events))
  })
  const onAbort = () => {
    news.end()
    void jobs.stop(identity.tenant, jobId).catch(() => undefined)
  }
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  const text = new GrowingText()
  let peer: PeerId | undefined
  async function* events(): AsyncGenerator<InferEvent> {
    try {
      for await (const event of news) {
        if (event.type === 'attempt') {
          peer = event.peerId as PeerId
          text.begin()
        } else if (event.type === 'text') {
          const more = text.add(event.text)
          if (more !== '') yield { type: 'delta', text: more, tokens: event.tokens }
        } else if (event.type === 'state' && isFinal(event.state)) return yield await end()
      }
    } finally {
      unsubscribe()
      signal.removeEventListener('abort', onAbort)
      // A reader that left early wants no more of it; of a job that has ended this does nothing.
      if (signal.aborted || !news.isOver) void jobs.stop(identity.tenant, jobId).catch(() => undefined)
    }
  }
  const end = async (): Promise<InferEvent> => {
    news.end()
    const result = await resultOf(jobs, identity.tenant, jobId)
    if (result.kind !== 'chat' && result.kind !== 'completion') throw new TypeError(`a job of kind ${result.kind}`)
    const { finishReason: reason, promptTokens, completionTokens } = result
    return { type: 'end', reason, promptTokens, completionTokens, durationMs: 0 }
  }
  const all = events()
  const first = await all.next()
  const rest = (async function* () {
    try {
      for (let next = first; !next.done; next = await all.next()) yield next.value
    } finally {
      await all.return(undefined)
    }
  })()
  return { modelId, jobId, events: rest, ...(peer === undefined ? {} : { peer }) }
}

/** Vectors come all at once, with the end of the job. */
export async function embedByJob(
  { jobs, modelIdOf }: JobAnswerDependencies,
  identity: Identity,
  work: Extract<Work, { kind: 'embedding' }>,
  { signal, traceparent }: { signal: AbortSignal; traceparent?: string | undefined },
): Promise<GatewayAnswer> {
  const modelId = await modelIdOf(work.model)
  const trace = traceparent === undefined ? {} : { traceparent }
  const { jobId } = await jobs.submit(identity, { work }, trace)
  for await (const event of jobs.events(identity, jobId, 0, signal))
    if (event.type === 'state' && isFinal(event.state)) break
  if (signal.aborted) {
    await jobs.stop(identity.tenant, jobId)
    throw signal.reason
  }
  const result = await resultOf(jobs, identity.tenant, jobId)
  if (result.kind !== 'embedding') throw new TypeError(`a job of kind ${result.kind}`)
  const { vectors, quality, promptTokens } = result
  async function* events(): AsyncGenerator<InferEvent> {
    for (const [index, vector] of vectors.entries())
      yield { type: 'embedding', index, vector: bytesOfVector(Float32Array.from(vector)), tokens: 0, quality }
    yield { type: 'end', reason: 'stop', promptTokens, completionTokens: 0, durationMs: 0 }
  }
  return { modelId, events: events() }
}

/** A client of this face knows no jobs: it gets what went wrong itself. */
async function resultOf(jobs: Pick<Jobs, 'outcome'>, tenant: TenantId, jobId: string): Promise<JobResult> {
  try {
    return await jobs.outcome(tenant, jobId)
  } catch (error) {
    throw isHartonomousError(error, 'ERR_JOB_FAILED') ? (error.cause ?? error) : error
  }
}

function isFinal(state: string): boolean {
  return (finalJobStates as readonly string[]).includes(state)
}

class News implements AsyncIterable<JobEventBody> {
  readonly #events: JobEventBody[] = []
  #wake = Promise.withResolvers<void>()
  isOver = false

  push(events: readonly JobEventBody[]): void {
    if (events.length === 0) return
    this.#events.push(...events)
    this.#wake.resolve()
  }

  end(): void {
    this.isOver = true
    this.#wake.resolve()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<JobEventBody> {
    while (!this.isOver || this.#events.length > 0) {
      const event = this.#events.shift()
      if (event !== undefined) yield event
      else {
        this.#wake = Promise.withResolvers()
        await this.#wake.promise
      }
    }
  }
}

/** What was passed on, against what another node says. */
class GrowingText {
  #passed = ''
  #came = ''

  begin(): void {
    this.#came = ''
  }

  /** The part of it that was not passed on yet. @throws {ERR_ENGINE_CRASHED} where it is another text */
  add(text: string): string {
    this.#came += text
    const isSame = this.#came.startsWith(this.#passed) || this.#passed.startsWith(this.#came)
    if (!isSame)
      throw new HartonomousError('ERR_ENGINE_CRASHED', {
        reason: 'the answer broke off, and another node answers otherwise',
      })
    const more = this.#came.slice(this.#passed.length)
    this.#passed += more
    return more
  }
}
