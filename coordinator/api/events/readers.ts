/** Open event streams: how many there may be, what shows that they live, and when a reader is too slow. */
import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import { encodeSse, encodeSseComment } from '#protocol/api/index.ts'
import type { JobEvent } from '#protocol/api/jobs.ts'
import { HartonomousError } from '#protocol/errors.ts'
import { coordinatorEventReadersMax } from '#protocol/limits.ts'
import { MiB, second } from '#protocol/units.ts'
import type { TenantId } from '#sql/store/types.ts'

/** Proxies close what is silent for a minute. */
const commentMs = 15 * second
const comment = Buffer.from(encodeSseComment('alive'))
/** What waits for one reader; then its connection is cut: it comes back and says what it has. */
const waitingBytesMax = MiB
/** Events of jobs whose bytes are kept for further readers. */
const encodedMax = 1024
/** Of all streams, so that no tenant takes them all. */
const tenantShare = 1 / 4

export class EventReaders {
  readonly #open = new Map<ServerResponse, TenantId>()
  readonly #counts = new Map<TenantId, number>()
  readonly #encoded = new Map<string, Buffer>()
  readonly #max: number
  readonly #timer: NodeJS.Timeout

  constructor(max: number = coordinatorEventReadersMax) {
    this.#max = max
    this.#timer = setInterval(() => {
      for (const raw of this.#open.keys()) write(raw, comment)
    }, commentMs)
    this.#timer.unref()
  }

  get count(): number {
    return this.#open.size
  }

  /** Sends the head; the answer is the reader's from here on. @throws {ERR_LIMIT} where there are too many */
  open(reply: FastifyReply, tenant: TenantId): ServerResponse {
    refuseOver('readers of event streams', this.#max, this.#open.size + 1)
    const count = (this.#counts.get(tenant) ?? 0) + 1
    refuseOver('readers of event streams of one tenant', Math.ceil(this.#max * tenantShare), count)
    reply.hijack()
    const { raw } = reply
    this.#open.set(raw, tenant)
    this.#counts.set(tenant, count)
    raw.once('close', () => this.#forget(raw, tenant))
    raw.writeHead(200, {
      ...(reply.getHeaders() as Record<string, string>),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    })
    raw.flushHeaders()
    return raw
  }

  /** Readers of one job share the bytes of its events, which never change. */
  encode(jobId: string, event: JobEvent): Buffer {
    const key = `${jobId}:${event.seq}`
    const known = this.#encoded.get(key)
    if (known !== undefined) return known
    const bytes = Buffer.from(encodeSse(event, { event: event.type, id: String(event.seq) }))
    this.#encoded.set(key, bytes)
    const oldest = this.#encoded.keys().next().value
    if (this.#encoded.size > encodedMax && oldest !== undefined) this.#encoded.delete(oldest)
    return bytes
  }

  #forget(raw: ServerResponse, tenant: TenantId): void {
    if (!this.#open.delete(raw)) return
    const left = this.#counts.get(tenant)! - 1
    if (left > 0) this.#counts.set(tenant, left)
    else this.#counts.delete(tenant)
  }

  close(): void {
    clearInterval(this.#timer)
    for (const raw of this.#open.keys()) raw.end()
  }
}

function refuseOver(what: string, limit: number, actual: number): void {
  if (actual > limit) throw new HartonomousError('ERR_LIMIT', { what, limit, actual })
}

/** False where the reader should be waited for, or is gone. */
export function write(raw: ServerResponse, bytes: Buffer): boolean {
  if (raw.destroyed || raw.writableEnded) return false
  if (raw.writableLength > waitingBytesMax) {
    raw.destroy()
    return false
  }
  return raw.write(bytes)
}
