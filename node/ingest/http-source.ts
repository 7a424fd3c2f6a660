/**
 * A file behind an HTTP server that answers range requests, as a `ByteSource`. Nothing that the server says is taken on
 * trust: status, range, length and version are checked with each answer.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { HartonomousError, isHartonomousError } from '#protocol/errors.ts'
import { modelBytesMax } from '#protocol/limits.ts'
import { KiB, MiB, second } from '#protocol/units.ts'
import type { ByteSource } from './types.ts'

/** One answer is held in memory. Larger reads are made of several. */
const rangeBytesMax = 8 * MiB
/** The first request asks for this much: it tells the size, and most headers' beginnings are in it. */
const firstRangeBytes = 64 * KiB
const attemptsMax = 4
/** An answer that brings nothing for this long is given up. */
const stallMs = 20 * second
const retryAfterMsMax = 30 * second

export interface HttpSourceOptions {
  /** For tests; the global one by default. */
  fetch?: typeof fetch
  /** `Authorization`, for files behind a login. It is not sent on to another origin. */
  authorization?: string
  signal?: AbortSignal
  /** Waits between attempts: 1, 2, 4 times this. */
  retryMs?: number
}

export interface HttpSource extends ByteSource {
  /** Strong entity tag, else the time of last change, where the server names one. */
  readonly version: string | undefined
}

interface RangeAnswer {
  bytes: Uint8Array
  sizeBytes: number
  version: string | undefined
}

/** @throws {ERR_USAGE} {ERR_NOT_FOUND} {ERR_IO} */
export async function openHttpSource(url: string, options: HttpSourceOptions = {}): Promise<HttpSource> {
  const client = new RangeClient(checkedUrl(url), options)
  const first = await client.fetchRange(0, firstRangeBytes)
  const { sizeBytes, version } = first
  if (sizeBytes > modelBytesMax) {
    throw new HartonomousError('ERR_LIMIT', { what: 'bytes of a model', limit: modelBytesMax, actual: sizeBytes })
  }
  client.expect(first)
  return {
    name: url,
    sizeBytes,
    version,
    read: async (offsetBytes, lengthBytes) => {
      if (offsetBytes + lengthBytes > sizeBytes) {
        const reason = `${lengthBytes} bytes are wanted, the file has ${sizeBytes - offsetBytes} left`
        throw new HartonomousError('ERR_MODEL_FILE', { file: url, field: 'file', offset: offsetBytes, reason })
      }
      if (offsetBytes + lengthBytes <= first.bytes.length) {
        return first.bytes.subarray(offsetBytes, offsetBytes + lengthBytes)
      }
      const parts: Uint8Array[] = []
      for (let done = 0; done < lengthBytes; ) {
        const size = Math.min(rangeBytesMax, lengthBytes - done)
        parts.push((await client.fetchRange(offsetBytes + done, size)).bytes)
        done += size
      }
      return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
    },
  }
}

function checkedUrl(url: string): string {
  if (!URL.canParse(url) || !['http:', 'https:'].includes(new URL(url).protocol)) {
    throw new HartonomousError('ERR_USAGE', {
      message: `not an http or https URL: ${JSON.stringify(url.slice(0, 200))}`,
    })
  }
  return url
}

/** What a further attempt may mend. */
class Retryable extends Error {
  readonly waitMs: number | undefined

  constructor(reason: string, waitMs?: number) {
    super(reason)
    this.waitMs = waitMs
  }
}

class RangeClient {
  readonly #url: string
  readonly #options: HttpSourceOptions
  #expected: { sizeBytes: number; version: string | undefined } | undefined

  constructor(url: string, options: HttpSourceOptions) {
    this.#url = url
    this.#options = options
  }

  /** From here on the file must stay the one that gave the first answer. */
  expect({ sizeBytes, version }: RangeAnswer): void {
    this.#expected = { sizeBytes, version }
  }

  async fetchRange(offsetBytes: number, lengthBytes: number): Promise<RangeAnswer> {
    const { signal, retryMs = second } = this.#options
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted()
      try {
        return await this.#attempt(offsetBytes, lengthBytes)
      } catch (error) {
        signal?.throwIfAborted()
        if (isHartonomousError(error)) throw error
        const reason = reasonOf(error)
        if (attempt === attemptsMax) throw this.#failure(`${reason} (${attemptsMax} attempts)`, error)
        const waitMs = error instanceof Retryable ? error.waitMs : undefined
        await delay(waitMs ?? retryMs * 2 ** (attempt - 1), undefined, signal === undefined ? {} : { signal })
      }
    }
  }

  async #attempt(offsetBytes: number, lengthBytes: number): Promise<RangeAnswer> {
    const stall = new AbortController()
    const signals = [stall.signal, ...(this.#options.signal === undefined ? [] : [this.#options.signal])]
    const timer = setTimeout(() => stall.abort(new Retryable(`nothing came for ${stallMs} ms`)), stallMs)
    try {
      // With a range, fetch itself asks for the identity encoding.
      const response = await (this.#options.fetch ?? fetch)(this.#url, {
        headers: {
          range: `bytes=${offsetBytes}-${offsetBytes + lengthBytes - 1}`,
          ...(this.#options.authorization === undefined ? {} : { authorization: this.#options.authorization }),
        },
        signal: AbortSignal.any(signals),
      })
      try {
        const range = this.#checkHead(response, offsetBytes, lengthBytes)
        const bytes = await readBody(response, range.lengthBytes, () => timer.refresh())
        return { bytes, sizeBytes: range.sizeBytes, version: range.version }
      } finally {
        await response.body?.cancel().catch(() => {})
      }
    } finally {
      clearTimeout(timer)
    }
  }

  /** Status, range and version of an answer. */
  #checkHead(response: Response, offsetBytes: number, lengthBytes: number) {
    this.#checkStatus(response, offsetBytes)
    const contentRange = response.headers.get('content-range') ?? ''
    const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(contentRange)
    if (!match) throw this.#failure(`the server answered with the range ${JSON.stringify(contentRange.slice(0, 80))}`)
    const [from, to, sizeBytes] = [Number(match[1]), Number(match[2]), Number(match[3])]
    const wantedTo = Math.min(offsetBytes + lengthBytes, sizeBytes) - 1
    if (from !== offsetBytes || to !== wantedTo) {
      throw this.#failure(`bytes ${offsetBytes}-${wantedTo} were asked for, ${from}-${to} came`)
    }
    const encoding = response.headers.get('content-encoding') ?? 'identity'
    if (encoding !== 'identity') throw this.#failure(`the answer is encoded as ${encoding.slice(0, 40)}`)
    const version = versionOf(response)
    const expected = this.#expected
    if (expected !== undefined && (expected.sizeBytes !== sizeBytes || expected.version !== version)) {
      throw new HartonomousError('ERR_WITHDRAWN', { file: this.#url, reason: 'it changed on the server meanwhile' })
    }
    return { lengthBytes: to - from + 1, sizeBytes, version }
  }

  #checkStatus(response: Response, offsetBytes: number): void {
    const { status } = response
    if (status === 206) return
    if (status === 404 || status === 410) throw new HartonomousError('ERR_NOT_FOUND', { kind: 'file', id: this.#url })
    if (status === 200) throw this.#failure('the server does not answer range requests')
    if (status === 416 && offsetBytes === 0) throw this.#failure('the file is empty')
    if (status === 429 || status >= 500) throw new Retryable(`the server answered ${status}`, retryAfterMs(response))
    throw this.#failure(`the server answered ${status}`)
  }

  #failure(reason: string, cause?: unknown): HartonomousError {
    return new HartonomousError('ERR_IO', { path: this.#url, reason }, cause === undefined ? {} : { cause })
  }
}

/** A weak tag says nothing about bytes. */
function versionOf(response: Response): string | undefined {
  const tag = response.headers.get('etag')
  if (tag !== null && !tag.startsWith('W/')) return tag
  return response.headers.get('last-modified') ?? undefined
}

function retryAfterMs(response: Response): number | undefined {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds * second, retryAfterMsMax) : undefined
}

/** Exactly `lengthBytes`; a server that sends more is cut off. */
async function readBody(response: Response, lengthBytes: number, onBytes: () => void): Promise<Uint8Array> {
  const bytes = new Uint8Array(lengthBytes)
  let done = 0
  for await (const part of response.body ?? []) {
    onBytes()
    if (done + part.length > lengthBytes) throw new Retryable('more bytes came than were asked for')
    bytes.set(part, done)
    done += part.length
  }
  if (done < lengthBytes) throw new Retryable(`the answer ended after ${done} of ${lengthBytes} bytes`)
  return bytes
}

function reasonOf(error: unknown): string {
  const cause = (error as { cause?: unknown }).cause
  const inner = cause instanceof Error ? `: ${cause.message || ((cause as { code?: string }).code ?? '')}` : ''
  return error instanceof Error ? `${error.message}${inner}` : String(error)
}
