/** Server-sent events on an HTTP answer, with back-pressure. */
import type { FastifyReply } from 'fastify'
import { encodeSse, encodeSseComment } from '#protocol/api/index.ts'
import { second } from '#protocol/units.ts'

/** While a long prompt is read nothing comes: a comment shows clients and proxies that the answer still lives. */
const commentMs = 15 * second

export class EventStream {
  readonly #reply: FastifyReply
  readonly #comments: NodeJS.Timeout

  /** Sends the headers. The reply is ours from here on. */
  constructor(reply: FastifyReply) {
    this.#reply = reply
    reply.hijack()
    reply.raw.writeHead(200, {
      ...(reply.getHeaders() as Record<string, string>),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
    })
    this.#comments = setInterval(() => {
      if (!reply.raw.writableNeedDrain) reply.raw.write(encodeSseComment('working'))
    }, commentMs)
  }

  /** Several events in one write. Resolves when the client can take more, or is gone. */
  async send(...values: readonly (object | string)[]): Promise<void> {
    const { raw } = this.#reply
    if (raw.destroyed || raw.writableEnded) return
    const text = values.map((value) => encodeSse(value)).join('')
    if (raw.write(text)) return
    await new Promise<void>((resolve) => {
      const go = () => {
        raw.off('drain', go)
        raw.off('close', go)
        resolve()
      }
      raw.on('drain', go)
      raw.on('close', go)
    })
  }

  end(): void {
    clearInterval(this.#comments)
    this.#reply.raw.end()
  }
}
