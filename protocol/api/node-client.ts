/** The control API of one node from TypeScript, for its owner: its page in a browser, and tests. */
import { isHartonomousError } from '../errors.ts'
import { second } from '../units.ts'
import type { StampedEvent } from './control.ts'
import { errorFromProblem } from './error.ts'
import {
  type ControlAnswer,
  type ControlInput,
  type ControlRoute,
  type ControlRouteName,
  controlRoutes,
} from './routes/control.ts'
import { sseOf } from './sse.ts'

/** A cut stream is opened again after 0.2 s, doubling up to 5 s while nobody answers. */
const resumeDelayMs = 200
const resumeDelayMsMax = 5 * second

export interface NodeClientOptions {
  /** `http://127.0.0.1:7411` */
  url: string
  /** The owner's; without it a browser's cookie speaks. */
  token?: string
}

export class NodeClient {
  readonly #options: NodeClientOptions

  constructor(options: NodeClientOptions) {
    this.#options = options
  }

  /** @throws {ERR_AUTH} and what the call itself throws */
  async call<N extends ControlRouteName>(
    name: N,
    ...[input, signal]: ControlInput<N> extends undefined ? [undefined?, AbortSignal?] : [ControlInput<N>, AbortSignal?]
  ): Promise<ControlAnswer<N>> {
    const response = await this.#request(controlRoutes[name], input, signal)
    return (await response.json()) as ControlAnswer<N>
  }

  /**
   * What the node says from now on, also when it was restarted meanwhile; ends with `signal`. What it said while the
   * connection was cut is lost: `onConnection` says that it is there again.
   * @throws {ERR_AUTH} {ERR_LIMIT}
   */
  async *events(signal: AbortSignal, onConnection: (isConnected: boolean) => void): AsyncGenerator<StampedEvent> {
    let delayMs = resumeDelayMs
    while (!signal.aborted) {
      try {
        const response = await this.#request(controlRoutes.events, undefined, signal)
        delayMs = resumeDelayMs
        onConnection(true)
        for await (const event of sseOf(response)) yield JSON.parse(event.data) as StampedEvent
      } catch (error) {
        if (signal.aborted) return
        if (isHartonomousError(error)) throw error
      }
      onConnection(false)
      await new Promise((resolve) => setTimeout(resolve, delayMs))
      delayMs = Math.min(2 * delayMs, resumeDelayMsMax)
    }
  }

  async #request(route: ControlRoute<unknown, never>, input: unknown, signal?: AbortSignal): Promise<Response> {
    const { url, token } = this.#options
    const { method, path } = route
    const isRead = method === 'GET'
    const query = isRead && input !== undefined ? `?${new URLSearchParams(input as Record<string, string>)}` : ''
    const target = `${url.replace(/\/$/, '')}${path}${query}`
    const answer = await fetch(target, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(isRead ? {} : { 'content-type': 'application/json' }),
      },
      ...(isRead ? {} : { body: JSON.stringify(input ?? {}) }),
      ...(signal === undefined ? {} : { signal }),
    })
    if (answer.ok) return answer
    throw errorFromProblem(answer.status, await answer.text(), target)
  }
}
