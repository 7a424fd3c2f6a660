/** The control API of the running node, as the commands use it. */
import { readFile } from 'node:fs/promises'
import { errorFromWire, HartonomousError } from '#protocol/errors.ts'
import { dataFiles } from '../config/index.ts'
import { type GatewayErrorBody, gatewayError } from './answer.ts'

export interface Endpoint {
  apiUrl: string
  pid: number
}

export class ControlClient {
  readonly apiUrl: string
  readonly #token: string
  readonly #signal: AbortSignal

  constructor(apiUrl: string, token: string, signal: AbortSignal) {
    this.apiUrl = apiUrl
    this.#token = token
    this.#signal = signal
  }

  async get<T>(path: string): Promise<T> {
    return (await this.#request('GET', path)).json() as Promise<T>
  }

  async post<T>(path: string, body: unknown = {}, headers: Record<string, string> = {}): Promise<T> {
    return (await this.#request('POST', path, body, headers)).json() as Promise<T>
  }

  async put<T>(path: string, body: unknown): Promise<T> {
    return (await this.#request('PUT', path, body)).json() as Promise<T>
  }

  async delete(path: string): Promise<void> {
    await this.#request('DELETE', path)
  }

  /** Lines of long work; ends after its `done` event. @throws what the work threw. */
  async *stream<E extends { event: string }>(path: string, body: unknown): AsyncGenerator<E> {
    const response = await this.#request('POST', path, body)
    for await (const line of lines(response)) {
      const event = JSON.parse(line) as E & { error?: { code: string; fields: Record<string, unknown> } }
      if (event.event === 'error' && event.error !== undefined) throw errorFromWire(event.error)
      yield event
    }
  }

  /** An answer that is no JSON. */
  async open(path: string): Promise<Response> {
    return this.#request('GET', path)
  }

  /** The raw answer of the OpenAI gateway, for streaming. */
  async raw(path: string, body: unknown): Promise<Response> {
    return this.#request('POST', path, body)
  }

  async #request(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    const response = await fetch(new URL(path, this.apiUrl), {
      method,
      signal: this.#signal,
      headers: {
        ...headers,
        authorization: `Bearer ${this.#token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    if (response.ok) return response
    throw await errorOf(response)
  }
}

/** An RFC 9457 problem or an OpenAI error body, back as the error that it was. */
async function errorOf(response: Response): Promise<Error> {
  const text = await response.text()
  try {
    const body = JSON.parse(text) as GatewayErrorBody & {
      code?: string
      fields?: Record<string, unknown>
      detail?: string
    }
    if (body.code !== undefined && body.fields !== undefined)
      return errorFromWire({ code: body.code, fields: body.fields })
    if (body.x_hartonomous !== undefined) return gatewayError(body)
    const message = body.detail ?? body.error?.message
    if (message !== undefined) return new HartonomousError('ERR_IO', { path: response.url, reason: message })
  } catch {
    // Not JSON: told as it is.
  }
  return new HartonomousError('ERR_IO', { path: response.url, reason: `HTTP ${response.status} ${text.slice(0, 200)}` })
}

export async function* lines(response: Response): AsyncGenerator<string> {
  let rest = ''
  const decoder = new TextDecoder()
  for await (const part of response.body ?? []) {
    rest += decoder.decode(part as Uint8Array, { stream: true })
    const parts = rest.split('\n')
    rest = parts.pop() ?? ''
    for (const line of parts) if (line.trim() !== '') yield line
  }
}

/** @throws {ERR_NODE_NOT_RUNNING} when no node runs in this data folder. */
export async function connectToNode(dataDir: string, signal: AbortSignal): Promise<ControlClient> {
  const notRunning = (cause?: unknown) => new HartonomousError('ERR_NODE_NOT_RUNNING', { dataDir }, { cause })
  let endpoint: Endpoint
  let token: string
  try {
    endpoint = JSON.parse(await readFile(dataFiles.endpoint(dataDir), 'utf8')) as Endpoint
    token = (await readFile(dataFiles.ownerToken(dataDir), 'utf8')).trim()
  } catch (error) {
    throw notRunning(error)
  }
  try {
    await fetch(new URL('/healthz', endpoint.apiUrl), { signal })
  } catch (error) {
    if (signal.aborted) throw error
    throw notRunning(error)
  }
  return new ControlClient(endpoint.apiUrl, token, signal)
}
