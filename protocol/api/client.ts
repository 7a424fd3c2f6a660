/**
 * The coordinator's API from TypeScript: its routes by name, with the types of their schemas. Runs in browsers and in Node;
 * everything goes through one `fetch`.
 */
import { HartonomousError, isHartonomousError } from '../errors.ts'
import { second } from '../units.ts'
import { errorFromProblem } from './error.ts'
import {
  type EventRoute,
  type InputOf,
  type JsonRoute,
  type OutputOf,
  type PagedRoute,
  type RouteName,
  shapeOf,
} from './routes/index.ts'
import { sseOf } from './sse.ts'

/** A cut stream is resumed behind its last event, after 0.2 s, doubling up to 5 s while nobody answers. */
const resumeDelayMs = 200
const resumeDelayMsMax = 5 * second

export interface ClientOptions {
  /** `http://127.0.0.1:7413` */
  url: string
  /** Owner token, API key or access token; without it a browser's cookie speaks. */
  token?: string
  fetch?: typeof fetch
  /** Of all requests. */
  signal?: AbortSignal
}

export interface CallOptions {
  signal?: AbortSignal
  /** Of a job: the same key is the same job. */
  idempotencyKey?: string
}

export interface EventOptions extends CallOptions {
  /** `id` of the last event that is known. */
  lastEventId?: string
  /** The stream is open, or was cut and is being opened again. */
  onConnection?: (isConnected: boolean) => void
}

/** Calls a route by its name: over HTTP, or within the coordinator. @throws what the route's `errors` name */
export type CallRoute = <N extends JsonRoute>(name: N, input: InputOf<N>, options?: CallOptions) => Promise<OutputOf<N>>

export class CoordinatorClient {
  readonly #options: ClientOptions

  constructor(options: ClientOptions) {
    this.#options = options
  }

  /** @throws {ERR_AUTH} {ERR_FORBIDDEN} {ERR_QUOTA} and what the route's `errors` name */
  call: CallRoute = async (name, input, options = {}) => {
    const response = await this.#request(name, input, options)
    return (await response.json()) as never
  }

  async text(name: 'metrics', options: CallOptions = {}): Promise<string> {
    return (await this.#request(name, {}, options)).text()
  }

  /** Entries of a list over all of its pages. */
  async *pages<N extends PagedRoute>(
    name: N,
    input: InputOf<N>,
    options: CallOptions = {},
  ): AsyncGenerator<EntryOf<N>> {
    let cursor: string | undefined
    do {
      const query = { ...(input as { query?: object }).query, ...(cursor === undefined ? {} : { cursor }) }
      const page = (await this.call(name, { ...input, query } as never, options)) as Record<string, unknown>
      const entries = Object.values(page).find(Array.isArray) as EntryOf<N>[] | undefined
      yield* entries ?? []
      cursor = page['nextCursor'] as string | undefined
    } while (cursor !== undefined)
  }

  /**
   * Events of a stream. A cut connection is opened again behind the last event that came; ends when the server ends it
   * (a job's last event), or with `signal`.
   */
  async *events<N extends EventRoute>(
    name: N,
    input: InputOf<N>,
    { signal, lastEventId, onConnection }: EventOptions = {},
  ): AsyncGenerator<OutputOf<N>> {
    let last = lastEventId
    let delayMs = resumeDelayMs
    for (;;) {
      const headers = last === undefined ? {} : { 'last-event-id': last }
      try {
        const response = await this.#request(name, input, signal === undefined ? {} : { signal }, headers)
        delayMs = resumeDelayMs
        onConnection?.(true)
        for await (const event of sseOf(response)) {
          last = event.id ?? last
          yield JSON.parse(event.data) as OutputOf<N>
        }
        // Of a job's stream an orderly end comes after the final state; that of the swarm has none.
        if (name === 'jobEvents') return
      } catch (error) {
        if (isHartonomousError(error) || signal?.aborted || this.#options.signal?.aborted) throw error
      }
      onConnection?.(false)
      await new Promise((resolve) => setTimeout(resolve, delayMs))
      delayMs = Math.min(2 * delayMs, resumeDelayMsMax)
    }
  }

  /** Items of a batch as JSONL text, one `{"id","work"}` per line. */
  async submitLines(
    lines: string,
    query: InputOf<'submitJob'>['query'] = {},
    options: CallOptions = {},
  ): Promise<OutputOf<'submitJob'>> {
    const input = { query: { ...query, kind: 'batch' } } as unknown as InputOf<'submitJob'>
    const response = await this.#request('submitJob', input, options, { 'content-type': 'application/jsonl' }, lines)
    return (await response.json()) as OutputOf<'submitJob'>
  }

  /** Of a batch: its result as JSONL, as it comes. */
  async resultLines(jobId: string, options: CallOptions = {}): Promise<string> {
    const response = await this.#request('jobResult', { params: { jobId } }, options, { accept: 'application/jsonl' })
    return response.text()
  }

  async #request<N extends RouteName>(
    name: N,
    input: InputOf<N>,
    { signal, idempotencyKey }: CallOptions,
    headers: Record<string, string> = {},
    text?: string,
  ): Promise<Response> {
    const { url, token, signal: outer, fetch: fetchOf = fetch } = this.#options
    const { body } = input as { body?: unknown }
    const signals = [signal, outer].filter((each) => each !== undefined)
    const target = urlOf(url, name, input)
    const answer = await fetchOf(target, {
      method: shapeOf(name).method,
      headers: {
        accept: 'application/json, application/problem+json, text/event-stream',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
        ...headers,
      },
      ...(signals.length === 0 ? {} : { signal: AbortSignal.any(signals) }),
      ...(text === undefined ? (body === undefined ? {} : { body: JSON.stringify(body) }) : { body: text }),
    })
    if (answer.ok) return answer
    throw errorFromProblem(answer.status, await answer.text(), target)
  }
}

type EntryOf<N extends PagedRoute> = {
  [K in keyof OutputOf<N>]-?: OutputOf<N>[K] extends (infer E)[] ? E : never
}[keyof OutputOf<N>]

function urlOf<N extends RouteName>(base: string, name: N, input: InputOf<N>): string {
  const { params = {}, query = {} } = input as { params?: Record<string, string>; query?: Record<string, unknown> }
  const path = shapeOf(name).path.replace(/\{(\w+)\}/g, (_, key: string) => {
    const value = params[key]
    if (value === undefined) throw new HartonomousError('ERR_USAGE', { message: `${name}: ${key} is missing` })
    return encodeURIComponent(value)
  })
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined)
  const search = new URLSearchParams(pairs.map(([key, value]): [string, string] => [key, String(value)]))
  return `${base.replace(/\/$/, '')}${path}${pairs.length === 0 ? '' : `?${search}`}`
}
